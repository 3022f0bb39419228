"""The manifest of a finished export: which files there are.

HL7 FHIR Bulk Data Access 2.0 and 3.0, "Output Manifest".
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from medplatform.bulk_export.errors import ExportFailed
from medplatform.bulk_export.instants import parse_instant

Kind = Literal["output", "deleted", "error"]

_FOLDERS: dict[Kind, str] = {
    "output": "",
    "deleted": "deleted/",
    # Hidden, so that ingest does not take what the server says for records.
    "error": ".export/errors/",
}
_CONTENT: dict[Kind, str] = {
    "output": "Resource",
    "deleted": "Bundle",
    "error": "OperationOutcome",
}
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file as the manifest lists it."""

    url: str
    type: str | None = None
    count: int | None = None
    file_size: int | None = msgspec.field(name="fileSize", default=None)


class Link(msgspec.Struct, kw_only=True):
    """A link to another page."""

    relation: str
    url: str


class Page(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One page of a manifest, without what is not needed.

    Servers that leave `requiresAccessToken` out are taken to require one: it goes to configured
    hosts only.
    """

    transaction_time: str = msgspec.field(name="transactionTime")
    requires_access_token: bool = msgspec.field(name="requiresAccessToken", default=True)
    output: list[Entry] | None = None
    deleted: list[Entry] | None = None
    error: list[Entry] | None = None
    link: list[Link] | None = None

    @property
    def next_url(self) -> str | None:
        """Where the next page is."""
        return next((link.url for link in self.link or () if link.relation == "next"), None)


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file to fetch. `name` is its place in the delivery, but for `.gz` where it is that."""

    kind: Kind
    name: str
    resource_type: str
    url: str
    authorize: bool
    count: int | None
    size: int | None


def parse_page(body: bytes) -> Page:
    """Read a page.

    Raises
    ------
    ExportFailed
        It is no manifest.
    """
    try:
        page = msgspec.json.decode(body, type=Page, strict=False)
        parse_instant(page.transaction_time)
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error) if isinstance(error, msgspec.ValidationError) else "no manifest"
        raise ExportFailed(
            f"The manifest of the export cannot be read: {reason}. Tell the operator of the server."
        ) from None
    return page


def list_files(pages: Iterable[Page]) -> list[ExportFile]:
    """The files of all pages in their order; one that is listed twice stands once."""
    numbers: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    files = []
    for kind, entry, authorize in _entries(pages):
        if (kind, entry.url) in seen:
            continue
        seen.add((kind, entry.url))
        content = _CONTENT[kind]
        if kind == "output" and entry.type and _TYPE.fullmatch(entry.type):
            content = entry.type
        stem = f"{_FOLDERS[kind]}{content}"
        numbers[stem] = numbers.get(stem, 0) + 1
        name = f"{stem}.{numbers[stem]:04d}.ndjson"
        files.append(
            ExportFile(kind, name, content, entry.url, authorize, entry.count, entry.file_size)
        )
    return files


def transaction_time(pages: Sequence[Page]) -> str:
    """The instant up to which the export is complete: the earliest that a page names."""
    return min((page.transaction_time for page in pages), key=parse_instant)


def _entries(pages: Iterable[Page]) -> Iterator[tuple[Kind, Entry, bool]]:
    for page in pages:
        lists: dict[Kind, list[Entry] | None] = {
            "output": page.output,
            "deleted": page.deleted,
            "error": page.error,
        }
        for kind, entries in lists.items():
            for entry in entries or ():
                yield kind, entry, page.requires_access_token
