"""Up to which instant each series of exports is complete: where the next one may begin.

`landing/.exports/.history/<series>.json`, one file per request without its `since`.
"""

import json
from pathlib import Path

from medplatform.bulk_export.instants import as_instant, parse_instant
from medplatform.bulk_export.request import ExportRequest
from medplatform.bulk_export.workspace import ROOT, write_private

_HISTORY = ".history"


def last_transaction_time(landing: Path, request: ExportRequest) -> str | None:
    """The transaction time of the last complete export with the same request, `since` aside.

    It is what the next export gives as `since`. None where there was none: the next one must ask
    for everything.
    """
    try:
        record = json.loads(_path(landing, request).read_bytes())
    except FileNotFoundError:
        return None
    return record["transaction_time"]


def note_complete_export(landing: Path, request: ExportRequest, moment: str, delivery: str) -> bool:
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
    record = {
        "transaction_time": as_instant(moment),
        "delivery": delivery,
        "request": request.model_dump(mode="json", exclude_defaults=True),
    }
    write_private(path, json.dumps(record, indent=2).encode())
    return True


def _path(landing: Path, request: ExportRequest) -> Path:
    return landing / ROOT / _HISTORY / f"{request.series[:16]}.json"
