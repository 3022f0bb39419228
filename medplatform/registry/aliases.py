"""Aliases in MLflow are a projection of the log: set after every change, repaired on demand."""

from collections.abc import Mapping

from medplatform.registry.errors import VersionMissing
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry


@reports_outage
def sync_aliases(registry: Registry, recipe: str) -> dict[str, int | None]:
    """Make the aliases say what the log says -> alias and version (None: deleted) per change.

    Raises
    ------
    VersionMissing
        The champion was deleted from MLflow.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    with registry.lock(recipe):
        return project_aliases(registry, recipe)


def project_aliases(registry: Registry, recipe: str) -> dict[str, int | None]:
    """`sync_aliases` for callers that hold the lock."""
    client = registry.client
    wanted = registry.history(recipe).aliases
    existing = {int(v.version) for v in client.search_model_versions(f"name = '{recipe}'")}
    registered = client.search_registered_models(f"name = '{recipe}'")
    present: Mapping[str, str] = registered[0].aliases if registered else {}
    changes: dict[str, int | None] = {}
    for alias, version in wanted.items():
        shown = int(present[alias]) if alias in present else None
        target = version if version in existing else None
        if shown == target:
            continue
        if target is None:
            client.delete_registered_model_alias(recipe, alias)
        else:
            client.set_registered_model_alias(recipe, alias, str(target))
        changes[alias] = target
    champion = wanted["champion"]
    if champion is not None and champion not in existing:
        raise VersionMissing(
            f"{recipe} version {champion} is the champion but was deleted from MLflow. "
            f"Put the one before it back: medplatform rollback {recipe} --as YOU --reason …"
        )
    return changes
