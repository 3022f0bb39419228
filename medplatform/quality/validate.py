"""Run the rules of a table over some of its rows.

Great Expectations counts what breaks them (`counting`), but for what Arrow knows without a look at
a value: which columns there are, how many values of a column are missing, and that one without any
breaks no rule. Values are patient data, so only counts leave this module.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from medplatform.garbage import collected_once
from medplatform.lake import Table
from medplatform.quality.counting import Count, count_broken
from medplatform.quality.rules import IN_ORDER_TYPE, NOT_NULL, Rule, Severity, rules_of

_LONGEST = {"year": 2 * 366, "month": 2 * 31, "day": 2}
"""Days from the first moment of a partial date to the last that it may mean.

Of a year or month the first day was moved by the patient's shift, so the last may lie in the next
one; a day has no time zone.
"""


class Finding(BaseModel):
    """What one rule found: of `rows` that have a value to judge, `value` break it, `threshold` may.

    The rule passes if and only if `value` is at most `threshold`.
    """

    table: str
    check: str
    rule: str
    severity: Severity
    success: bool
    value: int
    threshold: int
    rows: int


def is_rejected(findings: Iterable[Finding]) -> bool:
    """Whether a critical rule failed, so that the delivery must stay out of the lake."""
    return any(f.severity == "critical" and not f.success for f in findings)


def columns_read(rules: Sequence[Rule]) -> list[str]:
    """The columns that rules look at: all that need to be in memory."""
    return sorted({column for rule in rules for column in rule.columns})


def validate(
    table: Table, rows: pa.Table, present: Sequence[str], rules: Sequence[Rule] | None = None
) -> list[Finding]:
    """Check rows of a table against its rules.

    Parameters
    ----------
    table
        The declaration.
    rows
        The columns named by `columns_read`, of all rows of the delivery or a slice (`combine`).
    present
        The columns that the stored files have.
    rules
        All or some of `rules_of` the table.
    """
    rules = rules_of(table) if rules is None else rules
    known = [_judge_without_values(table, rule, rows, present) for rule in rules]
    others = [rule for rule, finding in zip(rules, known, strict=True) if finding is None]
    with collected_once():  # Great Expectations holds the rows in circles of objects
        counts = iter(count_broken(others, _with_last_moments(others, rows)))
    judged = zip(rules, known, strict=True)
    return [finding or _judge(table, rule, next(counts)) for rule, finding in judged]


def _with_last_moments(rules: Sequence[Rule], rows: pa.Table) -> pa.Table:
    """The columns that rules look at, an end that is a partial date as late as it may mean."""
    rows = rows.select(columns_read(rules))
    for rule in rules:
        if rule.expectation == IN_ORDER_TYPE and len(rule.columns) > 2:
            later, _, precision = rule.columns
            days = pl.Series(rows[precision]).replace_strict(
                _LONGEST, default=0, return_dtype=pl.Int64
            )
            moments = pl.Series(rows[later]) + pl.select(pl.duration(days=pl.lit(days))).to_series()
            rows = rows.set_column(rows.schema.get_field_index(later), later, moments.to_arrow())
    return rows


def combine(rules: Sequence[Rule], findings: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The findings of some rules over a whole table, from those over its slices.

    Rules that compare rows need slices with rows of equal keys together.
    """
    by_rule = zip(rules, zip(*findings, strict=True), strict=True)
    return [_combine(rule, same) for rule, same in by_rule]


def passed(table: Table, rule: Rule, rows: int) -> Finding:
    """The finding of a rule that none of so many rows breaks."""
    return _finding(table, rule, success=True, value=0, threshold=_threshold(rule, rows), rows=rows)


def judge_missing(table: Table, rule: Rule, missing: int, rows: int) -> Finding:
    """The finding of a rule on values that must be there, of which so many are missing."""
    numbers = {"value": missing, "threshold": 0, "rows": rows}
    return _finding(table, rule, success=missing == 0, **numbers)


def _combine(rule: Rule, same: Sequence[Finding]) -> Finding:
    first, *others = same
    if not others:
        return first
    rows = sum(finding.rows for finding in same)
    if not rule.columns:
        return first.model_copy(update={"rows": rows})
    value = sum(finding.value for finding in same)
    threshold = _threshold(rule, rows)
    numbers = {"value": value, "threshold": threshold, "rows": rows}
    return first.model_copy(update=numbers | {"success": value <= threshold})


def _threshold(rule: Rule, judged: int) -> int:
    return math.floor(judged * (1 - rule.arguments.get("mostly", 1)))


def compare_columns(table: Table, rule: Rule, present: Sequence[str], rows: int) -> Finding:
    """The finding on the columns that the stored files have; of them, a slice has a part."""
    declared = set(rule.arguments["column_set"])
    wrong = len(declared - set(present) if table.is_open else declared ^ set(present))
    return _finding(table, rule, success=wrong == 0, value=wrong, threshold=0, rows=rows)


def _judge_without_values(
    table: Table, rule: Rule, rows: pa.Table, present: Sequence[str]
) -> Finding | None:
    """The finding of a rule that needs no look at the values; None where it needs one."""
    if not rule.columns:
        return compare_columns(table, rule, present, rows.num_rows)
    column, *others = rule.columns
    if others:
        return None
    missing = pc.sum(pc.is_null(rows[column], nan_is_null=True)).as_py() or 0  # pyright: ignore[reportAttributeAccessIssue]
    if rule.expectation == NOT_NULL:
        return judge_missing(table, rule, missing, rows.num_rows)
    return passed(table, rule, 0) if missing == rows.num_rows else None


def _judge(table: Table, rule: Rule, count: Count) -> Finding:
    threshold = _threshold(rule, count.judged)  # a share of the values that are there
    numbers = {"value": count.broken, "threshold": threshold, "rows": count.judged}
    return _finding(table, rule, success=count.broken <= threshold, **numbers)


def _finding(table: Table, rule: Rule, **numbers: Any) -> Finding:
    return Finding(
        table=table.name, check=rule.check, rule=rule.label, severity=rule.severity, **numbers
    )
