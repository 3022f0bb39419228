"""Odd records that are valid, and odd records that are not: what each becomes."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from medplatform.lake import Counts
from medplatform.privacy import Identity

from .conftest import HOSPITAL, Reading, bundle, ndjson, observation, patient

Read = Callable[..., Reading]
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def outcome(read: Read, *lines: bytes | dict[str, Any]) -> Reading:
    """Read lines, after the patient that they are about."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    result = read({"x.ndjson": b"\n".join([ndjson(patient()).strip(), *raw])})
    result.assert_complete()
    return result


def accepted(read: Read, *lines: bytes | dict[str, Any]) -> Reading:
    result = outcome(read, *lines)
    assert result.codes == []
    assert result.counts().accepted == len(lines) + 1
    return result


def nested(result: Reading, resource_type: str = "observation") -> list[dict[str, Any]]:
    return result.rows(f"ehr_fhir_{resource_type}")


# Files


def test_lines_that_end_as_on_windows(read: Read) -> None:
    lines = ndjson(patient(), observation(valueInteger=1)).replace(b"\n", b"\r\n")
    result = read({"x.ndjson": lines})
    result.assert_complete()
    assert result.counts() == Counts(delivered=2, accepted=2)


def test_gzip_of_several_members(read: Read) -> None:
    members = [gzip.compress(ndjson(patient())), gzip.compress(ndjson(observation()))]
    result = read({"x.ndjson.gz": b"".join(members)})
    result.assert_complete()
    assert result.counts() == Counts(delivered=2, accepted=2)


@pytest.mark.parametrize("kind", ["Unknown", "Unknown{}"], ids=["one type", "many types"])
def test_types_that_fhir_does_not_have(read: Read, kind: str) -> None:
    lines = [{"resourceType": kind.format(n), "id": f"u{n}"} for n in range(300)]
    result = outcome(read, *lines)
    assert result.codes == ["fhir.unknown_type"] * 300
    assert result.counts().accepted == 1


def test_types_mixed_in_one_file(read: Read) -> None:
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    result = read([observation(), group, patient(), observation("o2")])
    assert result.counts() == Counts(delivered=4, accepted=4)


def test_xml_is_refused(read: Read) -> None:
    result = read({"x.json": b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>'})
    result.assert_complete()
    assert result.codes == ["file.format"]


# Lines


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"resourceType":"Patient","id":"ä"}'.encode("latin-1"), "json.invalid"),
        (b'{"resourceType":"Patient","id":"a","language":"\\ud83d"}', "json.invalid"),
        (b'{"resourceType":"Patient"} {"resourceType":"Patient"}', "json.invalid"),
        (b'{"id":"a"}', "record.no_type"),
        (b'{"resourceType":5,"id":"a"}', "record.no_type"),
        (b'"Patient"', "json.not_an_object"),
        (b"42", "json.not_an_object"),
        (b"null", "json.not_an_object"),
        (patient("a" * 65), "record.bad_id"),
        (patient("a/b"), "fhir.invalid"),
        (patient("ä"), "fhir.invalid"),
        (patient(""), "fhir.invalid"),
        (patient("a", favouriteColour="blue"), "fhir.unknown_element"),
        (patient("a", gender="Male"), "value.not_in_value_set"),
        (observation(effectiveDateTime="2020-01-01T10:00:00"), "fhir.invalid"),
        (observation(effectiveDateTime="2020-01-01T24:00:00Z"), "fhir.invalid"),
        (observation(valueInteger=1, valueString="x"), "fhir.invalid"),
        (observation(valueInteger="1"), "value.wrong_type"),
        (observation(valueInteger=1.0), "value.wrong_type"),
        (patient("a", fhir_comments=["DSTU2"]), "fhir.unknown_element"),
    ],
)
def test_one_bad_line_costs_no_other(read: Read, line: bytes | dict[str, Any], code: str) -> None:
    result = outcome(read, line, observation("after", valueInteger=1))
    assert result.codes == [code]
    assert result.counts() == Counts(delivered=3, accepted=2, quarantined=1)
    assert len(result.rows("ehr_observation")) == 1


# Values


def test_an_escaped_nul_is_a_character(read: Read) -> None:
    coding = {"system": "http://loinc.org", "code": "8302-2", "display": "Body height"}
    line = json.dumps(observation(code={"coding": [coding]})).replace("y h", "y\\u0000h")
    (row,) = nested(accepted(read, line.encode()))
    assert row["code"]["coding"][0]["display"] == "Body\x00height"


