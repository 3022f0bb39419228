"""What the checks of the lake say of deliveries that broke off, or that are none of the demo's."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from medplatform.defs.ingest import _ingest_asset
from medplatform.installation import Installation
from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity, KeyRing
from medplatform.settings import Settings
from medplatform.synthetic.demo import IDENTIFIER_SYSTEM
from medplatform_tests import toy


def read_to_the_break(
    delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /
) -> None:
    toy.read(delivery, stage, identity, progress)
    (source,) = delivery.sources
    stage.refuse(
        Refusal(
            source_id=source.source_id,
            file=source.label,
            record_number=0,
            code="file.truncated",
            reason="The file ends early. Deliver it whole.",
        )
    )


BREAKING = Modality(
    name="toy",
    title="Toy readings that break off",
    tables=toy.TOY.tables,
    read=read_to_the_break,
    count_records=toy.count_records,
)


class ToyInstallation(Installation):
    """An installation whose modality is chosen for each run."""

    chosen: Modality = toy.TOY

    def modality(self, name: str) -> Modality:
        return self.chosen


class Run:
    """One installation whose deliveries a job reads."""

    def __init__(self, root: Path) -> None:
        self.installation = ToyInstallation(Settings(data=root))
        KeyRing.create(self.installation.settings.master_key)

    def deliver(self, name: str, value: int = 3) -> None:
        folder = self.installation.settings.landing / "toy" / name
        folder.mkdir(parents=True)
        (folder / "readings.txt").write_text(f"p1,1\np2,2\n{name},{value}\n")
        (folder / "_DONE").touch()

    def checks(self, modality: Modality) -> dict[str, dg.AssetCheckEvaluation]:
        self.installation.chosen = modality
        result = dg.materialize(
            [_ingest_asset(modality)],
            resources={"installation": self.installation},
            raise_on_error=False,
        )
        return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "data")


def test_a_file_that_breaks_off_is_a_warning_that_names_the_delivery(run: Run) -> None:
    run.deliver("whole")
    assert run.checks(toy.TOY)["every_file_was_read_to_its_end"].passed
    run.deliver("broken")
    check = run.checks(BREAKING)["every_file_was_read_to_its_end"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == "Read only up to a break: broken."


def test_rows_of_a_check_are_those_of_the_new_deliveries(run: Run) -> None:
    run.deliver("first")
    run.checks(toy.TOY)
    run.deliver("second")
    checks = run.checks(toy.TOY)
    assert checks["key_is_unique"].metadata["rows of the new deliveries"].value == 3


def test_a_check_names_the_deliveries_that_break_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_per_patient = replace(toy.READING, key=("patient_id",))
    monkeypatch.setattr(toy, "READING", one_per_patient)
    run.deliver("good")
    run.deliver("p1")
    check = run.checks(replace(toy.TOY, tables=(one_per_patient,)))["key_is_unique"]
    assert not check.passed
    assert check.description == (
        "Broken by p1 (2 rows). Nothing of them was published: correct them at the source and "
        "deliver them under a new name."
    )
    assert check.metadata["rows of the new deliveries"].value == 6
    assert "| p1 | " in str(check.metadata["rules"].value)


def test_a_check_that_is_no_bar_says_that_the_rows_were_published(run: Run) -> None:
    run.deliver("high", value=101)
    check = run.checks(toy.TOY)["values_are_plausible"]
    assert not check.passed
    assert check.description == "Broken by high (1 rows). They were published all the same."


def test_data_of_ones_own_wait_in_a_folder_of_the_demo(run: Run) -> None:
    settings = run.installation.settings
    keys = KeyRing.load(settings.master_key)
    Identity(keys, settings.vault, default_system=IDENTIFIER_SYSTEM).subject(None, "demo")
    run.deliver("mine")
    check = run.checks(toy.TOY)["every_delivery_can_be_opened"]
    assert not check.passed
    assert "MEDPLATFORM_DATA" in (check.description or "")
    assert run.installation.lake.ledger.get("toy", "mine") is None
