"""The metadata files: codes, subject splits, the description of the data set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import meds
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from meds import CodeMetadataSchema, SubjectSplitSchema

from medplatform import __version__
from medplatform.lake.ledger import LedgerEntry, write_atomically

ACCOUNTING = Path("metadata") / "accounting.json"
"""An addition to the standard: what became of every row."""


def write_codes(described: pl.DataFrame, root: Path) -> int:
    """Write `codes.parquet` from what `collect_codes` found; return how many codes there are.

    Where records describe a code in several ways, the most frequent one is kept.
    """
    most_frequent = pl.col("display").sort_by("events", "display", descending=[True, False])
    codes = (
        described.group_by("code", "display")
        .agg(pl.col("events").sum())
        .group_by("code")
        .agg(most_frequent.drop_nulls().first().alias("description"))
    )
    parents = (
        described.unpivot(["parent", "value_parent"], index="code", value_name="parent_codes")
        .drop_nulls("parent_codes")
        .group_by("code")
        .agg(pl.col("parent_codes").unique().sort())
    )
    table = codes.join(parents, on="code", how="left").sort("code")
    _write(table, CodeMetadataSchema.schema(), root / meds.code_metadata_filepath)
    return table.height


def write_splits(subjects: Mapping[str, Sequence[np.ndarray]], root: Path) -> None:
    """Write `subject_splits.parquet`: every subject with at least one event."""
    parts = [
        pl.DataFrame({"subject_id": np.concatenate(ids)}).with_columns(split=pl.lit(split))
        for split, ids in subjects.items()
        if ids
    ]
    empty = pl.DataFrame(schema={"subject_id": pl.Int64, "split": pl.String})
    frame = pl.concat([empty, *parts]).sort("subject_id")
    _write(frame, SubjectSplitSchema.schema(), root / meds.subject_splits_filepath)


def write_description(version: str, entries: Sequence[LedgerEntry], root: Path) -> None:
    """Write `dataset.json`.

    `created_at` is when the newest delivery was read, so that the same lake gives the same bytes.
    """
    newest = max((entry.finished_at for entry in entries), default=None)
    content = {
        "dataset_name": "medplatform",
        "dataset_version": version,
        "etl_name": "medplatform",
        "etl_version": __version__,
        "meds_version": meds.__version__,
        **({"created_at": newest.isoformat()} if newest else {}),
        "raw_source_id_columns": ["encounter_id"],
        "code_modifier_columns": ["unit", "source_table"],
        "other_extension_columns": ["occurred_at"],
    }
    write_json(content, root / meds.dataset_metadata_filepath)


def write_json(content: Any, path: Path) -> None:
    """Write a JSON file, durably."""
    write_atomically(path, json.dumps(content, indent=1).encode())


def _write(frame: pl.DataFrame, schema: pa.Schema, path: Path) -> None:
    columns = [
        column.combine_chunks().cast(target.type)
        for column, target in zip(frame.to_arrow().columns, schema, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="zstd")
