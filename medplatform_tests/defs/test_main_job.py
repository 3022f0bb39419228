"""The main job, once through: deliveries to champion, refusals, and no trace of a patient.

One installation is run like a hospital would: a cohort with one unmistakable patient in it, a
sign-off, a poor model, broken deliveries. Each test looks at one promise.
"""

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from medplatform.defs.schedules import why_refresh
from medplatform.lake import read_snapshot
from medplatform.modalities import MODALITIES
from medplatform.registry import approve, status
from medplatform.synthetic import (
    Ceilings,
    identifying_bytes,
    plant_canary,
    write_bad_deliveries,
    write_cohort,
)
from medplatform.training.recipes import RECIPES
from medplatform_tests.defs.site import IDENTIFIER_SYSTEM, Site, failed_checks, materialized

pytestmark = pytest.mark.timeout(900)

CHAMPION = "models/ehr_risk_champion"
ERROR = dg.AssetCheckSeverity.ERROR
WARN = dg.AssetCheckSeverity.WARN
POOR = {"ops": {"models__ehr_risk_candidate": {"config": {"epochs": 1, "learning_rate": 1e-4}}}}
DEBUG = {
    "ops": {
        "models__lesion_segmentation_candidate": {
            "config": RECIPES["lesion_segmentation"].debug.model_dump(mode="json")
        }
    }
}


class Story:
    """What happened, in order."""

    def __init__(self, root: Path) -> None:
        self.site = Site(root)
        site, settings = self.site, self.site.settings
        self.ceilings: Ceilings = write_cohort(
            settings.landing,
            settings.reference,
            delivery="cohort",
            patients=1400,
            imaging_patients=24,
            seed=7,
            identifier_system=IDENTIFIER_SYSTEM,
        )
        plant_canary(settings.landing, identifier_system=IDENTIFIER_SYSTEM)
        self.refresh = site.run("refresh", DEBUG)
        self.before_approval = site.run("promote")
        approve(
            site.installation.registry,
            RECIPES["ehr_risk"],
            1,
            approver="reviewer",
            role="clinical reviewer",
            reason="The report was read.",
        )
        self.promote = site.run("promote")
        self.poor = site.run("train_ehr_risk", POOR)
        self.reason_after = why_refresh(site.installation)
        self.refused = site.run("refresh", POOR, ["models/ehr_risk_candidate", CHAMPION])
        self.again = site.run("refresh", DEBUG)
        self.rows_before = self.rows()
        self.bad = write_bad_deliveries(
            settings.landing, identifier_system=IDENTIFIER_SYSTEM, seed=7
        )
        self.waiting = site.installation.pending_deliveries()
        self.ingest = site.run("ingest")

    def rows(self) -> dict[str, int]:
        lake = self.site.installation.lake
        return {t.name: lake.rows(t.name) for m in MODALITIES.values() for t in m.tables}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(tmp_path_factory.mktemp("site"))


def test_one_job_leads_from_deliveries_to_judged_models(story: Story) -> None:
    done = materialized(story.refresh)
    assert done["lake/ehr_patient"]["dagster/row_count"] >= 1400
    assert done["marts/patient_features"]["dagster/row_count"] >= 1400
    assert {f"datasets/{r}" for r in RECIPES} | {f"models/{r}_candidate" for r in RECIPES} <= set(
        done
    )
    failed = failed_checks(story.refresh)
    assert not [
        name for name in failed if name.startswith(("lake/", "marts/")) and failed[name] is ERROR
    ]


def test_the_risk_model_passes_every_gate_and_stays_below_the_known_ceiling(story: Story) -> None:
    assert not [name for name in failed_checks(story.refresh) if "ehr_risk" in name]
    version = status(story.site.installation.registry, ["ehr_risk"])[-1]
    auroc = version.metrics["auroc"]
    assert story.ceilings.auroc - 0.05 < auroc.value
    assert auroc.low < story.ceilings.auroc


