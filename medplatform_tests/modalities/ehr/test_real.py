"""Public FHIR data: odd files, a bulk export of 100 patients, Bundles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from medplatform.lake import Counts
from medplatform.modalities.ehr.element import Element
from medplatform.modalities.ehr.flatten import flatten_observation
from medplatform.modalities.ehr.scope import Scope
from medplatform.modalities.ehr.verdict import judge
from medplatform.privacy import Identity

from .conftest import KEYS, Reading, reading

pytestmark = pytest.mark.real

# File -> (delivered, accepted, kept, blank, codes of the refusals). The Patients of these files
# have no identifier, so that the valid ones are refused for it.
EDGE: dict[str, tuple[int, int, int, int, set[str]]] = {
    "01_bom.ndjson": (2, 0, 0, 0, {"subject.missing"}),
    "03_empty_lines.ndjson": (6, 0, 0, 4, {"subject.missing"}),
    "04_no_final_newline.ndjson": (2, 0, 0, 0, {"subject.missing"}),
    "05_truncated_line.ndjson": (2, 0, 0, 0, {"subject.missing", "json.invalid"}),
    "06_truncated.ndjson.gz": (2398, 0, 0, 0, {"subject.missing", "file.truncated"}),
    "08_gz_named_plain.ndjson": (1, 0, 0, 0, {"subject.missing"}),
    "09_pretty_array.json": (2, 0, 0, 0, {"subject.missing"}),
    "10_pretty_single.json": (1, 0, 0, 0, {"subject.missing"}),
    "11_utf16.ndjson": (1, 0, 0, 0, {"file.encoding"}),
    "13_nul_byte.ndjson": (3, 0, 0, 0, {"subject.missing", "json.invalid"}),
    "16_garbage_line.ndjson": (3, 0, 0, 0, {"subject.missing", "json.invalid"}),
    "18_operationoutcome_line.ndjson": (2, 0, 1, 0, {"subject.missing"}),
    "19_empty.ndjson": (0, 0, 0, 0, set()),
    "20_dup_ids.ndjson": (3, 0, 0, 0, {"subject.missing"}),
    "21_missing_id.ndjson": (2, 0, 0, 0, {"record.no_id", "subject.missing"}),
    "22_dup_keys.ndjson": (1, 0, 0, 0, {"json.duplicate_key"}),
    "24_unknown_type.ndjson": (2, 0, 0, 0, {"fhir.unknown_type", "subject.missing"}),
    "30_partial_dates.ndjson": (3, 0, 0, 0, {"subject.missing"}),
    "31_bad_date.ndjson": (3, 0, 0, 0, {"fhir.invalid"}),
    "34_decimals.ndjson": (7, 0, 0, 0, {"subject.missing"}),
    "35_int_then_float.ndjson": (3001, 0, 0, 0, {"subject.missing"}),
    "36_string_number.ndjson": (2, 0, 0, 0, {"subject.missing", "value.wrong_type"}),
    "39_contained.ndjson": (1, 0, 0, 0, {"subject.unknown"}),
    "41_choice_types.ndjson": (9, 0, 0, 0, {"subject.missing", "fhir.invalid"}),
    "43_deep_ext.ndjson": (1, 0, 0, 0, {"subject.missing"}),
    "44_deep_items.ndjson": (1, 0, 1, 0, set()),
    "45_json_bomb.ndjson": (2, 0, 0, 0, {"fhir.too_deep", "subject.missing"}),
    "48_scalar_for_array.ndjson": (1, 0, 0, 0, {"fhir.invalid"}),
    "49_array_for_scalar.ndjson": (1, 0, 0, 0, {"fhir.invalid"}),
    "50_late_type_change.ndjson.gz": (25001, 0, 0, 0, {"subject.missing"}),
    "53_r5_in_r4.ndjson": (1, 0, 0, 0, {"fhir.invalid", "fhir.unknown_element"}),
    "57_case_keys.ndjson": (1, 0, 0, 0, {"fhir.unknown_element"}),
    "59_future_and_ancient.ndjson": (3, 0, 0, 0, {"subject.missing"}),
    "61_bundle_odd.json": (4, 0, 1, 0, {"subject.missing", "entry.no_resource"}),
    "62_bare_nan_inf.ndjson": (4, 0, 0, 0, {"json.invalid"}),
    "63_comments_trailing_comma.ndjson": (2, 0, 0, 0, {"json.invalid"}),
}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(KEYS, tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="module")
def edge(
    fhir_data: Path, tmp_path_factory: pytest.TempPathFactory, identity: Identity
) -> Iterator[Reading]:
    with reading(fhir_data / "edge", tmp_path_factory.mktemp("edge"), identity) as result:
        yield result


@pytest.mark.parametrize("name", EDGE)
def test_odd_file(edge: Reading, name: str) -> None:
    (source,) = [source for source in edge.delivery.sources if source.path.name == name]
    delivered, accepted, kept, blank, codes = EDGE[name]
    assert edge.counts(name) == Counts(
        delivered=delivered,
        accepted=accepted,
        kept=kept,
        blank=blank,
        quarantined=delivered - accepted - kept - blank,
    )
    assert {row["code"] for row in edge.refusals if row["source_id"] == source.source_id} == codes


def test_all_odd_files_are_accounted_for(edge: Reading) -> None:
    edge.assert_complete()
    assert {source.path.name for source in edge.delivery.sources} >= set(EDGE)


def test_odd_decimals_keep_their_text(fhir_data: Path, identity: Identity) -> None:
    scope = Scope(identity, identity.subject(None, "somebody"), "o", {})
    lines = (fhir_data / "edge" / "34_decimals.ndjson").read_bytes().splitlines()
    assert len(lines) == 7
    for line in lines:
        content = judge(line).resource
        assert content is not None
        (row,) = flatten_observation(Element(content, "Observation"), scope)
        assert f'"value":{row["value_text"]}}}' in line.decode()
        assert row["value_number"] == float(row["value_text"])


def test_bulk_export_of_100_patients(fhir_data: Path, tmp_path: Path, identity: Identity) -> None:
    with reading(fhir_data / "r4-bulk-100", tmp_path, identity) as result:
        result.assert_complete()
        assert result.counts() == Counts(delivered=38_472, accepted=26_385, kept=12_087)
        assert result.codes == []
        assert {name: result.stage.rows_staged(name) for name in result.stage.tables()} == {
            "ehr_patient": 100,
            "ehr_encounter": 3_697,
            "ehr_condition": 639,
            "ehr_observation": 17_300,
            "ehr_medication_request": 2_386,
            "ehr_procedure": 2_351,
            "ehr_diagnostic_report": 897,
        }
        encounters = set(result.stage.read("ehr_encounter")["encounter_id"].to_pylist())
        observed = result.stage.read("ehr_observation", ["encounter_id", "value_type"])
        assert set(observed["encounter_id"].to_pylist()) <= encounters


def test_bundle_of_one_patient(fhir_data: Path, tmp_path: Path, identity: Identity) -> None:
    with reading(fhir_data / "r4-bundles", tmp_path, identity) as result:
        result.assert_complete()
        assert result.codes == []
        assert len(result.rows("ehr_patient")) == 1
        assert len(result.rows("ehr_observation")) == 273
        assert {row["patient_id"] for row in result.rows("ehr_condition")} == {
            result.rows("ehr_patient")[0]["patient_id"]
        }
