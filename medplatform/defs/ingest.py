"""Assets of the lake: one multi-asset per modality, one asset per table."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
from pydantic import Field

from medplatform.defs import show
from medplatform.defs.ingest_checks import check_results, check_specs, lake_key
from medplatform.ingest import Receipt, ingest_pending
from medplatform.installation import Installation
from medplatform.lake import Lake, LedgerEntry, Table, WrittenFile
from medplatform.modalities import MODALITIES
from medplatform.modalities.modality import Modality

DELIVERIES_DRAWN = 5
"""Pictures stand in the event log: of many new deliveries only the last are shown."""


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
        specs=[_spec(table) for table in modality.declared],
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
            installation.modality(modality.name),
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
        drawn = _draw(installation, modality, receipts)
        for table in modality.declared:
            yield dg.MaterializeResult(
                asset_key=lake_key(table),
                metadata=_metadata(installation.lake, modality, table, receipts)
                | drawn.get(table.name, {}),
                data_version=_data_version(installation.lake, modality, table),
                check_results=list(check_results(installation, modality, table, receipts)),
            )

    return ingest


def _draw(
    installation: Installation, modality: Modality, receipts: Sequence[Receipt]
) -> dict[str, dict[str, dg.MetadataValue]]:
    """Per table: what the newest of the new deliveries look like."""
    drawn: dict[str, dict[str, dg.MetadataValue]] = {}
    draw = installation.modality(modality.name).draw
    for entry in [r.entry for r in receipts if r.is_new and r.entry][-DELIVERIES_DRAWN:]:
        for table, pictures in draw(installation.lake, entry).items():
            for title, png in pictures.items():
                drawn.setdefault(table, {})[f"{title} of {entry.delivery}"] = show.image(png)
    return drawn


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        lake_key(table),
        description=table.description,
        kinds={"parquet", "pyarrow"},
        tags={"modality": table.modality, "phi": "de-identified"},
        metadata={"dagster/column_schema": show.column_schema(table)},
    )


def _metadata(
    lake: Lake, modality: Modality, table: Table, receipts: Sequence[Receipt]
) -> dict[str, dg.MetadataValue]:
    added = [r.entry for r in receipts if r.is_new and r.entry]
    files = _files(lake, modality, table)
    rows_of = {
        entry.delivery: sum(file.rows for _, file in _written(entry, modality, table))
        for entry in added
    }
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(file.rows for _, file in files)),
        "dagster/uri": dg.MetadataValue.path(str(lake.root / table.name)),
        "rows_added": dg.MetadataValue.int(sum(rows_of.values())),
        "new_deliveries": show.records(
            [
                {
                    "delivery": entry.delivery,
                    "status": entry.status,
                    "rows": rows_of[entry.delivery],
                    "seconds": (entry.finished_at - entry.started_at).total_seconds(),
                }
                for entry in added
            ]
        ),
        **(
            {"preview": show.preview(lake, table)}
            if table in modality.tables
            else {"tables": show.records(_members(lake, files))}
        ),
    }


def _members(lake: Lake, files: Sequence[tuple[str, WrittenFile]]) -> list[dict[str, Any]]:
    """Per table of a family: rows, files, and how many columns the newest file has."""
    members: dict[str, list[WrittenFile]] = {}
    for name, file in files:
        members.setdefault(name, []).append(file)
    return [
        {
            "table": name,
            "rows": sum(file.rows for file in written),
            "files": len(written),
            "columns": len(pq.read_schema(lake.root / written[-1].path)),
        }
        for name, written in sorted(members.items())
    ]


def _files(lake: Lake, modality: Modality, table: Table) -> list[tuple[str, WrittenFile]]:
    entries = lake.ledger.entries(table.modality)
    return [named for entry in entries for named in _written(entry, modality, table)]


def _written(
    entry: LedgerEntry, modality: Modality, table: Table
) -> Iterator[tuple[str, WrittenFile]]:
    """The files of a delivery in a table or, of a family, in all of its tables."""
    for name, files in entry.tables.items():
        if modality.covers(table, name):
            yield from ((name, file) for file in files)


def _data_version(lake: Lake, modality: Modality, table: Table) -> dg.DataVersion:
    digest = sha256()
    for _, file in _files(lake, modality, table):
        digest.update(file.sha256.encode())
    return dg.DataVersion(digest.hexdigest()[:16])
