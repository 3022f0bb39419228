"""The declared rules are enforced, and findings hold numbers only."""

import gc
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pytest

from medplatform.lake import Column, Table
from medplatform.modalities.ehr.tables import ENCOUNTER
from medplatform.quality import CHECKS, Finding, Rule, is_rejected, rules_of, validate
from medplatform.quality.counting import Count, count_broken
from medplatform.quality.rules import checks_of
from medplatform.quality.validate import columns_read, combine

VISIT = Table(
    name="ehr_encounter",
    description="One row per visit.",
    columns=(
        Column(name="visit_id", dtype=pa.string(), required=True, description="Id."),
        Column(name="status", dtype=pa.string(), values=("done", "planned"), description="State."),
        Column(name="weight_kg", dtype=pa.float64(), minimum=1, maximum=300, description="Weight."),
        Column(name="started_at", dtype=pa.timestamp("us", "UTC"), description="Start."),
        Column(name="ended_at", dtype=pa.timestamp("us", "UTC"), description="End."),
    ),
    key=("visit_id", "status"),
)
GOOD = {
    "visit_id": ["a", "b"],
    "status": ["done", None],
    "weight_kg": [70.0, None],
    "started_at": [0, 10],
    "ended_at": [5, None],
    "source_id": ["s", "s"],
    "record_number": [1, 2],
}


def find(**changes: list) -> dict[str, list[Finding]]:
    rows = pa.table({**GOOD, **changes}, schema=_nullable(VISIT.schema()))
    present = [column.name for column in VISIT.all_columns]
    findings = validate(VISIT, rows.select(columns_read(rules_of(VISIT))), present)
    return {name: [f for f in findings if f.check == name] for name in CHECKS}


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def test_good_rows_pass_every_rule() -> None:
    findings = [finding for found in find().values() for finding in found]
    assert {finding.check for finding in findings} == {check.name for check in checks_of(VISIT)}
    assert all(finding.success for finding in findings)
    assert not is_rejected(findings)


@pytest.mark.parametrize(
    ("check", "changes", "broken_rows"),
    [
        ("required_values_are_present", {"visit_id": ["a", None]}, 1),
        ("key_is_unique", {"visit_id": ["a", "a"], "status": ["done", "done"]}, 2),
        ("codes_are_known", {"status": ["done", "DONE"]}, 1),
        ("values_are_plausible", {"weight_kg": [70.0, 7000.0]}, 1),
        ("dates_are_in_order", {"ended_at": [-5, 12]}, 1),
    ],
)
def test_each_rule_is_broken_by_its_own_fault(
    check: str, changes: dict[str, list], broken_rows: int
) -> None:
    found = find(**changes)
    broken = [finding for finding in found[check] if not finding.success]
    assert [finding.value for finding in broken] == [broken_rows]
    others = [f for name, findings in found.items() if name != check for f in findings]
    assert all(finding.success for finding in others)
    assert is_rejected(broken) == (CHECKS[check].severity == "critical")


@pytest.mark.parametrize(
    ("start", "end", "precision", "broken"),
    [
        ("2020-03-15T00:00", "2020-03-01T00:00", "month", 0),
        ("2020-03-15T08:00", "2020-03-15T00:00", "day", 0),
        ("2020-10-22T00:00", "2019-01-01T00:00", "year", 0),
        ("2020-03-15T08:00", "2020-03-15T07:00", "minute", 1),
        ("2020-03-15T08:00", "2020-03-12T00:00", "day", 1),
        ("2020-05-15T08:00", "2020-02-01T00:00", "month", 1),
        ("2022-05-15T08:00", "2019-01-01T00:00", "year", 1),
        ("2020-03-15T08:00", None, None, 0),
    ],
)
def test_an_end_counts_as_late_as_its_partial_date_may_mean(
    start: str, end: str | None, precision: str | None, broken: int
) -> None:
    moment = pa.timestamp("us", "UTC")
    rules = [rule for rule in rules_of(ENCOUNTER) if rule.check == "dates_are_in_order"]
    rows = pa.table(
        {
            "started_at": pa.array([datetime.fromisoformat(start)], moment),
            "ended_at": pa.array([end and datetime.fromisoformat(end)], moment),
            "ended_precision": pa.array([precision], pa.string()),
        }
    )
    (finding,) = validate(ENCOUNTER, rows, rows.column_names, rules)
    assert finding.value == broken


