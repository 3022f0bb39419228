"""The tests of the SQL on FHIR specification, as far as they lie beside the checkout."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from medplatform.views import ViewError, run_view
from medplatform_tests.public_data import PUBLIC_DATA

SUITE = PUBLIC_DATA / "sql-on-fhir-tests"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not SUITE.exists(), reason=f"no specification tests in {SUITE}: set MEDPLATFORM_TEST_DATA"
    ),
]


def cases() -> Iterator[Any]:
    for path in sorted(SUITE.glob("*.json")):
        suite = json.loads(path.read_bytes())
        for case in suite.get("tests", ()):
            yield pytest.param(suite["resources"], case, id=f"{path.stem}: {case['title']}")


def as_json(rows: list[dict[str, Any]]) -> list[str]:
    filled = [{name: v for name, v in row.items() if v is not None} for row in rows]
    return sorted(json.dumps(row, sort_keys=True, default=number) for row in filled)


def number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)


@pytest.mark.parametrize(("resources", "case"), cases())
def test_case_of_the_specification(resources: list[dict[str, Any]], case: dict[str, Any]) -> None:
    if case.get("expectError"):
        with pytest.raises(ViewError):
            run_view(resources, case["view"])
        return
    rows = run_view(resources, case["view"])
    if "expectCount" in case:
        assert len(rows) == case["expectCount"]
        return
    assert as_json(rows) == as_json(case["expect"])
    for row in rows if "expectColumns" in case else ():
        assert list(row) == case["expectColumns"]