def test_a_leap_second_is_the_next_minute(read: Read, identity: Identity) -> None:
    result = accepted(read, observation(effectiveDateTime="2016-12-31T23:59:60Z"))
    shift = timedelta(days=identity.subject(HOSPITAL, "MRN-1").shift_days)
    (row,) = result.rows("ehr_observation")
    assert (row["observed_at"] - shift).isoformat() == "2017-01-01T00:00:00+00:00"


def test_nanoseconds_and_offsets(read: Read, identity: Identity) -> None:
    moment = "2020-02-29T10:30:00.123456789+05:30"
    result = accepted(read, observation(issued=moment))
    shift = timedelta(days=identity.subject(HOSPITAL, "MRN-1").shift_days)
    (row,) = result.rows("ehr_observation")
    assert (row["issued_at"] - shift).isoformat() == "2020-02-29T05:00:00.123456+00:00"
    (whole,) = nested(result)
    assert whole["issued"].endswith("T10:30:00.123456789+05:30")


@pytest.mark.parametrize("unit", ["\U0001d4cc\U0001f9ec", "n\u0303", "mg\u2028", "\u202emg", "µg"])
def test_characters_outside_of_the_alphabet(read: Read, unit: str) -> None:
    value = {"value": 1, "unit": unit, "system": "http://unitsofmeasure.org", "code": "mg"}
    escaped = json.dumps(observation("a", valueQuantity=value))
    plain = json.dumps(observation("b", valueQuantity=value), ensure_ascii=False)
    rows = nested(accepted(read, escaped.encode(), plain.encode()))
    assert rows[0]["valueQuantity"] == rows[1]["valueQuantity"]


@pytest.mark.parametrize("year", ["0001", "1500", "1699", "2200", "9999"])
def test_years_that_no_timestamp_holds_are_refused(read: Read, year: str) -> None:
    result = outcome(read, observation(effectiveDateTime=f"{year}-01-01"))
    assert result.codes == ["value.out_of_range"]
    assert result.refusals[0]["element"] == "Observation.effectiveDateTime"


def test_an_attachment_of_20_mb_costs_nothing(read: Read) -> None:
    data = base64.b64encode(bytes(15 << 20)).decode()
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": data}}],
    }
    result = accepted(read, document, observation())
    (row,) = nested(result, "document_reference")
    assert row["content"] == [{"attachment": {"contentType": "application/pdf"}}]


# Structure


def test_extensions_of_primitives(read: Read) -> None:
    masked = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
    result = read([patient(birthDate="1980", _birthDate=masked, _gender=masked)])
    assert result.counts() == Counts(delivered=1, accepted=1)
    rows = {row["path"]: row for row in result.rows("ehr_extension")}
    assert rows.keys() == {"Patient._birthDate.extension", "Patient._gender.extension"}
    assert {row["value"] for row in rows.values()} == {"masked"}
    assert {row["value_type"] for row in rows.values()} == {"Code"}


def test_extensions_of_primitives_in_lists_keep_their_places(read: Read) -> None:
    masked = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
    repeat = {"dayOfWeek": ["mon", None, "wed"], "_dayOfWeek": [None, masked, None]}
    record = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "x"},
        "dosageInstruction": [{"timing": {"repeat": repeat}}],
    }
    result = accepted(read, record)
    (row,) = nested(result, "medication_request")
    found = row["dosageInstruction"][0]["timing"]["repeat"]
    assert found["dayOfWeek"] == ["mon", None, "wed"]
    assert [bool(item) for item in found["_dayOfWeek"]] == [False, True, False]
    (extension,) = result.rows("ehr_extension")
    assert extension["path"] == (
        "MedicationRequest.dosageInstruction.timing.repeat._dayOfWeek.extension"
    )


def test_a_required_element_may_be_there_as_an_extension_alone(read: Read) -> None:
    record = observation(_status={"extension": [{"url": ABSENT, "valueCode": "unknown"}]})
    del record["status"]
    result = accepted(read, record)
    assert result.rows("ehr_observation")[0]["status"] is None
    assert nested(result)[0]["_status"]["extension"][0]["valueCode"] == "unknown"


REFERENCES = {
    "Encounter/e1": ("Encounter", True),
    "https://other.example/fhir/Encounter/e1": ("Encounter", True),
    "Encounter/e1/_history/3": ("Encounter", True),
    "Encounter/nowhere": ("Encounter", False),
    "urn:uuid:e1": ("Encounter", True),
    "urn:uuid:9d8f0f8c-0c5e-4e9a-8a5b-0d1d5a8e3c11": None,
    "urn:oid:1.2.840.113619": None,
    "Encounter?identifier=http://h.example|12": None,
    "encounter/e1": None,
}
"""Reference -> type of the target, and whether it was delivered; None where it names nothing."""


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_of_every_form(read: Read, reference: str) -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
    }
    result = accepted(read, encounter, observation(encounter={"reference": reference}))
    edges = [e for e in result.rows("ehr_reference") if e["path"] == "Observation.encounter"]
    expected = REFERENCES[reference]
    assert [(e["target_type"], e["is_resolved"]) for e in edges] == ([expected] if expected else [])
    if expected and expected[1]:
        (row,) = result.rows("ehr_encounter")
        assert edges[0]["target_id"] == row["encounter_id"]
        assert result.rows("ehr_observation")[0]["encounter_id"] == row["encounter_id"]


