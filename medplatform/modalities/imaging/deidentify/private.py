"""Private elements of Table E.3.10-1 whose VR the file does not say (UN, as in Implicit VR)."""

from collections.abc import Callable

from medplatform.modalities.imaging.deidentify.table import safe_private_vrs
from medplatform.modalities.imaging.flatten import Element

_NUMBERS = {"FD": ("d", 8), "FL": ("f", 4), "SL": ("i", 4), "SS": ("h", 2), "UL": ("I", 4)} | {
    "US": ("H", 2)
}
_DECIMALS: dict[str, Callable[[str], float]] = {"DS": float, "IS": int}


def decode_private(element: Element) -> Element:
    """The element with the VR and value that the table gives it; itself where it has one already.

    Texts other than numbers and code strings stay undecoded: their character set is not known here.
    """
    if element.vr != "UN" or not element.creator or element.binary is None:
        return element
    tag = element.path[-8:]
    vr = safe_private_vrs().get((element.creator.strip(), tag[:4] + tag[6:]))
    try:
        if vr in _NUMBERS:
            code, size = _NUMBERS[vr]
            count = len(element.binary) // size
            numbers = memoryview(element.binary[: count * size]).cast(code).tolist()
            return element._replace(vr=vr, number=tuple(numbers), binary=None)
        if vr in (*_DECIMALS, "CS"):
            texts = tuple(
                [part.strip(" \0") for part in element.binary.decode("ascii").split("\\")]
            )
            read = _DECIMALS.get(vr)
            numbers = tuple([read(text) for text in texts]) if read else None
            return element._replace(vr=vr, text=texts, number=numbers, binary=None)
    except ValueError:
        return element  # `keep` drops it
    return element
