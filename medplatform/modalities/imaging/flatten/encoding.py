"""How elements and items begin in Little Endian (PS3.5 7.1, 7.5)."""

from functools import lru_cache
from mmap import mmap
from struct import Struct

from medplatform.modalities.imaging.flatten.element import SHORT_VRS, VRS

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
ITEM_START = 0xE000FFFE
"""An item tag, read as one number."""

_REMEMBERED = 1 << 14
_CAPITALS = range(0x41, 0x5B)
_EXPLICIT = {vr.encode(): (vr, vr in SHORT_VRS) for vr in VRS}
_unpack_explicit = Struct("<HH2sH").unpack

unpack_implicit = Struct("<HHI").unpack_from
"""Group, element number and length of an element in Implicit VR, or of an item."""
unpack_number = Struct("<I").unpack_from
digits_of = lru_cache(_REMEMBERED)("{:08X}".format)
"""A tag as eight hexadecimal digits."""


@lru_cache(_REMEMBERED)
def read_head(head: bytes) -> tuple[int, int, str, str, bool, int]:
    """The first eight bytes of an element in Explicit VR, of which a delivery has few.

    Tag, group, digits of the tag, VR ("" for none), whether its length has 16 bits, and these.
    """
    group, number, code, length = _unpack_explicit(head)
    tag = group << 16 | number
    return tag, group, digits_of(tag), *_EXPLICIT.get(code, ("", True)), length


def seems_explicit(data: bytes | mmap, position: int) -> bool:
    """Whether a VR stands behind the first tag of a data set: what pydicom goes by."""
    vr = data[position + 4 : position + 6]
    return len(vr) < 2 or (vr[0] in _CAPITALS and vr[1] in _CAPITALS)
