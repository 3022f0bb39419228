"""Assets of the models: data set, candidate, champion of each recipe."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field, create_model

from medplatform.defs import show
from medplatform.defs.gates import candidate_key
from medplatform.defs.model_metadata import (
    describe_data,
    result_metadata,
    standing_metadata,
    version_metadata,
)
from medplatform.installation import Installation
from medplatform.lake import Snapshot
from medplatform.registry import (
    AlreadyChampion,
    StaleChampion,
    promote,
    register,
    register_replayed,
)
from medplatform.registry.standing import approved_challenger, trained_version
from medplatform.registry.versions import registered
from medplatform.training.data import (
    DatasetTooSmall,
    freeze_dataset,
    is_synthetic,
    latest_lineage,
    latest_snapshot,
)
from medplatform.training.launcher import job_environment, supervised_command
from medplatform.training.mirror import replay_pending, settle_runs
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.recipes import RECIPES
from medplatform.training.result import RunResult

GPU_POOL = "gpu"


def model_assets() -> list[dg.AssetsDefinition]:
    """Data set, candidate and champion of every recipe."""
    return [
        build(recipe)
        for recipe in RECIPES.values()
        for build in (_dataset_asset, _candidate_asset, _champion_asset)
    ]


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
            snapshot = freeze_dataset(
                recipe,
                installation.lake,
                settings.marts,
                settings.datasets,
                is_synthetic=installation.is_synthetic,
            )
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
                "data": describe_data(is_synthetic(snapshot)),
                "splits": show.records([{"split": n, **part} for n, part in counts.items()]),
                "deliveries": len(latest_lineage(settings.datasets, recipe)),
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
            return dg.MaterializeResult(metadata=version_metadata(installation, known))
        result = _train(context, installation, pipes, recipe, snapshot, chosen)
        new = register(installation.registry, recipe, result, dagster_run_id=context.run_id)
        return dg.MaterializeResult(
            metadata={
                **version_metadata(installation, new),
                **result_metadata(result),
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
        # Of a cancelled run Dagster shows the gates as skipped, of a failed one as failed.
        context.instance.report_run_canceling(context.run, "The training was cancelled.")
        # A retry would start the cancelled training again, and could end as a success.
        raise dg.Failure("The training was cancelled.", allow_retries=False) from error
    finally:
        if not job.result.exists():
            settle_runs(job.models, job.tracking_uri, job.artifact_root)
    return RunResult.load(job.result)


def _champion_asset(recipe: Recipe) -> dg.AssetsDefinition:
    @dg.asset(
        key=["models", f"{recipe.name}_champion"],
        deps=[candidate_key(recipe)],
        description=f"**{recipe.title}.** One model version: the one in use. Promoted only with a "
        "passing verdict for exactly this model, data set and gates, and with the approval of "
        "somebody other than the trainer, who reads the report and runs `medplatform approve "
        f'{recipe.name} challenger --as "NAME" --role "ROLE" --reason "REASON"`. A run that '
        "promotes nothing shows the version that stays.",
        group_name="models",
        kinds={"mlflow"},
        tags={"recipe": recipe.name},
        output_required=False,
    )
    def champion(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        replaced = _promote(context, installation, recipe)
        champion = installation.registry.history(recipe.name).champion
        if champion is not None:
            yield dg.MaterializeResult(
                metadata={
                    **standing_metadata(installation, recipe, champion.version),
                    "replaced": replaced,
                }
            )

    return champion


def _promote(context: dg.AssetExecutionContext, installation: Installation, recipe: Recipe) -> str:
    """Promote the challenger if it is signed off -> what it replaced."""
    registry = installation.registry
    version = approved_challenger(registry, recipe)
    if version is None:
        challenger = registry.history(recipe.name).challenger
        reason = (
            "there is no challenger"
            if challenger is None
            else f"version {challenger} waits for an approval"
        )
        context.log.info("Nothing to promote: %s.", reason)
        return "nothing"
    try:
        promotion = promote(registry, recipe, version, actor=installation.settings.operator)
    except (AlreadyChampion, StaleChampion) as error:
        context.log.warning("%s", error)
        return "nothing"
    return f"version {promotion.previous.version}" if promotion.previous else "no champion"
