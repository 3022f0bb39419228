"""Register what was trained while MLflow did not answer."""

import logging
from collections.abc import Iterable

from medplatform.registry.errors import ModelMismatch
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry
from medplatform.registry.versions import Registered, register
from medplatform.training.recipe import Recipe
from medplatform.training.result import RunResult
from medplatform.training.tracking import RunRecord, read_record

LOGGER = logging.getLogger(__name__)

DAGSTER_RUN = "dagster/run_id"


@reports_outage
def register_replayed(registry: Registry, recipes: Iterable[Recipe]) -> list[Registered]:
    """Make a version of every finished run that MLflow has and the registry has not, oldest first.

    Meant to follow `medplatform.training.mirror.replay_pending`, which sends such runs to MLflow.
    Repeating it does nothing. A run whose model MLflow has lost is left out with a warning, so
    that it does not stand in the way of the others.

    Returns
    -------
    list[Registered]
        The new versions.

    Raises
    ------
    StoreUnavailable
        MLflow does not answer; what was registered so far is kept.
    BrokenChain
        The log was tampered with.
    """
    new = []
    for recipe in recipes:
        for record, result in _unregistered(registry, recipe):
            try:
                tag = record.tags.get(DAGSTER_RUN, "")
                new.append(register(registry, recipe, result, dagster_run_id=tag))
            except ModelMismatch as error:
                LOGGER.warning("%s", error)
    return new


def _unregistered(registry: Registry, recipe: Recipe) -> list[tuple[RunRecord, RunResult]]:
    """Finished runs that are wholly in MLflow and whose model has no version."""
    found: dict[str, tuple[RunRecord, RunResult]] = {}
    for path in (registry.models / recipe.name / "runs").glob("*/result.json"):
        record, result = read_record(path.parent), RunResult.load(path)
        if record and record.status == "FINISHED" and not result.is_pending:
            found[result.model_digest] = record, result
    if not found:
        return []
    # By digest: the same files are the same model, also where MLflow has given it another id.
    known = {r.detail["model_digest"] for r in registry.history(recipe.name).registered.values()}
    waiting = [run for digest, run in found.items() if digest not in known]
    return sorted(waiting, key=lambda run: run[0].ended_ms or 0)
