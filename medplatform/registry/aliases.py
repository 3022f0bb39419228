"""Aliases in MLflow are a projection of the log: set after every change, repaired on demand."""

from collections.abc import Mapping
from dataclasses import dataclass

from medplatform.registry.errors import VersionMissing
from medplatform.registry.history import ALIAS_REPAIRED
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class AliasChange:
    """An alias, the version that MLflow showed and the one that it shows now; None: none."""

    alias: str
    shown: int | None
    version: int | None

    def __str__(self) -> str:
        return f"MLflow said {_named(self.shown)}, the log says {_named(self.version)}"


@reports_outage
def sync_aliases(registry: Registry, recipe: str, *, actor: str) -> list[AliasChange]:
    """Make the aliases say what the log says, and record every one that did not.

    One differs where it was set by hand, or where MLflow failed in the middle of a change.

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
        changes = repair_aliases(registry, recipe, actor=actor)
        _require_champion(registry, recipe)
        return changes


def repair_aliases(registry: Registry, recipe: str, *, actor: str) -> list[AliasChange]:
    """Record and put right what differs, for callers that hold the lock and changed nothing yet."""
    changes = _project(registry, recipe)
    for change in changes:
        registry.record(
            recipe,
            actor,
            ALIAS_REPAIRED,
            alias=change.alias,
            shown=change.shown,
            version=change.version,
        )
    return changes


def project_aliases(registry: Registry, recipe: str) -> None:
    """Show in MLflow what was recorded, for callers that hold the lock.

    Raises
    ------
    VersionMissing
        The champion was deleted from MLflow.
    """
    _project(registry, recipe)
    _require_champion(registry, recipe)


def _project(registry: Registry, recipe: str) -> list[AliasChange]:
    client = registry.client
    existing = _existing(registry, recipe)
    registered = client.search_registered_models(f"name = '{recipe}'")
    present: Mapping[str, str] = registered[0].aliases if registered else {}
    changes = []
    for alias, version in registry.history(recipe).aliases.items():
        shown = int(present[alias]) if alias in present else None
        target = version if version in existing else None
        if shown == target:
            continue
        if target is None:
            client.delete_registered_model_alias(recipe, alias)
        else:
            client.set_registered_model_alias(recipe, alias, str(target))
        changes.append(AliasChange(alias, shown, target))
    return changes


def _require_champion(registry: Registry, recipe: str) -> None:
    champion = registry.history(recipe).champion
    if champion is not None and champion.version not in _existing(registry, recipe):
        raise VersionMissing(
            f"{recipe} version {champion.version} is the champion but was deleted from MLflow. "
            f"Put the one before it back: medplatform rollback {recipe} --as YOU --reason …"
        )


def _existing(registry: Registry, recipe: str) -> set[int]:
    return {int(v.version) for v in registry.client.search_model_versions(f"name = '{recipe}'")}


def _named(version: int | None) -> str:
    return f"version {version}" if version else "none"
