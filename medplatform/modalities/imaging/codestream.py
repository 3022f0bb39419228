"""What a compressed frame says of itself, read before any decoder sees it.

A forged codestream may ask for thousands of times the memory that its data set describes.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

Coding = Literal["jpeg", "jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k"]

_EOI, _SOS, _SOF_LS = 0xD9, 0xDA, 0xF7
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # but tables and an extension
_LOSSLESS_SOF = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers that no segment follows
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JP2_SEARCHED = 1 << 16
_J2K_START = b"\xff\x4f\xff\x51"
_CAPABILITIES = b"\xff\x50"


class Codestream(NamedTuple):
    """The frame header of a JPEG, JPEG-LS or JPEG 2000 codestream."""

    coding: Coding
    rows: int
    columns: int
    components: int


def read_codestream(frame: bytes) -> Codestream | None:
    """The header of a compressed frame, None where it is no codestream of these kinds."""
    if frame.startswith(b"\xff\xd8"):
        return _read_jpeg(frame)
    start = 0
    if frame.startswith(_JP2_SIGNATURE):
        start = frame.find(_J2K_START, 0, _JP2_SEARCHED)
    return _read_jpeg_2000(frame, start) if frame.startswith(_J2K_START, max(start, 0)) else None


def _read_jpeg(frame: bytes) -> Codestream | None:
    """ISO/IEC 10918-1 B.2.2 and 14495-1 C.2.2: frame headers look the same in both."""
    for marker, segment in _segments(frame):
        if marker in _SOF or marker == _SOF_LS:
            if len(segment) < 6:
                return None
            rows, columns = (int.from_bytes(segment[at : at + 2]) for at in (1, 3))
            coding: Coding = "jpeg-ls" if marker == _SOF_LS else "jpeg"
            if marker in _LOSSLESS_SOF:
                coding = "jpeg-lossless"
            return Codestream(coding, rows, columns, segment[5])
    return None


def _segments(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with their segments, up to the first scan."""
    position = 2
    while position + 4 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in (_EOI, _SOS):
            return
        if marker == 0xFF:  # fill
            position += 1
            continue
        if marker in _ALONE:
            position += 2
            continue
        length = int.from_bytes(frame[position + 2 : position + 4])
        yield marker, frame[position + 4 : position + 2 + length]
        position += 2 + max(length, 2)


def _read_jpeg_2000(frame: bytes, start: int) -> Codestream | None:
    """SIZ, ISO/IEC 15444-1 A.5.1; a CAP segment behind it marks High-Throughput JPEG 2000."""
    siz = frame[start + 4 : start + 42]
    if len(siz) < 38:
        return None
    width, height, left, top = (int.from_bytes(siz[at : at + 4]) for at in (4, 8, 12, 16))
    end = start + 4 + int.from_bytes(siz[:2])
    coding: Coding = "htj2k" if frame.startswith(_CAPABILITIES, end) else "jpeg-2000"
    return Codestream(coding, height - top, width - left, int.from_bytes(siz[36:38]))
