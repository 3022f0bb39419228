"""Judge a registered model on the locked test cohort: predict, apply the gates, write it down.

Every reading of the locked test rows is logged before they are read, because a cohort that is
looked at often enough is no longer independent.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medplatform.clinical import (
    Evidence,
    MismatchedRows,
    ModelFacts,
    ModelReference,
    Predictions,
    Verdict,
    reach_verdict,
    write_verdict,
)
from medplatform.clinical.disclosure import subgroup_table
from medplatform.clinical.report import render_report
from medplatform.clinical.subgroups import subgroups
from medplatform.lake import Snapshot, read_snapshot
from medplatform.lake.ledger import write_atomically
from medplatform.registry.aliases import project_aliases, repair_aliases
from medplatform.registry.errors import DatasetMismatch
from medplatform.registry.history import JUDGED, TEST_SET_READ, History
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry
from medplatform.registry.sign_off import update_card
from medplatform.registry.versions import (
    GATES,
    VERDICT,
    VERDICT_DIGEST,
    Registered,
    model_facts,
    registered,
)
from medplatform.training.artifact import load_model
from medplatform.training.data import load_rows
from medplatform.training.recipe import Recipe

SUBGROUP_GATE = "subgroups"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, where it and its report lie, and how the model does in each group."""

    verdict: Verdict
    verdict_file: Path
    report: Path
    report_sha256: str
    subgroups: list[dict[str, str]]


