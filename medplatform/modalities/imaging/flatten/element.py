"""One data element, wherever it stands in its data set."""

from typing import NamedTuple


def _vrs(names: str) -> frozenset[str]:
    return frozenset(names.split())


TEXT_VRS = _vrs("AE AS AT CS DA DS DT IS LO LT PN SH ST SV TM UC UI UR UT UV")
CHARSET_VRS = _vrs("LO LT PN SH ST UC UT")
"""VRs of text in the character set of the data set; that of others is ASCII (PS3.5 6.1.2.2)."""
NUMBER_VRS = _vrs("FD FL SL SS UL US")
BINARY_VRS = _vrs("OB OD OF OL OV OW UN")
SHORT_VRS = _vrs("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US")
"""VRs whose length has 16 bits in Explicit VR (PS3.5 7.1.2)."""
VRS = TEXT_VRS | NUMBER_VRS | BINARY_VRS | {"SQ"}
"""The value representations of PS3.5 6.2."""

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, Double Float and Pixel Data, which at the top of a data set are no elements here."""
UNDEFINED = 0xFFFFFFFF
"""The length of a value that a delimiter ends (PS3.5 7.1.1)."""
LONGEST_UN = 0xFFFF
"""A standard element called UN has this length or more because its VR has none so long."""


class Element(NamedTuple):
    """A data element (PS3.5 7.1) with its place and its value in the form that its VR has.

    Which of `text`, `number` and `binary` is not None says how the value is held; an element
    without a value has an empty one.

    Attributes
    ----------
    path
        Tags of eight hexadecimal digits, the items of sequences by their number from 0:
        `00100020`, `0040A730[0].0040A160`.
    vr
        Value representation, two capitals; `SQ` for a sequence, whose items follow it.
    creator
        Private creator (PS3.5 7.8.1) of a private element, None for a standard one, for the
        creator itself, and where none has reserved the block.
    text
        Values of AE, AS, AT (`GGGGEEEE`), CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, SV, TM, UC, UI,
        UR, UT and UV, decoded, without padding, DS and IS digit by digit as delivered. () where
        there is no value, ("",) where there is nothing but padding.
    number
        Values of FD, FL, SL, SS, UL and US, and of DS and IS where all are numbers; for a sequence
        the number of its items.
    binary
        Value of OB, OD, OF, OL, OV, OW and UN, little-endian, and of any other element whose bytes
        are not of its VR, as delivered.
    """

    path: str
    vr: str
    creator: str | None = None
    text: tuple[str, ...] | None = None
    number: tuple[float, ...] | None = None
    binary: bytes | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the bytes are not of the VR, so that they stand in `binary` as delivered."""
        return self.binary is not None and self.vr not in BINARY_VRS


class SharedElement(Element):
    """One object for all data sets that have it, so that it is read, acted on and sent once.

    The walker makes one of a short element at the top of a data set (what stands in a sequence may
    have to go with it), and de-identification of what becomes of it.
    """

    __slots__ = ()


class Pixels(NamedTuple):
    """Where the pixel data of a data set is (PS3.5 8): `length` bytes from `start`.

    They are fragments where `is_encapsulated`, and their delimiter comes behind them.
    """

    tag: int
    vr: str
    start: int
    length: int
    is_encapsulated: bool
