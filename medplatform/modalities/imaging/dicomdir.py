"""The records of a DICOMDIR (PS3.3 F.3), inside the reading process.

Of a record only the file that it names and the object's UID leave the process: everything else in a
DICOMDIR is about patients.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydicom import Dataset, FileDataset
from pydicom.multival import MultiValue

from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.opening import open_dataset
from medplatform.modalities.imaging.records import Header, Limits, Listed, Reading

MAX_RECORDS = 1_000_000
_INACTIVE = 0
_SEQUENCE = "(0004,1220)"


def read_directory(path: Path, limits: Limits) -> Reading:
    """The files that a DICOMDIR names.

    Raises
    ------
    Unusable
        It cannot be read as one.
    """
    dataset = open_dataset(path, limits)
    try:
        return Reading(Header(), list(islice(_listed(dataset), MAX_RECORDS)))
    except READ_ERRORS:
        raise Unusable("dicomdir.unreadable", _SEQUENCE) from None


def _listed(dataset: FileDataset) -> Iterator[Listed]:
    if "DirectoryRecordSequence" not in dataset:
        raise Unusable("dicomdir.unreadable", _SEQUENCE)
    for number, record in enumerate(dataset.DirectoryRecordSequence, 1):
        names = _texts(record, "ReferencedFileID")
        if names and record.get("RecordInUseFlag") != _INACTIVE:
            uid = _texts(record, "ReferencedSOPInstanceUIDInFile")
            yield Listed(number=number, names=names, sop_instance_uid=uid[0] if uid else None)


def _texts(record: Dataset, keyword: str) -> tuple[str, ...]:
    value = record.get(keyword)
    if value is None:
        return ()
    values = value if isinstance(value, MultiValue) else [value]
    return tuple(text for text in map(str, values) if text)
