"""How many of the values that went in came out."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.modalities.ehr.columns.leaves import leaves_in_text


def values_in(path: Path) -> int:
    """Scalars in an NDJSON file."""
    with path.open("rb") as stream:
        return sum(leaves_in_text(line, 1) for line in stream)


def values_out(path: Path) -> int:
    """Scalars in a Parquet file: values that are not null, at any depth."""
    rows = pq.read_table(path)
    return sum(_count(chunk) for column in rows.columns for chunk in column.chunks)


def _count(array: pa.Array) -> int:
    if isinstance(array, pa.StructArray):
        return sum(map(_count, array.flatten()))
    if isinstance(array, pa.ListArray | pa.LargeListArray):
        return _count(array.flatten())
    return len(array) - array.null_count


if __name__ == "__main__":
    print(json.dumps(values_in(Path(sys.argv[1])) - values_out(Path(sys.argv[2]))))