def test_a_barely_trained_segmentation_is_refused_with_reasons(story: Story) -> None:
    failed = failed_checks(story.refresh)
    assert "models/lesion_segmentation_candidate: all_gates" in failed
    version = status(story.site.installation.registry, ["lesion_segmentation"])[-1]
    assert version.aliases == ("candidate",)
    assert version.reasons


def test_nothing_is_promoted_without_an_approval(story: Story) -> None:
    assert story.before_approval.success
    assert materialized(story.before_approval) == {}


def test_an_approved_challenger_becomes_champion(story: Story) -> None:
    done = materialized(story.promote)
    assert done["models/ehr_risk_champion"]["version"] == 1
    champions = [
        v for v in status(story.site.installation.registry, RECIPES) if "champion" in v.aliases
    ]
    assert [(v.recipe, v.version, v.approver) for v in champions] == [("ehr_risk", 1, "reviewer")]


def test_a_poor_model_is_refused_and_the_champion_stays(story: Story) -> None:
    assert not story.poor.success
    failed = failed_checks(story.poor)
    assert failed["models/ehr_risk_candidate: all_gates"] is ERROR
    assert failed["models/ehr_risk_candidate: non_inferiority"] is ERROR
    newest, first = status(story.site.installation.registry, ["ehr_risk"])
    assert "champion" in first.aliases
    assert newest.aliases == ("candidate",)
    assert any("champion" in reason for reason in newest.reasons)


def test_a_refusal_says_first_which_version_and_why(story: Story) -> None:
    (failure,) = [event for event in story.poor.all_events if event.is_step_failure]
    assert failure.step_key == "judge_ehr_risk"
    told = failure.step_failure_data.user_failure_data
    assert told and (told.description or "").startswith("ehr_risk version 2 is FAIL: ")


def test_a_champion_that_stays_does_not_look_failed(story: Story) -> None:
    """Dagster shows an asset as failed where a failed run planned it and did not make it."""

    def planned(result: dg.ExecuteInProcessResult) -> set[str]:
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        logs = story.site.instance.all_logs(result.run_id, of_type=kind)
        keys = [log.dagster_event.asset_key for log in logs if log.dagster_event]
        return {key.to_user_string() for key in keys if key}

    assert planned(story.poor) == {"models/ehr_risk_candidate"}
    assert not story.refused.success
    assert CHAMPION in planned(story.refused)
    stayed = materialized(story.refused)[CHAMPION]
    assert (stayed["version"], stayed["replaced"]) == (1, "nothing")


def test_the_champion_tells_its_figure_and_who_stands_for_it(story: Story) -> None:
    done = materialized(story.promote)["models/ehr_risk_champion"]
    assert done["lower"] < done["auroc"] < done["upper"]
    assert done["verdict"] == "PASS"
    assert done["approved_by"] == "reviewer (clinical reviewer)"
    assert done["reason"] == "The report was read."
    assert done["approved_at"].endswith("UTC") and "promoted_at" in done
    assert done["replaced"] == "no champion"


def test_made_up_patients_are_said_to_be_made_up_everywhere(story: Story) -> None:
    for key in ("datasets/ehr_risk", "models/ehr_risk_candidate"):
        assert materialized(story.refresh)[key]["data"].startswith("synthetic")
    assert materialized(story.promote)["models/ehr_risk_champion"]["data"].startswith("synthetic")
    client = story.site.installation.registry.client
    version = client.get_model_version_by_alias("ehr_risk", "champion")
    assert version.run_id is not None
    run = client.get_run(version.run_id)
    assert version.tags["medplatform.data"] == run.data.tags["medplatform.data"] == "synthetic"
    assert "Made-up patients" in (version.description or "")


def test_the_verdict_is_the_first_check_and_links_the_report_in_mlflow(story: Story) -> None:
    checks = [
        check
        for check in story.refresh.get_asset_check_evaluations()
        if check.asset_key.path[-1] == "ehr_risk_candidate"
    ]
    assert min(check.check_name for check in checks) == "all_gates"
    verdict = next(check for check in checks if check.check_name == "all_gates")
    url = verdict.metadata["report"].value
    assert isinstance(url, str)
    address, _, pages = url.partition("?")
    assert pages == "workflowType=machine_learning"
    run, _, artifact = address.partition("/artifacts/")
    client = story.site.installation.registry.client
    files = client.list_artifacts(run.rpartition("/")[2], "clinical")
    assert artifact in {file.path for file in files}


