"""Deliveries that must be refused, in whole or in part, each with one fault of a kind that occurs.

They hold few patients, and none of any cohort of fewer than nine million.
"""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from medplatform.synthetic.cohort import History, draw_histories
from medplatform.synthetic.draws import Draws
from medplatform.synthetic.ehr import write_bulk_export
from medplatform.synthetic.fhir import Chart
from medplatform.synthetic.landing import new_delivery
from medplatform.synthetic.panel import draw_genotypes, panel
from medplatform.synthetic.people import Person, identify
from medplatform.synthetic.terminology import Element
from medplatform.synthetic.vcf import calls, fixed_fields, header, write_crosswalk

_FIRST_PATIENT = 9_000_000
_PATIENTS = 30
_VARIANTS = 20
_PIXEL_DATA = b"\xe0\x7f\x10\x00OW"  # (7FE0,0010) in Explicit VR Little Endian


@dataclass(frozen=True, slots=True)
class BadDelivery:
    """A delivery with a fault.

    `codes` are the refusal codes that must be found in its quarantine, none where a check alone
    tells of it; `status` is what must become of it: `published` without the records at fault, or
    `unreadable`, when there is nothing to open.
    """

    modality: str
    name: str
    fault: str
    codes: tuple[str, ...]
    status: Literal["published", "unreadable"]


class _Cohort:
    """A few patients to spoil."""

    def __init__(self, seed: int, first: int, identifier_system: str) -> None:
        self.seed = seed
        self.first = first
        self.identifier_system = identifier_system
        self.people: list[tuple[Person, History]] = [
            (identify(seed, history), history) for history in draw_histories(seed, first, _PATIENTS)
        ]

    def records(self, *kinds: str) -> list[list[Element]]:
        """The resources of each patient, of some types or of all."""
        return [
            [
                resource
                for resource in Chart(person, history, self.identifier_system).resources()
                if not kinds or resource["resourceType"] in kinds
            ]
            for person, history in self.people
        ]

    def vcf_lines(self) -> list[bytes]:
        """The first variants of a cohort VCF, without header."""
        draws = Draws(self.seed, self.first, len(self.people))
        return [
            fixed_fields(variant).encode() + calls(draw_genotypes(variant, draws)) + b"\n"
            for variant in islice(panel(), _VARIANTS)
        ]

    def vcf_header(self) -> bytes:
        """The header of the cohort VCF."""
        return header([person.sample_id for person, _ in self.people]).encode()


def write_bad_deliveries(landing: Path, *, identifier_system: str, seed: int) -> list[BadDelivery]:
    """Write all of them; returns what is wrong with each and what must become of it.

    Raises
    ------
    DeliveryExists
        There is a delivery of one of the names.
    """
    for number, (bad, write) in enumerate(_FAULTS.items()):
        cohort = _Cohort(seed, _FIRST_PATIENT + number * _PATIENTS, identifier_system)
        with new_delivery(landing, bad.modality, bad.name) as folder:
            write(folder, cohort)
    return list(_FAULTS)


# What is published of a bad delivery has no encounters, so that it never reaches a model.


def _truncate_export(folder: Path, cohort: _Cohort) -> None:
    write_bulk_export(folder, cohort.records("Patient", "Observation"))
    path = folder / "Observation.ndjson.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _register_twice(folder: Path, cohort: _Cohort) -> None:
    records = cohort.records("Patient", "Observation")
    for record in records[:3]:
        patient = record[0]
        other = "male" if patient["gender"] == "female" else "female"
        record.append(patient | {"gender": other})
    write_bulk_export(folder, records)


def _swap_dates(folder: Path, cohort: _Cohort) -> None:
    records = cohort.records("Patient", "Condition")
    for resource in (resource for record in records for resource in record):
        if "abatementDateTime" in resource:
            started = resource["onsetDateTime"]
            resource["onsetDateTime"] = resource["abatementDateTime"]
            resource["abatementDateTime"] = started
    write_bulk_export(folder, records)


def _misuse_codes(folder: Path, cohort: _Cohort) -> None:
    records = cohort.records("Patient", "Observation", "Condition")
    for resource in (resource for record in records for resource in record):
        if resource["resourceType"] == "Observation":
            resource["status"] = "ok"
        if resource["resourceType"] == "Condition":
            del resource["subject"]
    write_bulk_export(folder, records)


