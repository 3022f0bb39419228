"""Commands about data: keys, ingest, quarantine, marts."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.terminal import installation_of_settings, print_table, progress_bars

if TYPE_CHECKING:
    from medplatform.ingest import Receipt
    from medplatform.modalities import Modality


class ModalityName(click.ParamType):
    """The name of a modality, resolved to the modality when the command runs."""

    name = "modality"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Look the modality up."""
        from medplatform.modalities import MODALITIES

        if value not in MODALITIES:
            self.fail(f"{value!r} is none of {', '.join(MODALITIES)}.", param, ctx)
        return MODALITIES[value]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, for the help of a command."""
        from medplatform.modalities import MODALITIES

        return f"{{{'|'.join(MODALITIES)}}}"


@click.group()
def key() -> None:
    """The master key of the pseudonyms."""


@key.command("create")
def create_key() -> None:
    """Make the master key of this installation (mode 0600). Keep a copy in a safe place."""
    from medplatform.privacy import KeyRing

    path = installation_of_settings().settings.master_key
    KeyRing.create(path)
    click.echo(f"Created {path}. Keep a copy: pseudonyms cannot be repeated without it.")


@click.command()
@click.argument("modality", type=ModalityName())
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--delivery", "-d", "name", help="Name of the delivery, without identifiers.")
@click.option("--again", is_flag=True, help="Read the named delivery anew and replace its rows.")
@click.option(
    "--one-subject-per-record",
    is_flag=True,
    help="Declare that each image or sample is a person of its own (public data sets).",
)
@click.option("--labels", help="Label table (CSV) of a PNG or JPEG folder.")
@click.option("--label-file-column", help="Its column that names the image file.")
@click.option("--label-patient-column", help="Its column that names the patient.")
@click.option("--image-modality", help="DICOM modality of PNG or JPEG images, e.g. DX.")
@click.option(
    "--genome-build", type=click.Choice(["GRCh37", "GRCh38"]), help="Reference of the positions."
)
def ingest(
    modality: "Modality",
    path: Path | None,
    name: str | None,
    again: bool,
    one_subject_per_record: bool,
    **declared: str | None,
) -> None:
    """Read a file or folder into the lake, or every waiting delivery where no PATH is given.

    PATH is copied to landing first and stays untouched; without --delivery the copy is named by
    its content. Options go before those of a delivery.json in PATH.
    """
    options: dict[str, Any] = {key: value for key, value in declared.items() if value}
    if one_subject_per_record:
        options["subjects"] = "per_record"
    if again and not (name or path):
        raise click.UsageError("--again reads one delivery anew: name it with --delivery.")
    if options and not path:
        raise click.UsageError(
            "Options belong to a delivery from its beginning: give PATH, or a delivery.json."
        )
    from medplatform.ingest import ingest_pending
    from medplatform.modalities.delivery import deliver

    installation = installation_of_settings()
    settings = installation.settings
    identity = installation.identity
    if path is not None:
        name = deliver(path, settings.landing, modality.name, name, options).name
    with progress_bars() as progress:
        receipts = ingest_pending(
            modality,
            landing=settings.landing,
            lake=installation.lake,
            identity=identity,
            quiet_period_s=settings.quiet_period_s,
            deliveries=[name] if name else [],
            again=again,
            progress=progress,
        )
    _show_receipts(receipts)
    if any(receipt.status in ("rejected", "unreadable") for receipt in receipts):
        sys.exit(1)


@click.command()
@click.argument("modality", required=False, type=ModalityName())
@click.option("--delivery", "-d", help="Only this delivery.")
@click.option("--limit", default=20, show_default=True, help="Rows to show.")
@click.option("--paths", is_flag=True, help="Show file paths from the vault (may identify).")
def quarantine(modality: "Modality | None", delivery: str | None, limit: int, paths: bool) -> None:
    """Show what was refused, and why."""
    import polars as pl

    installation = installation_of_settings()
    rows = installation.lake.quarantine(modality.name if modality else None)
    if delivery:
        rows = rows.filter(delivery=delivery)
    if rows.is_empty():
        click.echo("Nothing is in quarantine.")
        return
    summary = rows.group_by("modality", "delivery", "code").len("records").sort("modality", "code")
    print_table("Reasons", summary)
    columns = ["file", "record_number", "element", "code", "reason"]
    shown = rows.head(limit)
    if paths:
        found = [installation.identity.source_path(s) or "" for s in shown["source_id"]]
        shown = shown.with_columns(pl.Series("file", found))
    print_table(f"First {shown.height} of {rows.height}", shown.select(columns))


@click.command("build")
def build_marts() -> None:
    """Compute polygenic scores and build the marts with dbt."""
    from medplatform.modalities import TABLES
    from medplatform.warehouse import build
    from medplatform.warehouse.scores import write_polygenic_scores

    installation = installation_of_settings()
    settings = installation.settings
    write_polygenic_scores(installation.lake, installation.scoring_files, settings.marts)
    result = build(
        installation.lake,
        list(TABLES.values()),
        root=settings.data / "dbt",
        marts=settings.marts,
    )
    print_table("Marts", [{"mart": n.name, "rows": n.rows} for n in result.nodes if n.rows])


def _show_receipts(receipts: "Sequence[Receipt]") -> None:
    rows = []
    for receipt in receipts:
        for unit, counts in receipt.entry.counts().items() if receipt.entry else ():
            facts = {"delivery": receipt.delivery, "status": receipt.status, "record": unit}
            rows.append({**facts, **counts.model_dump()})
        if receipt.entry and receipt.entry.duplicate_of:
            copied = receipt.entry.duplicate_of
            click.echo(f"{receipt.delivery} is a copy of {copied}; nothing was read.")
        if receipt.problem:
            click.secho(receipt.problem, fg="red", err=True)
    if rows:
        print_table("Records", rows)
    elif not receipts:
        click.echo("No closed delivery is waiting.")