@pytest.mark.parametrize(
    "reference",
    [{"display": "Dr. Ann"}, {"identifier": {"system": "http://h.example", "value": "123"}}, {}],
)
def test_references_without_a_reference(read: Read, reference: dict[str, Any]) -> None:
    result = accepted(read, observation(performer=[reference]))
    assert not [e for e in result.rows("ehr_reference") if "performer" in e["path"]]
    assert not any(word in str(nested(result)) for word in ("Ann", "123"))


def test_a_modifier_keeps_a_resource_out_of_the_typed_table(read: Read) -> None:
    modifier = {"url": "http://h.example/not", "valueBoolean": True}
    result = accepted(
        read,
        observation("plain", valueInteger=1),
        observation("negated", valueInteger=2, modifierExtension=[modifier]),
        observation("ruled", valueInteger=3, implicitRules="http://h.example/rules"),
    )
    assert [row["value_text"] for row in result.rows("ehr_observation")] == ["1"]
    assert [row["is_modified"] for row in nested(result)] == [False, True, True]
    (extension,) = [row for row in result.rows("ehr_extension") if row["is_modifier"]]
    assert extension["url"] == "http://h.example/not"


def test_the_race_extension_is_published(read: Read) -> None:
    coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}
    parts = [{"url": "ombCategory", "valueCoding": coding}, {"url": "text", "valueString": "White"}]
    result = read([patient(extension=[{"url": RACE, "extension": parts}])])
    rows = {row["url"]: row for row in result.rows("ehr_extension")}
    assert rows.keys() == {RACE, "ombCategory", "text"}
    assert json.loads(rows["ombCategory"]["value"])["code"] == "2106-3"


@pytest.mark.parametrize(
    "elements",
    [
        {"birthDate": None},
        {"name": [], "address": []},
        {"name": [{"given": [None], "_given": [None]}]},
        {"maritalStatus": {}},
        {"name": None, "_birthDate": None},
    ],
)
def test_nulls_and_empty_containers_never_cost_a_value(read: Read, elements: Any) -> None:
    result = read([patient("p1", gender="male", **elements), observation(valueInteger=1)])
    result.assert_complete()
    assert result.codes == []
    assert result.rows("ehr_patient")[0]["sex"] == "male"
    assert len(result.rows("ehr_observation")) == 1


@pytest.mark.parametrize("levels", [16, 17, 40, 99])
def test_deep_items_are_stored_and_found(read: Read, levels: int) -> None:
    item: dict[str, Any] = {"linkId": "deepest", "answer": [{"valueDecimal": 1}]}
    for number in range(levels - 2):
        item = {"linkId": str(number), "item": [item]}
    record = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "item": [item],
    }
    line = json.dumps(record).replace('"valueDecimal": 1', '"valueDecimal": 1.50')
    result = accepted(read, line.encode())
    (row,) = nested(result, "questionnaire_response")
    text = str(row)
    assert "deepest" in text
    assert "1.50" in text


def test_what_is_too_deep_is_refused_alone(read: Read) -> None:
    deep = b'{"resourceType":"QuestionnaireResponse","id":"q","status":"completed"'
    deep += b',"item":[{"linkId":"a"' * 120 + b"}]" * 120 + b"}"
    shallow = {"resourceType": "QuestionnaireResponse", "id": "r", "status": "completed"}
    result = outcome(read, deep, shallow)
    assert result.codes == ["fhir.too_deep"]
    assert len(nested(result, "questionnaire_response")) == 1


def test_deletions_of_a_bundle_are_rows(read: Read) -> None:
    content = bundle(
        {"request": {"method": "DELETE", "url": "Observation/gone"}},
        {"resource": patient()},
        {"request": {"method": "DELETE", "url": "Observation?status=final"}},
        type="transaction",
    )
    result = read({"x.json": json.dumps(content).encode()})
    result.assert_complete()
    assert result.codes == ["entry.deletion"]
    assert result.counts() == Counts(delivered=3, accepted=2, quarantined=1)
    (row,) = result.rows("ehr_deletion")
    assert row["resource_type"] == "Observation"
    assert "gone" not in str(row)
