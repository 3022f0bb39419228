"""How many values break a rule, counted by Great Expectations.

What an expectation needs to know of the rows follows from its arguments alone, so each rule is
planned once per process: planning takes longer than counting in a few thousand rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from medplatform.garbage import keep_modules
from medplatform.quality.rules import Rule

if TYPE_CHECKING:
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.validation_graph import MetricEdge

_COUNTS_ONLY = {"result_format": {"result_format": "BOOLEAN_ONLY"}}
"""With most result formats the failing values are collected; they are patient data."""
_MISSING = "column_values.nonnull.unexpected_count"


@dataclass(frozen=True, slots=True)
class Count:
    """`broken` of the `judged` rows, which are those that have the values to judge, break a rule.

    Where Great Expectations cannot tell, because a value is of another type, all rows do.
    """

    broken: int
    judged: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """The metrics of one rule, and all that they depend on.

    `judged` counts the rows to judge, or, where `is_of_missing`, those that are not.
    """

    broken: "MetricConfiguration"
    judged: "MetricConfiguration"
    is_of_missing: bool
    edges: "list[MetricEdge]"


def count_broken(rules: Sequence[Rule], rows: pa.Table) -> list[Count]:
    """Count the rows that break each of some rules; what several of them need is computed once."""
    if not rules:
        return []
    plans = [_plan(rule.expectation, json.dumps(rule.arguments)) for rule in rules]
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.validator.validation_graph import ValidationGraph

    engine = PandasExecutionEngine()
    engine.load_batch_data("rows", _widen(rows).to_pandas())
    edges = [edge for plan in plans for edge in plan.edges]
    found, _ = ValidationGraph(engine, edges).resolve(_COUNTS_ONLY, show_progress_bars=False)
    return [_count(plan, found, rows.num_rows) for plan in plans]


def _count(plan: _Plan, found: Mapping[Any, Any], rows: int) -> Count:
    if not {plan.broken.id, plan.judged.id} <= found.keys():
        return Count(rows, rows)
    counted = int(found[plan.judged.id])
    return Count(int(found[plan.broken.id]), rows - counted if plan.is_of_missing else counted)


@cache
def _plan(expectation: str, arguments: str) -> _Plan:
    """Plan the rule of a type and its arguments (JSON)."""
    from great_expectations import expectations
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.validator.validation_graph import ValidationGraph

    _keep_library()
    name = "".join(part.capitalize() for part in expectation.split("_"))
    rule = getattr(expectations, name)(**json.loads(arguments))
    engine = PandasExecutionEngine()
    needed = rule.get_validation_dependencies(engine, _COUNTS_ONLY).metric_configurations
    is_of_missing = _MISSING in needed
    broken = needed[f"{rule.map_metric}.unexpected_count"]
    judged = needed[_MISSING if is_of_missing else f"{rule.map_metric}.filtered_row_count"]
    graph = ValidationGraph(engine)
    for metric in (broken, judged):
        graph.build_metric_dependency_graph(metric, _COUNTS_ONLY)
    return _Plan(broken, judged, is_of_missing, graph.edges)


@cache
def _keep_library() -> None:
    keep_modules()


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
