"""How results look in the Dagster UI: column panels, previews, tables, plots.

Only columns that say nothing about a person are shown as values.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from medplatform.lake import Column, Lake, Phi, Table
from medplatform.modalities.modality import Progress

PREVIEW_ROWS = 5
PLOT_BYTES = 60_000
"""Plots stand in the event log, so they must be small."""


def column_schema(table: Table) -> dg.TableSchema:
    """The column panel of a table of the lake."""
    return schema_of_columns(table.all_columns, table.key)


def schema_of_columns(columns: Sequence[Column], key: tuple[str, ...]) -> dg.TableSchema:
    """The column panel of an asset: type, constraints, meaning, unit and PHI class."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.dtype),
                description=column.meaning,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required,
                    unique=key == (column.name,),
                    other=[
                        *([f"one of {', '.join(column.values)}"] if column.values else []),
                        *([f">= {column.minimum:g}"] if column.minimum is not None else []),
                        *([f"<= {column.maximum:g}"] if column.maximum is not None else []),
                    ],
                ),
                tags={"phi": column.phi.value.replace(" ", "-")},
            )
            for column in columns
        ]
    )


def preview(lake: Lake, table: Table) -> dg.MetadataValue:
    """Five rows of the columns that say nothing about who the patient is."""
    harmless = [c.name for c in table.columns if c.phi is Phi.NONE and c.name not in table.large]
    return markdown(lake.scan(table, harmless).head(PREVIEW_ROWS).collect())


def markdown(frame: pl.DataFrame) -> dg.MetadataValue:
    """A frame as a Markdown table."""
    if frame.is_empty():
        return dg.MetadataValue.text("no rows")
    return dg.MetadataValue.md(markdown_table(frame.columns, frame.rows()))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as a Markdown table; bars and line breaks cannot end a cell."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def records(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    """Mappings with the same keys as a Markdown table."""
    if not rows:
        return dg.MetadataValue.text("none")
    header = list(rows[0])
    return dg.MetadataValue.md(markdown_table(header, [[r.get(n) for n in header] for r in rows]))


def image(png: bytes) -> dg.MetadataValue:
    """A small PNG inline."""
    if len(png) > PLOT_BYTES:
        return dg.MetadataValue.text("The picture is too large to show here.")
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def log_progress(log: dg.DagsterLogManager) -> Progress:
    """Log every tenth of what is done at most, so that the event log stays readable."""
    reached: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 10
        if tenth > reached.get(what, 0):
            reached[what] = tenth
            log.info("%s: %d of %d", what, done, total)

    return report


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