def test_running_again_reads_and_trains_nothing(story: Story) -> None:
    done = materialized(story.again)
    assert done["lake/ehr_patient"]["rows_added"] == 0
    first = materialized(story.refresh)
    assert done["datasets/ehr_risk"]["digest"] == first["datasets/ehr_risk"]["digest"]
    assert done["models/ehr_risk_candidate"]["version"] == 1
    assert "seconds" not in done["models/ehr_risk_candidate"]


def test_gates_judge_the_version_that_the_candidate_asset_stands_for(story: Story) -> None:
    assert not [name for name in failed_checks(story.again) if "ehr_risk" in name]


def test_the_night_is_skipped_when_nothing_changed(story: Story) -> None:
    assert story.reason_after is None


def test_new_deliveries_are_seen(story: Story) -> None:
    assert sorted(story.waiting) == sorted(f"{bad.modality}/{bad.name}" for bad in story.bad)
    assert why_refresh(story.site.installation) is not None


def test_broken_deliveries_give_red_checks_and_a_full_quarantine(story: Story) -> None:
    failed = failed_checks(story.ingest)
    assert failed["lake/ehr_condition: dates_are_in_order"] is WARN
    assert failed["lake/ehr_patient: every_delivery_can_be_opened"] is ERROR
    assert "lake/genomics_variant: nothing_is_quarantined" in failed
    lake = story.site.installation.lake
    for bad in story.bad:
        entry = lake.ledger.get(bad.modality, bad.name)
        if bad.status == "unreadable":
            assert entry is None
            continue
        assert entry is not None
        assert entry.status == bad.status
        assert set(bad.codes) <= set(entry.refusals), bad.name
        assert all(counts.is_balanced for counts in entry.counts().values())


def test_no_patient_is_in_two_splits(story: Story) -> None:
    settings = story.site.settings
    for recipe in RECIPES:
        latest = json.loads((settings.datasets / recipe / "latest.json").read_bytes())["digest"]
        rows = pl.read_parquet(
            read_snapshot(settings.datasets / recipe / latest[:16], verify=True).file("rows")
        )
        splits = rows.group_by("patient_id").agg(pl.col("split").n_unique())
        assert splits["split"].max() == 1
        assert rows["split"].n_unique() == 3


def test_run_and_model_are_linked_both_ways(story: Story) -> None:
    done = materialized(story.refresh)["models/ehr_risk_candidate"]
    client = story.site.installation.registry.client
    run = client.get_run(done["mlflow_run_id"])
    assert run.data.tags["dagster/run_id"] == story.refresh.run_id
    assert f"/runs/{run.info.run_id}?" in done["mlflow_run"]
    version = client.get_model_version_by_alias("ehr_risk", "champion")
    assert version.run_id == run.info.run_id
    assert version.tags["medplatform.dataset_digest"] == done["dataset_digest"]


def test_the_canary_patient_is_in_the_data_that_models_learn_from(story: Story) -> None:
    for modality in MODALITIES.keys() - {"molecules"}:  # these are of no patient
        entry = story.site.installation.lake.ledger.get(modality, "canary")
        assert entry is not None
        assert entry.status == "published"
        assert sum(counts.accepted for counts in entry.counts().values()) > 0


def test_no_byte_of_a_patients_identifiers_leaves_landing_and_vault(story: Story) -> None:
    data = story.site.settings.data
    searched, leaks = 0, []
    for path in sorted(data.rglob("*")):
        place = path.relative_to(data)
        if not path.is_file() or place.parts[0] in ("landing", "vault"):
            continue
        searched += 1
        content = path.read_bytes() + str(place).encode()
        if path.suffix == ".parquet":
            content += str(
                pl.read_parquet(path, hive_partitioning=False).to_dict(as_series=False)
            ).encode()
        leaks += [str(place) for secret in identifying_bytes() if secret in content]
    assert searched > 100
    assert not leaks
