"""Assets and checks of the models: data set, candidate, gates, champion of each recipe."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field, create_model

from medplatform.clinical import GateResult, State, Verdict
from medplatform.defs import show
from medplatform.installation import Installation
from medplatform.lake import Snapshot, read_snapshot
from medplatform.registry import Registered, judge, promote, register, register_replayed
from medplatform.registry.standing import approved_challenger, current_verdict, trained_version
from medplatform.registry.versions import registered
from medplatform.training.data import DatasetTooSmall, freeze_dataset, latest_snapshot
from medplatform.training.launcher import job_environment, supervised_command
from medplatform.training.mirror import replay_pending
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.recipes import RECIPES
from medplatform.training.result import RunResult

GPU_POOL = "gpu"
VERDICT_CHECK = "verdict"
OVERLAYS = "overlays"


def model_assets() -> list[dg.AssetsDefinition]:
    """Data set, candidate and champion of every recipe."""
    return [
        build(recipe)
        for recipe in RECIPES.values()
        for build in (_dataset_asset, _candidate_asset, _champion_asset)
    ]


def model_checks() -> list[dg.AssetChecksDefinition]:
    """The clinical gates of every recipe."""
    return [_gates(recipe) for recipe in RECIPES.values()]


def candidate_key(recipe: Recipe) -> dg.AssetKey:
    """Asset key of the model that was trained last."""
    return dg.AssetKey(["models", f"{recipe.name}_candidate"])


def _dataset_asset(recipe: Recipe) -> dg.AssetsDefinition:
    @dg.asset(
        key=["datasets", recipe.name],
        deps=[dg.AssetKey(key.split("/")) for key in recipe.depends_on],
        description=f"One row per {recipe.row_id.removesuffix('_id')} that {recipe.name} learns "
        "from or is tested on: frozen, named by its digest, patients dealt into train, validation "
        "and test by a hash.",
        group_name="datasets",
        kinds={"polars", "parquet"},
        tags={"recipe": recipe.name, "phi": "de-identified"},
        output_required=False,
    )
    def dataset(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        settings = installation.settings
        try:
            snapshot = freeze_dataset(recipe, installation.lake, settings.marts, settings.datasets)
        except DatasetTooSmall as error:
            context.log.warning("%s", error)
            return
        counts = snapshot.manifest["facts"]["counts"]
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(snapshot.digest[:16]),
            metadata={
                "dagster/row_count": sum(part["rows"] for part in counts.values()),
                "dagster/uri": dg.MetadataValue.path(str(snapshot.folder)),
                "digest": snapshot.digest,
                "splits": show.records([{"split": n, **part} for n, part in counts.items()]),
                "deliveries": len(snapshot.manifest["facts"]["lineage"]),
                **{f"{name}_patients": part["patients"] for name, part in counts.items()},
            },
        )

    return dataset


def _candidate_asset(recipe: Recipe) -> dg.AssetsDefinition:
    config_class = launch_config(recipe)

    def candidate(
        context: dg.AssetExecutionContext,
        config: dg.Config,
        installation: dg.ResourceParam[Installation],
        pipes: dg.PipesSubprocessClient,
    ) -> dg.MaterializeResult:
        _catch_up(context, installation, recipe)
        snapshot = latest_snapshot(installation.settings.datasets, recipe)
        chosen = _training_config(recipe, config)
        version = trained_version(installation.registry, recipe, snapshot.digest, chosen)
        if version is not None and not config.model_dump()["again"]:
            context.log.info("Version %d is of this very data and configuration.", version)
            known = registered(installation.registry.history(recipe.name), version)
            return dg.MaterializeResult(metadata=_version_metadata(installation, known))
        result = _train(context, installation, pipes, recipe, snapshot, chosen)
        new = register(installation.registry, recipe, result, dagster_run_id=context.run_id)
        return dg.MaterializeResult(
            metadata={
                **_version_metadata(installation, new),
                **_result_metadata(installation, result),
            }
        )

    candidate.__annotations__["config"] = config_class
    return dg.asset(
        key=candidate_key(recipe),
        deps=[dg.AssetKey(["datasets", recipe.name])],
        description=f"**{recipe.title}.** One model version: the one trained last.\n\n"
        f"{recipe.intended_use}",
        group_name="models",
        kinds={"pytorch", "mlflow"},
        tags={"recipe": recipe.name},
        pool=GPU_POOL,
    )(candidate)


def _catch_up(
    context: dg.AssetExecutionContext, installation: Installation, recipe: Recipe
) -> None:
    """Send and register what was trained while MLflow was away, instead of training it again."""
    settings = installation.settings
    for name in replay_pending(settings.models, settings.tracking_uri, installation.artifact_root):
        context.log.info("%s was sent to MLflow now.", name)
    for version in register_replayed(installation.registry, [recipe]):
        context.log.info("%s version %d was registered now.", version.recipe, version.version)


def launch_config(recipe: Recipe) -> type[dg.Config]:
    """The recipe's configuration as a Launchpad form, prefilled with its defaults."""
    fields: dict[str, Any] = {
        "again": (
            bool,
            Field(default=False, description="Train even if this very model exists already."),
        )
    }
    for name, field in recipe.config.model_fields.items():
        default = field.default
        is_list = isinstance(default, tuple)
        fields[name] = (
            list[int] if is_list else type(default),
            Field(default=list(default) if is_list else default, description=field.description),
        )
    return create_model(f"{recipe.config.__name__}Launch", __base__=dg.Config, **fields)


