"""`medplatform views`: look at ViewDefinitions, check one, build their tables."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.terminal import installation_of_settings, print_table

if TYPE_CHECKING:
    from medplatform.views import View, ViewFile
    from medplatform.warehouse import ViewTables

_BATCH_ROWS = 1 << 16


@click.group()
def views() -> None:
    """Tables that ViewDefinitions (SQL on FHIR) give over the lake's resources."""


@views.command("list")
def list_views() -> None:
    """Show every view: its columns, the rows of its table, or what is wrong with it."""
    tables = installation_of_settings().views
    files = tables.files()
    if not files:
        click.echo(f"There is no ViewDefinition in {tables.definitions}.")
        return
    print_table("Views", [_summary(file, tables) for file in files])


@views.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def check_view(file: Path) -> None:
    """Say which columns a ViewDefinition has, or what is wrong with it."""
    from medplatform.views import read_view

    view = read_view(file)
    print_table(f"{file.name}: a valid view of {view.resource}", _columns(view))


@views.command("run")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="Print the first rows, write all as CSV to standard output, or name the files.",
)
@click.option("--limit", default=20, show_default=True, help="Rows of each printed table.")
def run_views(names: tuple[str, ...], form: str, limit: int) -> None:
    """Build the tables of some views, or of all, and show them."""
    import polars as pl

    from medplatform.views import ViewError
    from medplatform.warehouse import build_view

    installation = installation_of_settings()
    tables = installation.views
    files = _chosen(tables, names)
    if form == "csv" and len(files) != 1:
        raise click.UsageError("CSV is for one view: name it.")
    failed = False
    for file in files:
        out = tables.path(file.name)
        try:
            if file.view is None:
                raise file.error or ViewError(file.path.name, "no view")
            built = build_view(installation.lake, file.view, out)
        except ViewError as error:
            failed = True
            message = str(error) if file.error else f"{file.path.name}: {error}"
            click.secho(f"{file.name}: {message}", fg="red", err=True)
            continue
        if form == "csv":
            _write_csv(out)
        elif form == "parquet":
            click.echo(f"{out}  {built.rows} rows")
        else:
            shown = pl.scan_parquet(out).head(limit).collect()
            of = f", the first {shown.height}" if shown.height < built.rows else ""
            print_table(f"{file.name}: {built.rows} rows{of}", shown)
    if failed:
        sys.exit(1)


def _chosen(tables: "ViewTables", names: tuple[str, ...]) -> "list[ViewFile]":
    files = {file.name: file for file in tables.files()}
    unknown = [name for name in names if name not in files]
    if unknown or not files:
        raise click.ClickException(
            f"There is no view {', '.join(unknown) or 'at all'} in {tables.definitions}. "
            f"There are: {', '.join(files) or 'none'}."
        )
    return [files[name] for name in names or files]


def _summary(file: "ViewFile", tables: "ViewTables") -> dict[str, Any]:
    import pyarrow.parquet as pq

    out, view = tables.path(file.name), file.view
    return {
        "view": file.name,
        "resource": view.resource if view else None,
        "columns": ", ".join(column.name for column in view.columns()) if view else None,
        "rows": pq.read_metadata(out).num_rows if out.exists() else None,
        "problem": str(file.error) if file.error else None,
    }


def _columns(view: "View") -> list[dict[str, Any]]:
    from medplatform.views import column_types

    paths = {column.name: column.path.text for column in view.columns()}
    return [
        {
            "column": column.name,
            "FHIR type": column.fhir_type,
            "type": column.sql_type,
            "path": paths[column.name],
        }
        for column in column_types(view).values()
    ]


def _write_csv(path: Path) -> None:
    """Rows in batches, so that memory does not grow with the table; lists and structs as JSON."""
    import polars as pl
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        click.echo(pl.DataFrame(schema=names).write_csv(), nl=False)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            frame = pl.DataFrame(batch)
            nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
            texts = [pl.Series(name, _json(frame[name].to_list())) for name in nested]
            frame = frame.with_columns(texts)
            click.echo(frame.write_csv(include_header=False), nl=False)


def _json(values: list[Any]) -> list[str | None]:
    return [None if value is None else json.dumps(value, default=str) for value in values]
