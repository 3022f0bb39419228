"""One export, from the lake to a finished folder."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import meds

from medplatform import __version__
from medplatform.lake import Lake
from medplatform.lake.ledger import LedgerEntry
from medplatform.meds.errors import MedsError
from medplatform.meds.events import (
    collect_codes,
    collect_events,
    open_lake,
    patient_batches,
    stream_events,
)
from medplatform.meds.folder import draft_of
from medplatform.meds.kinds import KINDS
from medplatform.meds.metadata import (
    ACCOUNTING,
    write_codes,
    write_description,
    write_json,
    write_splits,
)
from medplatform.meds.result import Export, KindCount, SplitCount
from medplatform.meds.shards import Written, write_shards
from medplatform.meds.subjects import number_subjects

SPLIT_SALT = "meds"
"""Part of the hash that deals patients into splits. Never changed: it locks the held-out cohort."""
SUBJECTS_PER_SHARD = 1000


def export_meds(
    lake: Lake,
    folder: Path,
    *,
    subjects_per_shard: int = SUBJECTS_PER_SHARD,
    split_salt: str = SPLIT_SALT,
) -> Export:
    """Write the events of all health records of a lake as a MEDS data set.

    Equal lakes give equal bytes. The folder is replaced at once when everything is written and
    counted; an export that fails or is killed leaves the old one.

    Parameters
    ----------
    lake
        Where the published files are.
    folder
        The root of the data set (`$MEDS_ROOT`).
    subjects_per_shard
        Of each split, how many subjects a data file holds; the last one may hold fewer.
    split_salt
        The salt of a recipe deals patients as the recipe does: its test cohort is held out.

    Raises
    ------
    MedsError
        The lake was changed meanwhile, another process exports to the same folder, the folder
        holds something else, or the counts do not add up.
    """
    if subjects_per_shard < 1:
        raise ValueError("A shard holds at least one subject.")
    with draft_of(folder, Path(meds.dataset_metadata_filepath)) as draft:
        entries = _entries(lake)
        version = _version(entries, subjects_per_shard, split_salt)
        export = _write(lake, folder, draft, version, subjects_per_shard, split_salt)
        if _entries(lake) != entries:
            raise MedsError("The lake was changed while it was exported. Export it again.")
        write_description(version, entries, draft)
        write_json(export.accounting(), draft / ACCOUNTING)
    return export


def _write(
    lake: Lake, folder: Path, draft: Path, version: str, subjects_per_shard: int, split_salt: str
) -> Export:
    """Write shards, codes and splits into a draft and count what was written."""
    tables = dict.fromkeys(kind.source.table.name for kind in KINDS)
    rows = {table: lake.rows(table) for table in tables}
    (draft / "metadata").mkdir()
    work = draft / "work"
    work.mkdir()
    with open_lake(lake, work) as connection:
        number_subjects(connection, patient_batches(connection), split_salt)
        left_out = collect_events(connection)
        described = collect_codes(connection)
        written = write_shards(stream_events(connection), draft, subjects_per_shard)
    shutil.rmtree(work)
    export = Export(
        folder=folder,
        version=version,
        codes=write_codes(described, draft),
        kinds=_count_kinds(left_out, written, rows),
        splits=_count_splits(written),
    )
    _require_balance(export)
    write_splits(written.subjects, draft)
    return export


def _entries(lake: Lake) -> list[LedgerEntry]:
    return list(lake.ledger.entries("ehr"))


def _version(entries: Sequence[LedgerEntry], subjects_per_shard: int, split_salt: str) -> str:
    """Names what decides about the bytes: deliveries, parameters, code."""
    deliveries = [(entry.delivery, entry.generation, entry.content_digest) for entry in entries]
    content = [__version__, meds.__version__, subjects_per_shard, split_salt, deliveries]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _count_kinds(
    left_out: Mapping[str, Mapping[str, int]], written: Written, rows: Mapping[str, int]
) -> tuple[KindCount, ...]:
    return tuple(
        KindCount(
            kind=kind.name,
            table=kind.source.table.name,
            rows=rows[kind.source.table.name],
            events=int(written.by_kind[number]),
            left_out=left_out[kind.name],
        )
        for number, kind in enumerate(KINDS)
    )


def _count_splits(written: Written) -> tuple[SplitCount, ...]:
    return tuple(
        SplitCount(
            split=split,
            subjects=sum(map(len, ids)),
            shards=written.shards[split],
            events=written.events[split],
        )
        for split, ids in written.subjects.items()
    )


def _require_balance(export: Export) -> None:
    for count in export.kinds:
        if not count.is_balanced:
            raise MedsError(
                f"Of {count.rows} rows of {count.table}, {count.events} gave an event of kind "
                f"{count.kind} and {sum(count.left_out.values())} a reason why not. The lake was "
                f"changed meanwhile, or this is a defect: export again, then report it."
            )
