"""The summary tables: what is in the lake, what was refused, which model stands where."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.installation import Installation
    from medplatform.lake import Lake, LedgerEntry
    from medplatform.modalities import Modality
    from medplatform.registry import VersionStatus


def print_summary(installation: "Installation") -> None:
    """Print all summary tables; one that would be empty is left out."""
    waiting = installation.pending_deliveries()
    printed = False
    for title, rows in (
        ("Deliveries: what became of every record", delivery_rows(installation)),
        ("Waiting in landing, not read", [{"delivery": name} for name in waiting]),
        ("Tables of the lake", table_rows(installation)),
        ("Models", model_rows(installation)),
        ("Why a model is not champion", refusal_rows(installation)),
    ):
        if rows:
            print_table(title, rows)
            printed = True
    if not printed:
        click.echo("Nothing was delivered yet. Begin with: medplatform ingest MODALITY PATH")


def delivery_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per reading of a delivery and kind of record: what became of its records.

    A duplicate was not read, so it has one row without counts.
    """
    from medplatform.cli.receipts import delivered_of
    from medplatform.lake import Counts

    return [
        {
            "delivery": f"{reading.modality}/{reading.delivery}",
            "status": reading.status,
            "record": unit,
            **(counts.model_dump() if counts else dict.fromkeys(Counts.model_fields)),
            **({"delivered": delivered_of(reading, unit, counts.delivered)} if counts else {}),
            "checks passed": sum(finding["success"] for finding in reading.findings),
            "failed": sum(not finding["success"] for finding in reading.findings),
            "reasons": _reasons(reading) if counts is None or counts.quarantined else "",
        }
        for entry in installation.lake.ledger.entries()
        for reading in entry.readings
        for unit, counts in (reading.counts() or {"": None}).items()
    ]


def table_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per table of the lake that has rows, or for which records were refused.

    Refused records that cannot be told to be of a table follow in a row per modality. A table
    without a kind of record of its own (frames of an instance) has no count of refused records.
    """
    from medplatform.modalities import MODALITIES

    return [row for modality in MODALITIES.values() for row in _table_rows(installation, modality)]


def _table_rows(installation: "Installation", modality: "Modality") -> Iterator[dict[str, Any]]:
    lake = installation.lake
    unassigned = _quarantined(lake.ledger.entries(modality.name))
    by_type = _quarantined_by_type(lake, modality)
    tables_of = Counter(table.unit for table in modality.tables)
    for table in modality.tables:
        refused = None
        if table.unit and table.resource_type:
            refused = by_type[table.unit, table.resource_type]
        elif table.unit and tables_of[table.unit] == 1:
            refused = unassigned[table.unit]
        if table.unit and refused:
            unassigned[table.unit] -= refused
        if (rows := lake.rows(table.name)) or refused:
            yield {"table": f"lake/{table.name}", "rows": rows, "records quarantined": refused}
    for unit, refused in unassigned.items():
        if refused:
            yield {
                "table": f"{modality.name}, a {unit} of no known table",
                "rows": None,
                "records quarantined": refused,
            }


def _quarantined(entries: "Iterable[LedgerEntry]") -> Counter[str]:
    """Quarantined records per unit, of all readings that count."""
    total: Counter[str] = Counter()
    for entry in entries:
        for reading in entry.readings:
            for unit, counts in reading.counts().items():
                total[unit] += counts.quarantined
    return total


def _quarantined_by_type(lake: "Lake", modality: "Modality") -> Counter[tuple[str, str]]:
    """Quarantined records per unit and type, where the type is known."""
    import polars as pl

    refused = lake.quarantine(modality.name).filter(severity="error")
    records = refused.unique(["delivery", "source_id", "record_number", "unit"])
    grouped = records.drop_nulls("resource_type").group_by("unit", "resource_type").agg(pl.len())
    return Counter({(unit, kind): count for unit, kind, count in grouped.iter_rows()})


def model_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per model version: figure beside the known ceiling, verdict, aliases."""
    from medplatform.training.recipes import RECIPES

    rows = []
    for version in _versions(installation):
        recipe = RECIPES[version.recipe]
        estimate = version.metrics.get(recipe.metric)
        rows.append(
            {
                "model": f"{version.recipe} v{version.version}",
                "figure": "AUROC" if recipe.metric == "auroc" else "Dice",
                "test": estimate.value if estimate else None,
                "95 % interval": f"{estimate.low:.3f} to {estimate.high:.3f}" if estimate else "",
                "best reachable": installation.ceiling(recipe),
                "verdict": version.state.value if version.state else "not judged",
                "alias": ", ".join(version.aliases),
                "approved by": version.approver or "",
            }
        )
    return rows


def refusal_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per gate that decided against a model version, not those that wait for another."""
    return [
        {"model": f"{version.recipe} v{version.version}", "reason": reason}
        for version in _versions(installation)
        for reason in version.reasons
        if "Not decided without" not in reason
    ]


def _reasons(reading: "LedgerEntry") -> str:
    if reading.duplicate_of:
        return f"copy of {reading.duplicate_of}"
    return ", ".join(reading.refusals)


def _versions(installation: "Installation") -> "list[VersionStatus]":
    from medplatform.registry import status
    from medplatform.training.recipes import RECIPES

    if not installation.registry.log.path.exists():
        return []
    return status(installation.registry, RECIPES)
