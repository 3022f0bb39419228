"""The elements of a file from its bytes, by the walker."""

import zlib
from mmap import mmap
from typing import NamedTuple

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from medplatform.modalities.imaging.flatten.element import Element, Pixels
from medplatform.modalities.imaging.flatten.walker import (
    KeepsPrivate,
    Unsure,
    Walker,
    keep_all,
)

PREFIX = 128
"""Length of the preamble, behind which `DICM` stands (PS3.10 7.1)."""
_META = PREFIX + 4
_TRANSFER_SYNTAX = "00020010"


class Walked(NamedTuple):
    """The elements of a file, and where in it its pixel data is.

    In a deflated file the place is that in the inflated data set.
    """

    elements: list[Element]
    pixels: Pixels | None


def walk_file(
    data: bytes | mmap, *, most_inflated: int, keeps_private: KeepsPrivate = keep_all
) -> Walked | None:
    """The elements of a file; None where only pydicom can tell.

    At most so many bytes of a deflated data set are inflated; None where it has more. Private
    elements that are not to be kept may be left out.
    """
    if data[PREFIX:_META] != b"DICM":
        return None
    walker = Walker(data, keeps_private)
    try:
        start = walker.walk_meta(_META)
        syntax = _transfer_syntax(walker.elements)
        if syntax in (None, ExplicitVRBigEndian):
            return None
        if syntax == DeflatedExplicitVRLittleEndian:
            inflated = _inflate(data[start:], most_inflated)
            if inflated is None:
                return None
            return _walk_deflated(walker.elements, inflated, keeps_private)
        walker.walk(start, is_implicit=syntax == ImplicitVRLittleEndian)
    except Unsure:
        return None
    return Walked(walker.elements, walker.pixels)


def walk_beginning(data: bytes | mmap, last_path: str) -> list[Element] | None:
    """The elements of a file up to one at the top of its data set, without reading the rest.

    None where only pydicom can tell.
    """
    if data[PREFIX:_META] != b"DICM":
        return None
    walker = Walker(data)
    try:
        start = walker.walk_meta(_META)
        syntax = _transfer_syntax(walker.elements)
        if syntax in (None, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian):
            return None
        is_implicit = syntax == ImplicitVRLittleEndian
        walker.walk(start, is_implicit=is_implicit, last_tag=int(last_path, 16))
    except Unsure:
        return None
    return walker.elements


def _transfer_syntax(meta: list[Element]) -> str | None:
    text = next((element.text for element in meta if element.path == _TRANSFER_SYNTAX), None)
    return text[0] if text and len(text) == 1 else None


def _inflate(content: bytes, most: int) -> bytes | None:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, most)
    except zlib.error:
        return None
    return inflated if inflater.eof else None


def _walk_deflated(meta: list[Element], inflated: bytes, keeps_private: KeepsPrivate) -> Walked:
    walker = Walker(inflated, keeps_private)
    walker.walk(0, is_implicit=False)
    return Walked(meta + walker.elements, walker.pixels)
