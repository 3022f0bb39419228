"""One small cohort, written once for all tests of this folder."""

from pathlib import Path
from typing import NamedTuple

import pytest

from medplatform.synthetic import Ceilings, write_cohort

SYSTEM = "urn:oid:2.25.99"


class Written(NamedTuple):
    landing: Path
    reference: Path
    ceilings: Ceilings

    def delivery(self, modality: str) -> Path:
        return self.landing / modality / "first"


PATIENTS, IMAGED, SEED = 60, 6, 11


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    root = tmp_path_factory.mktemp("synthetic")
    ceilings = write_cohort(
        root / "landing",
        root / "reference",
        delivery="first",
        patients=PATIENTS,
        imaging_patients=IMAGED,
        seed=SEED,
        identifier_system=SYSTEM,
    )
    return Written(root / "landing", root / "reference", ceilings)
