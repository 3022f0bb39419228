"""When things run by themselves: the jobs, the delivery sensor, the nightly schedule."""

from typing import TYPE_CHECKING

import dagster as dg

from medplatform.installation import Installation
from medplatform.registry.standing import version_of_data
from medplatform.settings import Settings
from medplatform.training.data import (
    DatasetMissing,
    known_shortage,
    latest_lineage,
    latest_snapshot,
    lineage,
)
from medplatform.training.recipe import Recipe
from medplatform.training.recipes import RECIPES

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

LAKE = dg.AssetSelection.key_prefixes(["lake"])
# Asking a server for an export takes hours there, and has a job and a schedule of its own.
EVERYTHING = dg.AssetSelection.all() - dg.AssetSelection.key_prefixes(["landing"])


def jobs() -> "list[UnresolvedAssetJobDefinition]":
    """The jobs that a person or a clock starts."""
    return [
        dg.define_asset_job(
            "refresh",
            selection=EVERYTHING,
            description="Everything: read new deliveries, build the marts, freeze data sets, train "
            "what changed, judge, promote what is signed off.",
            tags={"purpose": "refresh"},
        ),
        dg.define_asset_job(
            "ingest",
            selection=LAKE,
            description="Read new deliveries into the lake and check them; nothing downstream.",
            tags={"purpose": "ingest"},
        ),
        dg.define_asset_job(
            "promote",
            selection=dg.AssetSelection.keys(*(["models", f"{r}_champion"] for r in RECIPES)),
            description="Make every approved challenger the champion.",
            tags={"purpose": "promote"},
        ),
        *(_training_job(recipe) for recipe in RECIPES),
    ]


def _training_job(recipe: str) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"train_{recipe}",
        selection=dg.AssetSelection.keys(["models", f"{recipe}_candidate"]),
        description=f"Train {recipe} on its latest data set with the configuration of the "
        "Launchpad and judge it. The champion stays what it is.",
        tags={"purpose": "train"},
    )


def delivery_sensor(settings: Settings) -> dg.SensorDefinition:
    """Starts `refresh` when deliveries are closed in landing that the ledger does not have."""

    @dg.sensor(
        name="new_deliveries",
        job_name="refresh",
        minimum_interval_seconds=60,
        default_status=_status(settings),
        description="Watches data/landing for closed deliveries.",
    )
    def new_deliveries(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult:
        waiting = installation.pending_deliveries()
        cursor = " ".join(waiting)
        if not waiting:
            skip = dg.SkipReason("Every closed delivery has been read.")
            return dg.SensorResult(skip_reason=skip, cursor=cursor)
        # One request per new delivery: one that cannot be opened stays waiting, and must not
        # start a run every minute.
        new = set(waiting) - set((context.cursor or "").split())
        if not new:
            skip = dg.SkipReason(f"Waiting, and tried before: {', '.join(waiting)}.")
            return dg.SensorResult(skip_reason=skip, cursor=cursor)
        request = dg.RunRequest(tags={"medplatform/deliveries": str(len(new))})
        return dg.SensorResult([request], cursor=cursor)

    return new_deliveries


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Starts `refresh` every night, unless nothing has changed since the data sets were frozen."""

    @dg.schedule(
        name="nightly",
        job_name="refresh",
        cron_schedule=settings.nightly_cron,
        execution_timezone=settings.timezone,
        default_status=_schedule_status(settings),
        description="Nightly retraining; skipped when there is nothing new to learn from.",
    )
    def nightly(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        reason = why_refresh(installation)
        if reason is None:
            return dg.SkipReason("No new delivery; every data set is unchanged and has a model.")
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(tags={"medplatform/night": night, "medplatform/because": reason})

    return nightly


def why_refresh(installation: Installation) -> str | None:
    """What a nightly run would have to do; None when every digest would stay as it is."""
    if installation.pending_deliveries():
        return "new deliveries"
    reasons = (_why_recipe(installation, recipe) for recipe in RECIPES.values())
    return next((reason for reason in reasons if reason), None)


def _why_recipe(installation: Installation, recipe: Recipe) -> str | None:
    datasets, registry = installation.settings.datasets, installation.registry
    current = lineage(recipe, installation.lake)
    if not current or current == known_shortage(datasets, recipe):
        return None
    try:
        snapshot = latest_snapshot(datasets, recipe)
    except DatasetMissing:
        return f"no data set of {recipe.name}"
    if latest_lineage(datasets, recipe) != current:
        return f"data of {recipe.name} changed"
    version = version_of_data(registry, recipe, snapshot.digest)
    if version is None:
        return f"{recipe.name} has no model of its data"
    if version not in registry.history(recipe.name).judged:
        return f"{recipe.name} version {version} is not judged"
    return None


def _status(settings: Settings) -> dg.DefaultSensorStatus:
    on = settings.schedule_on
    return dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED


def _schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    on = settings.schedule_on
    return dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
