"""Columnar de-identification: equal to a plain walk, on any content, layout and policy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.columns.leaves import leaves_in_array
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify import (
    SHIFTED_SAFE_HARBOR,
    Deidentifier,
    Policy,
    PolicyError,
)
from medplatform.modalities.ehr.deidentify.deidentifier import RowSubjects
from medplatform.privacy import Identity
from medplatform_tests.modalities.ehr.deidentify.conftest import SHIFT, TODAY, Comparer
from medplatform_tests.modalities.ehr.deidentify.oracle import prune
from medplatform_tests.modalities.ehr.deidentify.strategies import resources

_TYPES = ["Patient", "Observation", "Condition", "FamilyMemberHistory", "ImagingStudy", "Timing"]
_SELECTORS = ["Patient", "Patient.contact", "Patient.name", "HumanName", "HumanName.period"]
_SELECTORS += ["Period", "Patient..period", "Patient//Coding", "Resource.meta", "Extension"]
_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _policy(*rules: dict[str, Any], **parameters: Any) -> Policy:
    return Policy.model_validate({"name": "test", "rules": rules, **parameters})


@_RELAXED
@given(data=st.data(), resource_type=st.sampled_from(_TYPES[:-1]))
def test_any_content_is_treated_as_one_value_at_a_time(
    comparer: Comparer, data: st.DataObject, resource_type: str
) -> None:
    rows = data.draw(st.lists(resources(resource_type), max_size=4))
    comparer.compare(resource_type, rows, without=[1])


@_RELAXED
@given(data=st.data())
def test_any_policy_is_treated_as_one_value_at_a_time(
    comparer: Comparer, data: st.DataObject
) -> None:
    simple = st.sampled_from(["keep", "drop", "redact", "shift_date", "reference"])
    select = st.sampled_from(_SELECTORS)
    rules = data.draw(
        st.lists(st.fixed_dictionaries({"select": select, "action": simple}), max_size=5)
    )
    # What else is called a period is a number: of a Timing, in an extension for one.
    are_dates = [select for select in _SELECTORS if "eriod" in select and ".." not in select]
    policy = _policy(
        *[rule for rule in rules if rule["action"] != "shift_date" or rule["select"] in are_dates],
        default=data.draw(st.sampled_from(["keep", "drop"])),
        precedence=data.draw(st.sampled_from(["specific", "order"])),
        dates_without_patient=data.draw(st.sampled_from(["keep", "drop", "year"])),
        extensions=data.draw(st.sampled_from([None, [], [_RACE]])),
    )
    rows = data.draw(st.lists(resources("Patient"), min_size=1, max_size=3))
    comparer.compare("Patient", rows, policy, without=[0])


def _observations(comparer: Comparer, count: int = 9) -> tuple[pa.StructArray, Shape]:
    rows: list[dict[str, Any]] = [
        {
            "id": f"o{number}",
            "subject": {"reference": f"Patient/p{number}"},
            "effectiveDateTime": f"2020-01-{number + 1:02d}",
            "component": [
                {
                    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                    "valueDateTime": f"2020-02-{part + 1:02d}",
                    "valueQuantity": {"value": f"{number}.{part}0", "unit": "mmHg"},
                }
                for part in range(number % 3)
            ],
        }
        for number in range(count)
    ]
    rows[3] = {"id": "o3"}
    shape = Shape.root("Observation")
    return comparer.columns(rows, shape), shape


def test_a_slice_is_like_the_whole(comparer: Comparer, identity: Identity) -> None:
    content, shape = _observations(comparer)
    deidentifier = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B, today=TODAY)
    subjects = comparer.subjects(len(content))
    whole = deidentifier.apply(content, shape, subjects)
    total: Counter[str] = Counter()
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        part = deidentifier.apply(
            content[start:stop],
            shape,
            RowSubjects(
                subjects.patient_id[start:stop],
                subjects.shift_days[start:stop],
                comparer.resolve_all,
            ),
        )
        assert part.content.to_pylist() == whole.content[start:stop].to_pylist()
        total += part.leaves
    assert total == whole.leaves


def test_what_nulls_hide_does_not_come_out(comparer: Comparer, identity: Identity) -> None:
    shape = Shape.root("Patient")
    rows = [{"address": [{"state": "Hidden", "use": "home"}]}, {"address": [{"state": "Shown"}]}]
    plain = comparer.columns(rows, shape)
    lists = plain.field("address")
    hidden = pa.ListArray.from_buffers(
        lists.type, 2, [pa.py_buffer(b"\x02"), lists.buffers()[1]], children=[lists.values]
    )
    content = pa.StructArray.from_arrays([hidden], names=["address"])
    deidentifier = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B)
    made = deidentifier.apply(content, shape, comparer.subjects(2))
    assert made.leaves == {"kept": 1}
    assert leaves_in_array(made.content) == 1
    assert b"Hidden" not in _bytes(made.content)


def test_what_a_null_element_hides_does_not_come_out(
    comparer: Comparer, identity: Identity
) -> None:
    shape = Shape.root("Encounter")
    rows = [{"class": {"system": "http://loinc.org", "code": code}} for code in ("Hidden", "Shown")]
    classes = comparer.columns(rows, shape).field("class")
    children = [classes.field(name) for name in ("system", "code")]
    hidden = pa.StructArray.from_arrays(
        children, names=["system", "code"], mask=pa.array([True, False])
    )
    content = pa.StructArray.from_arrays([hidden], names=["class"])
    deidentifier = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B)
    made = deidentifier.apply(content, shape, comparer.subjects(2))
    assert made.leaves == {"kept": 2}
    system, code = made.content.field("class").field(0), made.content.field("class").field(1)
    assert system.null_count == code.null_count == 1


def _bytes(content: pa.StructArray) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_struct_array(content)
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("count", [0, 1])
def test_no_rows_have_the_columns_of_many(comparer: Comparer, count: int) -> None:
    many = comparer.engine("Observation", [{"id": "o1", "issued": "2020-01-01T00:00:00Z"}] * 3)
    few = comparer.engine("Observation", [{"id": "o1", "issued": "2020-01-01T00:00:00Z"}] * 1)
    assert many.content.type == few.content.type
    assert len(comparer.engine("Observation", [{"id": "o1"}] * count).content) == count


def test_what_is_dropped_whole_has_no_column(comparer: Comparer) -> None:
    made = comparer.engine("Patient", [{"name": [{"family": "Doe"}], "gender": "female"}])
    assert [column.name for column in made.content.type] == ["gender"]


def test_a_resource_that_is_dropped_whole_is_still_a_row(comparer: Comparer) -> None:
    made = comparer.engine("Patient", [{"name": [{"family": "Doe"}]}] * 3)
    assert made.content.to_pylist() == [{}, {}, {}]
    assert made.leaves == {"dropped": 3}


def test_a_decimal_is_a_number_and_its_text(comparer: Comparer) -> None:
    made = comparer.engine("Observation", [{"valueQuantity": {"value": "72.50"}}])
    assert made.content.to_pylist() == [{"valueQuantity": {"value": 72.5, "value__text": "72.50"}}]


def test_references_to_patients_and_their_ids_agree(comparer: Comparer) -> None:
    patient = comparer.engine("Patient", [{"id": "p1"}])
    assert patient.content.to_pylist() == [{"id": "patient-0"}]


def test_ids_in_contained_resources_are_their_own(comparer: Comparer, identity: Identity) -> None:
    shape = Shape.root("Patient")
    content = comparer.columns([{"id": "p1"}], shape)
    subjects = comparer.subjects(1)
    contained = replace(subjects, are_contained=True)
    made = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B).apply(content, shape, contained)
    assert made.content.to_pylist() == [{"id": identity.token("contained", "p1")}]


def test_references_are_resolved_together_and_each_once(
    comparer: Comparer, identity: Identity
) -> None:
    asked: list[list[str]] = []

    def resolve_all(references: Sequence[str]) -> list[str | None]:
        asked.append(list(references))
        return [None if reference == "b" else reference.upper() for reference in references]

    shape = Shape.root("Observation")
    row = {"subject": {"reference": "a"}, "focus": [{"reference": "a"}, {"reference": "b"}]}
    content = comparer.columns([row] * 3, shape)
    subjects = RowSubjects(pa.array(["x"] * 3), np.zeros(3, np.int32), resolve_all)
    made = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B).apply(content, shape, subjects)
    assert sorted(chain.from_iterable(asked)) == ["a", "b"]
    assert made.content.to_pylist()[0] == {
        "subject": {"reference": "A"},
        "focus": [{"reference": "A"}, {"reference": None}],
    }


def test_ids_get_the_kind_that_is_asked_for(comparer: Comparer, identity: Identity) -> None:
    shape = Shape.root("Encounter")
    content = comparer.columns([{"id": "e1"}], shape)
    subjects = replace(comparer.subjects(1), id_kind="clinic/Encounter")
    made = Deidentifier(SHIFTED_SAFE_HARBOR, identity, Release.R4B).apply(content, shape, subjects)
    assert made.content.to_pylist() == [{"id": identity.token("clinic/Encounter", "e1")}]


def test_a_date_that_cannot_be_stored_is_named_with_its_place(comparer: Comparer) -> None:
    rows = [
        {"component": [{"valueDateTime": "2020"}, {"valuePeriod": {"end": "1600-01-01"}}]},
        {"component": []},
        {"component": [{"valueDateTime": "9999-12-31"}], "valueQuantity": {"value": "1e999"}},
    ]
    made = comparer.engine("Observation", rows)
    assert sorted(made.invalid) == [
        (0, "Observation.component[1].valuePeriod.end", "value.out_of_range"),
        (2, "Observation.component[0].valueDateTime", "value.out_of_range"),
        (2, "Observation.valueQuantity.value", "value.out_of_range"),
    ]
    assert made.content[2].as_py()["valueQuantity"] == {"value": None, "value__text": None}


def test_a_birth_in_the_future_is_refused(comparer: Comparer) -> None:
    made = comparer.engine("Patient", [{"birthDate": "2024-05-17"}, {"birthDate": "2024-06"}])
    assert made.invalid == [(1, "Patient.birthDate", "value.out_of_range")]


def test_years_of_birth_are_merged_over_89(comparer: Comparer) -> None:
    made = comparer.engine("Patient", [{"birthDate": day} for day in ("1901-02-03", "1980-12-30")])
    # 40 and 41 days later.
    assert made.content.field("birthDate").to_pylist() == ["1934", "1981"]


def test_ages_over_89_are_merged_in_their_unit(comparer: Comparer) -> None:
    ages = [("104", "a"), ("89", "a"), ("1200", "mo"), ("1000", "mo"), ("95", None)]
    rows = [{"onsetAge": {"value": value, "code": unit}} for value, unit in ages]
    made = comparer.engine("Condition", rows)
    texts = [row["onsetAge"]["value__text"] for row in made.content.to_pylist()]
    assert texts == ["90", "89", "1080", "1000", "90"]


@pytest.mark.parametrize("mode", ["year", "drop", "keep"])
def test_dates_in_records_of_nobody(comparer: Comparer, mode: str) -> None:
    policy = SHIFTED_SAFE_HARBOR.model_copy(update={"dates_without_patient": mode})
    rows = [{"meta": {"lastUpdated": "2020-03-04T05:06:07Z"}}] * 2
    made = comparer.engine("Observation", rows, policy, without=[1])
    first, second = (row["meta"]["lastUpdated"] for row in made.content.to_pylist())
    assert first == "2020-04-13T05:06:07Z"
    assert SHIFT == 40
    assert second == {"year": "2020", "drop": None, "keep": "2020-03-04T05:06:07Z"}[mode]


def test_values_of_extensions_are_published_for_listed_urls_only(comparer: Comparer) -> None:
    listed = {
        "url": _RACE,
        "extension": [{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}],
    }
    other = {"url": "https://h.example/vip", "extension": listed["extension"], "valueCode": "x"}
    inside = {"url": _RACE, "extension": [other]}
    rows = comparer.compare("Patient", [{"extension": [listed, other, inside]}])
    race, vip, within = rows[0]["extension"]
    assert race["extension"][0]["valueCoding"] == {"code": "2106-3"}
    assert vip == {"url": "https://h.example/vip", "extension": [{"url": "ombCategory"}]}
    assert within["extension"][0]["extension"] == [{"url": "ombCategory"}]


def test_texts_are_redacted_visibly(comparer: Comparer) -> None:
    policy = _policy({"select": "Annotation", "action": "redact"})
    rows = [{"note": [{"text": "Jane called", "time": "2020-01-01"}]}]
    made = comparer.engine("Observation", rows, policy)
    assert made.content.to_pylist() == [{"note": [{"text": "[REDACTED]"}]}]
    assert made.leaves == {"redacted": 1, "dropped": 1}


def test_an_element_is_replaced_by_an_object(comparer: Comparer) -> None:
    name = {"family": "Example", "given": ["A", "B"], "period": {"start": "2020"}}
    policy = _policy({"select": "Patient.name", "action": "substitute", "value": name})
    rows = [{"name": [{"text": "Jane Doe"}, {"use": "old"}]}, {"gender": "male"}]
    made = comparer.engine("Patient", rows, policy)
    first, second = made.content.to_pylist()
    assert [item["given"] for item in first["name"]] == [["A", "B"]] * 2
    assert first["name"][0]["period"]["start"] == "2020"
    assert second["name"] is None
    assert made.leaves == {"redacted": 2, "dropped": 1}


def test_noise_is_small_and_the_same_every_time(comparer: Comparer) -> None:
    rule = {"select": "Quantity.value", "action": "perturb", "noise": {"span": 2, "decimals": 1}}
    rows = [{"valueQuantity": {"value": value}} for value in ("10", "10", "20")]
    made = [comparer.engine("Observation", rows, _policy(rule)).content for _ in range(2)]
    values = made[0].field("valueQuantity").field("value").to_pylist()
    assert made[0] == made[1]
    assert values[0] == values[1] != 10
    assert all(abs(value - was) <= 1 for value, was in zip(values, (10, 10, 20), strict=True))


def test_equal_identifiers_stay_equal_and_others_differ(comparer: Comparer) -> None:
    identifiers = [("https://h.example/a", "1"), ("https://h.example/a", "1"), (None, "1")]
    rows = [{"identifier": [{"system": system, "value": value}]} for system, value in identifiers]
    made = prune(comparer.engine("Encounter", rows).content.to_pylist())
    first, second, third = (row["identifier"][0]["value"] for row in made)
    assert first == second != third


def test_images_keep_their_join(comparer: Comparer, identity: Identity) -> None:
    study = {"identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}]}
    rows = [{**study, "series": [{"uid": "1.2.4", "instance": [{"uid": "1.2.5"}]}]}]
    made = comparer.compare("ImagingStudy", rows)[0]
    assert made["identifier"][0]["value"] == f"urn:oid:{identity.uid('1.2.3')}"
    assert made["series"][0]["uid"] == identity.uid("1.2.4")
    assert made["series"][0]["instance"][0]["uid"] == identity.uid("1.2.5")


def test_conditions_may_ask_about_the_selected_element(comparer: Comparer) -> None:
    policy = _policy(
        {"select": "Address", "action": "keep", "when": [{"child": "city", "is_in": "towns"}]},
        {"select": "Address.state", "action": "keep"},
        vocabularies={"towns": {"values": ["Keeptown"]}},
        precedence="order",
    )
    rows = [{"address": [{"city": c, "state": "S", "line": ["1"]}]} for c in ("Keeptown", "X")]
    made = comparer.compare("Patient", rows, policy)
    assert made[0]["address"][0] == {"city": "Keeptown", "state": "S", "line": ["1"]}
    assert made[1]["address"][0] == {"state": "S"}


def test_a_condition_on_no_text_is_an_error(comparer: Comparer) -> None:
    rule = {"select": "Address.state", "action": "keep"}
    policy = _policy(
        {**rule, "when": [{"sibling": "line", "is_in": "any"}]}, vocabularies={"any": {}}
    )
    with pytest.raises(PolicyError, match="'line' in a Address"):
        comparer.engine("Patient", [{"address": [{"line": ["1"], "state": "S"}]}], policy)


def test_ids_are_the_tokens_that_other_tables_have(comparer: Comparer) -> None:
    made = comparer.engine("Encounter", [{"id": "e1"}])
    assert made.content.to_pylist() == [{"id": comparer.identity.token("Encounter", "e1")}]
