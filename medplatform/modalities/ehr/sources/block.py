"""What a delivered file is cut into: blocks of records, deletions and faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from medplatform.modalities.ehr.issue import Issue

MAX_RECORD_BYTES = 128 << 20
"""Larger records are refused."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A Bundle entry that says that a resource is gone (`request.method` DELETE).

    `deleted_at` is the instant as delivered: `response.lastModified` of the entry, else
    `timestamp` or `meta.lastUpdated` of the Bundle.
    """

    number: int
    offset: int | None
    resource_type: str
    resource_id: str
    deleted_at: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that could not be cut out, or the rest of a file that could not be read.

    `offset` is None where nothing of the file could be read.
    """

    number: int
    offset: int | None
    issue: Issue


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring records of a file.

    Every record, blank line, deletion and fault of a file has a number of its own, from 1, in the
    order of the file; those of an archive are numbered through.

    Attributes
    ----------
    lines
        Exactly the bytes of each record, on one line: line breaks between its elements stand as
        tabs. (A tab is white space in JSON where a line break is, and an error where one is.)
    offsets
        Where each record begins in the plain file, or in its member of an archive.
    full_urls
        `Bundle.entry.fullUrl` of each record, else None.
    aliases
        What the fullUrls of the Bundles in this block stand for, as `Type/id`, where they do not
        end in it. Of a Bundle that is longer than a block, those that the block refers to.
    blank
        Blank lines.
    bytes_read
        How far into the delivered file, compressed as it is, this block reaches.
    """

    lines: list[bytes]
    numbers: list[int]
    offsets: list[int | None]
    full_urls: list[str | None]
    aliases: Mapping[str, str]
    deletions: list[Deletion]
    faults: list[Fault]
    blank: int
    bytes_read: int

    @property
    def delivered(self) -> int:
        """All that was delivered in this block."""
        return len(self.lines) + len(self.deletions) + len(self.faults) + self.blank
