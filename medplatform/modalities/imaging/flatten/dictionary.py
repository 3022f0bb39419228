"""VRs that a file does not say, from the dictionaries of pydicom (PS3.6, private ones too)."""

from functools import lru_cache

from pydicom.datadict import dictionary_VR, private_dictionary_VR

US_OR_SS = "US or SS"
LUT_DATA = 0x00283006
_REMEMBERED = 1 << 14


@lru_cache(_REMEMBERED)
def implicit_vr(tag: int, creator: str | None) -> str:
    """VR of an element in Implicit VR, as pydicom infers it; `US or SS` and its like among them."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        if tag >> 16 & 1:
            return private_vr(tag, creator)
        return "UN" if tag & 0xFFFF else "UL"


@lru_cache(_REMEMBERED)
def known_vr(tag: int, creator: str | None) -> str:
    """VR of an element that a file calls UN."""
    if tag >> 16 & 1:
        return private_vr(tag, creator)
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def private_vr(tag: int, creator: str | None) -> str:
    """VR of a private element (PS3.5 7.8)."""
    if is_private_creator(tag):
        return "LO"
    if not creator or not tag & 0xFF00:
        return "UN"
    try:
        return private_dictionary_VR(tag, creator)
    except KeyError:
        return "UN"


def is_private_creator(tag: int) -> bool:
    """Whether an element reserves a block of private ones."""
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


def resolve_vr(
    vr: str, tag: int, *, pixel_representation: float | None, lut_entries: float | None
) -> str:
    """The VR of an element that may have one of several, as pydicom resolves it (PS3.5 A.1).

    Where pydicom does not, it is the one of any bytes.

    Parameters
    ----------
    pixel_representation, lut_entries
        Pixel Representation (0028,0103) of the data set or the nearest around it, and the first
        value of LUT Descriptor (0028,3002) beside the element.
    """
    if vr == US_OR_SS:
        return "SS" if pixel_representation else "US"
    return "US" if tag == LUT_DATA and lut_entries == 1 else "OW"
