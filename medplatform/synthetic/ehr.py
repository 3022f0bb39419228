"""Write the EHR delivery: a bulk export with one NDJSON file per resource type."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import orjson

from medplatform.synthetic.terminology import Element

COMPRESSED = frozenset({"Observation"})
"""Resource types written as .ndjson.gz: by far the largest file, and both forms occur."""


def write_bulk_export(
    folder: Path,
    records: Iterable[Iterable[Element]],
    done: Callable[[int], None] = lambda _count: None,
) -> None:
    """Write the records of patients, each the resources of one patient, into a folder.

    A type that occurs nowhere gets no file. One resource is in memory at a time. `done` is called
    with the number of patients written, every hundred patients.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for number, record in enumerate(records, 1):
            for resource in record:
                kind = resource["resourceType"]
                if kind not in files:
                    files[kind] = stack.enter_context(open_ndjson(folder, kind))
                files[kind].write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
            if number % 100 == 0:
                done(number)


@contextmanager
def open_ndjson(folder: Path, kind: str) -> Iterator[IO[bytes]]:
    """A file for resources of one type; compressed bytes do not depend on clock or file name."""
    is_compressed = kind in COMPRESSED
    path = folder / f"{kind}.ndjson{'.gz' if is_compressed else ''}"
    with path.open("wb") as raw:
        if not is_compressed:
            yield raw
            return
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as stream:
            yield cast(IO[bytes], stream)
