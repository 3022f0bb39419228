"""The summary tables: what is in the lake, what was refused, which model stands where."""

from typing import TYPE_CHECKING, Any

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.installation import Installation
    from medplatform.registry import VersionStatus


def print_summary(installation: "Installation") -> None:
    """Print all summary tables; one that would be empty is left out."""
    waiting = installation.pending_deliveries()
    for title, rows in (
        ("Deliveries: what became of every record", delivery_rows(installation)),
        ("Waiting in landing, not read", [{"delivery": name} for name in waiting]),
        ("Tables of the lake", table_rows(installation)),
        ("Models", model_rows(installation)),
        ("Why a model is not champion", refusal_rows(installation)),
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
            "checks passed": sum(finding["success"] for finding in entry.findings),
            "failed": sum(not finding["success"] for finding in entry.findings),
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


def _versions(installation: "Installation") -> "list[VersionStatus]":
    from medplatform.registry import status
    from medplatform.training.recipes import RECIPES

    if not installation.registry.log.path.exists():
        return []
    return status(installation.registry, RECIPES)
