"""Codestreams of JPEG, JPEG-LS and JPEG 2000 without what does not code pixels.

Comments, application data and bytes behind the end may name a patient. Only segments that are
known to be needed stay, so that nothing of a kind that is not foreseen here gets through.
"""

import re
from typing import NamedTuple

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _SOF_LS, _COM, _DNL = 0xDA, 0xF7, 0xFE, 0xDC
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Tables of Huffman and arithmetic codes, quantisation, restarts, and the presets of JPEG-LS.
_TABLES = frozenset({0xC4, 0xCC, 0xDB, _DNL, 0xDD, 0xF8})
_APPLICATIONS = range(0xE0, 0xF0)
# In a scan 0xFF is followed by a zero byte, in JPEG-LS by a zero bit, or by a restart.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN_END_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # and the colour transform
_HP = b"mrfx"  # the colour transform of JPEG-LS, in APP8

_SOC, _SOT, _SOD = b"\xff\x4f", 0x90, 0x93
_SIZ, _COM_2000 = 0x51, 0x64
# CAP, SIZ, COD, COC, TLM, PLM, PRF, CPF, QCD, QCC, RGN, POC, PPM and CRG; transforms of Part 2.
_MAIN = frozenset(
    (*range(0x50, 0x54), 0x55, 0x56, 0x57, *range(0x59, 0x61), 0x63, *range(0x74, 0x78))
)
_TILE = frozenset((0x52, 0x53, 0x58, 0x5C, 0x5D, 0x5E, 0x5F, 0x61))
"""Of the header of a tile-part; a comment there would change the lengths in the main header."""


class Stripped(NamedTuple):
    """A codestream that holds pixels alone, and the most bits that one of their samples has."""

    content: bytes
    precision: int


class _Unknown(Exception):
    """The codestream is damaged, or not of a kind that is known here."""


def strip_codestream(frame: bytes) -> Stripped | None:
    """A compressed frame that decodes to the same samples, None where it cannot be gone through.

    ISO/IEC 10918-1 Annex B, 14495-1 Annex C and 15444-1 Annex A.
    """
    try:
        if frame.startswith(_SOI):
            return _strip_jpeg(frame)
        if frame.startswith(_SOC):
            return _strip_jpeg_2000(frame)
    except _Unknown:
        return None
    return None


def _strip_jpeg(frame: bytes) -> Stripped:
    kept, precision, position, is_ls = bytearray(_SOI), 0, len(_SOI), False
    while True:
        while frame.startswith(b"\xff\xff", position):
            position += 1
        if frame.startswith(_EOI, position):
            return Stripped(bytes(kept + _EOI), precision)
        marker, segment, position = _read_segment(frame, position)
        if marker in _SOF or marker == _SOF_LS:
            if len(segment) < 10 or len(segment) != 10 + 3 * segment[9]:
                raise _Unknown
            precision, is_ls = max(precision, segment[4]), marker == _SOF_LS
        elif marker in _APPLICATIONS:
            segment = _colours(marker, segment[4:])
        elif marker == _COM:
            continue
        elif marker == _SOS:
            end = (_SCAN_END_LS if is_ls else _SCAN_END).search(frame, position)
            if end is None or not precision:
                raise _Unknown
            segment, position = segment + frame[position : end.start()], end.start()
        elif marker not in _TABLES:
            raise _Unknown
        kept += segment


def _colours(marker: int, content: bytes) -> bytes:
    """What an application segment says of the colours of the samples, as a segment."""
    if marker == 0xE0 and content.startswith(b"JFIF\0"):
        return _JFIF
    if marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
        return _ADOBE + content[11:12]
    if marker == 0xE8 and content.startswith(_HP) and len(content) > len(_HP):
        return b"\xff\xe8\x00\x07" + content[: len(_HP) + 1]
    return b""


def _strip_jpeg_2000(frame: bytes) -> Stripped:
    kept, precision, position = bytearray(_SOC), 0, len(_SOC)
    while not frame.startswith(bytes((0xFF, _SOT)), position):
        marker, segment, position = _read_segment(frame, position)
        if marker == _SIZ:
            precision = _precision_2000(segment)
        if marker in _MAIN:
            kept += segment
        elif marker != _COM_2000:
            raise _Unknown
    end = position
    while not frame.startswith(_EOI, end):
        end = _end_of_tile_part(frame, end)
    if not precision:
        raise _Unknown
    return Stripped(bytes(kept + frame[position:end] + _EOI), precision)


def _precision_2000(siz: bytes) -> int:
    """The most bits of a component; 40 bytes stand before the components, each with three."""
    if len(siz) < 43 or len(siz) != 40 + 3 * int.from_bytes(siz[38:40]):
        raise _Unknown
    return max((size & 0x7F) + 1 for size in siz[40::3])


def _end_of_tile_part(frame: bytes, start: int) -> int:
    """Where the next tile-part or the end of the codestream is."""
    marker, sot, position = _read_segment(frame, start)
    if marker != _SOT or len(sot) != 12:
        raise _Unknown
    while not frame.startswith(bytes((0xFF, _SOD)), position):
        marker, _, position = _read_segment(frame, position)
        if marker not in _TILE:
            raise _Unknown
    length = int.from_bytes(sot[6:10])
    # Without a length it is the last one; two bytes of 0xFF90 or more are nowhere in its data.
    end = start + length if length else frame.find(_EOI, position)
    if not position < end < len(frame):
        raise _Unknown
    return end


def _read_segment(frame: bytes, position: int) -> tuple[int, bytes, int]:
    """The marker at a position, its segment with marker and length, and where it ends."""
    head = frame[position : position + 4]
    end = position + 2 + int.from_bytes(head[2:])
    if len(head) < 4 or head[0] != 0xFF or end < position + 4 or end > len(frame):
        raise _Unknown
    return head[1], frame[position:end], end
