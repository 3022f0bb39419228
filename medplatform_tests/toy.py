"""A modality of one table, small enough to see through: what the platform does with any modality.

A source file has one record per line: `patient,value`. A blank line is blank, a line without two
fields is refused, the value "other" is of a kind without a table.
"""

from pathlib import Path

import pyarrow as pa

from medplatform.lake import Column, Phi, Refusal, Stage, Table
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity, KeyRing

READING = Table(
    name="toy_reading",
    description="One row per reading.",
    columns=(
        Column(
            name="patient_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="Pseudonym of the patient.",
        ),
        Column(
            name="value",
            dtype=pa.float64(),
            minimum=0,
            maximum=100,
            description="What was read.",
            unit="mg",
        ),
        Column(name="status", dtype=pa.string(), values=("final", "draft"), description="State."),
    ),
    key=("source_id", "record_number"),
    sort_by=("patient_id",),
)


def read(delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /) -> None:
    for number, source in enumerate(delivery.sources, 1):
        for line_number, line in enumerate(source.path.read_text().splitlines(), 1):
            _read_line(source, line_number, line, stage, identity)
        progress("read", number, len(delivery.sources))


def _read_line(source: Source, number: int, line: str, stage: Stage, identity: Identity) -> None:
    stage.count(source.source_id, "line", delivered=1)
    fields = line.split(",")
    if not line.strip():
        stage.count(source.source_id, "line", blank=1)
    elif line == "other":
        stage.keep(source.source_id, "line", "other")
    elif len(fields) != 2:
        stage.count(source.source_id, "line", quarantined=1)
        stage.refuse(
            Refusal(
                source_id=source.source_id,
                file=source.label,
                record_number=number,
                unit="line",
                code="line.fields",
                reason="A line has two fields.",
            )
        )
    else:
        stage.count(source.source_id, "line", accepted=1)
        value, _, status = fields[1].partition(" ")
        stage.write(
            READING,
            [
                {
                    "patient_id": identity.subject("urn:toy", fields[0]).patient_id,
                    "value": float(value),
                    "status": status or "final",
                    "source_id": source.source_id,
                    "record_number": number,
                }
            ],
        )


def count_records(source: Source) -> dict[str, int]:
    return {"line": source.path.read_bytes().count(b"\n")}


TOY = Modality(
    name="toy", title="Toy readings", tables=(READING,), read=read, count_records=count_records
)


def deliver_lines(landing: Path, name: str, files: dict[str, str]) -> None:
    """Write a closed delivery of the toy modality."""
    folder = landing / "toy" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    (folder / "_DONE").touch()


def toy_identity(vault: Path) -> Identity:
    """An identity service with a fixed key, so that runs can be compared."""
    return Identity(KeyRing(b"k" * 32), vault)
