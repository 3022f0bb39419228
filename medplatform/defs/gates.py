"""The clinical gates as checks of the candidate."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from medplatform.clinical import GateResult, State, Verdict
from medplatform.defs.model_metadata import run_url
from medplatform.installation import Installation
from medplatform.lake import Snapshot, read_snapshot
from medplatform.registry import judge
from medplatform.registry.standing import current_verdict
from medplatform.registry.versions import registered
from medplatform.training.recipe import Recipe
from medplatform.training.recipes import RECIPES

VERDICT_CHECK = "all_gates"
"""Dagster sorts checks by name: the verdict comes before the gates that it sums up."""


def model_checks() -> list[dg.AssetChecksDefinition]:
    """The clinical gates of every recipe."""
    return [_gates(recipe) for recipe in RECIPES.values()]


def candidate_key(recipe: Recipe) -> dg.AssetKey:
    """Asset key of the model that was trained last."""
    return dg.AssetKey(["models", f"{recipe.name}_candidate"])


def _gates(recipe: Recipe) -> dg.AssetChecksDefinition:
    """The gates as checks, and a run that fails with the reasons where the verdict is FAIL.

    They are not blocking: a refused candidate must not make the champion, which it does not
    touch, look failed. What keeps it from being promoted is the verdict.
    """
    specs = [
        dg.AssetCheckSpec(gate.name, asset=candidate_key(recipe), description=gate.why)
        for gate in recipe.gates.gates
    ]
    overall = dg.AssetCheckSpec(
        VERDICT_CHECK,
        asset=candidate_key(recipe),
        description="PASS only if every gate passes. Only a passing verdict can be approved.",
    )

    @dg.multi_asset_check(name=f"judge_{recipe.name}", specs=[*specs, overall], can_subset=True)
    def gates(
        context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.AssetCheckResult]:
        verdict = _verdict(context, installation, recipe)
        results = [_gate_result(recipe, result) for result in verdict.results]
        selected = {key.name for key in context.selected_asset_check_keys}
        for result in (*results, _overall_result(installation, recipe, verdict)):
            if result.check_name in selected:
                yield result
        if verdict.state is State.FAIL:
            raise dg.Failure(
                f"{recipe.name} version {verdict.model.version} is FAIL: "
                + " ".join(verdict.reasons),
                allow_retries=False,
            )

    return gates


def _verdict(
    context: dg.AssetCheckExecutionContext, installation: Installation, recipe: Recipe
) -> Verdict:
    """The verdict of the candidate; the locked test set is read only if there is none yet."""
    registry = installation.registry
    version = _materialized_version(context, recipe) or registry.history(recipe.name).candidate
    if version is None:
        raise dg.Failure(f"{recipe.name} has no model. Materialize its candidate first.")
    known = current_verdict(registry, recipe, version)
    if known is not None:
        context.log.info("Version %d has been judged on these very things.", version)
        return known
    subject = registered(registry.history(recipe.name), version)
    return judge(
        registry,
        recipe,
        version,
        _snapshot(installation, recipe, subject.dataset_digest),
        actor=installation.settings.operator,
        ceiling=installation.ceiling(recipe),
    ).verdict


def _materialized_version(context: dg.AssetCheckExecutionContext, recipe: Recipe) -> int | None:
    """The version that the candidate asset stands for, which need not be the one trained last."""
    event = context.instance.get_latest_materialization_event(candidate_key(recipe))
    materialization = event.asset_materialization if event else None
    version = materialization.metadata.get("version") if materialization else None
    return version.value if isinstance(version, dg.IntMetadataValue) else None


def _snapshot(installation: Installation, recipe: Recipe, digest: str) -> Snapshot:
    return read_snapshot(installation.settings.datasets / recipe.name / digest[:16])


def _gate_result(recipe: Recipe, result: GateResult) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"state": result.state.value, "n": result.n}
    for name in ("value", "threshold"):
        number = getattr(result, name)
        if number is not None:
            metadata[name] = float(number)
    if result.interval:
        metadata |= {"lower": float(result.interval[0]), "upper": float(result.interval[1])}
    return dg.AssetCheckResult(
        asset_key=candidate_key(recipe),
        check_name=result.gate,
        passed=result.state.is_met,
        severity=_severity(result.state),
        description=result.reason,
        metadata=metadata,
    )


def _overall_result(
    installation: Installation, recipe: Recipe, verdict: Verdict
) -> dg.AssetCheckResult:
    registry = installation.registry
    subject = registered(registry.history(recipe.name), verdict.model.version)
    name = f"v{verdict.model.version}-{verdict.digest[:12]}.html"
    report = run_url(installation, subject.run_id, f"/artifacts/clinical/{name}")
    return dg.AssetCheckResult(
        asset_key=candidate_key(recipe),
        check_name=VERDICT_CHECK,
        passed=verdict.state is State.PASS,
        severity=_severity(verdict.state),
        description=verdict.state.value
        + ("." if not verdict.reasons else ": " + " ".join(verdict.reasons)),
        metadata={
            "state": verdict.state.value,
            "version": verdict.model.version,
            "gates": f"{verdict.gates} ({verdict.gates_digest[:12]})",
            "report": dg.MetadataValue.url(report),
            **{name: estimate.value for name, estimate in verdict.metrics.items()},
        },
    )


def _severity(state: State) -> dg.AssetCheckSeverity:
    """FAIL stops the run; INCONCLUSIVE does not, but nothing is promoted without a PASS."""
    return dg.AssetCheckSeverity.ERROR if state is State.FAIL else dg.AssetCheckSeverity.WARN
