"""Up to which instant each series of exports is complete: where the next one may begin.

`landing/.exports/.history/<series>.json`, one file per request without its `since`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from medplatform.bulk_export.instants import as_instant, parse_instant
from medplatform.bulk_export.request import ExportRequest
from medplatform.bulk_export.workspace import ROOT
from medplatform.transfer.private import write_private

_HISTORY = ".history"


class LastExport(msgspec.Struct, kw_only=True, frozen=True):
    """The last complete export of a series. `source` is what the lake calls the server."""

    transaction_time: str
    delivery: str
    request: dict[str, Any]
    source: str | None = None


def last_transaction_time(landing: Path, request: ExportRequest) -> str | None:
    """The transaction time of the last complete export with the same request, `since` aside.

    It is what the next export gives as `since`. None where there was none: the next one must ask
    for everything.
    """
    try:
        return _read(_path(landing, request)).transaction_time
    except FileNotFoundError:
        return None


def last_exports(landing: Path) -> Iterator[LastExport]:
    """The last complete export of each series."""
    yield from map(_read, sorted((landing / ROOT / _HISTORY).glob("[!.]*.json")))


def note_complete_export(
    landing: Path, request: ExportRequest, moment: str, delivery: str, source: str | None
) -> bool:
    """Remember that everything up to a moment was delivered.

    Returns
    -------
    bool
        False where it was not remembered, because the export began later than the one before it
        ended: what changed in between was never asked for.
    """
    known = last_transaction_time(landing, request)
    if known and request.since and parse_instant(request.since) > parse_instant(known):
        return False
    if known and parse_instant(moment) < parse_instant(known):
        return True
    path = _path(landing, request)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = LastExport(
        transaction_time=as_instant(moment),
        delivery=delivery,
        request=request.model_dump(mode="json", exclude_defaults=True),
        source=source,
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(record)))
    return True


def _path(landing: Path, request: ExportRequest) -> Path:
    return landing / ROOT / _HISTORY / f"{request.series[:16]}.json"


def _read(path: Path) -> LastExport:
    return msgspec.json.decode(path.read_bytes(), type=LastExport)
