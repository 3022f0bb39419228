"""What stands where: one row per model version, for the command line and the summary."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from medplatform.clinical import Estimate, State, VerdictError, read_verdict
from medplatform.registry.history import History
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One model version. `metrics` are those of its last verdict, empty before it."""

    recipe: str
    version: int
    aliases: tuple[str, ...]
    state: State | None
    metrics: dict[str, Estimate]
    reasons: tuple[str, ...]
    trainer: str
    approver: str | None
    """By whose approval it is or was champion, or may become it; says so if it was withdrawn."""
    registered_at: datetime
    test_set_reads: int
    """How often the locked test rows of the recipe were read, for any version."""


@reports_outage
def status(registry: Registry, recipes: Iterable[str]) -> list[VersionStatus]:
    """All versions of the recipes, newest first, as the log tells it.

    Raises
    ------
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    rows: list[VersionStatus] = []
    for recipe in recipes:
        history = registry.history(recipe)
        rows += [_row(registry, history, version) for version in sorted(history.registered)[::-1]]
    return rows


def _row(registry: Registry, history: History, version: int) -> VersionStatus:
    judged = history.judged.get(version)
    metrics: dict[str, Estimate] = {}
    reasons: tuple[str, ...] = ()
    if judged:
        path = registry.verdicts(history.recipe) / judged.detail["verdict_file"]
        try:
            verdict = read_verdict(path)
            metrics, reasons = verdict.metrics, tuple(verdict.reasons)
        except VerdictError as error:
            reasons = (str(error),)
    approval = history.sign_off(version)
    withdrawn = ", withdrawn" if history.is_withdrawn(version) else ""
    record = history.registered[version]
    return VersionStatus(
        recipe=history.recipe,
        version=version,
        aliases=history.aliases_of(version),
        state=State(judged.detail["state"]) if judged else None,
        metrics=metrics,
        reasons=reasons,
        trainer=record.detail["trainer"],
        approver=f"{approval.actor}{withdrawn}" if approval else None,
        registered_at=record.at,
        test_set_reads=history.test_set_reads,
    )
