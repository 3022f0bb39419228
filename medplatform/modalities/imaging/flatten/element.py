"""One data element, wherever it stands in its data set."""

from typing import NamedTuple


class Element(NamedTuple):
    """A data element (PS3.5 7.1) with its place and its value in the form that its VR has.

    Attributes
    ----------
    path
        Tags of eight hexadecimal digits, the items of sequences by their number from 0:
        `00100020`, `0040A730[0].0040A160`.
    vr
        Value representation, two capitals; `SQ` for a sequence, whose items follow it.
    creator
        Private creator (PS3.5 7.8.1) of a private element, None for a standard one.
    text
        Values of AE, AS, AT (`GGGGEEEE`), CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, SV, TM, UC, UI,
        UR, UT and UV, decoded, without padding, DS and IS digit by digit as delivered; () for an
        empty element.
    number
        Values of FD, FL, SL, SS, UL and US, and of DS and IS where all are numbers; for a sequence
        the number of its items.
    binary
        Value of OB, OD, OF, OL, OV, OW and UN, little-endian, and of any other element whose bytes
        are not of its VR.
    """

    path: str
    vr: str
    creator: str | None = None
    text: tuple[str, ...] | None = None
    number: tuple[float, ...] | None = None
    binary: bytes | None = None
