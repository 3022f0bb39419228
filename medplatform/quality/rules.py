"""Which rules a table implies, and the few that a declaration of single columns cannot say.

A rule is one Great Expectations expectation. Rules are grouped into checks: what a person sees in
the UI, with a name that says the rule and a sentence that says why it matters.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from medplatform.lake import Table

NOT_NULL = "expect_column_values_to_not_be_null"
IN_ORDER_TYPE = "expect_column_pair_values_a_to_be_greater_than_b"
Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Check:
    """A named group of rules. Critical ones keep a delivery out of the lake."""

    name: str
    why: str
    severity: Severity


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check(
            "columns_are_as_declared",
            "Marts and models select columns by name; one that is missing or extra would be "
            "noticed only there.",
            "critical",
        ),
        Check(
            "required_values_are_present",
            "A row without its patient or its key can neither be joined nor erased.",
            "critical",
        ),
        Check(
            "key_is_unique",
            "A doubled row counts a patient's event twice.",
            "critical",
        ),
        Check(
            "codes_are_known",
            "A code outside its value set would silently fall out of every cohort definition.",
            "critical",
        ),
        Check(
            "values_are_plausible",
            "Impossible magnitudes are usually unit errors, and models learn from them.",
            "warning",
        ),
        Check(
            "dates_are_in_order",
            "An end before its start is a typing or a time-zone error; of a partial date the last "
            "moment that it may mean counts.",
            "warning",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation: its check, GX type, arguments, and the columns that it reads."""

    check: str
    expectation: str
    columns: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """Severity of the check that the rule belongs to."""
        return CHECKS[self.check].severity

    @property
    def compares_rows(self) -> bool:
        """Whether it needs rows of equal keys together; other rules look at one row at a time."""
        return self.check == "key_is_unique"

    @property
    def label(self) -> str:
        """The rule in a few words, for tables of findings."""
        return f"{', '.join(self.columns) or 'table'}: {self.expectation[len('expect_') :]}"


IN_ORDER: dict[str, tuple[tuple[str, str], ...]] = {
    "ehr_encounter": (("started_at", "ended_at"),),
    "ehr_condition": (("onset_at", "abated_at"),),
    "ehr_procedure": (("performed_at", "ended_at"),),
}
"""Pairs of columns (earlier, later) per table."""

PLAUSIBLE_SHARE = 0.99
"""Share of the rows that must lie in a column's plausible range."""


def rules_of(table: Table) -> list[Rule]:
    """All rules of a table, in the order of `CHECKS`."""
    rules = [
        Rule(
            "columns_are_as_declared",
            "expect_table_columns_to_match_set",
            (),
            {
                "column_set": [column.name for column in table.all_columns],
                "exact_match": not table.is_open,
            },
        )
    ]
    for column in table.all_columns:
        if column.required and column.name not in table.large:
            rules.append(
                Rule(
                    "required_values_are_present",
                    NOT_NULL,
                    (column.name,),
                    {"column": column.name},
                )
            )
        if column.values:
            rules.append(
                Rule(
                    "codes_are_known",
                    "expect_column_values_to_be_in_set",
                    (column.name,),
                    {"column": column.name, "value_set": list(column.values)},
                )
            )
        if column.minimum is not None or column.maximum is not None:
            rules.append(
                Rule(
                    "values_are_plausible",
                    "expect_column_values_to_be_between",
                    (column.name,),
                    {
                        "column": column.name,
                        "min_value": column.minimum,
                        "max_value": column.maximum,
                        "mostly": PLAUSIBLE_SHARE,
                    },
                )
            )
    rules.append(_unique(table))
    for earlier, later in IN_ORDER.get(table.name, ()):
        rules.append(
            Rule(
                "dates_are_in_order",
                IN_ORDER_TYPE,
                (later, earlier, *_precision(table, later)),
                {
                    "column_A": later,
                    "column_B": earlier,
                    "or_equal": True,
                    "ignore_row_if": "either_value_is_missing",
                },
            )
        )
    order = list(CHECKS)
    return sorted(rules, key=lambda rule: order.index(rule.check))


def checks_of(table: Table) -> list[Check]:
    """The checks for which a table has rules."""
    names = dict.fromkeys(rule.check for rule in rules_of(table))
    return [CHECKS[name] for name in names]


def _precision(table: Table, moment: str) -> list[str]:
    """The column, if there is one, that says how exactly a moment is known."""
    name = f"{moment.removesuffix('_at')}_precision"
    return [column.name for column in table.columns if column.name == name]


def _unique(table: Table) -> Rule:
    if len(table.key) == 1:
        return Rule(
            "key_is_unique",
            "expect_column_values_to_be_unique",
            table.key,
            {"column": table.key[0]},
        )
    return Rule(
        "key_is_unique",
        "expect_compound_columns_to_be_unique",
        table.key,
        {"column_list": list(table.key), "ignore_row_if": "never"},
    )