def test_a_column_without_values_breaks_no_rule() -> None:
    found = find(status=[None, None], weight_kg=[None, None])
    findings = [*found["codes_are_known"], *found["values_are_plausible"]]
    assert [(f.success, f.value, f.rows) for f in findings] == [(True, 0, 0)] * 2


def test_a_missing_column_is_found() -> None:
    rows = pa.table(GOOD, schema=VISIT.schema())
    findings = validate(VISIT, rows.select(columns_read(rules_of(VISIT))), ["visit_id"])
    assert not findings[0].success
    assert findings[0].value == 6


def test_findings_hold_no_value_of_a_row() -> None:
    found = find(visit_id=["CANARY", "CANARY"], status=["CANARY", "CANARY"])
    text = "".join(f.model_dump_json() for findings in found.values() for f in findings)
    assert not found["codes_are_known"][0].success
    assert "CANARY" not in text


@pytest.mark.parametrize("nulls", [0, 50])
@pytest.mark.parametrize("values", [100, 250, 300, 700])
def test_a_share_is_of_the_values_that_are_there(values: int, nulls: int) -> None:
    allowed = values // 100
    for broken in (allowed, allowed + 1):
        weights = [7000.0] * broken + [70.0] * (values - broken) + [None] * nulls
        count = len(weights)
        (finding,) = find(
            visit_id=[str(number) for number in range(count)],
            status=["done"] * count,
            weight_kg=weights,
            started_at=[0] * count,
            ended_at=[5] * count,
            source_id=["s"] * count,
            record_number=list(range(count)),
        )["values_are_plausible"]
        assert (finding.rows, finding.value, finding.threshold) == (values, broken, allowed)
        assert finding.success == (finding.value <= finding.threshold)


def test_slices_of_a_table_are_judged_as_the_whole() -> None:
    count = 300
    rows = pa.table(
        {
            "visit_id": [f"v{number // 2}" for number in range(count)],
            "status": (["done"] * 40 + [None] * 10 + ["gone"] * 10) * 5,
            "weight_kg": [70.0] * 297 + [7000.0] * 3,
            "started_at": [5] * count,
            "ended_at": [5, 10, None] * 99 + [0] * 3,
            "source_id": ["s"] * count,
            "record_number": list(range(count)),
        },
        schema=_nullable(VISIT.schema()),
    )
    present = [column.name for column in VISIT.all_columns]
    slices = [rows.slice(start, 50) for start in range(0, count, 50)]
    rules = rules_of(VISIT)
    found = combine(rules, [validate(VISIT, part, present) for part in slices])
    assert found == validate(VISIT, rows, present)
    assert combine(rules, [found]) == found
    assert {finding.success for finding in found} == {True, False}


@pytest.mark.parametrize(
    ("expectation", "arguments"),
    [
        ("expect_column_values_to_be_between", {"column": "visit_id", "min_value": 1}),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "visit_id", "column_B": "weight_kg"},
        ),
    ],
)
def test_a_rule_that_cannot_be_computed_is_broken(expectation: str, arguments: dict) -> None:
    rows = pa.table({"visit_id": ["a", "b"], "weight_kg": [70.0, 80.0]})
    rule = Rule("values_are_plausible", expectation, ("visit_id", "weight_kg"), arguments)
    assert count_broken([rule], rows) == [Count(broken=2, judged=2)]


def test_threads_do_not_judge_each_others_rows() -> None:
    with ThreadPoolExecutor(2) as threads:
        statuses = [["done", status] for status in ("planned", "elsewhere") * 4]
        found = list(threads.map(lambda status: find(status=status), statuses))
    broken = [
        [name for name, findings in each.items() if not all(f.success for f in findings)]
        for each in found
    ]
    assert broken == [[], ["codes_are_known"]] * 4


def test_nothing_of_the_rows_stays_in_memory() -> None:
    """Without a collection of all garbage, which takes a second in a process that holds much."""

    def frames() -> int:
        return sum(type(held) in (pd.Series, pd.DataFrame) for held in gc.get_objects())

    find()
    gc.collect()
    before = frames()
    gc.disable()
    try:
        find()
        assert frames() == before
    finally:
        gc.enable()
