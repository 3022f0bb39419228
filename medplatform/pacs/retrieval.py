"""What a retrieval brought, and how a draft becomes a delivery.

found = delivered before + fetched + failed, where `found` is what the PACS says that it has.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from medplatform.modalities.delivery import DeliveryError, check_name
from medplatform.pacs.draft import Draft
from medplatform.pacs.errors import PacsError
from medplatform.pacs.index import MODALITY, Index
from medplatform.transfer.private import write_private

_RECORD = Path(".pacs") / "retrieval.json"


class Retrieval(BaseModel):
    """What a retrieval brought.

    Parameters
    ----------
    delivery
        Name of the delivery; None where nothing came, which is no delivery.
    source
        `dicomweb`, `c-get`, `c-move` or `received`.
    found
        Instances that the PACS says that it has.
    delivered_before
        Of them in earlier deliveries.
    fetched
        Of them in this delivery.
    failures
        Of them that could not be had, as {reason: instances}; the next run asks for them again.
    surplus
        Files beyond one per instance: one instance with two contents, of which the reader takes
        neither.
    remarks
        What else was noticed, as {remark: times}.
    is_complete
        Whether the PACS was asked for all; else the next run continues.
    """

    model_config = ConfigDict(frozen=True)

    delivery: str | None
    source: str
    found: int
    delivered_before: int
    fetched: int
    bytes: int
    failures: dict[str, int] = {}
    surplus: int = 0
    remarks: dict[str, int] = {}
    is_complete: bool = True

    @property
    def failed(self) -> int:
        """Instances that could not be had."""
        return sum(self.failures.values())


def close(
    draft: Draft,
    landing: Path,
    name: str,
    index: Index,
    *,
    source: str,
    found: int,
    delivered_before: int = 0,
    failures: Counter[str] | None = None,
    remarks: Counter[str] | None = None,
    **facts: Any,
) -> Retrieval:
    """Publish a draft as the delivery `name`, without what another delivery has brought meanwhile.

    Raises
    ------
    DeliveryError
        The name is unusable or taken. The draft is kept.
    PacsError
        Instances are not accounted for: a defect. The draft is kept.
    """
    index.refresh()
    twice = [one for one in draft.stored if index.holds(one.key, one.sha256)]
    draft.drop(twice)
    meanwhile = len({one.key for one in twice if not draft.holds(one.key)})
    stored = draft.stored
    fetched = len({one.key for one in stored})
    retrieval = Retrieval(
        delivery=name if stored else None,
        source=source,
        found=found,
        delivered_before=delivered_before + meanwhile,
        fetched=fetched,
        bytes=draft.bytes,
        failures=dict(sorted((failures or Counter()).items())),
        surplus=len(stored) - fetched,
        remarks=dict(sorted((remarks or Counter()).items())),
        **facts,
    )
    if found != retrieval.delivered_before + fetched + retrieval.failed:
        raise PacsError(
            f"The count does not add up: {found} found, {retrieval.delivered_before} delivered "
            f"before, {fetched} fetched, {retrieval.failed} failed. Nothing was delivered; what "
            f"came is kept in {draft.root}"
        )
    if not stored:
        draft.clear()
        return retrieval
    demand_free(landing, name)
    write_private(draft.delivery / _RECORD, retrieval.model_dump_json(indent=2).encode())
    draft.publish(landing / MODALITY / name)
    return retrieval


def demand_free(landing: Path, name: str) -> None:
    """Refuse the name of a delivery that is unusable, or there already.

    Raises
    ------
    DeliveryError
        It is.
    """
    check_name(MODALITY, name)
    if (landing / MODALITY / name).exists():
        raise DeliveryError(
            f"Delivery {MODALITY}/{name} is there already, and deliveries never change: choose "
            f"another --delivery."
        )


def new_name(source: str) -> str:
    """A name for a delivery that sorts by time among those of all sources."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{source}"
