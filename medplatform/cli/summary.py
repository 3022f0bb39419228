"""The summary tables: what is in the lake, what was refused, which model stands where."""

from typing import TYPE_CHECKING, Any

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.installation import Installation


def print_summary(installation: "Installation") -> None:
    """Print all summary tables; one that would be empty is left out."""
    for title, rows in (
        ("Deliveries", delivery_rows(installation)),
        ("Tables", table_rows(installation)),
        ("Models", model_rows(installation)),
    ):
        if rows:
            print_table(title, rows)


def delivery_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per delivery and kind of record: what became of its records."""
    return [
        {
            "delivery": f"{entry.modality}/{entry.delivery}",
            "status": entry.status,
            "record": unit,
            **counts.model_dump(),
            "reasons": ", ".join(entry.refusals) if counts.quarantined else "",
        }
        for entry in installation.lake.ledger.entries()
        for unit, counts in entry.counts().items()
    ]


def table_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per table of the lake with rows."""
    from medplatform.modalities import TABLES

    return [
        {"table": f"lake/{name}", "rows": rows}
        for name in TABLES
        if (rows := installation.lake.rows(name))
    ]


def model_rows(installation: "Installation") -> list[dict[str, Any]]:
    """One row per model version: figures beside the known ceiling, verdict, aliases, reasons."""
    from medplatform.registry import status
    from medplatform.training.recipes import RECIPES

    if not installation.registry.log.path.exists():
        return []
    rows = []
    for version in status(installation.registry, RECIPES):
        recipe = RECIPES[version.recipe]
        estimate = version.metrics.get(recipe.metric)
        interval = f"{estimate.low:.3f} to {estimate.high:.3f}" if estimate else ""
        rows.append(
            {
                "model": f"{version.recipe} v{version.version}",
                "figure": recipe.metric.upper() if recipe.metric == "auroc" else "Dice",
                "test": estimate.value if estimate else None,
                "95 % interval": interval,
                "best reachable": installation.ceiling(recipe),
                "verdict": version.state.value if version.state else "not judged",
                "alias": ", ".join(version.aliases),
                "approved by": version.approver or "",
                "reasons": " ".join(version.reasons),
            }
        )
    return rows
