"""Input of the benchmark: a public or synthetic export, repeated with new ids until it is large."""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

TYPES = ("Observation", "Claim", "Patient", "Condition", "Encounter")
EXPORT = "fhir/r4-bulk-100"
"""In the folder of the public data: 100 patients made up by Synthea, as its authors exported it."""
SYNTHETIC_PATIENTS = 200

# The UUIDs of Synthea and the ids of the platform's own cohorts, around the digits to replace.
_ID = re.compile(
    rb'([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|(?<=["/])[0-9a-f]{4})[0-9a-f]{4}([0-9a-f]{8})\b'
)


def find_export() -> Path | None:
    """The public export, beside the checkout or where `MEDPLATFORM_TEST_DATA` says."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("MEDPLATFORM_TEST_DATA", beside)) / EXPORT
    return folder if folder.is_dir() else None


def write_deliveries(landing: Path, size: int, types: tuple[str, ...] = TYPES) -> dict[str, Path]:
    """Write a delivery of each type there is: about `size` bytes of it, and its Patients.

    Returns
    -------
    dict
        Type -> the folder of the delivery, in which `<type>.ndjson` is the file of the type.
    """
    export = find_export() or _write_cohort(landing.with_name("cohort"))
    patients = _read(export, "Patient")
    folders = {}
    for resource_type in types:
        if text := _read(export, resource_type):
            folder = landing / "ehr" / resource_type.lower()
            copies = max(1, round(size / len(text)))
            contents = {"Patient": patients, resource_type: text}
            for name, content in contents.items():
                _write(folder / f"{name}.ndjson", (renumber(content, n) for n in range(copies)))
            (folder / "_DONE").touch()
            folders[resource_type] = folder
    return folders


def write_beginning(folder: Path, size: int) -> Path:
    """Write a delivery of the first lines of each file of a delivery, about `size` bytes of it."""
    target = folder.with_name(f"{folder.name}-{size}")
    for path in folder.glob("*.ndjson"):
        with path.open("rb") as stream:
            _write(target / path.name, [b"".join(stream.readlines(size))])
    (target / "_DONE").touch()
    return target


def renumber(text: bytes, number: int) -> bytes:
    """The text with other ids, each the same wherever it stands.

    >>> renumber(b'{"id":"6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"}', 7)
    b'{"id":"6c5d9ca9-54d7-42f5-bfae-00079cd217f2"}'
    """
    return _ID.sub(rb"\g<1>%04x\g<2>" % number, text)


def _write(path: Path, pieces: Iterator[bytes] | list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.writelines(pieces)


def _read(export: Path, resource_type: str) -> bytes:
    for path in export.glob(f"{resource_type}.ndjson*"):
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    return b""


def _write_cohort(folder: Path) -> Path:
    from medplatform.synthetic import write_cohort

    write_cohort(
        folder / "landing",
        folder / "reference",
        delivery="cohort",
        patients=SYNTHETIC_PATIENTS,
        imaging_patients=0,
        seed=1,
        identifier_system="urn:example:mrn",
    )
    return folder / "landing" / "ehr" / "cohort"


if __name__ == "__main__":
    import json
    import sys

    landing, size, *types = sys.argv[1:]
    folders = write_deliveries(Path(landing), int(size), tuple(types))
    print(json.dumps({name: str(folder) for name, folder in folders.items()}))
