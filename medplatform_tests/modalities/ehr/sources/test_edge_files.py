"""The odd files of the public data: what the reader makes of each as a file."""

from pathlib import Path

import pytest

from .conftest import read_file

pytestmark = pytest.mark.real

# File -> (records, blank lines, codes of faults). Bad lines are records here, judged later.
EDGE: dict[str, tuple[int, int, list[str]]] = {
    "01_bom.ndjson": (2, 0, []),
    "03_empty_lines.ndjson": (2, 4, []),
    "04_no_final_newline.ndjson": (2, 0, []),
    "05_truncated_line.ndjson": (2, 0, []),
    "06_truncated.ndjson.gz": (2397, 0, ["file.truncated"]),
    "08_gz_named_plain.ndjson": (1, 0, []),
    "09_pretty_array.json": (2, 0, []),
    "10_pretty_single.json": (1, 0, []),
    "11_utf16.ndjson": (0, 0, ["file.encoding"]),
    "13_nul_byte.ndjson": (3, 0, []),
    "16_garbage_line.ndjson": (3, 0, []),
    "18_operationoutcome_line.ndjson": (2, 0, []),
    "19_empty.ndjson": (0, 0, []),
    "20_dup_ids.ndjson": (3, 0, []),
    "21_missing_id.ndjson": (2, 0, []),
    "22_dup_keys.ndjson": (1, 0, []),
    "24_unknown_type.ndjson": (2, 0, []),
    "30_partial_dates.ndjson": (3, 0, []),
    "31_bad_date.ndjson": (3, 0, []),
    "34_decimals.ndjson": (7, 0, []),
    "35_int_then_float.ndjson": (3001, 0, []),
    "36_string_number.ndjson": (2, 0, []),
    "39_contained.ndjson": (1, 0, []),
    "41_choice_types.ndjson": (9, 0, []),
    "43_deep_ext.ndjson": (1, 0, []),
    "44_deep_items.ndjson": (1, 0, []),
    "45_json_bomb.ndjson": (2, 0, []),
    "48_scalar_for_array.ndjson": (1, 0, []),
    "49_array_for_scalar.ndjson": (1, 0, []),
    "50_late_type_change.ndjson.gz": (25001, 0, []),
    "53_r5_in_r4.ndjson": (1, 0, []),
    "57_case_keys.ndjson": (1, 0, []),
    "59_future_and_ancient.ndjson": (3, 0, []),
    "61_bundle_odd.json": (3, 0, ["entry.no_resource"]),
    "62_bare_nan_inf.ndjson": (4, 0, []),
    "63_comments_trailing_comma.ndjson": (2, 0, []),
}


@pytest.fixture(scope="module")
def edge(fhir_data: Path) -> Path:
    return fhir_data / "edge"


@pytest.mark.parametrize("name", EDGE)
def test_odd_file(edge: Path, name: str) -> None:
    found = read_file(edge / name)
    assert (len(found.lines), found.blank, [code for _, code in found.codes]) == EDGE[name]


def test_every_odd_file_has_an_outcome(edge: Path) -> None:
    assert {path.name for path in edge.iterdir()} == set(EDGE)


def test_bundles_of_the_public_data(fhir_data: Path) -> None:
    counts = [len(read_file(path).lines) for path in sorted((fhir_data / "r4-bundles").iterdir())]
    assert counts == [387, 1]


def test_lines_of_a_bulk_export_are_all_cut(fhir_data: Path) -> None:
    paths = sorted((fhir_data / "r4-bulk-100").iterdir())
    assert sum(len(read_file(path, 1 << 20).lines) for path in paths) == 38_472
