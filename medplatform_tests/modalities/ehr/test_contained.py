"""Resources within resources: rows of their own, which share the fate of what contains them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from medplatform.lake import Counts

from .conftest import Reading, patient

Read = Callable[..., Reading]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def request(resource_id: str = "m1", *contained: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": resource_id,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "contained": list(contained),
        "medicationReference": {"reference": "#m"},
        **elements,
    }


def medication(**elements: Any) -> dict[str, Any]:
    coding = {"system": RXNORM, "code": "1191", "display": "Aspirin"}
    code = {"coding": [coding], "text": "what Ann takes"}
    return {"resourceType": "Medication", "id": "m", "code": code, **elements}


def test_a_contained_resource_is_a_row_that_references_lead_to(read: Read) -> None:
    amount = {"numerator": {"value": 1}, "denominator": {"value": 2}}
    result = read([patient(), request("m1", medication(amount=amount))])
    (row,) = result.rows("ehr_contained")
    (person,) = result.rows("ehr_patient")
    assert row["contained_type"] == "Medication"
    assert row["patient_id"] == person["patient_id"]
    content = json.loads(row["content"])
    assert content["code"] == {"coding": [{"system": RXNORM, "code": "1191", "display": "Aspirin"}]}
    assert content["amount"] == amount
    (edge,) = [r for r in result.rows("ehr_reference") if r["path"].endswith("medicationReference")]
    assert (edge["target_id"], edge["is_resolved"]) == (f"#{row['contained_id']}", True)
    (typed,) = result.rows("ehr_medication_request")
    assert (typed["medication_code"], typed["medication_system"]) == ("1191", RXNORM)


def test_numbers_in_contained_resources_keep_their_digits(read: Read) -> None:
    line = json.dumps(request("m1", medication(amount={"numerator": {"value": 5}})))
    line = line.replace('"value": 5', '"value": 72.50')
    result = read({"x.ndjson": f"{line}\n{json.dumps(patient())}".encode()})
    (row,) = result.rows("ehr_contained")
    assert '"value":72.50' in row["content"]


TOO_OLD = {"batch": {"expirationDate": "1500-01-01"}}


@pytest.mark.parametrize(
    ("elements", "contained"),
    [
        ({"authoredOn": "1500-01-01"}, (medication(), medication(id="n"))),
        ({}, (medication(), medication(id="n", **TOO_OLD))),
        ({"authoredOn": "1500-01-01"}, (medication(**TOO_OLD),)),
    ],
)
def test_what_is_refused_leaves_no_part_behind(read: Read, elements: Any, contained: Any) -> None:
    broken = request("m2", *contained, **elements)
    for others in ([request("m1", medication())], []):
        result = read([patient(), broken, *others])
        result.assert_complete()
        assert set(result.codes) == {"value.out_of_range"}
        assert len(result.rows("ehr_contained")) == len(others)
        assert len(result.rows("ehr_medication_request")) == len(others)
        assert result.counts() == Counts(
            delivered=2 + len(others), accepted=1 + len(others), quarantined=1
        )


def test_many_of_several_types_stay_with_what_contains_them(read: Read) -> None:
    doctor = {"resourceType": "Practitioner", "id": "d", "gender": "female"}
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "quantity": 3}
    requests = [
        request("m1", doctor, medication()),
        request("m2"),
        request("m3", medication(), doctor, group, medication(id="m-2")),
    ]
    result = read([*requests, patient()])
    found = [(row["record_number"], row["contained_type"]) for row in result.rows("ehr_contained")]
    assert sorted(found) == [
        (1, "Medication"),
        (1, "Practitioner"),
        (3, "Group"),
        (3, "Medication"),
        (3, "Medication"),
        (3, "Practitioner"),
    ]