@reports_outage
def judge(
    registry: Registry,
    recipe: Recipe,
    version: int,
    snapshot: Snapshot,
    *,
    actor: str,
    ceiling: float | None = None,
) -> Judgement:
    """Judge exactly the registered files of a model on the test split of its data set.

    The champion and the always-on baseline predict the same rows; the champion itself is compared
    with the baseline alone. A model that passes becomes `challenger`; any other keeps or loses
    what it has.

    Parameters
    ----------
    actor
        Who asked for it, for the log.
    ceiling
        Best figure that any honest model can reach, where it is known.

    Raises
    ------
    VersionMissing, ModelMismatch
        The model, or the champion, is not in the registry as it was registered.
    DatasetMismatch
        The model was trained on another data set.
    MismatchedRows
        A model predicted other rows than it was given.
    ValueError
        The data set was changed since it was frozen.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    history = registry.history(recipe.name)
    subject = registered(history, version)
    if subject.dataset_digest != snapshot.digest:
        raise DatasetMismatch(
            f"{recipe.name} version {version} was trained on data set "
            f"{subject.dataset_digest[:16]}, not on {snapshot.digest[:16]}. "
            f"Judge it on that one, or train again: medplatform train {recipe.name}"
        )
    champion = _other_champion(history, version)
    read_snapshot(snapshot.folder, verify=True)
    with registry.lock(recipe.name):
        registry.record(
            recipe.name,
            actor,
            TEST_SET_READ,
            version=version,
            champion=champion.version if champion else None,
            dataset_digest=snapshot.digest,
        )
    evidence = _gather(registry, recipe, snapshot, subject, champion, ceiling)
    verdict = reach_verdict(
        recipe.gates,
        evidence,
        recipe=recipe.name,
        model=ModelReference(name=recipe.name, version=version, digest=subject.model_digest),
        dataset_digest=snapshot.digest,
        champion=champion,
    )
    facts = model_facts(registry, recipe, subject)
    judgement = _write(registry, recipe, verdict, evidence, facts)
    _publish(registry, recipe, subject, judgement, actor)
    return judgement


def _other_champion(history: History, version: int) -> ModelReference | None:
    """The champion that a version is compared with: never itself."""
    champion = history.champion
    return champion if champion is not None and champion.version != version else None


def _gather(
    registry: Registry,
    recipe: Recipe,
    snapshot: Snapshot,
    subject: Registered,
    champion: ModelReference | None,
    ceiling: float | None,
) -> Evidence:
    rows = load_rows(snapshot)
    test, seen = rows.filter(pl.col("split") == "test"), rows.filter(pl.col("split") != "test")
    train = rows.filter(pl.col("split") == "train")

    def predict(version: int, digest: str) -> Predictions:
        with registry.files(recipe.name, version, digest=digest) as folder:
            predictions = recipe.predict(load_model(folder, digest=digest), test)
        return _of_rows(predictions, test, recipe)

    return Evidence(
        candidate=predict(subject.version, subject.model_digest),
        baseline=_of_rows(recipe.baseline(train, test), test, recipe),
        champion=predict(champion.version, champion.digest) if champion else None,
        training_patient_ids=frozenset(seen["patient_id"].to_list()),
        features={name: _numbers(test[name]) for name in recipe.features},
        feature_at=_moments(test, "feature_at"),
        prediction_at=_moments(test, "prediction_at"),
        ceiling=ceiling,
    )


def _of_rows(predictions: Predictions, rows: pl.DataFrame, recipe: Recipe) -> Predictions:
    """The predictions, if they are about exactly these rows in this order."""
    expected = rows[recipe.row_id].cast(pl.String).to_numpy()
    if not np.array_equal(predictions.ids, expected.astype(str)):
        raise MismatchedRows(f"{recipe.name}: the model predicted other rows than it was given.")
    if not np.array_equal(predictions.patient_ids, rows["patient_id"].to_numpy().astype(str)):
        raise MismatchedRows(f"{recipe.name}: the predictions name other patients.")
    if recipe.outcome and not np.array_equal(
        predictions.binary()[0], rows[recipe.outcome].to_numpy().astype(bool)
    ):
        raise MismatchedRows(f"{recipe.name}: the predictions come with other outcomes.")
    return predictions


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _moments(rows: pl.DataFrame, name: str) -> NDArray[np.datetime64] | None:
    return rows[name].dt.replace_time_zone(None).to_numpy() if name in rows.columns else None


def _write(
    registry: Registry, recipe: Recipe, verdict: Verdict, evidence: Evidence, facts: ModelFacts
) -> Judgement:
    groups = subgroups(evidence.candidate, recipe.gates.thresholds(SUBGROUP_GATE))
    verdict_file = write_verdict(verdict, registry.verdicts(recipe.name))
    html = render_report(verdict, evidence, facts, groups).encode()
    report = verdict_file.with_suffix(".html")
    write_atomically(report, html)
    return Judgement(
        verdict=verdict,
        verdict_file=verdict_file,
        report=report,
        report_sha256=hashlib.sha256(html).hexdigest(),
        subgroups=subgroup_table(groups),
    )


def _publish(
    registry: Registry, recipe: Recipe, subject: Registered, judgement: Judgement, actor: str
) -> None:
    """Show the verdict in MLflow and make it count by logging it."""
    verdict, client = judgement.verdict, registry.client
    _publish_to_run(registry, subject.run_id, judgement)
    with registry.lock(subject.recipe):
        repair_aliases(registry, subject.recipe, actor=actor)
        tags = {
            GATES: json.dumps({r.gate: r.state.value for r in verdict.results}),
            VERDICT: verdict.state.value,
            VERDICT_DIGEST: verdict.digest,
        }
        for name, value in tags.items():
            client.set_model_version_tag(subject.recipe, str(subject.version), name, value)
        registry.record(
            subject.recipe,
            actor,
            JUDGED,
            version=subject.version,
            state=verdict.state.value,
            verdict=verdict.digest,
            verdict_file=judgement.verdict_file.name,
            model_digest=verdict.model.digest,
            dataset_digest=verdict.dataset_digest,
            gates_digest=verdict.gates_digest,
            report_sha256=judgement.report_sha256,
        )
        update_card(registry, recipe, subject.version)
        project_aliases(registry, subject.recipe)


def _publish_to_run(registry: Registry, run_id: str, judgement: Judgement) -> None:
    from mlflow.entities import Metric, RunTag

    verdict, now = judgement.verdict, time.time_ns() // 1_000_000
    figures = {
        f"{prefix}_{name}": estimate.value
        for prefix, metrics in (
            ("test", verdict.metrics),
            ("baseline", verdict.baseline_metrics),
            ("champion", verdict.champion_metrics),
        )
        for name, estimate in metrics.items()
    }
    client = registry.client
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in figures.items()],
        tags=[RunTag(VERDICT, verdict.state.value)],
    )
    client.log_artifact(run_id, str(judgement.report), "clinical")
    client.log_artifact(run_id, str(judgement.verdict_file), "clinical")
    if judgement.subgroups:
        columns = judgement.subgroups[0].keys()
        table = {name: [row[name] for row in judgement.subgroups] for name in columns}
        client.log_table(run_id, table, "clinical/subgroups.json")
