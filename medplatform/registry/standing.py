"""What is true of a version without reading the locked test set once more."""

import hashlib
from pathlib import Path

from medplatform.clinical import State, Verdict, VerdictError, read_verdict
from medplatform.registry.errors import NotJudged, NotPassed, VerdictMismatch
from medplatform.registry.history import History
from medplatform.registry.registry import Registry
from medplatform.registry.versions import (
    DATASET_DIGEST,
    MODEL_DIGEST,
    VERDICT,
    VERDICT_DIGEST,
    registered,
)
from medplatform.training.recipe import Recipe, TrainingConfig


def current_verdict(registry: Registry, recipe: Recipe, version: int) -> Verdict | None:
    """The last verdict of a version, if judging it again would compare the same things.

    None where there is none, the gates have changed, or another champion reigns by now.
    """
    history = registry.history(recipe.name)
    judged = history.judged.get(version)
    if judged is None:
        return None
    try:
        verdict = read_verdict(registry.verdicts(recipe.name) / judged.detail["verdict_file"])
    except VerdictError:
        return None
    champion = history.champion
    reigns = champion is not None and champion.version == version
    same_champion = reigns or verdict.champion == champion
    if verdict.digest != judged.detail["verdict"] or not same_champion:
        return None
    return verdict if verdict.gates_digest == recipe.gates.digest else None


def standing_verdict(registry: Registry, recipe: Recipe, version: int, history: History) -> Verdict:
    """The passing verdict of a version, if file, log, tags and model all agree on it.

    Raises
    ------
    NotJudged, NotPassed, VerdictMismatch, ModelMismatch, VersionMissing
        It is missing, not passing, or something does not agree.
    """
    subject = registered(history, version)
    judged = history.judged.get(version)
    if judged is None:
        raise NotJudged(
            f"{recipe.name} version {version} has not been judged. "
            f"Run: medplatform evaluate {recipe.name} {version}"
        )
    report = registry.verdicts(recipe.name) / judged.detail["verdict_file"]
    verdict = _read(report)
    tags = registry.version(recipe.name, version).tags
    facts = {
        "the verdict file": (verdict.digest, judged.detail["verdict"]),
        "the version": ((verdict.recipe, verdict.model.version), (recipe.name, version)),
        "the model digest": (verdict.model.digest, subject.model_digest),
        "the model tag": (tags.get(MODEL_DIGEST), subject.model_digest),
        "the data set digest": (verdict.dataset_digest, subject.dataset_digest),
        "the data set tag": (tags.get(DATASET_DIGEST), subject.dataset_digest),
        "the verdict tag": (tags.get(VERDICT_DIGEST), verdict.digest),
        "the state tag": (tags.get(VERDICT), verdict.state.value),
        "the report": (_sha256(report.with_suffix(".html")), judged.detail["report_sha256"]),
        "the gates": (verdict.gates_digest, recipe.gates.digest),
        "the list of gates": (
            [result.gate for result in verdict.results],
            [gate.name for gate in recipe.gates.gates],
        ),
    }
    wrong = [name for name, (found, expected) in facts.items() if found != expected]
    if wrong:
        raise VerdictMismatch(
            f"{recipe.name} version {version}: {', '.join(wrong)} differ from what was judged. "
            f"Judge it again: medplatform evaluate {recipe.name} {version}"
        )
    if verdict.state is not State.PASS:
        raise NotPassed(
            f"{recipe.name} version {version} is {verdict.state.value}. "
            + " ".join(verdict.reasons)
            + f" Read the report, then train again: medplatform train {recipe.name}"
        )
    with registry.files(recipe.name, version, digest=subject.model_digest):
        return verdict


def trained_version(
    registry: Registry, recipe: Recipe, dataset_digest: str, config: TrainingConfig
) -> int | None:
    """The newest version that was trained on this data set with this configuration."""
    for version, record in sorted(registry.history(recipe.name).registered.items(), reverse=True):
        detail = record.detail
        if (detail["dataset_digest"], detail["config_digest"]) == (dataset_digest, config.digest):
            return version
    return None


def version_of_data(registry: Registry, recipe: Recipe, dataset_digest: str) -> int | None:
    """The newest version that was trained on this data set, whatever its configuration."""
    registered = registry.history(recipe.name).registered
    found = [v for v, r in registered.items() if r.detail["dataset_digest"] == dataset_digest]
    return max(found, default=None)


def approved_challenger(registry: Registry, recipe: Recipe) -> int | None:
    """The challenger, if somebody has approved its present verdict."""
    history = registry.history(recipe.name)
    version = history.challenger
    if version is None or version not in history.judged:
        return None
    digest = history.judged[version].detail["verdict"]
    return version if history.approval(version, digest) else None


def _read(path: Path) -> Verdict:
    try:
        return read_verdict(path)
    except VerdictError as error:
        raise VerdictMismatch(str(error)) from error


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
