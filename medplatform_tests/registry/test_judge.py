"""A verdict is about exactly the registered files and the locked rows, and is shown everywhere."""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from torch import nn

from medplatform.clinical import MismatchedRows, Predictions, State, read_verdict
from medplatform.registry import DatasetMismatch, ModelMismatch, VersionMissing, judge
from medplatform_tests.registry.bench import Bench, LineLearner, make_rows
from medplatform_tests.registry.conftest import BETTER, BLIND, GOOD, UNJUDGED
from medplatform_tests.registry.line import make_recipe


def test_passing_model_becomes_challenger_and_shows_its_verdict(bench: Bench) -> None:
    judgement = bench.judge(UNJUDGED)
    verdict = judgement.verdict
    assert verdict.state is State.PASS
    assert bench.aliases()["challenger"] == UNJUDGED
    assert read_verdict(judgement.verdict_file) == verdict
    assert judgement.verdict_file.name == f"v{UNJUDGED}-{verdict.digest[:12]}.json"
    assert hashlib.sha256(judgement.report.read_bytes()).hexdigest() == judgement.report_sha256
    shown = bench.registry.version("line", UNJUDGED)
    assert shown.tags["medplatform.verdict"] == "PASS"
    assert shown.tags["medplatform.verdict_digest"] == verdict.digest
    gates = json.loads(shown.tags["medplatform.gates"])
    assert list(gates) == [gate.name for gate in bench.recipe.gates.gates]
    assert {name for name, state in gates.items() if state != "PASS"} == {
        "known_ceiling",
        "non_inferiority",
    }
    assert "Gates: PASS" in (shown.description or "")


def test_verdict_is_shown_on_the_run(bench: Bench) -> None:
    version = bench.register()
    judgement = bench.judge(version)
    client = bench.registry.client
    run_id = bench.registry.version("line", version).run_id
    assert run_id is not None
    run = client.get_run(run_id)
    assert run.data.metrics["test_auroc"] == judgement.verdict.metrics["auroc"].value
    assert run.data.metrics["baseline_auroc"] == 0.5
    artifacts = {item.path for item in client.list_artifacts(run_id, "clinical")}
    name = judgement.verdict_file.stem
    assert artifacts == {
        f"clinical/{name}.html",
        f"clinical/{name}.json",
        "clinical/subgroups.json",
    }


def test_model_of_made_up_patients_says_so_wherever_it_is_shown(bench: Bench) -> None:
    version = bench.register(is_synthetic=True)
    shown = bench.registry.version("line", version)
    assert shown.tags["medplatform.data"] == "synthetic"
    assert "Made-up patients" in (shown.description or "")
    judgement = bench.judge(version)
    assert "Made-up patients" in judgement.report.read_text()
    assert "Made-up patients" in (bench.registry.version("line", version).description or "")
    assert "medplatform.data" not in bench.registry.version("line", GOOD).tags


def test_failing_model_never_becomes_challenger(bench: Bench) -> None:
    shown = bench.registry.version("line", BLIND)
    assert shown.tags["medplatform.verdict"] == "FAIL"
    assert json.loads(shown.tags["medplatform.gates"])["calibration_slope"] == "FAIL"
    assert bench.aliases() == {"candidate": UNJUDGED, "challenger": BETTER}


def test_champion_and_candidate_predict_the_same_rows(reign: Bench) -> None:
    verdict = reign.judge(BETTER).verdict
    assert verdict.champion is not None and verdict.champion.version == GOOD
    assert verdict.champion_metrics["auroc"] == verdict.metrics["auroc"]
    lead = next(r for r in verdict.results if r.gate == "non_inferiority")
    assert lead.interval is not None and lead.state is State.PASS


def test_every_reading_of_the_test_rows_is_logged_before_it_happens(bench: Bench) -> None:
    before = bench.registry.history("line").test_set_reads
    bench.judge(UNJUDGED)
    actions = [record.action for record in bench.registry.log.records()]
    assert bench.registry.history("line").test_set_reads == before + 1
    assert actions[-2:] == ["test_set_read", "judged"]


def test_known_ceiling_unmasks_a_leak(bench: Bench) -> None:
    verdict = bench.judge(UNJUDGED, ceiling=0.6).verdict
    assert verdict.state is State.FAIL
    assert bench.aliases()["challenger"] == BETTER


def test_challenger_that_fails_when_judged_again_is_challenger_no_longer(bench: Bench) -> None:
    bench.judge(BETTER, ceiling=0.6)
    assert "challenger" not in bench.aliases()


def test_small_cohort_is_inconclusive(bench: Bench) -> None:
    small = bench.freeze(make_rows(25))
    bench.snapshot = small
    version = bench.register()
    verdict = bench.judge(version).verdict
    assert verdict.state is State.INCONCLUSIVE
    assert verdict.cohort.rows == 25


def test_shared_patient_fails(bench: Bench) -> None:
    rows = make_rows()
    twice = rows.with_columns(
        patient_id=pl.when(pl.col("patient_id") == "p1").then(pl.lit("p0")).otherwise("patient_id")
    )
    bench.snapshot = bench.freeze(twice)
    verdict = bench.judge(bench.register()).verdict
    overlap = next(r for r in verdict.results if r.gate == "patient_overlap")
    assert (overlap.state, overlap.value) == (State.FAIL, 1.0)


def test_model_of_another_data_set_is_refused(bench: Bench) -> None:
    bench.snapshot = bench.freeze(make_rows(seed=1))
    with pytest.raises(DatasetMismatch, match="medplatform train line"):
        bench.judge(GOOD)


def test_changed_data_set_is_refused(bench: Bench) -> None:
    snapshot = bench.freeze(make_rows(seed=2))
    bench.snapshot = snapshot
    version = bench.register()
    make_rows(seed=3).write_parquet(snapshot.file("rows"))
    with pytest.raises(ValueError, match="was changed"):
        bench.judge(version)


def test_changed_model_files_are_refused(bench: Bench) -> None:
    version = bench.register()
    location = bench.registry.client.get_model_version_download_uri("line", str(version))
    description = Path(location.removeprefix("file://")) / "MLmodel"
    description.write_text(description.read_text() + "\n# edited\n")
    with pytest.raises(ModelMismatch, match="not those that were registered"):
        bench.judge(version)


def test_version_of_unknown_origin_is_refused(bench: Bench) -> None:
    with pytest.raises(VersionMissing, match="not registered by this platform"):
        bench.judge(99)


class ShuffledLearner(LineLearner):
    """Predicts the rows it was given in another order."""

    def predict(self, model: nn.Module, rows: pl.DataFrame) -> Predictions:
        return super().predict(model, rows.reverse())


def test_predictions_of_other_rows_are_refused(bench: Bench) -> None:
    recipe = make_recipe(load_learner=lambda: ShuffledLearner)
    with pytest.raises(MismatchedRows, match="other rows"):
        judge(bench.registry, recipe, GOOD, bench.snapshot, actor="nightly")
    assert json.loads(bench.registry.log.path.read_text().splitlines()[-1])["action"] == (
        "test_set_read"
    )
