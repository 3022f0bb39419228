"""Ways from FHIR NDJSON to Parquet: the platform's own, and what else a Python user has.

Each is a function of a delivery (its folder), the type whose file is read, and a folder to write
into. `python -m benchmarks.ehr.candidates` runs one in a process of its own.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

COMPRESSION = "zstd"
OUTPUT = "all.parquet"

Candidate = Callable[[Path, str, Path], None]


def medplatform(folder: Path, resource_type: str, out: Path, *, workers: int = 1) -> None:
    """Judged, de-identified, nested and typed tables, validated and published; Patients too."""
    from medplatform.ingest import ingest_delivery
    from medplatform.lake import Lake
    from medplatform.modalities.ehr import configure
    from medplatform.modalities.ehr.configuration import Configuration
    from medplatform.privacy import Identity, KeyRing

    receipt = ingest_delivery(
        configure(Configuration(workers=workers)),
        folder.name,
        landing=folder.parents[1],
        lake=Lake(out / "lake"),
        identity=Identity(KeyRing(b"b" * 32), out / "vault"),
    )
    if receipt.status != "published" or not receipt.entry or receipt.entry.refusals:
        raise RuntimeError(f"the delivery was {receipt.status}, or records of it were refused")


def validate(folder: Path, resource_type: str, out: Path) -> None:
    """fhir.resources alone: whether each resource is valid."""
    for _ in _valid_lines(folder, resource_type):
        pass


def validate_and_flatten(folder: Path, resource_type: str, out: Path) -> None:
    """The usual path: fhir.resources, then one row of scalars per resource."""
    _write_rows(_valid_lines(folder, resource_type), out)


def flatten(folder: Path, resource_type: str, out: Path) -> None:
    """One row of scalars per resource, not validated."""
    with _file(folder, resource_type).open("rb") as stream:
        _write_rows(stream, out)


def polars(folder: Path, resource_type: str, out: Path) -> None:
    """polars.read_ndjson, types inferred from the whole file."""
    import polars as pl

    frame = pl.read_ndjson(_file(folder, resource_type), infer_schema_length=None)
    frame.write_parquet(out / OUTPUT, compression=COMPRESSION)


def duckdb(folder: Path, resource_type: str, out: Path) -> None:
    """DuckDB's read_json with its own detection of types."""
    from duckdb import connect

    source = _file(folder, resource_type)
    with connect(config={"threads": 1}) as database:
        database.execute(
            f"copy (from read_json('{source}', format = 'newline_delimited')) "
            f"to '{out / OUTPUT}' (format parquet, compression {COMPRESSION})"
        )


def arrow(folder: Path, resource_type: str, out: Path) -> None:
    """pyarrow.json with its own detection of types, from the whole file."""
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    path = _file(folder, resource_type)
    options = pj.ReadOptions(use_threads=False, block_size=path.stat().st_size + 1)
    pq.write_table(pj.read_json(path, options), out / OUTPUT, compression=COMPRESSION)


PLATFORM = "medplatform"
CANDIDATES: dict[str, Candidate] = {
    PLATFORM: medplatform,
    "fhir.resources": validate,
    "fhir.resources + flatten": validate_and_flatten,
    "flatten": flatten,
    "polars": polars,
    "DuckDB": duckdb,
    "pyarrow.json": arrow,
}
VALIDATING = ("fhir.resources", "fhir.resources + flatten")
"""So slow that they get the beginning of the input alone."""


def flatten_resource(content: Any) -> dict[str, Any]:
    """The scalars of a resource by path, positions in lists included.

    >>> flatten_resource({"id": "1", "name": [{"given": ["A", "B"]}]})
    {'id': '1', 'name.0.given.0': 'A', 'name.0.given.1': 'B'}
    """
    return dict(_walk(content, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from _walk(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _file(folder: Path, resource_type: str) -> Path:
    return folder / f"{resource_type}.ndjson"


def _valid_lines(folder: Path, resource_type: str) -> Iterator[bytes]:
    module = import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    model = getattr(module, resource_type)
    with _file(folder, resource_type).open("rb") as stream:
        for line in stream:
            model.model_validate_json(line)
            yield line


def _write_rows(lines: Iterable[bytes], out: Path) -> None:
    import orjson
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [flatten_resource(orjson.loads(line)) for line in lines]
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    pq.write_table(table, out / OUTPUT, compression=COMPRESSION)


def _cpu_seconds() -> float:
    usages = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Run one candidate in this process and print what it took, in seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CANDIDATES)
    parser.add_argument("type")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    run = CANDIDATES[given.name]
    if given.name == PLATFORM:
        run = partial(medplatform, workers=given.workers)
    cpu, wall = _cpu_seconds(), time.monotonic()
    run(given.folder, given.type, given.out)
    print(json.dumps({"cpu": _cpu_seconds() - cpu, "wall": time.monotonic() - wall}))


if __name__ == "__main__":
    main()
