"""Resources to judge: the public ones beside the checkout, or a synthetic cohort without them."""

import gzip
import tarfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import orjson

from medplatform.modalities.ehr.definitions import Release
from medplatform.synthetic.cohort import draw_histories
from medplatform.synthetic.fhir import Chart
from medplatform.synthetic.people import identify

_ARCHIVES = {Release.R4: "r4-hl7-examples", Release.R5: "r5-hl7-examples"}
_SEED = 5


@cache
def hl7_examples(fhir_data: Path, release: Release) -> dict[str, bytes]:
    """The examples of the specification, by file name."""
    (archive,) = (fhir_data / _ARCHIVES[release]).glob("*.tar.gz")
    with tarfile.open(archive) as files:
        return {
            Path(member.name).name: content.read()
            for member in files
            if member.name.endswith(".json") and (content := files.extractfile(member))
        }


def synthea(fhir_data: Path, most: int) -> Iterator[bytes]:
    """The first resources of every type of a bulk export."""
    for path in sorted((fhir_data / "r4-bulk-100").glob("*.ndjson.gz")):
        with gzip.open(path) as lines:
            yield from (line.strip() for line in islice(lines, most))


@cache
def synthetic(patients: int) -> list[bytes]:
    """The resources of a small synthetic cohort (R4)."""
    return [
        orjson.dumps(resource)
        for history in draw_histories(_SEED, 0, patients)
        for resource in Chart(identify(_SEED, history), history, "urn:oid:2.25.99").resources()
    ]
