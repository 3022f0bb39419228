"""Checks a DICOMDIR against the delivery: what it names and nobody delivered.

It is kept, not read as an image; files that it does not name are read all the same.
"""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.records import Listed, Problem
from medplatform.modalities.imaging.sources import Contents, Held

_VERSION = ";1"
"""Behind a name as ISO 9660 has it."""
_SUFFIX = ".dcm"
"""What exports append to the names of a medium, which have none (PS3.10 8.2)."""


class DirectoryReader:
    """The DICOMDIRs of one delivery."""

    def __init__(self, account: Account, process: ReadingProcess) -> None:
        self.account = account
        self.process = process

    def read(self, contents: Contents, uids: Collection[str]) -> None:
        """Remark on each file that one names and that is there neither by name nor by its UID.

        `uids` are the SOP Instance UIDs of the delivery.
        """
        directories = contents.items(Kind.DIRECTORY)
        if not directories:
            return
        delivered = {
            _comparable(item.relative.parts) for kind in Kind for item in contents.items(kind)
        }
        for held in contents.fetch(directories):
            with held:
                self._check(held, delivered, uids)

    def _check(
        self, held: Held, delivered: Collection[tuple[str, ...]], uids: Collection[str]
    ) -> None:
        record = self.account.keep(held.item)
        opened = self.process.read("directory", held.path)
        if not isinstance(opened, Opened):
            self.account.remark(record, Problem("dicomdir.unreadable"))
            return
        folder = held.item.relative.parent
        for listed in _listed(opened):
            is_there = _comparable((*folder.parts, *listed.names)) in delivered
            if not is_there and listed.sop_instance_uid not in uids:
                missing = Record(record.source, record.unit, listed.number)
                problem = Problem("dicomdir.missing_file", "(0004,1500)")
                self.account.remark(missing, problem)


def _listed(opened: Opened) -> Iterator[Listed]:
    return (cell for cell in opened.cells if isinstance(cell, Listed))


def _comparable(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a path as they are compared.

    >>> _comparable(("DICOM", "IM1.;1")) == _comparable(("dicom", "im1.dcm"))
    True
    """
    *folders, name = (part.casefold() for part in PurePosixPath(*parts).parts)
    name = name.removesuffix(_VERSION).removesuffix(".").removesuffix(_SUFFIX)
    return (*folders, name)
