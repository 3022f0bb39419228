"""Private elements of Table E.3.10-1 whose VR the file does not say (UN, as in Implicit VR)."""

from collections.abc import Callable
from struct import Struct
from struct import error as StructError

from medplatform.modalities.imaging.deidentify.table import safe_private_vrs
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.values import NUMBER_CODES

_NUMBERS = {vr: Struct(f"<{code}") for vr, code in NUMBER_CODES.items()}
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
            numbers = tuple([number for (number,) in _NUMBERS[vr].iter_unpack(element.binary)])
            return element._replace(vr=vr, number=numbers, binary=None)
        if vr == "CS" or vr in _DECIMALS:
            texts = tuple(
                [part.strip(" \0") for part in element.binary.decode("ascii").split("\\")]
            )
            read = _DECIMALS.get(vr)
            numbers = tuple([read(text) for text in texts]) if read else None
            return element._replace(vr=vr, text=texts, number=numbers, binary=None)
    except (ValueError, StructError):
        return element  # `keep` drops it
    return element
