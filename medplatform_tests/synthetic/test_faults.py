"""Bad deliveries meet the fate that they are declared to meet."""

from pathlib import Path

import pytest

from medplatform.ingest import Receipt, ingest_pending
from medplatform.lake import Lake
from medplatform.modalities import MODALITIES
from medplatform.privacy import Identity, KeyRing
from medplatform.synthetic import BadDelivery, write_bad_deliveries
from medplatform_tests.synthetic.conftest import SYSTEM

Fates = dict[tuple[str, str], Receipt]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def bad(root: Path) -> list[BadDelivery]:
    return write_bad_deliveries(root / "landing", identifier_system=SYSTEM, seed=1)


@pytest.fixture(scope="module")
def fates(root: Path, bad: list[BadDelivery]) -> Fates:
    identity = Identity(KeyRing(bytes(32)), root / "vault", default_system=SYSTEM)
    lake = Lake(root / "lake")
    return {
        (receipt.modality, receipt.delivery): receipt
        for modality in MODALITIES.values()
        for receipt in ingest_pending(
            modality,
            landing=root / "landing",
            lake=lake,
            identity=identity,
            quiet_period_s=1e9,
        )
    }


def test_each_is_refused_for_its_reason(bad: list[BadDelivery], fates: Fates) -> None:
    assert {(one.modality, one.name) for one in bad} == set(fates)
    for one in bad:
        receipt = fates[one.modality, one.name]
        assert receipt.status == one.status
        refusals = receipt.entry.refusals if receipt.entry else {}
        assert set(refusals) == set(one.codes)


def test_nothing_of_them_reaches_a_model(root: Path, fates: Fates) -> None:
    lake = Lake(root / "lake")
    assert fates
    assert lake.rows("ehr_encounter") == lake.rows("imaging_instance") == 0


def test_all_modalities_and_fates_occur(bad: list[BadDelivery]) -> None:
    assert {one.modality for one in bad} == {"ehr", "imaging", "genomics"}
    assert {one.status for one in bad} == {"published", "unreadable"}
    assert all(one.fault.endswith(".") for one in bad)
