"""Views over NDJSON and nested Parquet files, written as Parquet."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from medplatform.views import (
    ViewError,
    column_types,
    parse_view,
    relation_of,
    run_view,
    run_view_on_files,
    write_view,
)
from medplatform_tests.views.build import column, columns, view

PATIENTS = [
    {
        "resourceType": "Patient",
        "id": f"p{number}",
        "active": number % 2 == 0,
        "birthDate": "1970-06",
        "_birthDate": {"extension": [{"url": "time", "valueDateTime": "1970"}]},
        "name": [{"family": f"F{number}", "given": ["A", "B"]}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Contained"}],
    }
    for number in range(5)
]
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "issued": "2020-01-01T02:00:00+02:00",
    "valueQuantity": {"value": 72.5},
    "valueAttachment": None,
}
RESPONSE = {
    "resourceType": "QuestionnaireResponse",
    "id": "q1",
    "item": [{"linkId": "1", "item": [{"linkId": "1.1"}]}],
}


def write_ndjson(path: Path, resources: list[dict[str, Any]]) -> Path:
    lines = "".join(json.dumps(resource) + "\n" for resource in resources)
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


def read(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


def types_of(path: Path) -> list[str]:
    with duckdb.connect() as connection:
        return [row[1] for row in connection.execute(f"DESCRIBE FROM '{path}'").fetchall()]


def run(tmp_path: Path, resources: list[dict[str, Any]], definition: dict[str, Any]) -> Path:
    source = write_ndjson(tmp_path / "resources.ndjson", resources)
    out = tmp_path / "out.parquet"
    run_view_on_files([source], parse_view(definition), out)
    return out


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_ndjson_gives_the_rows_that_resources_give(tmp_path: Path, name: str) -> None:
    definition = view(
        "Patient",
        columns(
            id="getResourceKey()", active="active", time="birthDate.extension('time').exists()"
        ),
        {"forEach": "name", **columns(family="family", given="given.join(' ')", i="%rowIndex")},
    )
    source = write_ndjson(tmp_path / name, [*PATIENTS, OBSERVATION])
    out = tmp_path / "out.parquet"
    assert run_view_on_files([source], parse_view(definition), out) == len(PATIENTS)
    assert read(out) == [tuple(row.values()) for row in run_view(PATIENTS, definition)]


def test_files_are_one_after_the_other(tmp_path: Path) -> None:
    files = [write_ndjson(tmp_path / f"{n}.ndjson", PATIENTS[n : n + 1]) for n in range(3)]
    out = tmp_path / "out.parquet"
    run_view_on_files(files, parse_view(view("Patient", columns(id="id"))), out)
    assert read(out) == [("p0",), ("p1",), ("p2",)]


def test_nested_parquet_with_exact_decimals(tmp_path: Path) -> None:
    source = tmp_path / "Observation.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 'o1' AS id, {'value': 72.5::DOUBLE, 'value__text': '72.50'} "
            "AS valueQuantity, '2020' AS effectiveDateTime, "
            f"TIMESTAMP '2020-01-01' AS effectiveDateTime__start) TO '{source}'"
        )
    definition = view(
        "Observation",
        columns(
            exact="value.ofType(Quantity).value",
            twice="value.ofType(Quantity).value * 2",
            low="value.ofType(Quantity).value.lowBoundary()",
            big="value.ofType(Quantity).value > 72",
            when="effective.ofType(dateTime)",
        ),
    )
    out = tmp_path / "out.parquet"
    run_view_on_files([source], parse_view(definition), out)
    assert read(out) == [("72.50", "145", "72.495", True, "2020")]


def test_fields_of_the_store_are_no_elements(tmp_path: Path) -> None:
    source = tmp_path / "Observation.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'o1' AS id, 1 AS value__text) TO '{source}'")
        relation = relation_of(connection, f"'{source}'", "Observation")
        with pytest.raises(ViewError, match="value__text"):
            write_view(
                connection,
                relation,
                parse_view(view("Observation", columns(a="value__text"))),
                tmp_path / "out.parquet",
            )


def test_parquet_files_may_differ_in_their_columns(tmp_path: Path) -> None:
    for name, select in (("a", "'1' AS id"), ("b", "'2' AS id, 'male' AS gender")):
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT {select}) TO '{tmp_path / name}.parquet'")
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    out = tmp_path / "out.parquet"
    run_view_on_files(files, parse_view(view("Patient", columns(id="id", sex="gender"))), out)
    assert read(out) == [("1", None), ("2", "male")]


def test_columns_have_the_types_that_were_told(tmp_path: Path) -> None:
    definition = view(
        "Observation",
        {
            "column": [
                column("id", "getResourceKey()"),
                column("issued", "issued"),
                column("count", "component.count()"),
                column("value", "value.ofType(Quantity).value"),
                column(
                    "number",
                    "value.ofType(Quantity).value",
                    tag=[{"name": "ansi/type", "value": "DECIMAL(10, 2)"}],
                ),
                column("missing", "value.ofType(integer)"),
                column("codes", "code.coding.code", collection=True),
            ]
        },
    )
    out = run(tmp_path, [OBSERVATION], definition)
    told = [c.sql_type for c in column_types(parse_view(definition)).values()]
    assert told == [
        "VARCHAR",
        "TIMESTAMP WITH TIME ZONE",
        "INTEGER",
        "VARCHAR",
        "DECIMAL(10, 2)",
        "INTEGER",
        "VARCHAR[]",
    ]
    assert types_of(out) == [name.replace(", ", ",") for name in told]
    (row,) = read(out)
    assert row[1] == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert row[3:] == ("72.5", 72.5, None, [])


def test_a_value_that_does_not_fit_its_type_is_refused_without_being_told(tmp_path: Path) -> None:
    born = column("born", "birthDate", tag=[{"name": "ansi/type", "value": "DATE"}])
    with pytest.raises(ViewError, match="no DATE") as caught:
        run(tmp_path, PATIENTS, view("Patient", {"column": [born]}))
    assert caught.value.element == "select[0].column[0].path"
    assert "1970" not in str(caught.value)
    assert not (tmp_path / "out.parquet").exists()


def test_repeat_and_complex_columns_and_contained_resources_over_ndjson(tmp_path: Path) -> None:
    items = view("QuestionnaireResponse", {"repeat": ["item"], **columns(link="linkId")})
    assert read(run(tmp_path, [RESPONSE], items)) == [("1",), ("1.1",)]
    names = {"column": [column("name", "name", type="HumanName", collection=True)]}
    found = read(run(tmp_path, PATIENTS[:1], view("Patient", names)))
    assert found == [([{"family": "F0", "given": ["A", "B"]}],)]
    contained = columns(name="contained.ofType(Organization).name")
    assert read(run(tmp_path, PATIENTS[:1], view("Patient", contained))) == [("Contained",)]


def test_a_view_over_no_resources_has_its_columns(tmp_path: Path) -> None:
    out = run(tmp_path, [OBSERVATION], view("Patient", columns(id="id", active="active")))
    assert read(out) == []
    assert types_of(out) == ["VARCHAR", "BOOLEAN"]


def test_a_failed_run_leaves_the_file_of_the_last(tmp_path: Path) -> None:
    out = run(tmp_path, PATIENTS, view("Patient", columns(id="id")))
    (tmp_path / "resources.ndjson").write_text('{"resourceType": "Patient", "id"\n')
    with pytest.raises(ViewError, match="cannot be read"):
        run_view_on_files(
            [tmp_path / "resources.ndjson"], parse_view(view("Patient", columns(id="id"))), out
        )
    assert len(read(out)) == len(PATIENTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "resources.ndjson"]


def test_files_of_two_formats_or_none_are_refused(tmp_path: Path) -> None:
    checked = parse_view(view("Patient", columns(id="id")))
    for files in ([], [tmp_path / "a.parquet", tmp_path / "b.ndjson"]):
        with pytest.raises(ViewError, match="expected files"):
            run_view_on_files(files, checked, tmp_path / "out.parquet")
