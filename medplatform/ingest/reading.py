"""One delivery: read, count, validate, publish or reject."""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from medplatform import __version__
from medplatform.ingest.receipt import Receipt
from medplatform.lake import (
    DISK_FULL,
    Lake,
    LakeError,
    LedgerEntry,
    Refusal,
    SourceEntry,
    Stage,
)
from medplatform.modalities.delivery import (
    CLOSED,
    Delivery,
    DeliveryError,
    check_name,
    content_digest,
    list_delivery,
    open_delivery,
)
from medplatform.modalities.modality import Misconfigured, Modality, Progress, silent
from medplatform.privacy import Identity, VaultError
from medplatform.quality import Finding, count_identity, is_rejected, validate_staged
from medplatform.synthetic.demo import is_foreign


class ReaderDefect(RuntimeError):
    """A reader or recount raised, which it never should; the message holds no value of a record."""


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
        The delivery cannot be opened, or was changed while or after it was read.
    DeliveryLocked
        Another process reads the same delivery.
    ReaderDefect
        The reader failed. Nothing was published.
    LakeError
        The disk is full. Nothing was published.
    """
    # One heap for Arrow and all else: its own keeps what is freed (160 MB after 300 MB of FHIR).
    pa.set_memory_pool(pa.system_memory_pool())
    check_name(modality.name, name)
    lake.sweep_stages()
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
            _refuse_changing(delivery)
            findings = [counted, *validate_staged(stage)]
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
        The folder holds the demo's cohort or its key, and the delivery is none of the demo's.
    """
    if is_foreign(identity, name):
        raise DeliveryError(
            f"A delivery of {modality} was not read: {identity.vault} is that of the demo, for "
            f"made-up patients, and everybody knows its key. Give your own data a folder of their "
            f"own: set MEDPLATFORM_DATA to a new one, then run medplatform key create."
        )


def _read(
    modality: Modality, delivery: Delivery, stage: Stage, identity: Identity, progress: Progress
) -> None:
    with _defects_reported("reader", delivery):
        modality.read(delivery, stage, identity, progress)


_FOR_USERS = (LakeError, VaultError, Misconfigured)
"""What a user can mend: these say how."""


@contextmanager
def _defects_reported(what: str, delivery: Delivery) -> Iterator[None]:
    """Report an exception that a modality did not expect, without its message.

    The message of a ValueError quotes the value and that of an OSError the file name; the event
    log is no place for either.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, _FOR_USERS) or getattr(error, "errno", None) in DISK_FULL:
            raise
        _refuse_changing(delivery)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ReaderDefect(
            f"The {what} of {delivery.modality}/{delivery.name} failed with "
            f"{type(error).__name__} in "
            f"{frame.name} ({Path(frame.filename).name}, line {frame.lineno}). Nothing was "
            f"published. This is a defect of the platform: please report it."
        ) from None


def _refuse_changing(delivery: Delivery) -> None:
    """A look whether all files are still those that were hashed: else their rows are of others."""
    changed = sum(not source.is_unchanged for source in delivery.sources)
    if changed:
        raise DeliveryError(
            f"Delivery {delivery.modality}/{delivery.name}: {changed} of its "
            f"{len(delivery.sources)} files changed or vanished while they were read, so none was "
            f"published. Write the files first and {CLOSED} last, then run this again."
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
