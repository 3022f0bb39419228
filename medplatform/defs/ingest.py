"""Assets of the lake: one multi-asset per modality, one asset per table."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import dagster as dg
from pydantic import Field

from medplatform.defs import show
from medplatform.defs.ingest_checks import check_results, check_specs, lake_key
from medplatform.ingest import Receipt, ingest_pending
from medplatform.installation import Installation
from medplatform.lake import Table
from medplatform.modalities import MODALITIES
from medplatform.modalities.modality import Modality


class IngestConfig(dg.Config):
    """What one ingest run reads."""

    deliveries: list[str] = Field(
        default=[], description="Names of deliveries; empty: all closed ones not read yet."
    )
    again: bool = Field(
        default=False, description="Read the named deliveries anew and replace their rows."
    )


def ingest_assets() -> list[dg.AssetsDefinition]:
    """The ingest step of every modality."""
    return [_ingest_asset(modality) for modality in MODALITIES.values()]


def _ingest_asset(modality: Modality) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"ingest_{modality.name}",
        specs=[_spec(table) for table in modality.tables],
        check_specs=list(check_specs(modality)),
        group_name=modality.name,
        pool=f"ingest_{modality.name}",
        description=f"Reads every new delivery of {modality.title.lower()} into the lake.",
    )
    def ingest(
        context: dg.AssetExecutionContext,
        config: IngestConfig,
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult]:
        settings = installation.settings
        receipts = ingest_pending(
            modality,
            landing=settings.landing,
            lake=installation.lake,
            identity=installation.identity,
            quiet_period_s=settings.quiet_period_s,
            deliveries=config.deliveries,
            again=config.again,
            progress=show.log_progress(context.log),
        )
        for receipt in receipts:
            context.log.info("%s/%s: %s", receipt.modality, receipt.delivery, receipt.status)
            if receipt.problem:
                context.log.warning(receipt.problem)
        for table in modality.tables:
            yield dg.MaterializeResult(
                asset_key=lake_key(table),
                metadata=_metadata(installation, table, receipts),
                data_version=_data_version(installation, table),
                check_results=list(check_results(installation, modality, table, receipts)),
            )

    return ingest


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        lake_key(table),
        description=table.description,
        kinds={"parquet", "pyarrow"},
        tags={"modality": table.modality, "phi": "de-identified"},
        metadata={"dagster/column_schema": show.column_schema(table)},
    )


def _metadata(
    installation: Installation, table: Table, receipts: Sequence[Receipt]
) -> dict[str, dg.MetadataValue]:
    added = [r.entry for r in receipts if r.is_new and r.entry]
    rows = installation.lake.rows(table.name)
    return {
        "dagster/row_count": dg.MetadataValue.int(rows),
        "dagster/uri": dg.MetadataValue.path(str(installation.lake.root / table.name)),
        "rows_added": dg.MetadataValue.int(sum(entry.rows(table.name) for entry in added)),
        "new_deliveries": show.records(
            [
                {
                    "delivery": entry.delivery,
                    "status": entry.status,
                    "rows": entry.rows(table.name),
                    "seconds": (entry.finished_at - entry.started_at).total_seconds(),
                }
                for entry in added
            ]
        ),
        "preview": show.preview(installation.lake, table),
    }


def _data_version(installation: Installation, table: Table) -> dg.DataVersion:
    digest = sha256()
    for entry in installation.lake.ledger.entries(table.modality):
        for file in entry.tables.get(table.name, []):
            digest.update(file.sha256.encode())
    return dg.DataVersion(digest.hexdigest()[:16])
