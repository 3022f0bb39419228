"""Which patient a record is about: nothing is guessed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr.issue import Issue
from medplatform.modalities.ehr.references import find_target
from medplatform.modalities.ehr.subjects import Subjects
from medplatform.privacy import Identity

from .conftest import HOSPITAL, KEYS, Reading, bundle, ndjson, observation, patient

Read = Callable[..., Reading]
UUID = "6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/p1", ("Patient", "p1")),
        ("Patient/p1/_history/3", ("Patient", "p1")),
        ("https://fhir.example/r4/Patient/p1", ("Patient", "p1")),
        ("https://fhir.example/r4/Patient/p1/_history/3", ("Patient", "p1")),
        (f"urn:uuid:{UUID}", (None, UUID)),
        ("urn:oid:1.2.3", (None, "1.2.3")),
        ("https://other.example/entry/9", ("Patient", "aliased")),
        ("Group/p1", ("Group", "p1")),
        ("#p1", None),
        ("Patient?identifier=x|1", None),
        ("Patient?identifier=http://x.example/Patient/p1", None),
        ("https://x.example/Observation/5?x=/Patient/p1", None),
        ("#x/Patient/p1", None),
        ("Patient/p1\n", None),
        ("patient/p1", None),
        ("Patient/", None),
        ("", None),
    ],
)
def test_every_form_of_reference(reference: str, expected: tuple | None) -> None:
    aliases = {"https://other.example/entry/9": "Patient/aliased"}
    assert find_target(reference, aliases) == expected


def test_a_patient_is_named_by_its_medical_record_number(read: Read, identity: Identity) -> None:
    (row,) = read([patient()]).rows("ehr_patient")
    assert row["patient_id"] == identity.subject(HOSPITAL, "MRN-1").patient_id


def test_a_default_system_takes_the_place_of_the_record_number(read: Read, tmp_path: Path) -> None:
    identity = Identity(KEYS, tmp_path / "other", default_system="https://study.example")
    study = {"system": "https://study.example", "value": "S-7"}
    both = patient()
    both["identifier"].append(study)
    result = read([both, patient("p2")], identity)
    assert [row["patient_id"] for row in result.rows("ehr_patient")] == [
        identity.subject("https://study.example", "S-7").patient_id
    ]
    assert result.codes == ["subject.missing"]


def test_the_same_identifier_twice_is_one(read: Read) -> None:
    twice = patient()
    twice["identifier"] *= 2
    assert read([twice]).codes == []


def test_an_identifier_that_is_out_of_use_names_nobody(read: Read) -> None:
    changed = patient()
    changed["identifier"] += [{**changed["identifier"][0], "value": "MRN-0", "use": "old"}]
    assert read([changed]).codes == []


@pytest.mark.parametrize(
    ("identifiers", "code"),
    [
        ([], "subject.missing"),
        ([{"system": HOSPITAL, "value": "1"}], "subject.missing"),
        ([{**patient()["identifier"][0], "value": " "}], "subject.missing"),
        (patient()["identifier"] + patient(mrn="MRN-2")["identifier"], "subject.ambiguous"),
    ],
    ids=["none", "of no type", "blank", "two"],
)
def test_a_patient_that_no_single_identifier_names_is_refused(
    read: Read, identifiers: list, code: str
) -> None:
    result = read([{**patient(), "identifier": identifiers}])
    assert result.codes == [code]
    assert result.refusals[0]["element"] == "Patient.identifier"
    assert "MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM" in result.refusals[0]["reason"]


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ({"reference": "Patient/nobody"}, "subject.unknown"),
        ({"reference": "#contained"}, "subject.unknown"),
        ({"reference": "Group/g"}, "subject.not_a_patient"),
        ({"display": "somebody"}, "subject.unknown"),
        (None, "subject.missing"),
    ],
)
def test_a_record_whose_patient_is_not_known_is_refused(read: Read, subject, code: str) -> None:
    result = read([patient(), {**observation(), "subject": subject}])
    assert result.codes == [code]
    assert result.counts().accepted == 1


def test_a_record_may_come_before_its_patient_and_from_another_file(read: Read) -> None:
    files = {
        "A.ndjson": ndjson(observation("o1"), patient("p2", "MRN-2")),
        "B.ndjson": ndjson(patient("p1"), observation("o2", "Patient/p2")),
    }
    result = read(files)
    assert result.codes == []
    assert len(result.rows("ehr_observation")) == 2


def test_a_patient_stays_known_in_later_deliveries(
    read: Read, identity: Identity, tmp_path: Path
) -> None:
    first = read([patient()])
    again = Identity(KEYS, tmp_path / "vault")
    second = read([observation()], again)
    assert (
        second.rows("ehr_observation")[0]["patient_id"]
        == (first.rows("ehr_patient")[0]["patient_id"])
    )


def test_a_delivery_none_of_whose_patients_has_the_system_may_be_read_with_another(
    read: Read, tmp_path: Path
) -> None:
    mistyped = Identity(KEYS, tmp_path / "other", default_system="https://study.example")
    assert "subject.missing" in read([patient(), *BY_IDENTIFIER.values()], mistyped).codes
    right = Identity(KEYS, tmp_path / "other", default_system=HOSPITAL)
    assert read([patient()], right).codes == []


def test_a_urn_names_a_patient_of_an_earlier_delivery_in_every_table(
    read: Read, tmp_path: Path
) -> None:
    read([patient(UUID)])
    later = [observation("o1", f"urn:uuid:{UUID}"), observation("o2", f"Patient/{UUID}")]
    result = read(later, Identity(KEYS, tmp_path / "vault"))
    urn, literal = result.rows("ehr_fhir_observation")
    assert urn["subject"] == literal["subject"] == {"reference": f"Patient/{urn['patient_id']}"}
    assert len({row["target_id"] for row in result.rows("ehr_reference")}) == 1


def test_records_of_a_refused_patient_are_refused_too(read: Read) -> None:
    result = read([patient(birthDate="1980-02-30"), observation()])
    assert result.codes == ["fhir.invalid", "subject.unknown"]


def test_an_id_that_names_two_persons_is_not_used_for_either(read: Read) -> None:
    assert read([patient(mrn="MRN-1")]).codes == []
    result = read([patient(mrn="MRN-2"), observation()])
    assert result.codes == ["subject.conflict", "subject.conflict"]


@pytest.mark.parametrize("reference", [f"urn:uuid:{UUID}", "Patient/p1"])
def test_in_a_bundle_full_url_and_id_name_the_same_patient(read: Read, reference: str) -> None:
    entries = [
        {"resource": observation(subject=reference)},
        {"fullUrl": f"urn:uuid:{UUID}", "resource": patient("p1")},
    ]
    result = read([bundle(*entries)])
    assert result.codes == []
    assert len(result.rows("ehr_observation")) == 1


def test_in_a_transaction_the_full_url_may_stand_for_the_id(read: Read) -> None:
    newborn = patient()
    del newborn["id"]
    entries = [
        {"fullUrl": f"urn:uuid:{UUID}", "resource": newborn},
        {"resource": observation(subject=f"urn:uuid:{UUID}")},
    ]
    assert read([bundle(*entries)]).codes == []


def about(**subject: Any) -> dict[str, Any]:
    return observation() | {"subject": subject}


BY_IDENTIFIER = {
    "logical": about(identifier={"system": HOSPITAL, "value": " MRN-1 "}),
    "logical with its type": about(
        type="Patient", identifier={"system": HOSPITAL, "value": "MRN-1"}
    ),
    "conditional": about(reference=f"Patient?identifier={HOSPITAL}|MRN-1"),
    "conditional, escaped": about(
        reference="Patient?identifier=https%3A%2F%2Fhospital.example%2Fmrn%7CMRN-1"
    ),
}
BY_NOTHING_KNOWN = {
    "another number": about(identifier={"system": HOSPITAL, "value": "MRN-2"}),
    "another system": about(identifier={"system": "https://x.example", "value": "MRN-1"}),
    "no system": about(identifier={"value": "MRN-1"}),
    "no value": about(identifier={"system": HOSPITAL}),
    "out of use": about(identifier={"system": HOSPITAL, "value": "MRN-1", "use": "old"}),
    "a group": about(type="Group", identifier={"system": HOSPITAL, "value": "MRN-1"}),
    "a name alone": about(display="Jane"),
    "another search": about(reference=f"Patient?identifier={HOSPITAL}|MRN-1&gender=male"),
    "a search of groups": about(reference=f"Group?identifier={HOSPITAL}|MRN-1"),
    "a search without a system": about(reference="Patient?identifier=MRN-1"),
}


@pytest.mark.parametrize("count", [1, 600])
@pytest.mark.parametrize("record", BY_IDENTIFIER.values(), ids=BY_IDENTIFIER)
def test_a_reference_may_name_the_identifier_of_a_patient(read: Read, record, count: int) -> None:
    records = [record | {"id": f"o{number}"} for number in range(count)]
    result = read([*records, patient()])
    result.assert_complete()
    assert result.codes == []
    (person,) = result.rows("ehr_patient")
    found = [row["patient_id"] for row in result.rows("ehr_observation")]
    assert found == [person["patient_id"]] * count
    for table in ("ehr_fhir_observation", "ehr_reference"):
        assert "MRN-1" not in str(result.rows(table))
    published = [row["subject"]["reference"] for row in result.rows("ehr_fhir_observation")]
    assert published == [f"Patient/{person['patient_id']}"] * count
    targets = {(row["target_id"], row["is_resolved"]) for row in result.rows("ehr_reference")}
    assert targets == {(person["patient_id"], True)}


@pytest.mark.parametrize("record", BY_NOTHING_KNOWN.values(), ids=BY_NOTHING_KNOWN)
def test_an_identifier_that_names_no_patient_is_not_guessed(read: Read, record) -> None:
    assert read([patient(), record]).codes == ["subject.unknown"]


def test_where_each_patient_is_a_person_identifiers_name_nobody(
    identity: Identity,
) -> None:
    subjects = Subjects(identity, is_per_record=True)
    reference = f"Patient?identifier={HOSPITAL}|MRN-1"
    assert isinstance(subjects.of_reference(reference, "Observation.subject", {}), Issue)
