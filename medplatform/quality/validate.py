"""Run the rules of a table over the staged rows of one delivery.

Great Expectations judges them, but for what Arrow knows without a look at a value: which columns
there are, how many values of a column are missing, and that one without any breaks no rule.

Great Expectations returns examples of failing values with most result formats; they are patient
data, so none are asked for and only counts leave this module.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from medplatform.garbage import collected_once, keep_modules
from medplatform.lake import Table
from medplatform.quality.rules import NOT_NULL, Rule, Severity, rules_of

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import (
        ExpectationValidationResult,
    )
    from great_expectations.datasource.fluent.interfaces import Batch

_ONE_AT_A_TIME = Lock()
"""Great Expectations has one batch at a time in its process."""
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


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


def validate(table: Table, rows: pa.Table, present: Sequence[str]) -> list[Finding]:
    """Check rows of a table against all its rules.

    Parameters
    ----------
    table
        The declaration.
    rows
        The columns named by `columns_read`, of all rows of the delivery or a slice (`combine`).
    present
        The columns that the stored files have.
    """
    columns, *rules = rules_of(table)
    known = [_judge_without_values(table, rule, rows) for rule in rules]
    others = [rule for rule, finding in zip(rules, known, strict=True) if finding is None]
    _spare_fingerprints()
    with collected_once():  # Great Expectations holds the rows in circles of objects
        judged = iter(_judge_all(table, others, rows.select(columns_read(others))))
    found = [finding or next(judged) for finding in known]
    return [_compare_columns(table, columns, present, rows.num_rows), *found]


def combine(table: Table, findings: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The findings over a whole table, from those over slices with rows of equal keys together."""
    by_rule = zip(rules_of(table), zip(*findings, strict=True), strict=True)
    return [_combine(rule, same) for rule, same in by_rule]


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


def _compare_columns(table: Table, rule: Rule, present: Sequence[str], rows: int) -> Finding:
    # Only the columns under a rule are loaded, so this one is decided on the file's schema.
    declared = set(rule.arguments["column_set"])
    wrong = len(declared - set(present) if table.is_open else declared ^ set(present))
    return _finding(table, rule, success=wrong == 0, value=wrong, threshold=0, rows=rows)


def _judge_without_values(table: Table, rule: Rule, rows: pa.Table) -> Finding | None:
    """The finding of a rule that needs no look at the values; None where it needs one."""
    column, *others = rule.columns
    if others:
        return None
    missing = pc.sum(pc.is_null(rows[column], nan_is_null=True)).as_py() or 0  # pyright: ignore[reportAttributeAccessIssue]
    if rule.expectation == NOT_NULL:
        numbers = {"value": missing, "threshold": 0, "rows": rows.num_rows}
        return _finding(table, rule, success=missing == 0, **numbers)
    if missing == rows.num_rows:
        return _finding(table, rule, success=True, value=0, threshold=0, rows=0)
    return None


def _judge_all(table: Table, rules: Sequence[Rule], rows: pa.Table) -> list[Finding]:
    with _ONE_AT_A_TIME:
        delivery = _any_delivery()
        frame = _widen(rows).to_pandas()
        try:
            results = _run(rules, delivery.get_batch(batch_parameters={"dataframe": frame}))
        finally:
            # It would keep the rows until the next validation.
            kept = delivery.data_asset.datasource.get_execution_engine().batch_manager
            kept.reset_batch_cache()
            kept.batch_data_cache.clear()
    return [_judge(table, *pair, rows.num_rows) for pair in zip(rules, results, strict=True)]


def _run(rules: Sequence[Rule], batch: "Batch") -> "list[ExpectationValidationResult]":
    """The results of all rules in their order; what several of them ask for is computed once."""
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    expectations = []
    for number, rule in enumerate(rules):
        name = "".join(part.capitalize() for part in rule.expectation.split("_"))
        described = {"severity": rule.severity, "meta": {"number": number}}
        expectations.append(getattr(gxe, name)(**rule.arguments, **described))
    suite = ExpectationSuite(name="rules", expectations=expectations)
    results = batch.validate(suite, result_format=COUNTS_ONLY).results  # pyright: ignore[reportArgumentType]
    return sorted(results, key=_number)  # those that could not be computed come first


def _number(result: "ExpectationValidationResult") -> int:
    assert result.expectation_config is not None
    return result.expectation_config.meta["number"]


def _judge(table: Table, rule: Rule, result: "ExpectationValidationResult", rows: int) -> Finding:
    counts: Mapping[str, int] = result.result or {}
    # `mostly` is a share of the values that are there, so nulls count neither way.
    judged = rows - counts.get("missing_count", 0)
    return _finding(
        table,
        rule,
        success=bool(result.success),
        value=int(counts.get("unexpected_count", 0 if result.success else judged)),
        threshold=_threshold(rule, judged),
        rows=judged,
    )


def _finding(table: Table, rule: Rule, **numbers: Any) -> Finding:
    return Finding(
        table=table.name, check=rule.check, rule=rule.label, severity=rule.severity, **numbers
    )


@cache
def _spare_fingerprints() -> None:
    """Keep Great Expectations from fingerprinting every frame.

    That takes longer than most rules and is read by nobody.
    """
    from great_expectations.execution_engine import pandas_execution_engine

    pandas_execution_engine.HASH_THRESHOLD = 0


@cache
def _any_delivery() -> "BatchDefinition":
    """A data frame to be named later. What describes it takes a quarter of a short validation."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("stage").add_dataframe_asset("table")
    delivery = asset.add_batch_definition_whole_dataframe("delivery")
    keep_modules()
    return delivery


def _widen(rows: pa.Table) -> pa.Table:
    """The rows with 64 bits for every integer.

    Great Expectations compares smaller ones with the bounds of a range value by value, in Python.
    """
    schema = pa.schema(
        [
            field.with_type(pa.int64()) if pa.types.is_integer(field.type) else field
            for field in rows.schema
        ]
    )
    return rows.cast(schema)
