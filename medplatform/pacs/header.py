"""Which instance a DICOM file holds, and what its content is called, in bounded memory.

The meta information in front differs with whoever wrote the file (PS3.10, 7.1); the data set behind
it does not. So files are compared by the digest of their data sets.
"""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

_PREAMBLE_BYTES = 128
_CHUNK_BYTES = 1 << 20
_INFLATED_BYTES = 1 << 20  # the first elements of a deflated data set
_SERIES_INSTANCE_UID = 0x0020000E
_UIDS: list[BaseTag | int] = [
    Tag(name) for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
]
# What pydicom raises on damaged or forged content.
_READ_ERRORS = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class NotDicom(ValueError):
    """A file does not begin as a DICOM file does."""


class InstanceKey(NamedTuple):
    """Study, Series and SOP Instance UID; '' where a file has none.

    A SOP Instance UID alone should suffice, but there are archives that hold one in two series.
    """

    study: str
    series: str
    sop: str


class Header(NamedTuple):
    """An instance and the SHA-256, in hex, of its data set."""

    key: InstanceKey
    sha256: str


def read_header(path: Path) -> Header:
    """Identify a DICOM file (PS3.10, 7).

    Raises
    ------
    NotDicom
        It has no preamble, or no meta information that can be read.
    """
    with path.open("rb") as stream:
        stream.seek(_PREAMBLE_BYTES)
        if stream.read(4) != b"DICM":
            raise NotDicom
        try:
            # Its length stands in front of the group, but not in every file.
            meta = read_dataset(stream, False, True, stop_when=_is_behind_meta)
        except _READ_ERRORS:
            raise NotDicom from None
        if not meta:
            raise NotDicom
        offset = stream.tell()
        key = _read_key(stream, meta)
        stream.seek(offset)
        digest = hashlib.sha256(str(meta.get("TransferSyntaxUID", "")).encode())
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return Header(key, digest.hexdigest())


def _is_behind_meta(tag: int, _vr: str | None, _length: int) -> bool:
    return tag >> 16 != 2


def _read_key(stream: BinaryIO, meta: Dataset) -> InstanceKey:
    syntax = meta.get("TransferSyntaxUID", "")
    if syntax == DeflatedExplicitVRLittleEndian:
        inflated = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            head = inflated.decompress(stream.read(_CHUNK_BYTES), _INFLATED_BYTES)
        except zlib.error:
            head = b""
        stream = io.BytesIO(head)
        syntax = ExplicitVRLittleEndian
    try:
        dataset = read_dataset(
            stream,
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=lambda tag, _vr, _length: tag > _SERIES_INSTANCE_UID,
            specific_tags=_UIDS,
        )
        sop = _uid(dataset, "SOPInstanceUID")
        study, series = _uid(dataset, "StudyInstanceUID"), _uid(dataset, "SeriesInstanceUID")
    except _READ_ERRORS:
        sop = study = series = ""
    return InstanceKey(study, series, sop or str(meta.get("MediaStorageSOPInstanceUID", "")))


def _uid(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip("\0 ")
