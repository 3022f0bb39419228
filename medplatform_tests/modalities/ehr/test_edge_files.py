"""Odd and malformed files: what becomes of each record, and what the columns hold of it.

Each file is read twice: as it would come from a hospital, where a Patient without an identifier is
nobody, and with the sender's word that each Patient is a person of its own.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from medplatform.lake import Counts
from medplatform.privacy import Identity

from .conftest import KEYS, Reading, reading

pytestmark = pytest.mark.real

# File -> delivered, kept, blank; accepted and codes of the refusals when patients are resolved by
# identifier, which no Patient here has; and the same when each record is a person.
NOBODY = "subject.missing"
EDGE: dict[str, tuple[tuple[int, int, int], tuple[int, set[str]], tuple[int, set[str]]]] = {
    "01_bom.ndjson": ((2, 0, 0), (0, {NOBODY}), (2, set())),
    "03_empty_lines.ndjson": ((6, 0, 4), (0, {NOBODY}), (2, set())),
    "04_no_final_newline.ndjson": ((2, 0, 0), (0, {NOBODY}), (2, set())),
    "05_truncated_line.ndjson": ((2, 0, 0), (0, {"json.invalid", NOBODY}), (1, {"json.invalid"})),
    "06_truncated.ndjson.gz": (
        (2398, 0, 0),
        (0, {"file.truncated", NOBODY}),
        (2397, {"file.truncated"}),
    ),
    "08_gz_named_plain.ndjson": ((1, 0, 0), (0, {NOBODY}), (1, set())),
    "09_pretty_array.json": ((2, 0, 0), (0, {NOBODY}), (2, set())),
    "10_pretty_single.json": ((1, 0, 0), (0, {NOBODY}), (1, set())),
    "11_utf16.ndjson": ((1, 0, 0), (0, {"file.encoding"}), (0, {"file.encoding"})),
    "13_nul_byte.ndjson": ((3, 0, 0), (0, {"json.invalid", NOBODY}), (2, {"json.invalid"})),
    "16_garbage_line.ndjson": ((3, 0, 0), (0, {"json.invalid", NOBODY}), (2, {"json.invalid"})),
    "18_operationoutcome_line.ndjson": ((2, 1, 0), (0, {NOBODY}), (1, set())),
    "19_empty.ndjson": ((0, 0, 0), (0, set()), (0, set())),
    "20_dup_ids.ndjson": ((3, 0, 0), (0, {NOBODY}), (3, {"record.conflict"})),
    "21_missing_id.ndjson": ((2, 0, 0), (0, {"record.no_id", NOBODY}), (1, {"record.no_id"})),
    "22_dup_keys.ndjson": ((1, 0, 0), (0, {"json.duplicate_key"}), (0, {"json.duplicate_key"})),
    "24_unknown_type.ndjson": (
        (2, 0, 0),
        (0, {"fhir.unknown_type", NOBODY}),
        (1, {"fhir.unknown_type"}),
    ),
    "30_partial_dates.ndjson": ((3, 0, 0), (0, {NOBODY}), (3, set())),
    "31_bad_date.ndjson": ((3, 0, 0), (0, {"fhir.invalid"}), (0, {"fhir.invalid"})),
    "34_decimals.ndjson": ((7, 0, 0), (0, {NOBODY}), (7, set())),
    "35_int_then_float.ndjson": ((3001, 0, 0), (0, {NOBODY}), (3001, set())),
    "36_string_number.ndjson": (
        (2, 0, 0),
        (0, {"value.wrong_type", NOBODY}),
        (1, {"value.wrong_type"}),
    ),
    "39_contained.ndjson": ((1, 0, 0), (0, {"subject.unknown"}), (1, set())),
    "41_choice_types.ndjson": ((9, 0, 0), (0, {"fhir.invalid", NOBODY}), (8, {"fhir.invalid"})),
    "43_deep_ext.ndjson": ((1, 0, 0), (0, {NOBODY}), (1, set())),
    "44_deep_items.ndjson": ((1, 0, 0), (0, {"fhir.too_deep"}), (0, {"fhir.too_deep"})),
    "45_json_bomb.ndjson": ((2, 0, 0), (0, {"fhir.too_deep", NOBODY}), (1, {"fhir.too_deep"})),
    "48_scalar_for_array.ndjson": ((1, 0, 0), (0, {"fhir.invalid"}), (0, {"fhir.invalid"})),
    "49_array_for_scalar.ndjson": ((1, 0, 0), (0, {"fhir.invalid"}), (0, {"fhir.invalid"})),
    "50_late_type_change.ndjson.gz": ((25001, 0, 0), (0, {NOBODY}), (25001, set())),
    "53_r5_in_r4.ndjson": (
        (1, 0, 0),
        (0, {"fhir.invalid", "fhir.unknown_element"}),
        (0, {"fhir.invalid", "fhir.unknown_element"}),
    ),
    "57_case_keys.ndjson": (
        (1, 0, 0),
        (0, {"fhir.unknown_element"}),
        (0, {"fhir.unknown_element"}),
    ),
    "59_future_and_ancient.ndjson": ((3, 0, 0), (0, {NOBODY}), (0, {"value.out_of_range"})),
    "61_bundle_odd.json": (
        (4, 1, 0),
        (0, {"entry.no_resource", NOBODY}),
        (2, {"entry.no_resource"}),
    ),
    "62_bare_nan_inf.ndjson": ((4, 0, 0), (0, {"json.invalid"}), (0, {"json.invalid"})),
    "63_comments_trailing_comma.ndjson": ((2, 0, 0), (0, {"json.invalid"}), (0, {"json.invalid"})),
}
OF_NOBODY = ("34_decimals.ndjson", "35_int_then_float.ndjson", "36_string_number.ndjson")
OF_NOBODY += ("41_choice_types.ndjson",)
"""Observations that name no patient; they are given one, to be read as of a person."""

Edge = Callable[..., AbstractContextManager[Reading]]


@pytest.fixture
def edge(fhir_data: Path, tmp_path: Path) -> Edge:
    """Read one file, as R4, beside the Patient that its records refer to."""

    @contextmanager
    def read(name: str, subjects: str) -> Iterator[Reading]:
        folder = tmp_path / "in"
        folder.mkdir()
        source = fhir_data / "edge" / name
        if name in OF_NOBODY and subjects == "per_record":
            text = source.read_bytes().replace(
                b'"status":"final"', b'"status":"final","subject":{"reference":"Patient/1"}'
            )
            (folder / name).write_bytes(text)
        else:
            shutil.copyfile(source, folder / name)
        (folder / "patient.ndjson").write_text('{"resourceType":"Patient","id":"1"}\n')
        options = {"subjects": subjects, "fhir_release": "4.0"}
        with reading(folder, tmp_path, Identity(KEYS, tmp_path / "vault"), options) as result:
            yield result

    return read


@pytest.mark.parametrize("subjects", ["resolve", "per_record"])
@pytest.mark.parametrize("name", EDGE)
def test_every_record_has_the_right_outcome(edge: Edge, name: str, subjects: str) -> None:
    (delivered, kept, blank), by_identifier, by_record = EDGE[name]
    accepted, codes = by_identifier if subjects == "resolve" else by_record
    with edge(name, subjects) as result:
        result.assert_complete()
        assert result.counts(name) == Counts(
            delivered=delivered,
            accepted=accepted,
            kept=kept,
            blank=blank,
            quarantined=delivered - accepted - kept - blank,
        )
        (source,) = [s for s in result.delivery.sources if s.path.name == name]
        found = {row["code"] for row in result.refusals if row["source_id"] == source.source_id}
        assert found == codes


def test_all_files_are_tested(fhir_data: Path) -> None:
    names = {path.name for path in (fhir_data / "edge").iterdir()}
    assert {name for name in names if name[:1].isdigit()} == set(EDGE)


def rows_of(result: Reading, table: str, name: str) -> list[dict[str, Any]]:
    (source,) = [s for s in result.delivery.sources if s.path.name == name]
    return [row for row in result.rows(table) if row["source_id"] == source.source_id]


def test_decimals_keep_their_text_in_both_tables(edge: Edge, fhir_data: Path) -> None:
    name = "34_decimals.ndjson"
    texts = [
        line.partition('"value":')[2].rstrip("}")
        for line in (fhir_data / "edge" / name).read_text().splitlines()
    ]
    with edge(name, "per_record") as result:
        typed = rows_of(result, "ehr_observation", name)
        nested = rows_of(result, "ehr_fhir_observation", name)
    assert [row["value_text"] for row in typed] == texts
    assert [row["value_number"] for row in typed] == list(map(float, texts))
    assert [row["valueQuantity"]["value__text"] for row in nested] == texts
    assert [row["valueQuantity"]["value"] for row in nested] == list(map(float, texts))


def test_a_float_after_3000_integers_is_not_lost(edge: Edge) -> None:
    with edge("35_int_then_float.ndjson", "per_record") as result:
        texts = [row["value_text"] for row in result.rows("ehr_observation")]
    assert (len(texts), texts[0], texts[-1]) == (3001, "5", "5.5")


def test_partial_dates_say_how_precise_they_are(edge: Edge) -> None:
    with edge("30_partial_dates.ndjson", "per_record") as result:
        rows = rows_of(result, "ehr_fhir_patient", "30_partial_dates.ndjson")
        years = [
            row["birth_year"] for row in rows_of(result, "ehr_patient", "30_partial_dates.ndjson")
        ]
    for row, length, precision in zip(rows, (4, 4, 4), ("year",) * 3, strict=True):
        assert len(row["birthDate"]) == length
        assert row["birthDate__precision"] == precision
    assert all(1978 <= year <= 1982 for year in years)


def test_every_kind_of_value_is_a_row(edge: Edge) -> None:
    with edge("41_choice_types.ndjson", "per_record") as result:
        types = [row["value_type"] for row in result.rows("ehr_observation")]
        nested = result.rows("ehr_fhir_observation")
    assert types == [
        *("Quantity", "String", "Boolean", "Integer"),
        *(None, "DateTime", "Ratio", "SampledData"),  # a concept of free text is not published
    ]
    assert nested[2]["valueBoolean"] is True
    assert nested[3]["valueInteger"] == 3
    assert nested[6]["valueRatio"]["numerator"]["value__text"] == "1"
    assert nested[7]["valueSampledData"]["period__text"] == "1"


def test_a_contained_medication_is_found_by_its_reference(edge: Edge) -> None:
    with edge("39_contained.ndjson", "per_record") as result:
        (contained,) = result.rows("ehr_contained")
        (row,) = result.rows("ehr_fhir_medication_request")
    assert row["medicationReference"]["reference"] == f"#{contained['contained_id']}"
    assert json.loads(contained["content"]).keys() <= {"id", "code"}


def test_extensions_60_deep_are_all_rows(edge: Edge) -> None:
    with edge("43_deep_ext.ndjson", "per_record") as result:
        extensions = result.rows("ehr_extension")
    assert {row["url"] for row in extensions} >= {f"l{level}" for level in range(1, 61)}
    assert max(row["path"].count(".extension") for row in extensions) >= 60


def test_an_element_first_seen_in_line_25001_is_there(edge: Edge) -> None:
    with edge("50_late_type_change.ndjson.gz", "per_record") as result:
        (extension,) = result.rows("ehr_extension")
    assert (extension["url"], extension["record_number"]) == ("late", 25001)


def test_a_contradicting_version_is_in_the_nested_table_alone(edge: Edge) -> None:
    name = "20_dup_ids.ndjson"
    with edge(name, "per_record") as result:
        nested = rows_of(result, "ehr_fhir_patient", name)
        typed = rows_of(result, "ehr_patient", name)
        assert result.codes == ["record.conflict"]
    assert [row["meta"]["versionId"] for row in nested] == ["1", "2", "2"]
    assert [row["version_id"] for row in typed] == ["1", "2"]
    first, second = (row["meta"]["lastUpdated__start"] for row in nested[1:])
    assert first == second
