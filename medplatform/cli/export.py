"""Commands that write the lake in the form that other tools read."""

from pathlib import Path

import click

from medplatform.cli.terminal import installation_of_settings, print_table


@click.group()
def export() -> None:
    """Write the lake in the form of a standard."""


@export.command("meds")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the data set; one that is there is replaced. Default: exports/meds below data.",
)
@click.option(
    "--subjects-per-shard",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Subjects in a data file.",
)
@click.option(
    "--split-salt",
    default="meds",
    show_default=True,
    help="Deals patients into splits. Name a recipe to hold out its test cohort.",
)
def export_meds(out: Path | None, subjects_per_shard: int, split_salt: str) -> None:
    """Write health records as events in Medical Event Data Standard form (MEDS 0.4)."""
    from medplatform import meds

    installation = installation_of_settings()
    if not any(entry.tables for entry in installation.lake.ledger.entries("ehr")):
        raise click.ClickException(
            f"Nothing was exported: the lake under {installation.settings.data} has no health "
            f"records. Ingest first: medplatform ingest ehr PATH"
        )
    result = meds.export_meds(
        installation.lake,
        (out or installation.settings.data / "exports" / "meds").absolute(),
        subjects_per_shard=subjects_per_shard,
        split_salt=split_salt,
    )
    print_table(
        "Events",
        [
            {
                "kind": count.kind,
                "rows": count.rows,
                "events": count.events,
                "left_out": ", ".join(f"{n} {reason}" for reason, n in count.left_out.items()),
            }
            for count in result.kinds
        ],
    )
    print_table(
        f"{result.folder} ({result.codes} codes, version {result.version})",
        [
            {"split": s.split, "subjects": s.subjects, "shards": s.shards, "events": s.events}
            for s in result.splits
        ],
    )
