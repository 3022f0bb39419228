"""Run the rules of all tables over the staged rows of one delivery, without loading them at once.

What is known of the files alone is not read: how many values are missing, from their footers, and
that no key comes twice where the hashes of all differ.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import pyarrow as pa

from medplatform.lake import Stage
from medplatform.quality.rules import NOT_NULL, Rule, rules_of
from medplatform.quality.validate import (
    Finding,
    columns_read,
    combine,
    compare_columns,
    judge_missing,
    passed,
    validate,
)

_CELLS = 700_000
"""At once: what Great Expectations makes of them takes about 60 MB."""


def validate_staged(stage: Stage) -> Iterator[Finding]:
    """The findings of all rules on all tables of a delivery, in the order of the rules."""
    for name in stage.tables():
        found, others = _judge_files(stage, name)
        others.sort(key=lambda rule: rule.compares_rows)
        for _, same in groupby(others, lambda rule: rule.compares_rows):
            rules = list(same)
            found |= dict(zip(map(_name, rules), _judge_rows(stage, name, rules), strict=True))
        yield from (found[_name(rule)] for rule in rules_of(stage.table(name)))


def _name(rule: Rule) -> tuple[str, str]:
    return rule.check, rule.label


def _judge_files(stage: Stage, name: str) -> tuple[dict[tuple[str, str], Finding], list[Rule]]:
    """The findings that need no row of a table, by rule, and the rules that need some."""
    table, rows, nulls = stage.table(name), stage.rows_staged(name), stage.null_counts(name)
    found: dict[tuple[str, str], Finding] = {}
    others: list[Rule] = []
    for rule in rules_of(table):
        if not rule.columns:
            found[_name(rule)] = compare_columns(table, rule, stage.columns(name), rows)
        elif rule.expectation == NOT_NULL and rule.columns[0] in nulls:
            found[_name(rule)] = judge_missing(table, rule, nulls[rule.columns[0]], rows)
        elif (
            rule.compares_rows
            and all(nulls.get(column) == 0 for column in rule.columns)
            and stage.has_distinct_keys(name)
        ):
            found[_name(rule)] = passed(table, rule, rows)
        else:
            others.append(rule)
    return found, others


def _judge_rows(stage: Stage, name: str, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of rules that all compare rows, or all look at one at a time."""
    table, present, columns = stage.table(name), stage.columns(name), columns_read(rules)
    together = any(rule.compares_rows for rule in rules)
    found: list[list[Finding]] = []
    for rows in stage.slices(name, columns, _CELLS // len(columns), together=together):
        found.append(validate(table, rows, present, rules))
        pa.default_memory_pool().release_unused()
    return combine(rules, found)
