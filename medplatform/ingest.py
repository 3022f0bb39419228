"""From a closed delivery to the lake: read, count, validate, publish or reject.

The one path by which records enter, for the command line and for Dagster alike. Running it again
does nothing; killing it at any point loses nothing.
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from medplatform import __version__
from medplatform.lake import (
    DISK_FULL,
    DeliveryLocked,
    Lake,
    LakeError,
    LedgerEntry,
    Refusal,
    SourceEntry,
    Stage,
)
from medplatform.modalities.delivery import (
    Delivery,
    DeliveryError,
    check_name,
    closed_deliveries,
    content_digest,
    delivery_label,
    list_delivery,
    open_delivery,
)
from medplatform.modalities.modality import Modality, Progress, silent
from medplatform.privacy import Identity, VaultError
from medplatform.quality import Finding, count_identity, is_rejected, rules_of, validate
from medplatform.quality.validate import columns_read
from medplatform.synthetic.demo import is_foreign

INCOMPLETE = ("file.truncated", "file.corrupt")
"""Codes of files that were read up to a break: how many records follow it, nobody knows."""


class ReaderDefect(RuntimeError):
    """A reader or recount raised, which it never should; the message holds no value of a record."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one delivery in one run.

    `delivery` is its name, or a label where the name is unusable. `unchanged`: the ledger had it
    already. `unreadable`: it could not be opened or read to the end, `problem` says why; nothing of
    it was counted, it waits in landing. `rejected` with a `problem`: `entry` is an attempt to read
    it again, and what was published before stays.
    """

    modality: str
    delivery: str
    status: Literal["published", "rejected", "duplicate", "unchanged", "unreadable"]
    entry: LedgerEntry | None = None
    problem: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether this run read the delivery."""
        return self.status in ("published", "rejected", "duplicate")

    @property
    def is_incomplete(self) -> bool:
        """Whether a file was read only up to a break, so that more may have been delivered."""
        return self.entry is not None and is_incomplete(self.entry)

    @property
    def has_nothing_accepted(self) -> bool:
        """Whether records were refused and none gave a row."""
        if self.entry is None or self.entry.tables:
            return False
        is_refused = any(counts.quarantined for counts in self.entry.counts().values())
        return is_refused and self.entry.status == "published"


def is_incomplete(entry: LedgerEntry) -> bool:
    """Whether a file of a delivery was read only up to a break."""
    return any(code in entry.refusals for code in INCOMPLETE)


def ingest_pending(
    modality: Modality,
    *,
    landing: Path,
    lake: Lake,
    identity: Identity,
    quiet_period_s: float,
    deliveries: Sequence[str] = (),
    again: bool = False,
    progress: Progress = silent,
) -> list[Receipt]:
    """Ingest every closed delivery of a modality that the ledger does not have.

    `deliveries` limits it to some by name; `again` reads those anew and replaces what they
    published. A delivery that cannot be opened or read, or that another process works on, does not
    stop the others.

    Raises
    ------
    LakeError
        The disk is full: the other deliveries would not fit either.
    """
    names = list(deliveries) or closed_deliveries(landing, modality.name, quiet_period_s)
    receipts = []
    for name in names:
        try:
            receipt = ingest_delivery(
                modality,
                name,
                landing=landing,
                lake=lake,
                identity=identity,
                again=again and bool(deliveries),
                progress=progress,
            )
        except (DeliveryError, DeliveryLocked, ReaderDefect) as error:
            label = delivery_label(name)
            receipt = Receipt(modality.name, label, "unreadable", problem=str(error))
        receipts.append(receipt)
    return receipts


def pending_deliveries(
    modality: str, *, landing: Path, lake: Lake, quiet_period_s: float
) -> list[str]:
    """Names of the closed deliveries of a modality that wait to be read.

    One whose name is unusable has a label in its place.
    """
    known = {entry.delivery for entry in lake.ledger.entries(modality) if lake.ledger.holds(entry)}
    waiting = closed_deliveries(landing, modality, quiet_period_s, known)
    return [delivery_label(name) for name in waiting]