def _training_config(recipe: Recipe, config: dg.Config) -> TrainingConfig:
    chosen = config.model_dump()
    chosen.pop("again")
    return recipe.config.model_validate(chosen)


def _train(
    context: dg.AssetExecutionContext,
    installation: Installation,
    pipes: dg.PipesSubprocessClient,
    recipe: Recipe,
    snapshot: Snapshot,
    config: TrainingConfig,
) -> RunResult:
    tags = {
        "dagster/run_id": context.run_id,
        "dagster/url": f"{installation.settings.dagster_ui_url}/runs/{context.run_id}",
    }
    job = installation.job(recipe, snapshot, config, tags)
    job.result.unlink(missing_ok=True)
    try:
        pipes.run(command=supervised_command(job), context=context, env=job_environment(job))
    except dg.DagsterExecutionInterruptedError as error:
        # A retry would start the cancelled training again, and could end as a success.
        raise dg.Failure("The training was cancelled.", allow_retries=False) from error
    return RunResult.load(job.result)


def _version_metadata(installation: Installation, version: Registered) -> dict[str, Any]:
    settings = installation.settings
    run = installation.registry.client.get_run(version.run_id)
    experiment = run.info.experiment_id
    return {
        "version": version.version,
        "model_digest": version.model_digest,
        "dataset_digest": version.dataset_digest,
        "mlflow_run_id": version.run_id,
        "mlflow_run": dg.MetadataValue.url(
            f"{settings.mlflow_ui_url}/#/experiments/{experiment}/runs/{version.run_id}"
        ),
        "mlflow_model": dg.MetadataValue.url(
            f"{settings.mlflow_ui_url}/#/models/{version.recipe}/versions/{version.version}"
        ),
    }


def _result_metadata(installation: Installation, result: RunResult) -> dict[str, Any]:
    # Overlays show a patient's image: they stay in MLflow, where models are, out of the event log.
    plots = {
        f"plot_{path.stem}": show.image(path.read_bytes())
        for path in sorted((result.run_folder / "artifacts").rglob("*.png"))
        if path.stem != OVERLAYS
    }
    figures = {name: float(value) for name, value in result.metrics.items()}
    return {
        **figures,
        **plots,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "device": result.device,
    }


def _gates(recipe: Recipe) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            gate.name, asset=candidate_key(recipe), description=gate.why, blocking=True
        )
        for gate in recipe.gates.gates
    ]
    overall = dg.AssetCheckSpec(
        VERDICT_CHECK,
        asset=candidate_key(recipe),
        description="PASS only if every gate passes. Only a passing verdict can be approved.",
        blocking=True,
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
        passed=result.state is State.PASS,
        severity=_severity(result.state),
        description=result.reason,
        metadata=metadata,
    )


def _overall_result(
    installation: Installation, recipe: Recipe, verdict: Verdict
) -> dg.AssetCheckResult:
    report = installation.registry.verdicts(recipe.name)
    name = f"v{verdict.model.version}-{verdict.digest[:12]}.html"
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
            "report": dg.MetadataValue.path(str(report / name)),
            **{name: estimate.value for name, estimate in verdict.metrics.items()},
        },
    )


def _severity(state: State) -> dg.AssetCheckSeverity:
    """FAIL stops the run; INCONCLUSIVE does not, but nothing is promoted without a PASS."""
    return dg.AssetCheckSeverity.ERROR if state is State.FAIL else dg.AssetCheckSeverity.WARN


def _champion_asset(recipe: Recipe) -> dg.AssetsDefinition:
    @dg.asset(
        key=["models", f"{recipe.name}_champion"],
        deps=[candidate_key(recipe)],
        description=f"**{recipe.title}.** One model version: the one in use. Promoted only with a "
        "passing verdict for exactly this model, data set and gates, and with the approval of "
        f"somebody other than the trainer: `medplatform approve {recipe.name} VERSION --as YOU`.",
        group_name="models",
        kinds={"mlflow"},
        tags={"recipe": recipe.name},
        output_required=False,
    )
    def champion(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        registry = installation.registry
        version = approved_challenger(registry, recipe)
        if version is None:
            challenger = registry.history(recipe.name).challenger
            context.log.info(
                "Nothing to promote: %s.",
                "there is no challenger"
                if challenger is None
                else f"version {challenger} waits for an approval",
            )
            return
        promotion = promote(registry, recipe, version, actor=installation.settings.operator)
        known = registered(registry.history(recipe.name), version)
        yield dg.MaterializeResult(
            metadata={
                **_version_metadata(installation, known),
                "replaced": promotion.previous.version if promotion.previous else "none",
                "log_record": promotion.record.sequence,
            }
        )

    return champion
