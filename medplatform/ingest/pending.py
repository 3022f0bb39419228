"""The deliveries of a modality that wait in landing."""

from collections.abc import Sequence
from pathlib import Path

from medplatform.ingest.reading import ReaderDefect, ingest_delivery
from medplatform.ingest.receipt import Receipt
from medplatform.lake import DeliveryLocked, Lake
from medplatform.modalities.delivery import DeliveryError, closed_deliveries, delivery_label
from medplatform.modalities.modality import Modality, Progress, silent
from medplatform.privacy import Identity


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
