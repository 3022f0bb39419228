"""What is true of a version without reading the locked test set once more."""

from medplatform.clinical import Verdict, VerdictError, read_verdict
from medplatform.registry.registry import Registry
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
