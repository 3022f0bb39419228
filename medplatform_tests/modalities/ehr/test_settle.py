"""Records that stand in a delivery twice, or contradict each other."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Counts
from medplatform.modalities.ehr.settle import VERSIONS, VersionLog, digest_of

from .conftest import Reading, bundle, ndjson, observation, patient

Read = Callable[..., Reading]


def seen(version: str | None, value: int, **elements: Any) -> dict[str, Any]:
    meta = {"meta": {"versionId": version}} if version else {}
    return observation(valueInteger=value, **meta, **elements)


def texts(result: Reading, table: str = "ehr_observation") -> list[str]:
    return [row["value_text"] for row in result.rows(table)]


FORMS: dict[str, Callable[..., dict[str, bytes]]] = {
    "lines": lambda *records: {"x.ndjson": ndjson(*records)},
    "files": lambda *records: {f"{n}.ndjson": ndjson(r) for n, r in enumerate(records)},
    "gzip": lambda *records: {"x.gz": gzip.compress(ndjson(*records))},
    "bundle": lambda *records: {
        "x.json": json.dumps(bundle(*({"resource": r} for r in records))).encode()
    },
    "bundles": lambda *records: {"x.ndjson": ndjson(*(bundle({"resource": r}) for r in records))},
}


@pytest.mark.parametrize("form", ["lines", "gzip", "bundle", "bundles"])
@pytest.mark.parametrize("version", ["1", None])
def test_the_same_bytes_are_kept_once(read: Read, form: str, version: str | None) -> None:
    again = [seen(version, 1)] * 3
    result = read(FORMS[form](patient(), *again) | {"z.ndjson": b"\n" + ndjson(seen(version, 1))})
    result.assert_complete()
    assert texts(result) == ["1"]
    assert result.codes == ["record.duplicate"] * 3
    assert result.counts() == Counts(delivered=6, accepted=2, quarantined=3, blank=1)


@pytest.mark.parametrize("form", ["lines", "gzip", "bundle", "bundles"])
def test_contradictions_are_kept_and_flagged(read: Read, form: str) -> None:
    result = read(FORMS[form](patient(), seen("1", 1), seen("1", 2), seen("2", 3)))
    result.assert_complete()
    assert result.codes == ["record.conflict"]
    assert [row["severity"] for row in result.refusals] == ["warning"]
    assert result.counts() == Counts(delivered=4, accepted=4)
    assert texts(result) == ["1", "3"]
    assert len(result.rows("ehr_fhir_observation")) == 3


def test_a_contradiction_that_comes_twice_is_kept_once(read: Read) -> None:
    result = read([patient(), seen("1", 1), seen("1", 2), seen("1", 2), seen("1", 1)])
    assert sorted(result.codes) == ["record.conflict", "record.duplicate", "record.duplicate"]
    assert len(result.rows("ehr_fhir_observation")) == 2
    assert result.counts() == Counts(delivered=5, accepted=3, quarantined=2)


def test_of_contradictions_in_several_files_the_one_of_the_smallest_source_is_typed(
    read: Read,
) -> None:
    result = read(FORMS["files"](patient(), *(seen("1", n) for n in range(5))))
    assert result.codes == ["record.conflict"] * 4
    nested = result.rows("ehr_fhir_observation")
    first = min(nested, key=lambda row: row["source_id"])
    assert len(nested) == 5
    assert texts(result) == [str(first["valueInteger"])]


def test_another_moment_makes_another_version(read: Read) -> None:
    moments = ("2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    records = [observation(valueInteger=1, meta={"lastUpdated": moment}) for moment in moments]
    result = read([patient(), *records, records[0]])
    assert result.codes == ["record.duplicate"]
    assert result.counts() == Counts(delivered=4, accepted=3, quarantined=1)
    ids = [row["version_id"] for row in result.rows("ehr_observation")]
    assert len(set(ids)) == 2


def test_the_same_moment_in_another_zone_is_the_same_version(read: Read) -> None:
    moments = ("2021-01-01T00:00:00Z", "2021-01-01T02:00:00.000+02:00")
    records = [observation(valueInteger=1, meta={"lastUpdated": moment}) for moment in moments]
    assert read([patient(), *records]).codes == ["record.conflict"]


def test_records_without_a_namesake_keep_an_empty_version_id(read: Read) -> None:
    meta = {"lastUpdated": "2020-01-01T00:00:00Z"}
    result = read([patient(), observation(meta=meta), observation("o2", meta=meta)])
    assert [row["version_id"] for row in result.rows("ehr_observation")] == ["", ""]


def test_the_same_id_of_another_type_is_another_resource(read: Read) -> None:
    result = read([patient("1"), observation("1", "Patient/1", valueInteger=1)])
    assert result.codes == []


def test_nothing_of_a_duplicate_is_left_in_any_table(read: Read) -> None:
    record = seen("1", 1, extension=[{"url": "http://x.example", "valueCode": "a"}])
    result = read([patient(), record, record])
    for table in ("ehr_observation", "ehr_fhir_observation", "ehr_reference", "ehr_extension"):
        assert [row["record_number"] for row in result.rows(table)] == [2], table


def log(folder: Path, keys: list[tuple[str, str, bytes, str, int]]) -> VersionLog:
    made = VersionLog(folder)
    rows = [
        {
            "resource_type": "Patient",
            "local_id": resource_id,
            "version": version,
            "version_id": version,
            "digest": digest_of(content),
            "source_id": source_id,
            "record_number": number,
        }
        for resource_id, version, content, source_id, number in keys
    ]
    made.add(pa.Table.from_pylist(rows, schema=VERSIONS))
    return made


def test_doubles_follow_sources_then_records(tmp_path: Path) -> None:
    keys = [("a", "", b"1", "s2", 1), ("a", "", b"1", "s1", 9), ("a", "", b"2", "s1", 12)]
    doubles = log(tmp_path / "v", keys).doubles(["s1", "s2"]).to_pylist()
    assert [(d["source_id"], d["record_number"], d["is_same"]) for d in doubles] == [
        ("s1", 12, False),
        ("s2", 1, True),
    ]


def test_no_records_have_no_doubles(tmp_path: Path) -> None:
    assert VersionLog(tmp_path / "v").doubles(["s"]).num_rows == 0


def test_what_is_kept_until_the_end_has_no_version_as_delivered(read: Read) -> None:
    meta = {"versionId": "v-CANARY", "lastUpdated": "2020-03-04T05:06:07Z"}
    result = read([patient(), observation(meta=meta)])
    files = list(result.stage.folder.joinpath("_versions").glob("*.parquet"))
    kept = pa.concat_tables(pq.read_table(file) for file in files).to_pylist()
    assert kept
    assert not any("CANARY" in str(row) or "2020-03" in str(row) for row in kept)
