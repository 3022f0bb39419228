"""One installation of the toy modality."""

from pathlib import Path

from medplatform.ingest import Receipt, ingest_delivery, ingest_pending, pending_deliveries
from medplatform.lake import Lake
from medplatform.modalities.modality import Modality
from medplatform_tests.toy import READING, TOY, toy_identity


class Site:
    """Landing, lake and identity service under one folder."""

    def __init__(self, root: Path) -> None:
        self.landing = root / "landing"
        self.lake = Lake(root / "lake")
        self.identity = toy_identity(root / "vault")

    def ingest(self, name: str, *, again: bool = False, modality: Modality = TOY) -> Receipt:
        return ingest_delivery(
            modality,
            name,
            landing=self.landing,
            lake=self.lake,
            identity=self.identity,
            again=again,
        )

    def ingest_pending(self, modality: Modality = TOY) -> list[Receipt]:
        return ingest_pending(
            modality,
            landing=self.landing,
            lake=self.lake,
            identity=self.identity,
            quiet_period_s=300,
        )

    def waiting(self) -> list[str]:
        return pending_deliveries("toy", landing=self.landing, lake=self.lake, quiet_period_s=300)

    def values(self) -> list[float]:
        return self.lake.scan(READING).collect()["value"].sort().to_list()
