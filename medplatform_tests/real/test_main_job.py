"""The main job on public data of real modalities; skipped where they do not lie here."""

import shutil
from pathlib import Path

import pytest

from medplatform.clinical import State, Verdict
from medplatform.ingest import Receipt, ingest_pending
from medplatform.installation import Installation
from medplatform.lake import Snapshot
from medplatform.modalities import MODALITIES, TABLES
from medplatform.modalities.delivery import deliver
from medplatform.privacy import KeyRing
from medplatform.registry import judge, register
from medplatform.settings import Settings
from medplatform.training.data import freeze_dataset
from medplatform.training.launcher import LocalLauncher
from medplatform.training.recipe import Recipe
from medplatform.training.recipes import EHR_RISK, LESION_SEGMENTATION
from medplatform.warehouse import build
from medplatform_tests.public_data import PUBLIC_DATA

IMAGES = 60

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (PUBLIC_DATA / "fhir").exists(),
        reason=f"no public data in {PUBLIC_DATA}: set MEDPLATFORM_TEST_DATA",
    ),
]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    settings = Settings(data=tmp_path / "data", device="cpu")
    KeyRing.create(settings.master_key)
    return Installation(settings)


def read(
    installation: Installation, modality: str, source: Path, options: dict[str, str] | None = None
) -> Receipt:
    """Hand a folder in and ingest it, as the command line does."""
    settings = installation.settings
    deliver(source, settings.landing, modality, "public", options)
    (receipt,) = ingest_pending(
        MODALITIES[modality],
        landing=settings.landing,
        lake=installation.lake,
        identity=installation.identity,
        quiet_period_s=0,
    )
    assert receipt.entry is not None
    assert all(counts.is_balanced for counts in receipt.entry.counts().values())
    return receipt


def freeze(installation: Installation, recipe: Recipe) -> Snapshot:
    settings = installation.settings
    return freeze_dataset(recipe, installation.lake, settings.marts, settings.datasets)


def train_and_judge(installation: Installation, recipe: Recipe, snapshot: Snapshot) -> Verdict:
    outcome = LocalLauncher().launch(installation.job(recipe, snapshot, recipe.debug))
    assert outcome.result is not None
    version = register(installation.registry, recipe, outcome.result)
    return judge(installation.registry, recipe, version.version, snapshot, actor="test").verdict


def test_a_hundred_patients_have_too_few_events_for_a_verdict(installation: Installation) -> None:
    receipt = read(installation, "ehr", PUBLIC_DATA / "fhir" / "r4-bulk-100")
    assert receipt.entry is not None
    assert receipt.entry.counts()["resource"].delivered == 38_472
    assert receipt.entry.counts()["resource"].quarantined == 0
    settings = installation.settings
    build(
        installation.lake,
        list(TABLES.values()),
        root=settings.data / "dbt",
        marts=settings.marts,
    )
    verdict = train_and_judge(installation, EHR_RISK, freeze(installation, EHR_RISK))
    assert verdict.state is State.INCONCLUSIVE
    assert any("events are needed" in r or "100 events" in r for r in verdict.reasons)


def test_nuclei_images_go_from_folder_to_verdict(
    installation: Installation, tmp_path: Path
) -> None:
    part = tmp_path / "nuclei"
    for folder in ("images", "masks"):
        (part / folder).mkdir(parents=True)
        for path in sorted((PUBLIC_DATA / "seg" / "dsb2018" / folder).iterdir())[:IMAGES]:
            shutil.copyfile(path, part / folder / path.name)
    receipt = read(installation, "imaging", part, {"subjects": "per_record"})
    assert receipt.entry is not None
    assert receipt.entry.counts()["instance"].accepted == IMAGES
    assert receipt.entry.counts()["mask"].accepted == IMAGES
    snapshot = freeze(installation, LESION_SEGMENTATION)
    assert sum(p["rows"] for p in snapshot.manifest["facts"]["counts"].values()) == IMAGES
    verdict = train_and_judge(installation, LESION_SEGMENTATION, snapshot)
    assert verdict.state is not State.PASS
    assert 0 < verdict.metrics["dice"].value < 1
