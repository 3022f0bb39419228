"""Write the EHR delivery: a bulk export with one NDJSON file per resource type."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import orjson

from medplatform.synthetic.fhir import RESOURCE_TYPES
from medplatform.synthetic.terminology import Element

COMPRESSED = frozenset({"Observation"})
"""Resource types written as .ndjson.gz: by far the largest file, and both forms occur."""


def write_bulk_export(
    folder: Path,
    records: Iterable[Iterable[Element]],
    done: Callable[[int], None] = lambda _count: None,
) -> None:
    """Write the records of patients, each the resources of one patient, into a folder.

    One resource is in memory at a time. `done` is called with the number of patients written, every hundred patients.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            kind: stack.enter_context(open_ndjson(folder, kind, compress=kind in COMPRESSED))
            for kind in RESOURCE_TYPES
        }
        for number, record in enumerate(records, 1):
            for resource in record:
                line = orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE)
                files[resource["resourceType"]].write(line)
            if number % 100 == 0:
                done(number)


@contextmanager
def open_ndjson(folder: Path, kind: str, *, compress: bool) -> Iterator[IO[bytes]]:
    """A file for resources of one type; compressed bytes do not depend on clock or file name."""
    path = folder / f"{kind}.ndjson{'.gz' if compress else ''}"
    with path.open("wb") as raw:
        if not compress:
            yield raw
            return
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as stream:
            yield cast(IO[bytes], stream)
