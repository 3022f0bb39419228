"""From a closed delivery to the lake: read, count, validate, publish or reject.

The one path by which records enter, for the command line and for Dagster alike. Running it again
does nothing; killing it at any point loses nothing.
"""

import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from medplatform import __version__
from medplatform.lake import (
    DISK_FULL,
    Counts,
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
    closed_deliveries,
    open_delivery,
)
from medplatform.modalities.modality import Modality, Progress, silent
from medplatform.privacy import Identity, VaultError
from medplatform.quality import Finding, is_rejected, rules_of, validate
from medplatform.quality.validate import columns_read

COUNT_CHECK = "every_record_is_accounted_for"


class ReaderDefect(RuntimeError):
    """A reader raised, which it never should; the message holds no value of a record."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one delivery in one run.

    `unchanged`: the ledger had it already. `unreadable`: it could not be opened, `problem` says
    why; nothing of it was counted, it waits in landing.
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
    published. A delivery that cannot be opened does not stop the others.
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
        except DeliveryError as error:
            receipt = Receipt(modality.name, name, "unreadable", problem=str(error))
        receipts.append(receipt)
    return receipts


def pending_deliveries(
    modality: str, *, landing: Path, lake: Lake, quiet_period_s: float
) -> list[str]:
    """Names of the closed deliveries of a modality that the ledger does not have."""
    return [
        name
        for name in closed_deliveries(landing, modality, quiet_period_s)
        if lake.ledger.get(modality, name) is None
    ]


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

    Raises
    ------
    DeliveryError
        The delivery cannot be opened, or was changed after it was read.
    LakeError
        The disk is full, or another process reads the same delivery. Nothing was published.
    """
    known = lake.ledger.get(modality.name, name)
    if known and not again:
        _refuse_changed(landing / modality.name / name, known)
        return Receipt(modality.name, name, "unchanged", known)
    started_at = datetime.now(UTC)
    delivery = open_delivery(
        landing, modality.name, name, lambda done, total: progress("hash", done, total)
    )
    twin = _twin(lake, delivery)
    with lake.stage(modality.name, name, _generation(delivery)) as stage:
        findings: list[Finding] = []
        if twin is None:
            _read(modality, delivery, stage, identity, progress)
            stage.close()
            findings = [_count_identity(modality, delivery, stage), *_validate(modality, stage)]
            if is_rejected(findings):
                _reject(stage, findings, delivery)
        identity.remember_sources({s.source_id: str(s.path) for s in delivery.sources})
        status = "duplicate" if twin else "rejected" if is_rejected(findings) else "published"
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
            started_at=started_at,
        )
    return Receipt(modality.name, name, status, entry)


def _read(
    modality: Modality, delivery: Delivery, stage: Stage, identity: Identity, progress: Progress
) -> None:
    """Run the reader; an exception that it did not expect is reported without its message.

    The message of a ValueError quotes the value and that of an OSError the file name; the event
    log is no place for either.
    """
    try:
        modality.read(delivery, stage, identity, progress)
    except Exception as error:
        if isinstance(error, LakeError | VaultError) or getattr(error, "errno", None) in DISK_FULL:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ReaderDefect(
            f"The reader of {modality.name}/{delivery.name} failed with {type(error).__name__} in "
            f"{frame.name} ({Path(frame.filename).name}, line {frame.lineno}). Nothing was "
            f"published. This is a defect of the platform: please report it."
        ) from None


def _generation(delivery: Delivery) -> str:
    """Names the part files: equal content and code give equal names, so a repeat replaces them."""
    return sha256(f"{delivery.content_digest} {__version__}".encode()).hexdigest()[:8]


def _twin(lake: Lake, delivery: Delivery) -> str | None:
    """Another delivery of exactly the same content that was published before."""
    for entry in lake.ledger.entries(delivery.modality):
        if (
            entry.delivery != delivery.name
            and entry.status == "published"
            and entry.content_digest == delivery.content_digest
        ):
            return entry.delivery
    return None


def _refuse_changed(root: Path, known: LedgerEntry) -> None:
    """A cheap look, by the sizes of the files, whether a delivery grew after it was read."""
    if not root.is_dir():
        return
    sizes = sorted(
        path.stat().st_size
        for path in root.rglob("*")
        if path.is_file() and path.name not in ("_DONE", "delivery.json")
    )
    if sizes != sorted(source.bytes for source in known.sources):
        raise DeliveryError(
            f"Delivery {known.modality}/{known.delivery} was changed after it was read. Deliver "
            f"the new files under a new name, or run: medplatform ingest {known.modality} "
            f"--delivery {known.delivery} --again"
        )


def _count_identity(modality: Modality, delivery: Delivery, stage: Stage) -> Finding:
    """delivered = accepted + quarantined + blank + kept, per file and kind of record.

    `delivered` must also equal a second count that the reader did not make. `value` is the number
    of (file, kind) pairs that do not add up.
    """
    recounts: dict[str, Counter[str]] = defaultdict(Counter)
    for source in delivery.sources:
        recounts[source.source_id].update(modality.count_records(source))
    counts = stage.counts_by_source()
    wrong = 0
    for source_id in counts.keys() | recounts.keys():
        counted, recount = counts.get(source_id, {}), recounts[source_id]
        for unit in counted.keys() | recount.keys():
            tally = counted.get(unit, Counts())
            wrong += not tally.is_balanced or tally.delivered != recount[unit]
    return Finding(
        table=modality.name,
        check=COUNT_CHECK,
        rule="delivered = accepted + quarantined + blank + kept",
        severity="critical",
        success=wrong == 0,
        value=wrong,
        threshold=0,
        rows=sum(counts.delivered for counts in stage.counts.values()),
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