def ingest_delivery(
    modality: Modality,
    name: str,
    *,
    landing: Path,
    lake: Lake,
    identity: Identity,
    again: bool = False,
    progress: Progress = silent,
) -> Receipt:
    """Read, validate and publish one delivery.

    What an earlier reading published stays visible until the new one is in place, and for good if
    the new one is rejected.

    Raises
    ------
    DeliveryError
        The delivery cannot be opened, or was changed after it was read.
    DeliveryLocked
        Another process reads the same delivery.
    ReaderDefect
        The reader failed. Nothing was published.
    LakeError
        The disk is full. Nothing was published.
    """
    check_name(modality.name, name)
    known = lake.ledger.get(modality.name, name)
    if known and not again and lake.ledger.holds(known):
        lake.sweep(modality.name, name)
        _refuse_changed(landing, known)
        return Receipt(modality.name, name, "unchanged", known)
    refuse_mixture(modality.name, name, identity)
    started_at = datetime.now(UTC)
    delivery = open_delivery(
        landing, modality.name, name, lambda done, total: progress("hash", done, total)
    )
    twin = lake.ledger.twin(modality.name, name, delivery.content_digest)
    with lake.stage(modality.name, name, _generation(delivery, known)) as stage:
        findings: list[Finding] = []
        if twin is None:
            _read(modality, delivery, stage, identity, progress)
            stage.close()
            with _defects_reported("recount", delivery):
                counted = count_identity(modality, delivery, stage)
            findings = [counted, *_validate(modality, stage)]
            if is_rejected(findings):
                _reject(stage, findings, delivery)
        identity.remember_sources({s.source_id: str(s.path) for s in delivery.sources})
        status = "duplicate" if twin else "rejected" if is_rejected(findings) else "published"
        is_attempt = status == "rejected" and known is not None and known.status == "published"
        entry = lake.publish(
            stage,
            modality=modality.name,
            delivery=name,
            status=status,
            content_digest=delivery.content_digest,
            sources=[
                SourceEntry(source_id=s.source_id, sha256=s.sha256, bytes=s.bytes, label=s.label)
                for s in delivery.sources
            ],
            findings=[finding.model_dump() for finding in findings],
            duplicate_of=twin,
            standing=known if is_attempt else None,
            started_at=started_at,
        )
    problem = (
        f"{modality.name}/{name} was read again and rejected: what was published of it before "
        f"stays. Correct it at the source and deliver it under a new name."
    )
    return Receipt(modality.name, name, status, entry, problem if is_attempt else None)


def refuse_mixture(modality: str, name: str, identity: Identity) -> None:
    """Keep patients who exist apart from those that the demo made up.

    Raises
    ------
    DeliveryError
        The folder holds the demo's cohort, and the delivery is none of it.
    """
    if is_foreign(identity.local_system, name):
        raise DeliveryError(
            f"A delivery of {modality} was not read: {identity.vault.parent} holds the made-up "
            f"patients of the demo. Give your own data a folder of their own: set MEDPLATFORM_DATA "
            f"to a new one, then run medplatform key create."
        )


def _read(
    modality: Modality, delivery: Delivery, stage: Stage, identity: Identity, progress: Progress
) -> None:
    with _defects_reported("reader", delivery):
        modality.read(delivery, stage, identity, progress)


@contextmanager
def _defects_reported(what: str, delivery: Delivery) -> Iterator[None]:
    """Report an exception that a modality did not expect, without its message.

    The message of a ValueError quotes the value and that of an OSError the file name; the event
    log is no place for either.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, LakeError | VaultError) or getattr(error, "errno", None) in DISK_FULL:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ReaderDefect(
            f"The {what} of {delivery.modality}/{delivery.name} failed with "
            f"{type(error).__name__} in "
            f"{frame.name} ({Path(frame.filename).name}, line {frame.lineno}). Nothing was "
            f"published. This is a defect of the platform: please report it."
        ) from None


def _generation(delivery: Delivery, known: LedgerEntry | None) -> str:
    """Names the part files.

    Equal content and code give equal names, so that a repeat after a crash replaces what the crash
    left. The reading before is part of it, so that a new one never overwrites published files.
    """
    before = known.readings[-1].generation if known else ""
    return sha256(f"{delivery.content_digest} {__version__} {before}".encode()).hexdigest()[:8]


def _refuse_changed(landing: Path, known: LedgerEntry) -> None:
    """A cheap look, by options and sizes of files, whether a delivery changed after it was read."""
    if not (landing / known.modality / known.delivery).is_dir():
        return
    paths, options = list_delivery(landing, known.modality, known.delivery)
    sizes = sorted(path.stat().st_size for path in paths if path.exists())
    digest = content_digest((source.sha256 for source in known.sources), options)
    if sizes != sorted(s.bytes for s in known.sources) or digest != known.content_digest:
        raise DeliveryError(
            f"Delivery {known.modality}/{known.delivery} was changed after it was read. Deliver "
            f"the new files under a new name, or run: medplatform ingest {known.modality} "
            f"--delivery {known.delivery} --again"
        )


def _validate(modality: Modality, stage: Stage) -> Iterator[Finding]:
    staged = set(stage.tables())
    for table in modality.tables:
        if table.name in staged:
            rows = stage.read(table.name, columns_read(rules_of(table)))
            yield from validate(table, rows, stage.columns(table.name))


def _reject(stage: Stage, findings: Sequence[Finding], delivery: Delivery) -> None:
    """Quarantine every accepted record of a delivery that broke a critical rule."""
    broken = sorted(
        {f"{f.table}.{f.check}" for f in findings if not f.success and f.severity == "critical"}
    )
    reason = (
        f"The delivery broke {', '.join(broken)}, so none of it was published. Correct it at the "
        f"source and deliver it under a new name."
    )
    labels = {source.source_id: source.label for source in delivery.sources}
    for table in stage.tables():
        records = stage.read(table, ["source_id", "record_number"])
        for record in records.group_by(["source_id", "record_number"]).aggregate([]).to_pylist():
            stage.refuse(
                Refusal(
                    source_id=record["source_id"],
                    file=labels[record["source_id"]],
                    record_number=record["record_number"],
                    unit=table,
                    code="delivery.rejected",
                    reason=reason,
                )
            )
    stage.drop(stage.tables())
    for counts in stage.counts.values():
        counts.quarantined += counts.accepted
        counts.accepted = 0