def _omit_patients(folder: Path, cohort: _Cohort) -> None:
    write_bulk_export(folder, cohort.records("Observation", "Encounter"))


def _leave_empty(_folder: Path, _cohort: _Cohort) -> None:
    """Nothing but the closing mark."""


def _damage_images(folder: Path, cohort: _Cohort) -> None:
    from medplatform.synthetic.dicom import write_study

    images = []
    for person, history in cohort.people[:2]:
        study = folder / "whole"
        write_study(study, person, history, cohort.seed)
        images.append((study / "CT0001.dcm").read_bytes())
        shutil.rmtree(study)
    (folder / "empty.dcm").touch()
    (folder / "note.dcm").write_text("The images follow by post.\n")
    (folder / "cut-in-pixels.dcm").write_bytes(images[0][:-5_000])
    (folder / "cut-in-header.dcm").write_bytes(images[1][: images[1].index(_PIXEL_DATA) + 10])


def _forget_crosswalk(folder: Path, cohort: _Cohort) -> None:
    content = cohort.vcf_header() + b"".join(cohort.vcf_lines())
    (folder / "cohort.vcf.gz").write_bytes(gzip.compress(content, mtime=0))


def _break_lines(folder: Path, cohort: _Cohort) -> None:
    lines = cohort.vcf_lines()
    columns = [line.split(b"\t") for line in lines[:3]]
    lines[0] = b"\t".join(columns[0][:12]) + b"\n"
    lines[1] = b"\t".join([columns[1][0], b"here", *columns[1][2:]])
    lines[2] = b"\t".join([*columns[2][:9], b"0/7", *columns[2][10:]])
    lines[3] = lines[4]
    (folder / "cohort.vcf").write_bytes(cohort.vcf_header() + b"".join(lines))
    people = [person for person, _ in cohort.people]
    write_crosswalk(folder / "crosswalk.csv", people, cohort.identifier_system)


_FAULTS: dict[BadDelivery, Callable[[Path, _Cohort], None]] = {
    BadDelivery(
        "ehr",
        "bad-truncated-export",
        "The transfer of a compressed file broke off half way.",
        ("file.truncated",),
        "published",
    ): _truncate_export,
    BadDelivery(
        "ehr",
        "bad-registered-twice",
        "Three patients are there twice, as female and as male, and nothing says which holds.",
        ("record.conflict",),
        "published",
    ): _register_twice,
    BadDelivery(
        "ehr",
        "bad-dates",
        "Conditions end before they begin: the columns of the two dates were swapped.",
        (),
        "published",
    ): _swap_dates,
    BadDelivery(
        "ehr",
        "bad-codes",
        "Observations have a status of the sender's own, conditions name no patient.",
        ("value.not_in_value_set", "fhir.missing_element"),
        "published",
    ): _misuse_codes,
    BadDelivery(
        "ehr",
        "bad-without-patients",
        "The file of patients was forgotten, so nothing says whose the records are.",
        ("subject.unknown",),
        "published",
    ): _omit_patients,
    BadDelivery(
        "ehr",
        "bad-empty",
        "The folder was closed before anything was put into it.",
        (),
        "unreadable",
    ): _leave_empty,
    BadDelivery(
        "imaging",
        "bad-images",
        "An empty file, a text file, and DICOM files cut in the header and in the pixels.",
        ("dicom.not_dicom", "dicom.unreadable", "pixels.truncated"),
        "published",
    ): _damage_images,
    BadDelivery(
        "genomics",
        "bad-without-crosswalk",
        "Nothing says which sample is from which patient.",
        ("crosswalk.missing",),
        "published",
    ): _forget_crosswalk,
    BadDelivery(
        "genomics",
        "bad-lines",
        "Lines with missing columns, a word for a position, an allele that is not listed, and a "
        "repeated line.",
        (
            "line.too_few_columns",
            "position.not_an_integer",
            "genotype.unknown_allele",
            "record.duplicate",
        ),
        "published",
    ): _break_lines,
}
