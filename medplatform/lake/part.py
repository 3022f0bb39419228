"""Part files: how the rows of a table are written, and what the ledger keeps of a file."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.lake.ledger import WrittenFile
from medplatform.lake.table import Table

LARGE_GROUP_ROWS = 4
"""Of a table with large cells: to read one of them, its whole row group is read."""


def _string_paths(field: pa.Field, parent: str = "") -> Iterator[str]:
    """The names that Parquet has for the texts in a column."""
    path = f"{parent}{field.name}"
    if pa.types.is_string(field.type):
        yield path
    elif pa.types.is_list(field.type):
        yield from _string_paths(field.type.value_field.with_name("element"), f"{path}.list.")
    elif pa.types.is_struct(field.type):
        for child in field.type:
            yield from _string_paths(child, f"{path}.")


def write_part(table: Table, content: pa.Table, path: Path) -> None:
    """Write one file of a table, durably: zstd, or plain pages where cells are compressed."""
    repeating = [path for field in content.schema for path in _string_paths(field)]
    with path.open("wb") as stream:
        pq.write_table(
            content,
            stream,
            compression="none" if table.large else "zstd",
            use_dictionary=repeating,  # pyright: ignore[reportArgumentType] - stubs know bool only
            write_statistics=[c.name for c in table.all_columns if c.name not in table.large],  # pyright: ignore[reportArgumentType]
            row_group_size=LARGE_GROUP_ROWS if table.large else 1 << 20,
        )
        stream.flush()
        os.fsync(stream.fileno())


def describe(path: Path, relative_to: Path) -> WrittenFile:
    """Digest and size of a published file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return WrittenFile(
        path=path.relative_to(relative_to).as_posix(),
        rows=pq.read_metadata(path).num_rows,
        bytes=path.stat().st_size,
        sha256=digest,
    )
