"""The Dagster code location: everything in `defs/`, one set of settings, one executor."""

import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from medplatform.defs.exports import export_assets, export_jobs, export_schedules
from medplatform.defs.gates import model_checks
from medplatform.defs.genomics import genomics_assets
from medplatform.defs.genomics_features import genomics_feature_assets
from medplatform.defs.ingest import ingest_assets
from medplatform.defs.meds import meds_assets
from medplatform.defs.models import model_assets
from medplatform.defs.pacs import pacs_assets, pacs_jobs, pacs_schedules
from medplatform.defs.schedules import delivery_sensor, jobs, nightly_schedule
from medplatform.defs.views import view_assets
from medplatform.defs.volumes import volume_assets
from medplatform.defs.warehouse import dbt_resource, warehouse_assets
from medplatform.installation import Installation
from medplatform.settings import Settings, get_settings

FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=8), warn_window=timedelta(days=4)
)
"""Nights without new deliveries are skipped, so data may be a long weekend old, but not a week."""

OWNERS = {
    "ehr": "team:data",
    "imaging": "team:data",
    "genomics": "team:data",
    "molecules": "team:data",
    "views": "team:data",
    "warehouse": "team:data",
    "exports": "team:data",
    "datasets": "team:ml",
    "models": "team:ml",
}
"""Who is asked about the assets of a group."""


def build_defs(settings: Settings) -> dg.Definitions:
    """All definitions for one set of settings; tests and production assemble the same thing."""
    installation = Installation(settings)
    dbt = dbt_resource(installation.views)  # first: it makes the manifest of the assets
    assets = [
        *export_assets(settings),
        *pacs_assets(settings),
        *ingest_assets(),
        *volume_assets(),
        *genomics_assets(),
        *genomics_feature_assets(),
        *view_assets(installation.views),
        *warehouse_assets(),
        *meds_assets(),
        *model_assets(),
    ]
    return dg.Definitions(
        assets=_link_sources(list(dg.map_asset_specs(_apply_policy, assets))),
        asset_checks=model_checks(),
        jobs=[*jobs(), *export_jobs(settings), *pacs_jobs(settings)],
        schedules=[
            nightly_schedule(settings),
            *export_schedules(settings),
            *pacs_schedules(settings),
        ],
        sensors=[delivery_sensor(settings)],
        resources={
            "installation": installation,
            "dbt": dbt,
            "pipes": dg.PipesSubprocessClient(),
        },
        # Forked workers share the imports of this module; without naming it nothing is preloaded.
        executor=dg.multiprocess_executor.configured(
            {
                "max_concurrent": 2,
                "start_method": {"forkserver": {"preload_modules": ["medplatform.definitions"]}},
            }
        ),
    )


def _apply_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Owners and freshness, once for all assets."""
    owner = OWNERS.get(spec.group_name or "", "team:data")
    if spec.group_name == "models":
        # A model is as good as its verdict, however old: only new data make it stale.
        return spec.replace_attributes(owners=[owner])
    return spec.replace_attributes(owners=[owner], freshness_policy=FRESHNESS)


def _link_sources(assets: list[dg.AssetsDefinition]) -> Sequence[Any]:
    """Show where each asset is written. A missing link is no harm, so beta is good enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.with_source_code_references(assets)


defs = build_defs(get_settings())
