"""Which events a record gives, and which records give none."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from medplatform.lake.current import newest_first
from medplatform.meds import KindCount
from medplatform.modalities.ehr.tables import OBSERVATION
from medplatform_tests.meds.site import Site
from medplatform_tests.warehouse.records import (
    LOINC,
    SNOMED,
    Row,
    at,
    condition,
    encounter,
    observation,
    patient,
    prescription,
    publish,
)

MORNING = "2021-06-01 08:00"
NOON = "2021-06-01 12:00"

REASONS = {
    "deleted",
    "superseded",
    "entered_in_error",
    "not_in_effect",
    "absent",
    "no_code",
    "no_time",
}


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def export(site: Site, rows: Mapping[str, Iterable[Row]], delivery: str = "2021") -> pl.DataFrame:
    publish(site.lake.root, delivery, rows)
    site.export()
    return site.events()


def only(site: Site, table: str, row: Row) -> dict[str, Any]:
    """The one event that a row gives."""
    (event,) = export(site, {table: [row]}).to_dicts()
    return event


def count(site: Site, kind: str) -> KindCount:
    return next(count for count in site.result.kinds if count.kind == kind)


def test_a_patient_has_a_sex_that_holds_always_a_birth_and_a_death(site: Site) -> None:
    row = patient("ann", 1960, is_deceased=True, deceased_at=at(NOON))
    events = export(site, {"ehr_patient": [row]})
    assert events.select("time", "code").rows() == [
        (None, "GENDER//F"),
        (naive("1960-01-01"), "MEDS_BIRTH"),
        (naive(NOON), "MEDS_DEATH"),
    ]
    assert site.codes()["MEDS_DEATH"]["parent_codes"] == ["SNOMED/419620001"]


def test_a_death_without_a_date_is_left_out_and_counted(site: Site) -> None:
    rows = [patient("ann", 1960, is_deceased=True), patient("bea", 1960)]
    export(site, {"ehr_patient": rows})
    assert count(site, "death").left_out == {"absent": 1, "no_time": 1}


def test_an_encounter_starts_says_its_type_and_ends(site: Site) -> None:
    row = encounter(
        "ann",
        "visit",
        MORNING,
        ended_at=at(NOON),
        class_code="AMB",
        type_code="185345009",
        type_system=SNOMED,
    )
    events = export(site, {"ehr_encounter": [row]})
    assert events.select("time", "code").rows() == [
        (naive(MORNING), "ENCOUNTER//AMB//START"),
        (naive(MORNING), "SNOMED//185345009"),
        (naive(NOON), "ENCOUNTER//AMB//END"),
    ]
    assert set(events["encounter_id"]) == {"visit"}
    assert set(events["source_table"]) == {"ehr_encounter"}


def test_what_was_not_delivered_of_a_code_is_unk(site: Site) -> None:
    rows = {
        "ehr_encounter": [encounter("ann", "visit", MORNING, ended_at=None)],
        "ehr_condition": [condition("ann", "7", MORNING, condition_system=None)],
    }
    assert export(site, rows)["code"].to_list() == ["ENCOUNTER//UNK//START", "UNK//7"]


def test_a_condition_counts_from_when_it_was_written_down(site: Site) -> None:
    event = only(
        site,
        "ehr_condition",
        condition("ann", "44054006", "2001-01-01", recorded_at=at(NOON)),
    )
    assert event["time"] == naive(NOON)
    assert event["occurred_at"] == naive("2001-01-01")


def test_a_condition_that_ended_has_an_end(site: Site) -> None:
    row = condition("ann", "44054006", MORNING, abated_at=at(NOON))
    events = export(site, {"ehr_condition": [row]})
    assert events.select("time", "code").rows() == [
        (naive(MORNING), "SNOMED//44054006"),
        (naive(NOON), "SNOMED//44054006//END"),
    ]


def test_a_date_known_to_the_year_counts_from_the_end_of_the_next(site: Site) -> None:
    row = condition(
        "ann", "44054006", "2001-01-01", onset_precision="year", recorded_at=at("2001-03-01")
    )
    event = only(site, "ehr_condition", row)
    assert event["time"] == naive("2003-01-01")
    assert event["occurred_at"] == naive("2001-01-01")


def test_a_death_known_to_the_year_is_after_what_was_observed_in_it(site: Site) -> None:
    """Of 2020, moved by -20 days; so was the observation of 2020-11-11."""
    death = {"deceased_at": at("2019-01-01"), "deceased_precision": "year"}
    rows = {
        "ehr_patient": [patient("ann", 1960, is_deceased=True, **death)],
        "ehr_observation": [observation("ann", "hba1c", "4548-4", "2020-10-22")],
    }
    events = export(site, rows)
    assert events["code"].to_list()[-2:] == ["LOINC//4548-4", "MEDS_DEATH"]
    assert events["time"].to_list()[-1] == naive("2021-01-01")
    assert events["occurred_at"].to_list()[-1] == naive("2019-01-01")


@pytest.mark.parametrize(
    ("end", "precision", "time"),
    [
        ("2021-01-01", "year", "2023-01-01"),
        ("2021-06-01", "month", "2021-08-01"),
        ("2021-06-01", "day", MORNING),
        (NOON, "minute", NOON),
    ],
)
def test_an_end_is_not_known_before_its_start(
    site: Site, end: str, precision: str, time: str
) -> None:
    ended = {"ended_at": at(end), "ended_precision": precision}
    procedure = {
        "procedure_id": "p1",
        "patient_id": "ann",
        "status": "completed",
        "procedure_code": "80146002",
        "procedure_system": SNOMED,
        "performed_at": at(MORNING),
        "performed_precision": "minute",
        **ended,
    }
    abated = {"abated_at": at(end), "abated_precision": precision}
    rows = {
        "ehr_encounter": [encounter("ann", "visit", MORNING, started_precision="minute", **ended)],
        "ehr_condition": [condition("ann", "44054006", MORNING, **abated)],
        "ehr_procedure": [procedure],
    }
    events = export(site, rows)
    ends = events.filter(pl.col("code").str.ends_with("//END"))
    assert ends.select("time", "occurred_at").rows() == [(naive(time), naive(end))] * 3


def test_procedures_and_reports_known_to_the_year_count_from_the_end_of_the_next(
    site: Site,
) -> None:
    start = at("2020-01-01")
    rows = {
        "ehr_procedure": [
            {"procedure_id": "p1", "patient_id": "ann", "procedure_code": "80146002"}
            | {"performed_at": start, "performed_precision": "year"}
        ],
        "ehr_diagnostic_report": [
            {"diagnostic_report_id": "r1", "patient_id": "ann", "report_code": "51990-0"}
            | {"effective_at": start, "effective_precision": "year"}
        ],
    }
    assert export(site, rows)["time"].to_list() == [naive("2022-01-01")] * 2


def test_a_number_stands_with_its_unit_as_value_and_as_delivered(site: Site) -> None:
    row = observation(
        "ann",
        "hba1c",
        "4548-4",
        MORNING,
        observation_display="Hemoglobin A1c",
        issued_at=at(NOON),
        value_number=7.1,
        value_text="7.10",
        value_unit="%",
    )
    event = only(site, "ehr_observation", row)
    assert event["code"] == "LOINC//4548-4//%"
    assert event["numeric_value"] == pytest.approx(7.1)
    assert event["text_value"] == "7.10"
    assert event["unit"] == "%"
    assert (event["occurred_at"], event["time"]) == (naive(MORNING), naive(NOON))
    assert site.codes()["LOINC//4548-4//%"] == {
        "code": "LOINC//4548-4//%",
        "description": "Hemoglobin A1c",
        "parent_codes": ["LOINC/4548-4"],
    }


def test_a_number_without_a_unit_is_told_from_one_with_a_unit(site: Site) -> None:
    row = observation("ann", "score", "44261-6", MORNING, value_number=3.0, value_text="3")
    assert only(site, "ehr_observation", row)["code"] == "LOINC//44261-6//UNK"


def test_a_bound_is_no_number(site: Site) -> None:
    row = observation(
        "ann", "crp", "1988-5", MORNING, value_number=5.0, value_text="5", value_comparator="<"
    )
    event = only(site, "ehr_observation", row)
    assert (event["numeric_value"], event["text_value"]) == (None, "<5")


def test_a_number_beyond_32_bits_stays_as_text(site: Site) -> None:
    row = observation("ann", "big", "1-8", MORNING, value_number=1e300, value_text="1E300")
    event = only(site, "ehr_observation", row)
    assert (event["numeric_value"], event["text_value"]) == (None, "1E300")


def test_a_coded_value_is_part_of_the_code(site: Site) -> None:
    row = observation(
        "ann", "smoking", "72166-2", MORNING, value_code="449868002", value_system=SNOMED
    )
    assert only(site, "ehr_observation", row)["code"] == "LOINC//72166-2//SNOMED//449868002"
    (code,) = site.codes().values()
    assert code["parent_codes"] == ["LOINC/72166-2", "SNOMED/449868002"]


def test_a_boolean_value_is_part_of_the_code(site: Site) -> None:
    row = observation("ann", "yes", "1-8", MORNING, value_code="true", value_type="Boolean")
    assert only(site, "ehr_observation", row)["code"] == "LOINC//1-8//true"


def test_an_observation_without_a_value_was_still_made(site: Site) -> None:
    event = only(site, "ehr_observation", observation("ann", "panel", "85354-9", MORNING))
    assert event["code"] == "LOINC//85354-9"


def test_every_component_is_an_event(site: Site) -> None:
    parts = [
        observation("ann", "bp", code, MORNING, component_number=number, value_number=80.0)
        | {"record_number": 1}
        for number, code in enumerate(("8480-6", "8462-4"), start=1)
    ]
    events = export(site, {"ehr_observation": parts})
    assert events["code"].to_list() == ["LOINC//8462-4//UNK", "LOINC//8480-6//UNK"]


def test_a_report_is_told_from_an_observation_of_its_code(site: Site) -> None:
    rows = {
        "ehr_diagnostic_report": [
            {
                "patient_id": "ann",
                "diagnostic_report_id": "r",
                "status": "final",
                "report_code": "4548-4",
                "report_system": LOINC,
                "effective_at": at(MORNING),
                "issued_at": at(NOON),
            }
        ],
        "ehr_observation": [observation("ann", "hba1c", "4548-4", MORNING)],
    }
    events = export(site, rows)
    assert events.select("time", "code").rows() == [
        (naive(MORNING), "LOINC//4548-4"),
        (naive(NOON), "REPORT//LOINC//4548-4"),
    ]


def test_a_procedure_begins_and_ends(site: Site) -> None:
    row = {
        "patient_id": "ann",
        "procedure_id": "p",
        "status": "completed",
        "procedure_code": "80146002",
        "procedure_system": SNOMED,
        "procedure_display": "Appendectomy",
        "performed_at": at(MORNING),
        "ended_at": at(NOON),
    }
    events = export(site, {"ehr_procedure": [row]})
    assert events["code"].to_list() == ["SNOMED//80146002", "SNOMED//80146002//END"]
    assert site.codes()["SNOMED//80146002//END"]["description"] == "Appendectomy"


def test_a_medication_is_named_by_rxnorm(site: Site) -> None:
    event = only(site, "ehr_medication_request", prescription("ann", "m", "860975", MORNING))
    assert event["code"] == "RXNORM//860975"
    assert site.codes()["RXNORM//860975"]["parent_codes"] == ["RxNorm/860975"]


def test_events_of_one_instant_open_before_they_close(site: Site) -> None:
    rows = {
        "ehr_patient": [patient("ann", 2021, is_deceased=True, deceased_at=at("2021-01-01"))],
        "ehr_encounter": [encounter("ann", "visit", "2021-01-01", class_code="EMER")],
        "ehr_condition": [condition("ann", "22298006", "2021-01-01")],
    }
    assert export(site, rows)["code"].to_list() == [
        "GENDER//F",
        "MEDS_BIRTH",
        "ENCOUNTER//EMER//START",
        "SNOMED//22298006",
        "ENCOUNTER//EMER//END",
        "MEDS_DEATH",
    ]


def test_the_words_of_r5_for_a_state_mean_what_those_of_r4_mean(site: Site) -> None:
    rows = {
        "ehr_encounter": [
            encounter("a", "r4", NOON, status="finished"),
            encounter("a", "r5", NOON, status="completed"),
            encounter("a", "broken off", NOON, status="discontinued"),
        ],
        "ehr_medication_request": [
            prescription("a", "r4", "1", NOON, status="stopped"),
            prescription("a", "r5", "1", NOON, status="ended"),
        ],
        "ehr_observation": [
            observation("a", "bound", "1", NOON, value_number=5.0, value_comparator="ad"),
        ],
    }
    events = export(site, rows)
    assert count(site, "encounter_start").left_out == {}
    assert count(site, "medication").left_out == {}
    assert events["numeric_value"].drop_nulls().is_empty()


def test_what_gives_no_event_is_counted_with_its_reason(site: Site) -> None:
    wrong, called_off = {"status": "entered-in-error"}, {"status": "cancelled"}
    rows = {
        "ehr_encounter": [
            encounter("a", "called off", NOON, **called_off),
            encounter("a", "wrong", NOON, **wrong),
        ],
        "ehr_condition": [
            condition("a", "1", NOON, verification_status="refuted"),
            condition("a", "2", NOON, verification_status="entered-in-error"),
            condition("a", "3", NOON, condition_code=None),
            condition("a", "4", None),
        ],
        "ehr_medication_request": [
            prescription("a", "not to give", "1", NOON, is_prohibition=True),
            prescription("a", "proposal", "1", NOON, intent="proposal"),
            prescription("a", "draft", "1", NOON, status="draft"),
            prescription("a", "wrong", "1", NOON, **wrong),
            prescription("a", "unnamed", "1", NOON, medication_code=None),
        ],
        "ehr_observation": [
            observation("a", "wrong", "1", NOON, **wrong),
            observation("a", "called off", "1", NOON, **called_off),
            {**observation("a", "undated", "1", NOON), "observed_at": None},
        ],
    }
    events = export(site, rows)
    assert events.is_empty()
    assert count(site, "encounter_start").left_out == {"entered_in_error": 1, "not_in_effect": 1}
    assert count(site, "condition").left_out == {
        "entered_in_error": 1,
        "no_code": 1,
        "no_time": 1,
        "not_in_effect": 1,
    }
    assert count(site, "medication").left_out == {
        "entered_in_error": 1,
        "no_code": 1,
        "not_in_effect": 3,
    }
    assert count(site, "observation").left_out == {
        "entered_in_error": 1,
        "no_time": 1,
        "not_in_effect": 1,
    }
    assert all(count.is_balanced for count in site.result.kinds)
    assert {r for count in site.result.kinds for r in count.left_out} <= REASONS


def test_the_newest_version_of_a_record_is_exported_over_all_deliveries(site: Site) -> None:
    old = observation("ann", "o", "1", MORNING, version_id="9", value_number=1.0)
    new = observation("ann", "o", "1", MORNING, version_id="10", value_number=2.0)
    publish(site.lake.root, "2021-a", {"ehr_observation": [new]})
    events = export(site, {"ehr_observation": [old]}, "2021-b")
    assert events["numeric_value"].to_list() == [2.0]
    assert count(site, "observation").left_out == {"superseded": 1}


def test_a_newer_version_takes_all_components_of_the_older_one_away(site: Site) -> None:
    versions = [
        observation(
            "ann", "bp", f"{number}-8", MORNING, component_number=number, version_id=version
        )
        | {"record_number": int(version)}
        for version, numbers in (("1", (1, 2, 3)), ("2", (1, 2)))
        for number in numbers
    ]
    events = export(site, {"ehr_observation": versions})
    assert events["code"].to_list() == ["LOINC//1-8", "LOINC//2-8"]
    assert count(site, "observation").left_out == {"superseded": 3}


def test_a_record_that_moved_to_another_patient_is_gone_from_the_first(site: Site) -> None:
    moments = at("2021-01-02"), at("2021-01-01")  # as shifted by days of the patients' own
    rows = [
        observation(
            name,
            "o",
            "1",
            MORNING,
            observation_id="o",
            version_id=version,
            last_updated_at=moment,
            value_number=int(version),
        )
        for name, version, moment in zip(("ann", "bea"), ("1", "2"), moments, strict=True)
    ]
    assert export(site, {"ehr_observation": rows})["numeric_value"].to_list() == [2]
    (split,) = [split for split in site.result.splits if split.subjects]
    assert split.subjects == 1


def test_the_newest_version_is_the_one_that_every_view_of_the_lake_takes(site: Site) -> None:
    moments = (None, at("2021-01-01"), at("2021-01-02"))
    rows = [
        observation(
            "ann", "o", "1", MORNING, observation_id=f"{a}{b}", version_id=v, last_updated_at=m
        )
        for a, b in product(range(3), range(3))
        for (v, m) in ((("2", "x", "10")[a], moments[a]), (("1", "3", "9")[b], moments[b]))
    ]
    for number, row in enumerate(rows):
        delivery = f"d{number % 2}{number:03d}"
        publish(site.lake.root, delivery, {"ehr_observation": [{**row, "value_number": number}]})
    site.export()
    order = ", ".join(newest_first(updated="last_updated_at", version="version_id"))
    with duckdb.connect() as connection:
        site.lake.create_views(connection, [OBSERVATION])
        expected = connection.execute(
            "select value_number from lake.ehr_observation qualify rank() over "
            f"(partition by observation_id order by {order}) = 1"
        ).fetchall()
    assert sorted(site.events()["numeric_value"]) == sorted(value for (value,) in expected)


def deletion(resource_type: str, resource_id: str) -> dict[str, Row | Any]:
    return {"ehr_deletion": [{"resource_type": resource_type, "resource_id": resource_id}]}


def test_what_its_source_deleted_is_left_out_until_it_is_delivered_again(site: Site) -> None:
    row = observation("ann", "o", "1", MORNING)
    publish(site.lake.root, "2021-a", {"ehr_observation": [row]})
    publish(site.lake.root, "2021-b", deletion("Observation", "ann-o"))
    assert site.export().events == 0
    assert count(site, "observation").left_out == {"deleted": 1}
    events = export(site, {"ehr_observation": [row]}, "2021-c")
    assert events.height == 1
    assert count(site, "observation").left_out == {"deleted": 1}


def test_a_deletion_is_of_one_type_of_resource(site: Site) -> None:
    publish(site.lake.root, "2021-a", {"ehr_observation": [observation("ann", "o", "1", MORNING)]})
    publish(site.lake.root, "2021-b", deletion("Condition", "ann-o"))
    assert site.export().events == 1


def test_with_a_deleted_patient_goes_all_that_is_about_them(site: Site) -> None:
    rows = {
        "ehr_patient": [patient("ann", 1960), patient("bea", 1960)],
        "ehr_observation": [observation(name, "o", "1", MORNING) for name in ("ann", "bea")],
    }
    publish(site.lake.root, "2021-a", rows)
    publish(site.lake.root, "2021-b", deletion("Patient", "ann"))
    result = site.export()
    assert result.subjects == 1
    assert count(site, "observation").left_out == {"deleted": 1}
    assert count(site, "birth").left_out["deleted"] == 1
    later = observation("ann", "later", "1", MORNING)
    publish(site.lake.root, "2021-c", {"ehr_observation": [later]})
    assert site.export().subjects == 1
    publish(site.lake.root, "2021-d", {"ehr_patient": [patient("ann", 1960)]})
    assert site.export().subjects == 2
    assert count(site, "observation").left_out == {}


def test_a_record_of_a_deleted_patient_does_not_fall_back_on_an_older_version(site: Site) -> None:
    versions = [
        observation(name, "o", "1", MORNING, observation_id="o", version_id=version)
        for name, version in (("ann", "1"), ("bea", "2"))
    ]
    people = [patient("ann", 1960), patient("bea", 1960)]
    publish(site.lake.root, "2021-a", {"ehr_patient": people, "ehr_observation": versions})
    publish(site.lake.root, "2021-b", deletion("Patient", "bea"))
    site.export()
    assert count(site, "observation").left_out == {"deleted": 1, "superseded": 1}


def test_an_empty_lake_gives_an_empty_data_set(site: Site, tmp_path: Path) -> None:
    result = site.export()
    assert (result.events, result.codes, result.shards) == (0, 0, 0)
    assert (site.folder / "data").is_dir()
