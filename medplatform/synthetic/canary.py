"""Plant one unmistakable patient in every modality, to prove that no identifier gets out.

The patient's identifiers stand where they belong and also where they do not: in free text, private
DICOM elements, comments of the VCF header, needless columns, and file names.
"""

import csv
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

from medplatform.synthetic.cohort import History, draw_history
from medplatform.synthetic.draws import Draws
from medplatform.synthetic.ehr import write_bulk_export
from medplatform.synthetic.fhir import Chart
from medplatform.synthetic.landing import new_delivery
from medplatform.synthetic.panel import draw_genotypes, panel
from medplatform.synthetic.people import Person
from medplatform.synthetic.terminology import Element
from medplatform.synthetic.vcf import calls, fixed_fields, header

_SEED = 4711
_FAMILY, _GIVEN = "Quaxelthorpe", "Zephyrantha"
_MRN = "CANARY-MRN-90817263"
_PHONE = "(989) 555-0177"  # no patient of a cohort has this area code
_STEM = f"{_FAMILY}_{_GIVEN}_1947-03-09".upper()
_UIDS = ("study", "series:CT", "series:SEG", "image:1", "image:2", "seg", "frame", "dimensions")

CANARY = Person(
    key="canary",
    mrn=_MRN,
    fhir_id="canary-patient-5f0e61",
    sample_id="CANARY-SAMPLE-77121",
    family=_FAMILY,
    given=_GIVEN,
    birth_date=date(1947, 3, 9),
    ssn="999-77-1234",
    phone=_PHONE,
    email="zephyrantha.quaxelthorpe@canary.example.org",
    address_line="7719 Wyvernmoor Crescent",
    city="Yttervale",
    state="CA",
    postal_code="94117",
    institution="Canary Memorial Infirmary",
    accession="CANARYACC70931",
    uid_seed=_SEED,
)
_REMARK = f"Seen with {_GIVEN} {_FAMILY}, MRN {_MRN}, call {_PHONE}"
_WITH_NOTES = {"Condition", "Observation", "MedicationRequest", "Procedure", "Immunization"}


def plant_canary(landing: Path, *, identifier_system: str, delivery: str = "canary") -> list[bytes]:
    """Write the canary's deliveries; returns the bytes that may stand in landing and vault only.

    Raises
    ------
    DeliveryExists
        There is a delivery of that name.
    """
    history = _full_history(identifier_system)
    with new_delivery(landing, "ehr", delivery) as folder:
        record = Chart(CANARY, history, identifier_system).resources()
        write_bulk_export(folder / _STEM, [map(_annotate, record)])
    with new_delivery(landing, "imaging", delivery) as folder:
        _write_images(folder, history)
    with new_delivery(landing, "genomics", delivery) as folder:
        _write_vcf(folder / f"{_STEM}.vcf", history)
        _write_crosswalk(folder / "crosswalk.csv", identifier_system)
    return identifying_bytes()


def identifying_bytes() -> list[bytes]:
    """Everything that identifies the canary, in each form in which it is delivered."""
    person = CANARY
    names = [person.family, person.given]
    texts = [
        *names,
        *(name.upper() for name in names),
        *(name.lower() for name in names),
        person.mrn,
        person.fhir_id,
        person.sample_id,
        person.ssn,
        person.phone,
        person.email,
        person.address_line,
        person.city,
        person.institution,
        person.accession,
        f"{person.birth_date:%Y-%m-%d}",
        f"{person.birth_date:%Y%m%d}",
        _STEM,
        *(person.uid(what) for what in _UIDS),
    ]
    return [text.encode() for text in texts]


def _full_history(identifier_system: str) -> History:
    """The first history that has a resource of every type."""
    histories = (draw_history(_SEED, number) for number in count())
    return next(
        history
        for history in histories
        if {"Procedure", "Immunization"}
        <= {r["resourceType"] for r in Chart(CANARY, history, identifier_system).resources()}
    )


def _annotate(resource: Element) -> Element:
    """Put the remark wherever FHIR takes free text."""
    kind = resource["resourceType"]
    resource["text"] = {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{_REMARK}</div>',
    }
    for element in ("subject", "patient"):
        if element in resource:
            resource[element]["display"] = f"{_GIVEN} {_FAMILY}"
    for element in ("code", "medicationCodeableConcept", "vaccineCode"):
        if element in resource:
            local = {"system": "urn:canary:local", "code": "local-1", "display": _REMARK}
            resource[element]["coding"].append(local)
            resource[element]["text"] = _REMARK
    if kind in _WITH_NOTES:
        resource["note"] = [{"text": _REMARK, "authorString": f"{_GIVEN} {_FAMILY}"}]
    if kind == "DiagnosticReport":
        resource["conclusion"] = _REMARK
    if kind == "Encounter":
        resource["reasonCode"] = [{"text": _REMARK}]
    return resource


def _write_images(folder: Path, history: History) -> None:
    from pydicom import dcmread

    from medplatform.synthetic.dicom import write_study

    study = folder / _STEM
    write_study(study, CANARY, history, _SEED)
    for path in sorted(study.iterdir()):
        dataset = dcmread(path)
        dataset.StudyDescription = f"Chest of {_GIVEN} {_FAMILY}"
        dataset.PatientComments = _REMARK
        dataset.ReferringPhysicianName = f"{_FAMILY}^{_GIVEN}"
        dataset.PatientAddress = CANARY.address_line
        dataset.PatientTelephoneNumbers = CANARY.phone
        private = dataset.private_block(0x0019, "CANARY NOTES", create=True)
        private.add_new(0x01, "LT", _REMARK)
        dataset.save_as(study / f"{_STEM}_{path.name}")
        path.unlink()


def _write_vcf(path: Path, history: History) -> None:
    lines = header([CANARY.sample_id]).splitlines(keepends=True)
    lines.insert(1, f"##callerCommand=call --in {_STEM}.bam --note '{_REMARK}'\n")
    path.write_bytes("".join(lines).encode() + b"".join(_variant_lines(history)))


def _variant_lines(history: History) -> Iterator[bytes]:
    draws = Draws(_SEED, history.number, 1)
    for variant in panel():
        yield fixed_fields(variant).encode() + calls(draw_genotypes(variant, draws)) + b"\n"


def _write_crosswalk(path: Path, identifier_system: str) -> None:
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["sample_id", "patient_id", "system", "name", "remark"])
        name = f"{CANARY.given} {CANARY.family}"
        rows.writerow([CANARY.sample_id, CANARY.mrn, identifier_system, name, _REMARK])
