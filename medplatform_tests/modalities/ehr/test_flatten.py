"""What each resource becomes in the typed tables, read as a delivery."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.privacy import Identity

from .conftest import HOSPITAL, Reading, bundle, ndjson, observation, patient

Read = Callable[..., Reading]
Flatten = Callable[..., list[dict[str, Any]]]
SNOMED = "http://snomed.info/sct"
LOCAL = "https://hospital.example/codes"


@pytest.fixture
def shift(identity: Identity) -> timedelta:
    """By how much the dates of the patient of these tests are moved."""
    identity.adopt_system(HOSPITAL)
    return timedelta(days=identity.subject(HOSPITAL, "MRN-1").shift_days)


_UCUM_OID = "urn:oid:2.16.840.1.113883.6.8"


def lines(resource: dict[str, Any] | bytes) -> bytes:
    """A delivery of the resource, and of the patient where it is about one."""
    raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    is_patient = json.loads(raw)["resourceType"] == "Patient"
    return raw + b"\n" + (b"" if is_patient else ndjson(patient()))


@pytest.fixture
def flatten(read: Read) -> Flatten:
    """The rows of the typed table of a resource."""

    def rows(resource: dict[str, Any] | bytes) -> list[dict[str, Any]]:
        result = read({"records.ndjson": lines(resource)})
        assert result.codes == []
        kind = (
            json.loads(resource)["resourceType"]
            if isinstance(resource, bytes)
            else (resource["resourceType"])
        )
        return result.rows(TABLE_OF[kind].name)

    return rows


@pytest.fixture
def issue_of(read: Read) -> Callable[..., tuple[str, str | None]]:
    """Why a resource is refused."""

    def issue(resource: dict[str, Any]) -> tuple[str, str | None]:
        (refusal,) = read({"records.ndjson": lines(resource)}).refusals
        return refusal["code"], refusal["element"]

    return issue


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


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


def test_a_patient_is_generalised(flatten: Flatten, shift: timedelta) -> None:
    address = {"use": "home", "postalCode": "02139-4307", "country": "US", "city": "Cambridge"}
    (row,) = flatten(
        patient(gender="female", birthDate="1980-12-01", address=[address]),
    )
    assert row["sex"] == "female"
    assert row["birth_year"] == (datetime(1980, 12, 1) + shift).year
    assert row["zip3"] == "021"
    assert row["is_deceased"] is False


def test_years_of_birth_of_the_very_old_are_merged(flatten: Flatten) -> None:
    (row,) = flatten(patient(birthDate="1901-01-01"))
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
def test_zip3_is_of_a_us_home(flatten: Flatten, addresses: list, zip3: str | None) -> None:
    assert flatten(patient(address=addresses))[0]["zip3"] == zip3


@pytest.mark.parametrize(
    ("elements", "is_deceased", "died"),
    [
        ({"deceasedBoolean": True}, True, None),
        ({"deceasedBoolean": False}, False, None),
        ({"deceasedDateTime": "2020-05-01"}, True, utc(2020, 5, 1)),
    ],
)
def test_death(
    flatten: Flatten, shift: timedelta, elements: dict, is_deceased: bool, died: datetime | None
) -> None:
    (row,) = flatten(patient(**elements))
    assert row["is_deceased"] is is_deceased
    assert row["deceased_at"] == (died + shift if died else None)


@pytest.mark.parametrize("birth_date", ["0001-01-01", "9999-12-31", "1500", "2150-01-01"])
def test_impossible_years_are_refused(issue_of, birth_date: str) -> None:
    assert issue_of(patient(birthDate=birth_date)) == (
        "value.out_of_range",
        "Patient.birthDate",
    )


def test_every_date_is_moved_by_the_same_days_and_is_utc(
    flatten: Flatten, shift: timedelta
) -> None:
    (row,) = flatten(
        clinical(
            "Condition",
            onsetDateTime="2019-01-01T22:00:00-05:00",
            abatementDateTime="2020-03-01",
            recordedDate="2019-01-02",
        ),
    )
    assert row["onset_at"] == utc(2019, 1, 2, 3) + shift
    assert row["abated_at"] == utc(2020, 3, 1) + shift
    assert row["recorded_at"] == utc(2019, 1, 2) + shift
    assert row["last_updated_at"] == utc(2020, 5, 31, 22) + shift


@pytest.mark.parametrize(
    ("abatement", "ended"),
    [
        ({"abatementDateTime": "2019-09-01"}, utc(2019, 9, 1)),
        ({"abatementPeriod": {"start": "2019-07-01", "end": "2019-09-01"}}, utc(2019, 9, 1)),
        ({"abatementPeriod": {"end": "2019-09-01"}}, utc(2019, 9, 1)),
        ({"abatementPeriod": {"start": "2019-07-01"}}, None),
        ({"abatementAge": {"value": 40, "unit": "a"}}, None),
        ({"abatementRange": {"low": {"value": 40}}}, None),
        ({"abatementString": "when Mrs Doe moved"}, None),
    ],
)
def test_a_condition_ended_in_whatever_form_its_end_is_stated(
    flatten: Flatten, shift: timedelta, abatement: dict, ended: datetime | None
) -> None:
    (row,) = flatten(clinical("Condition", **abatement))
    assert row["is_abated"] is True
    assert row["abated_at"] == (ended + shift if ended else None)
    assert "Mrs Doe" not in str(row)


def test_a_condition_without_a_stated_end_did_not_end(flatten: Flatten) -> None:
    (row,) = flatten(clinical("Condition", onsetDateTime="2019-09-01"))
    assert (row["is_abated"], row["abated_at"]) == (False, None)


def test_an_encounter_and_references_to_it_have_one_token(
    read: Read, identity: Identity, shift: timedelta
) -> None:
    visit = encounter(period={"start": "2020-01-01"}) | {"id": "e1"}
    references = ("urn:uuid:e1", "Encounter/e1", "https://x.example/Encounter/e1/_history/2")
    conditions = [
        clinical("Condition", encounter={"reference": reference}) | {"id": f"c{number}"}
        for number, reference in enumerate(references)
    ]
    result = read([patient(), visit, *conditions])
    (own,) = result.rows("ehr_encounter")
    assert own["encounter_id"] == identity.token("Encounter", "e1")
    assert own["started_at"] == utc(2020, 1, 1) + shift
    assert {row["encounter_id"] for row in result.rows("ehr_condition")} == {own["encounter_id"]}


def test_in_a_bundle_the_full_url_of_an_encounter_may_stand_for_it(read: Read) -> None:
    condition = clinical("Condition", encounter={"reference": "urn:uuid:77"})
    visit = {"fullUrl": "urn:uuid:77", "resource": encounter() | {"id": "e1"}}
    result = read([bundle({"resource": patient()}, visit, {"resource": condition})])
    assert [row["encounter_id"] for row in result.rows("ehr_condition")] == [
        row["encounter_id"] for row in result.rows("ehr_encounter")
    ]


@pytest.mark.parametrize(
    ("version", "kept"), [("4", True), ("123456", True), ("1234567", False), ("W/abc", False)]
)
def test_only_version_counts_are_kept_as_they_are(
    flatten: Flatten, version: str, kept: bool
) -> None:
    version = version.replace("/", "-")
    row = flatten(clinical("Condition", meta={"versionId": version}))[0]
    assert (row["version_id"] == version) is kept
    assert row["version_id"]


def test_a_number_keeps_its_text_unit_and_comparator(flatten: Flatten) -> None:
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
    (row,) = flatten(raw.replace(b'"value": 0', b'"value": 72.50'))
    assert (row["value_number"], row["value_text"]) == (72.5, "72.50")
    assert (row["value_unit"], row["value_comparator"]) == ("mg/dL", "<")
    assert row["value_type"] == "Quantity"


@pytest.mark.parametrize(
    ("unit", "kept"),
    [
        ("mg/dL", "mg/dL"),
        ("{score}", "{score}"),
        ("nmol / L", "nmol / L"),
        ("mm Hg", "mm Hg"),
        ("as told by Mrs Doe", "[REDACTED]"),
        ("of 7777777", "[REDACTED]"),
    ],
)
def test_a_unit_without_ucum_code_is_kept_when_it_is_short_or_known_and_never_none(
    flatten: Flatten, unit: str, kept: str
) -> None:
    (row,) = flatten(observation(valueQuantity={"value": 1, "unit": unit}))
    assert row["value_unit"] == kept


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"unit": "millimole per liter", "code": "mmol/L"}, "mmol/L"),
        ({"unit": "of Doe", "code": "mmol/L", "system": _UCUM_OID}, "mmol/L"),
        ({"unit": "mmol/L", "code": "M12"}, "mmol/L"),
        ({"unit": "mmol/L", "code": "mg/dL", "system": "https://h.example/units"}, "mmol/L"),
        ({"code": "M12", "system": "https://h.example/units"}, "[REDACTED]"),
        ({"code": "kat/L"}, "kat/L"),
        ({"unit": "mmol/L", "code": "[REDACTED]", "system": _UCUM_OID}, "mmol/L"),
        ({"code": "[REDACTED]", "system": _UCUM_OID}, "[REDACTED]"),
        ({}, None),
    ],
)
def test_a_code_is_ucum_by_its_system_or_by_being_listed(
    flatten: Flatten, quantity: dict[str, str], unit: str | None
) -> None:
    (row,) = flatten(observation(valueQuantity={"value": 1, **quantity}))
    assert row["value_unit"] == unit


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
def test_values_by_type_and_no_free_text(flatten: Flatten, value: dict, expected: dict) -> None:
    (row,) = flatten(observation(**value))
    found = {name: row[name] for name in row if name.startswith("value_")}
    assert {name: found.get(name) for name in expected} == expected
    assert "Mrs Doe" not in str(row)


def test_components_are_rows_numbered_from_one(flatten: Flatten) -> None:
    loinc = "http://loinc.org"
    components = [
        {"code": concept("8480-6", loinc), "valueQuantity": {"value": 120}},
        {"code": concept("8462-4", loinc), "valueQuantity": {"value": 80}},
    ]
    rows = flatten(observation(component=components))
    assert [(row["component_number"], row["observation_code"]) for row in rows] == [
        (1, "8480-6"),
        (2, "8462-4"),
    ]
    both = flatten(observation(component=components, valueInteger=1))
    assert [row["component_number"] for row in both] == [0, 1, 2]
    assert len({row["observation_id"] for row in both}) == 1


@pytest.mark.parametrize(
    ("elements", "observed"),
    [
        ({"effectiveDateTime": "2020-01-01"}, utc(2020, 1, 1)),
        ({"effectiveInstant": "2020-01-01T01:00:00Z"}, utc(2020, 1, 1, 1)),
        ({"effectivePeriod": {"start": "2020-02-01", "end": "2020-03"}}, utc(2020, 2, 1)),
        ({"effectiveTiming": {"event": ["2020"]}}, None),
        ({}, None),
    ],
)
def test_when_it_was_observed(
    flatten: Flatten, shift: timedelta, elements: dict, observed: datetime | None
) -> None:
    (row,) = flatten(observation(**elements))
    assert row["observed_at"] == (observed + shift if observed else None)


def test_a_partial_date_stays_partial_and_says_so(flatten: Flatten, shift: timedelta) -> None:
    (row,) = flatten(observation(effectiveDateTime="2020-05"))
    moved = utc(2020, 5, 1) + shift
    assert row["observed_at"] == utc(moved.year, moved.month, 1)
    assert row["observed_precision"] == "month"


def test_the_preferred_terminology_comes_first_then_public_ones(flatten: Flatten) -> None:
    local, icd, snomed = (
        {"system": LOCAL, "code": "X1", "display": "local words"},
        {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10", "display": "Hypertension"},
        {"system": SNOMED, "code": "59621000", "display": "Essential hypertension"},
    )

    def chosen(*codings: dict) -> tuple:
        row = flatten(clinical("Condition", code={"coding": list(codings)}))[0]
        return row["condition_code"], row["condition_system"], row["condition_display"]

    assert chosen(local, icd, snomed) == ("59621000", SNOMED, "Essential hypertension")
    assert chosen(local, icd)[0] == "I10"
    assert chosen(local, {"display": "no code"}) == ("X1", LOCAL, None)
    assert chosen({"display": "no code"}) == (None, None, None)


def test_a_status_is_read_from_the_coding_of_its_value_set(flatten: Flatten) -> None:
    """FHIR asks for one coding of a required value set, wherever it stands among others."""
    hl7 = "http://terminology.hl7.org/CodeSystem"

    def status(snomed: str, system: str, code: str) -> dict[str, Any]:
        return {"coding": [*concept(snomed)["coding"], *concept(code, f"{hl7}/{system}")["coding"]]}

    condition = clinical(
        "Condition",
        clinicalStatus=status("55561003", "condition-clinical", "resolved"),
        verificationStatus=status("59156000", "condition-ver-status", "confirmed"),
    )
    (row,) = flatten(condition)
    assert (row["clinical_status"], row["verification_status"]) == ("resolved", "confirmed")


def test_every_code_of_a_condition_is_there_beside_the_kept_one(flatten: Flatten) -> None:
    icd = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I21.4", "display": "NSTEMI"}
    snomed = {"system": SNOMED, "code": "401314000"}
    codings = [icd, snomed, {"display": "no code"}]
    (row,) = flatten(clinical("Condition", code={"coding": codings}))
    assert row["condition_code"] == "401314000"
    assert row["condition_codings"] == [{"system": icd["system"], "code": "I21.4"}, snomed]
    assert flatten(clinical("Condition"))[0]["condition_codings"] is None


def test_the_medication_may_be_contained(flatten: Flatten) -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    request = clinical(
        "MedicationRequest",
        status="active",
        intent="order",
        contained=[{"resourceType": "Medication", "id": "m", "code": concept("314076", rxnorm)}],
        medicationReference={"reference": "#m"},
    )
    assert flatten(request)[0]["medication_code"] == "314076"


def test_an_order_not_to_give_a_medication_says_so(flatten: Flatten) -> None:
    request = clinical(
        "MedicationRequest",
        status="active",
        intent="order",
        doNotPerform=True,
        medicationCodeableConcept=concept("1"),
    )
    assert flatten(request)[0]["is_prohibition"] is True


def test_a_report_counts_its_results(flatten: Flatten) -> None:
    report = clinical(
        "DiagnosticReport",
        status="final",
        code=concept("57698-3", "http://loinc.org", "Lipid Panel"),
        category=[concept("LAB", "http://terminology.hl7.org/CodeSystem/v2-0074")],
        result=[{"reference": "Observation/1"}, {"reference": "Observation/2"}],
    )
    (row,) = flatten(report)
    assert (row["result_count"], row["category_code"]) == (2, "LAB")
    assert row["report_display"] == "Lipid Panel"


def test_a_procedure_has_a_start_and_an_end(flatten: Flatten) -> None:
    period = {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T11:00:00Z"}
    (row,) = flatten(clinical("Procedure", status="completed", performedPeriod=period))
    assert row["ended_at"] - row["performed_at"] == timedelta(hours=1)


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        (patient(deceasedDateTime="2020"), {"deceased": "year"}),
        (
            {
                "resourceType": "Encounter",
                "id": "e1",
                "status": "finished",
                "class": {"code": "IMP"},
                "subject": {"reference": "Patient/p1"},
                "period": {"start": "2020-03-15T08:00:00Z", "end": "2020-03"},
            },
            {"started": "second", "ended": "month"},
        ),
        (
            clinical("Condition", onsetDateTime="2019-01-01", abatementDateTime="2020"),
            {"onset": "day", "abated": "year"},
        ),
        (
            clinical(
                "Procedure", status="completed", performedPeriod={"start": "2020-03", "end": "2020"}
            ),
            {"performed": "month", "ended": "year"},
        ),
        (
            clinical("Procedure", status="completed", performedDateTime="2020"),
            {"performed": "year", "ended": None},
        ),
        (
            clinical(
                "DiagnosticReport", status="final", code=concept("1"), effectiveDateTime="2020"
            ),
            {"effective": "year"},
        ),
    ],
)
def test_starts_ends_and_deaths_say_how_exactly_they_are_known(
    flatten: Flatten, resource: dict, columns: dict[str, str | None]
) -> None:
    (row,) = flatten(resource)
    assert {name: row[f"{name}_precision"] for name in columns} == columns


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
def test_codes_outside_a_required_value_set_are_refused(issue_of, resource, element) -> None:
    assert issue_of(resource) == ("value.not_in_value_set", element)


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
def test_values_of_another_json_type_are_refused_not_converted(issue_of, resource, element) -> None:
    assert issue_of(resource) == ("value.wrong_type", element)
