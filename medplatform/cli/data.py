"""Commands about data that were read: what was refused, the marts, and caches of images."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from medplatform.cli.ingest import ModalityName
from medplatform.cli.refused import RECORD, count_records, read_quarantine
from medplatform.cli.terminal import installation_of_settings, print_table

if TYPE_CHECKING:
    import polars as pl

    from medplatform.installation import Installation
    from medplatform.lake import Lake, LedgerEntry
    from medplatform.modalities import Modality
    from medplatform.warehouse import BuildResult
    from medplatform.warehouse.genomics_qc import Assessed

_RECORD = ("modality", "delivery", *RECORD)
_CAUSE = ("modality", "delivery", "source_id", "file", "unit", "code", "element")


@click.command()
@click.argument("modality", required=False, type=ModalityName())
@click.option("--delivery", "-d", help="Only this delivery.")
@click.option("--code", help="Only this reason, e.g. record.conflict.")
@click.option("--limit", default=20, show_default=True, help="Rows of each table.")
@click.option("--paths", is_flag=True, help="Show file paths from the vault (may identify).")
def quarantine(
    modality: "Modality | None",
    delivery: str | None,
    code: str | None,
    limit: int,
    paths: bool,
) -> None:
    """Show what was refused, and why; apart from it, what was read with a remark.

    First how often each reason occurs, then one row per delivery, file, reason and element, with
    the number of records and the first of them: its number in the file, from 1, and the byte at
    which it begins. A file that is refused as a whole counts with all records that it has.
    """
    installation = installation_of_settings()
    name = modality.name if modality else None
    entries = list(installation.lake.ledger.entries(name))
    if delivery and not any(entry.delivery == delivery for entry in entries):
        raise click.ClickException(
            f"No delivery {delivery!r} was read. The names are in: medplatform status"
        )
    if delivery:
        entries = [entry for entry in entries if entry.delivery == delivery]
    rows = _read(entries, installation.lake)
    if code:
        rows = rows.filter(code=code)
    refused = rows.filter(severity="error")
    remarks = rows.filter(severity="warning").join(refused, on=_RECORD, how="anti")
    vault = installation if paths else None
    if refused.is_empty():
        click.echo("Nothing is in quarantine.")
    # A record of a rejected delivery is refused in each of its tables; the ledger counts it once.
    ledger = sum(_quarantined(reading) for entry in entries for reading in entry.readings)
    records = {
        "Refused": group_causes(refused)["records"].sum() if code else ledger,
        "Read, with a remark": remarks.n_unique(_RECORD),
    }
    for (title, number), found in zip(records.items(), (refused, remarks), strict=True):
        if not found.is_empty():
            _print_reasons(title, found)
            _print_causes(f"{title}: {number} records", group_causes(found), limit, vault)


def _quarantined(reading: "LedgerEntry") -> int:
    return sum(counts.quarantined for counts in reading.counts().values())


def _read(entries: "Sequence[LedgerEntry]", lake: "Lake") -> "pl.DataFrame":
    """The quarantine of deliveries; see `read_quarantine`."""
    import polars as pl

    from medplatform.lake.stage import QUARANTINE

    names = {"modality": pl.String, "delivery": pl.String, "records": pl.Int64}
    empty = QUARANTINE.empty_frame().with_columns(
        pl.lit(None, t).alias(n) for n, t in names.items()
    )
    frames = [
        rows.with_columns(modality=pl.lit(entry.modality), delivery=pl.lit(entry.delivery))
        for entry in entries
        for reading in entry.readings
        if (rows := read_quarantine(reading, lake)) is not None
    ]
    return pl.concat([empty.lazy(), *frames], how="diagonal").collect()


def group_causes(rows: "pl.DataFrame") -> "pl.DataFrame":
    """One row per cause of a quarantine, the most frequent first."""
    import polars as pl

    return (
        rows.sort("record_number", "byte_offset", -pl.col("records"))
        .unique([*_CAUSE, "record_number"], keep="first", maintain_order=True)
        .group_by(*_CAUSE, maintain_order=True)
        .agg(
            pl.col("records").sum(),
            pl.col("record_number").first().alias("first_record"),
            pl.col("byte_offset").first().alias("at_byte"),
            pl.col("reason").first(),
        )
        .sort(["records", "modality", "delivery", "code"], descending=[True, False, False, False])
    )


def _print_reasons(title: str, rows: "pl.DataFrame") -> None:
    """Print how often each reason occurs, where there are several."""
    import polars as pl

    files = rows.group_by("code").agg(
        files=pl.struct("modality", "delivery", "source_id").n_unique()
    )
    reasons = (
        count_records(rows.lazy(), ["code"], _RECORD)
        .collect()
        .join(files, on="code")
        .sort(["records", "code"], descending=[True, False])
    )
    if reasons.height > 1:
        print_table(f"{title}, by reason (--code)", reasons)


def _print_causes(
    title: str, causes: "pl.DataFrame", limit: int, vault: "Installation | None"
) -> None:
    """Print causes, with file paths where an installation lends its vault."""
    import polars as pl

    shown = causes.head(limit)
    if vault:
        paths = [vault.identity.source_path(source) or "" for source in shown["source_id"]]
        found = [os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths]
        shown = shown.with_columns(pl.Series("file", found))
    shown = shown.with_columns(delivery=pl.format("{}/{}", "modality", "delivery"))
    columns = ["delivery", "file", "unit", "code", "element", "records"]
    if shown.height < causes.height:
        title += f", the first {shown.height} of {causes.height} causes (--limit)"
    print_table(title, shown.select(*columns, "first_record", "at_byte", "reason"))


@click.command("build")
def build_marts() -> None:
    """Score and assess genotypes, assemble volumes of images, and build the marts with dbt."""
    from medplatform.cli.cohort_flow import cohort_flow
    from medplatform.modalities.genomics.features.scoring_file import find_unusable
    from medplatform.warehouse import POLYGENIC_SCORE
    from medplatform.warehouse.genomics_features import find_references, write_features
    from medplatform.warehouse.genomics_qc import write_genomics_qc
    from medplatform.warehouse.scores import write_polygenic_scores
    from medplatform.warehouse.volumes import write_volumes

    installation = installation_of_settings()
    settings = installation.settings
    if not any(entry.tables for entry in installation.lake.ledger.entries()):
        raise click.ClickException(
            f"No mart was built: the lake under {settings.data} has no rows. "
            f"Ingest first: medplatform ingest MODALITY PATH"
        )
    unusable = find_unusable(installation.scoring_files)
    usable = [path for path in installation.scoring_files if path not in unusable]
    scores = write_polygenic_scores(installation.lake, usable, settings.marts, installation.genomes)
    references = find_references(settings.reference)
    features = write_features(installation.lake, references, settings.marts)
    unusable |= features.unusable
    assembled = write_volumes(installation.lake, settings.marts)
    assessed = write_genomics_qc(installation.lake, settings.marts)
    result = _run_dbt(installation, unusable)
    marts = {
        **result.marts,
        POLYGENIC_SCORE.name: scores.height,
        **assembled.rows,
        **assessed.rows,
        **features.rows,
    }
    print_table("Marts", [{"mart": name, "rows": rows} for name, rows in marts.items()])
    _print_broken_rules(assessed)
    if flow := cohort_flow(settings.data / "dbt"):
        print_table("From patients to rows of patient_features", flow)
    _print_linkage(settings.data / "dbt")
    if unusable:
        raise click.ClickException("\n".join(["All else was built.", *_tell_unusable(unusable)]))


def _print_linkage(warehouse: Path) -> None:
    """Print how many patients of other modalities have health records, and what to see to."""
    from medplatform.cli.linkage import find_linkage

    if not (found := find_linkage(warehouse)):
        return
    print_table("Patients with health records", found)
    if any(row["with health records"] != row["patients"] for row in found):
        click.echo(
            "Patients without health records have none yet, or their ids are of another system. "
            "See to MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM, and to crosswalk.csv."
        )


def _print_broken_rules(assessed: "Assessed") -> None:
    """Print what is implausible of the genotypes, as the checks in Dagster say it."""
    from medplatform.modalities.genomics.qc.meaning import RULES
    from medplatform.modalities.genomics.qc.review import review

    broken = [finding for finding in review(assessed.quality()) if not finding.is_good]
    if broken:
        rows = [{"rule": one.rule, "found": one.says, "": RULES[one.rule]} for one in broken]
        print_table("Genotypes that are implausible (docs/genomics-qc.md)", rows)


def _run_dbt(installation: "Installation", unusable: Mapping[Path, str]) -> "BuildResult":
    """Build the marts of SQL; what else is to be mended is told with what dbt finds."""
    from medplatform.modalities import TABLES
    from medplatform.warehouse import WarehouseError, build

    try:
        return build(
            installation.lake,
            list(TABLES.values()),
            root=installation.settings.data / "dbt",
            marts=installation.settings.marts,
            views=installation.views,
        )
    except WarehouseError as error:
        raise WarehouseError("\n".join([str(error), *_tell_unusable(unusable)])) from error


def _tell_unusable(reasons: Mapping[Path, str]) -> list[str]:
    """Which files of the folder reference are not in the marts, and why."""
    if not reasons:
        return []
    return ["Nothing of these reference files is in the marts:", *reasons.values()]


@click.command()
@click.option(
    "--remove",
    "days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Remove those that were not used for so many days; 0: all.",
)
def caches(days: int | None) -> None:
    """List the images that are ready for training, and remove those that are old.

    They are copies: `medplatform freeze` or training makes them again where they are needed. A
    training that runs keeps what it has open.
    """
    from medplatform.training.images.cache import find_caches, remove_cache

    datasets = installation_of_settings().settings.datasets
    now = datetime.now(UTC)
    rows = []
    for entry in find_caches(datasets):
        is_old = days is not None and now - entry.used_at >= timedelta(days=days)
        if is_old:
            remove_cache(entry.folder)
        row = {
            "recipe": entry.folder.relative_to(datasets).parts[0],
            "cache": entry.folder.name,
            "data set": entry.dataset[:16],
            "images": entry.images,
            "MB": entry.bytes / 1e6,
            "last used": entry.used_at.isoformat(" ", timespec="minutes"),
        }
        rows.append({**row, "": "removed" if is_old else ""} if days is not None else row)
    if rows:
        print_table("Images ready for training", rows)
    else:
        click.echo("No images are kept ready for training.")
