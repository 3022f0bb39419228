"""What each resource becomes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medplatform.modalities.ehr.element import Element
from medplatform.modalities.ehr.flatten import FLATTEN
from medplatform.modalities.ehr.issue import Refused
from medplatform.modalities.ehr.scope import Scope
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.modalities.ehr.verdict import judge
from medplatform.privacy import Identity, Subject

from .conftest import observation, patient

SNOMED = "http://snomed.info/sct"
LOCAL = "https://hospital.example/codes"
SHIFT = 100


@pytest.fixture
def scope(identity: Identity) -> Scope:
    return Scope(identity, Subject("k1_subject", SHIFT), "r1", {})


def flatten(scope: Scope, resource: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    verdict = judge(raw)
    assert verdict.issues == ()
    assert verdict.resource is not None
    assert verdict.resource_type is not None
    return FLATTEN[verdict.resource_type](Element(verdict.resource, verdict.resource_type), scope)


def issue_of(scope: Scope, resource: dict[str, Any]) -> tuple[str, str | None]:
    """Why a resource does not become rows, whether its verdict says so or what is made of it."""
    for issue in judge(json.dumps(resource).encode()).issues:
        return issue.code, issue.element
    with pytest.raises(Refused) as caught:
        flatten(scope, resource)
    return caught.value.issue.code, caught.value.issue.element


def shifted(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC) + timedelta(days=SHIFT)  # type: ignore[arg-type]


def concept(code: str, system: str = SNOMED, display: str = "words") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": "free text"}


def clinical(resource_type: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": resource_type,
        "id": "r1",
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "urn:uuid:e1"},
        "meta": {"versionId": "4", "lastUpdated": "2020-06-01T00:00:00+02:00"},
        **elements,
    }


def encounter(**elements: Any) -> dict[str, Any]:
    ambulatory = {"class": {"code": "AMB"}}
    resource = clinical("Encounter", status="finished", **ambulatory, **elements)
    del resource["encounter"]
    return resource


def test_every_row_has_the_columns_of_its_table_and_no_other(scope: Scope) -> None:
    resources = [
        patient(),
        encounter(),
        clinical("Condition"),
        observation(valueQuantity={"value": 1}),
        clinical(
            "MedicationRequest",
            status="active",
            intent="order",
            medicationCodeableConcept=concept("1"),
        ),
        clinical("Procedure", status="completed"),
        clinical("DiagnosticReport", status="final", code=concept("1")),
    ]
    assert {resource["resourceType"] for resource in resources} == set(TABLE_OF)
    for resource in resources:
        table = TABLE_OF[resource["resourceType"]]
        for row in flatten(scope, resource):
            assert set(row) <= {column.name for column in table.columns}
            assert {column.name for column in table.columns if column.required} <= set(row)


def test_a_patient_is_generalised(scope: Scope) -> None:
    address = {"use": "home", "postalCode": "02139-4307", "country": "US", "city": "Cambridge"}
    (row,) = flatten(
        scope,
        patient(gender="female", birthDate="1980-12-01", address=[address]),
    )
    assert row["patient_id"] == "k1_subject"
    assert row["sex"] == "female"
    assert row["birth_year"] == 1981  # 1980-12-01 moved by 100 days
    assert row["zip3"] == "021"
    assert row["is_deceased"] is False


def test_years_of_birth_of_the_very_old_are_merged(scope: Scope) -> None:
    (row,) = flatten(scope, patient(birthDate="1901-01-01"))
    assert row["birth_year"] == datetime.now(UTC).year - 90


@pytest.mark.parametrize(
    ("addresses", "zip3"),
    [
        ([{"postalCode": "02139"}], "021"),
        ([{"postalCode": "10115", "country": "DE"}], None),
        ([{"use": "old", "postalCode": "02139"}], None),
        ([{"postalCode": "94110"}, {"use": "home", "postalCode": "02139"}], "021"),
        ([{"postalCode": "SW1A 1AA"}], None),
        ([{"postalCode": "03601"}], "000"),
    ],
)
def test_zip3_is_of_a_us_home(scope: Scope, addresses: list, zip3: str | None) -> None:
    assert flatten(scope, patient(address=addresses))[0]["zip3"] == zip3


@pytest.mark.parametrize(
    ("elements", "is_deceased", "deceased_at"),
    [
        ({"deceasedBoolean": True}, True, None),
        ({"deceasedBoolean": False}, False, None),
        ({"deceasedDateTime": "2020-05"}, True, shifted(2020, 5, 1)),
    ],
)
def test_death(scope: Scope, elements: dict, is_deceased: bool, deceased_at) -> None:
    (row,) = flatten(scope, patient(**elements))
    assert (row["is_deceased"], row["deceased_at"]) == (is_deceased, deceased_at)


@pytest.mark.parametrize("birth_date", ["0001-01-01", "9999-12-31", "1500", "2150-01-01"])
def test_impossible_years_are_refused(scope: Scope, birth_date: str) -> None:
    assert issue_of(scope, patient(birthDate=birth_date)) == (
        "value.out_of_range",
        "Patient.birthDate",
    )


def test_every_date_is_moved_by_the_same_days_and_is_utc(scope: Scope) -> None:
    (row,) = flatten(
        scope,
        clinical(
            "Condition",
            onsetDateTime="2019-01-01T22:00:00-05:00",
            abatementPeriod={"start": "2020-03"},
            recordedDate="2019-01-02",
        ),
    )
    assert row["onset_at"] == shifted(2019, 1, 2, 3)
    assert row["abated_at"] == shifted(2020, 3, 1)
    assert row["recorded_at"] == shifted(2019, 1, 2)
    assert row["last_updated_at"] == shifted(2020, 5, 31, 22)


def test_an_encounter_and_references_to_it_have_one_token(scope: Scope, identity: Identity) -> None:
    visit = encounter(period={"start": "2020-01-01"})
    own = flatten(Scope(identity, scope.subject, "e1", {}), visit)[0]
    assert own["encounter_id"] == identity.token("Encounter", "e1")
    assert own["started_at"] == shifted(2020, 1, 1)
    for reference in ("urn:uuid:e1", "Encounter/e1", "https://x.example/Encounter/e1/_history/2"):
        condition = clinical("Condition", encounter={"reference": reference})
        assert flatten(scope, condition)[0]["encounter_id"] == own["encounter_id"]
    aliased = Scope(identity, scope.subject, "r1", {"urn:uuid:77": "e1"})
    condition = clinical("Condition", encounter={"reference": "urn:uuid:77"})
    assert flatten(aliased, condition)[0]["encounter_id"] == own["encounter_id"]


@pytest.mark.parametrize(
    ("version", "kept"), [("4", True), ("123456", True), ("1234567", False), ("W/abc", False)]
)
def test_only_version_counts_are_kept_as_they_are(scope: Scope, version: str, kept: bool) -> None:
    version = version.replace("/", "-")
    row = flatten(scope, clinical("Condition", meta={"versionId": version}))[0]
    assert (row["version_id"] == version) is kept
    assert row["version_id"]


def test_a_number_keeps_its_text_unit_and_comparator(scope: Scope) -> None:
    raw = json.dumps(
        observation(
            valueQuantity={
                "value": 0,
                "comparator": "<",
                "unit": "milligram",
                "system": "http://unitsofmeasure.org",
                "code": "mg/dL",
            }
        )
    ).encode()
    (row,) = flatten(scope, raw.replace(b'"value": 0', b'"value": 72.50'))
    assert (row["value_number"], row["value_text"]) == (72.5, "72.50")
    assert (row["value_unit"], row["value_comparator"]) == ("mg/dL", "<")
    assert row["value_type"] == "Quantity"


@pytest.mark.parametrize(
    ("unit", "kept"), [("mg/dL", "mg/dL"), ("{score}", "{score}"), ("as told by Mrs Doe", None)]
)
def test_a_unit_without_ucum_code_is_kept_when_it_is_a_short_token(
    scope: Scope, unit: str, kept: str | None
) -> None:
    (row,) = flatten(scope, observation(valueQuantity={"value": 1, "unit": unit}))
    assert row["value_unit"] == kept


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueInteger": 3}, {"value_number": 3.0, "value_text": "3"}),
        ({"valueBoolean": True}, {"value_code": "true"}),
        (
            {"valueCodeableConcept": concept("266919005")},
            {"value_code": "266919005", "value_system": SNOMED},
        ),
        ({"valueString": "Mrs Doe feels well"}, {"value_type": "String"}),
        ({"valueDateTime": "2020-01-01"}, {"value_type": "DateTime"}),
        ({"valueQuantity": {"unit": "kg"}}, {"value_type": "Quantity", "value_unit": "kg"}),
        ({}, {"value_type": None}),
    ],
)
def test_values_by_type_and_no_free_text(scope: Scope, value: dict, expected: dict) -> None:
    (row,) = flatten(scope, observation(**value))
    found = {name: row[name] for name in row if name.startswith("value_")}
    assert {name: found.get(name) for name in expected} == expected
    assert "Mrs Doe" not in str(row)


def test_components_are_rows_numbered_from_one(scope: Scope) -> None:
    loinc = "http://loinc.org"
    components = [
        {"code": concept("8480-6", loinc), "valueQuantity": {"value": 120}},
        {"code": concept("8462-4", loinc), "valueQuantity": {"value": 80}},
    ]
    rows = flatten(scope, observation(component=components))
    assert [(row["component_number"], row["observation_code"]) for row in rows] == [
        (1, "8480-6"),
        (2, "8462-4"),
    ]
    both = flatten(scope, observation(component=components, valueInteger=1))
    assert [row["component_number"] for row in both] == [0, 1, 2]
    assert len({row["observation_id"] for row in both}) == 1


@pytest.mark.parametrize(
    ("elements", "observed_at"),
    [
        ({"effectiveDateTime": "2020"}, shifted(2020, 1, 1)),
        ({"effectiveInstant": "2020-01-01T01:00:00Z"}, shifted(2020, 1, 1, 1)),
        ({"effectivePeriod": {"start": "2020-02", "end": "2020-03"}}, shifted(2020, 2, 1)),
        ({"effectiveTiming": {"event": ["2020"]}}, None),
        ({}, None),
    ],
)
def test_when_it_was_observed(scope: Scope, elements: dict, observed_at) -> None:
    assert flatten(scope, observation(**elements))[0]["observed_at"] == observed_at


def test_the_preferred_terminology_comes_first_then_public_ones(scope: Scope) -> None:
    local, icd, snomed = (
        {"system": LOCAL, "code": "X1", "display": "local words"},
        {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10", "display": "Hypertension"},
        {"system": SNOMED, "code": "59621000", "display": "Essential hypertension"},
    )

    def chosen(*codings: dict) -> tuple:
        row = flatten(scope, clinical("Condition", code={"coding": list(codings)}))[0]
        return row["condition_code"], row["condition_system"], row["condition_display"]

    assert chosen(local, icd, snomed) == ("59621000", SNOMED, "Essential hypertension")
    assert chosen(local, icd)[0] == "I10"
    assert chosen(local, {"display": "no code"}) == ("X1", LOCAL, None)
    assert chosen({"display": "no code"}) == (None, None, None)


def test_the_medication_may_be_contained(scope: Scope) -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    request = clinical(
        "MedicationRequest",
        status="active",
        intent="order",
        contained=[{"resourceType": "Medication", "id": "m", "code": concept("314076", rxnorm)}],
        medicationReference={"reference": "#m"},
    )
    assert flatten(scope, request)[0]["medication_code"] == "314076"


def test_an_order_not_to_give_a_medication_says_so(scope: Scope) -> None:
    request = clinical(
        "MedicationRequest",
        status="active",
        intent="order",
        doNotPerform=True,
        medicationCodeableConcept=concept("1"),
    )
    assert flatten(scope, request)[0]["is_prohibition"] is True


def test_a_report_counts_its_results(scope: Scope) -> None:
    report = clinical(
        "DiagnosticReport",
        status="final",
        code=concept("57698-3", "http://loinc.org", "Lipid Panel"),
        category=[concept("LAB", "http://terminology.hl7.org/CodeSystem/v2-0074")],
        result=[{"reference": "Observation/1"}, {"reference": "Observation/2"}],
    )
    (row,) = flatten(scope, report)
    assert (row["result_count"], row["category_code"]) == (2, "LAB")
    assert row["report_display"] == "Lipid Panel"


def test_a_procedure_has_a_start_and_an_end(scope: Scope) -> None:
    period = {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T11:00:00Z"}
    (row,) = flatten(scope, clinical("Procedure", status="completed", performedPeriod=period))
    assert row["ended_at"] - row["performed_at"] == timedelta(hours=1)


@pytest.mark.parametrize(
    ("resource", "element"),
    [
        (patient(gender="Jane"), "Patient.gender"),
        (observation(status="sure"), "Observation.status"),
        (clinical("Procedure", status="sure"), "Procedure.status"),
        (clinical("Condition", clinicalStatus=concept("sure")), "Condition.clinicalStatus"),
        (
            observation(valueQuantity={"value": 1, "comparator": "~"}),
            "Observation.valueQuantity.comparator",
        ),
    ],
)
def test_codes_outside_a_required_value_set_are_refused(scope, resource, element) -> None:
    assert issue_of(scope, resource) == ("value.not_in_value_set", element)


@pytest.mark.parametrize(
    ("resource", "element"),
    [
        (observation(valueQuantity={"value": "5.0"}), "Observation.valueQuantity.value"),
        (observation(valueInteger="3"), "Observation.valueInteger"),
        (observation(valueBoolean="yes"), "Observation.valueBoolean"),
        (patient(deceasedBoolean="true"), "Patient.deceasedBoolean"),
        (observation(encounter='{"reference":"Encounter/1"}'), "Observation.encounter"),
        (
            observation(component=[{"code": {}, "valueQuantity": {"value": "1"}}]),
            "Observation.component[0].valueQuantity.value",
        ),
    ],
)
def test_values_of_another_json_type_are_refused_not_converted(scope, resource, element) -> None:
    assert issue_of(scope, resource) == ("value.wrong_type", element)
