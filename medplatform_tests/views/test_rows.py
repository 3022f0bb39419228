"""Which rows the selects give: iteration, `repeat`, `%rowIndex`, `unionAll` and their nesting."""

from typing import Any

import pytest

from medplatform.views import ViewError, run_view
from medplatform_tests.views.build import column, columns, view

PATIENTS = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "name": [
            {"family": "Smith", "given": ["John", "James"]},
            {"family": "Jones", "given": ["Jane"]},
        ],
        "contact": [
            {"telecom": [{"system": "phone"}, {"system": "email"}]},
            {"telecom": [{"system": "fax"}]},
        ],
    },
    {"resourceType": "Patient", "id": "p2"},
    {"resourceType": "Observation", "id": "o1"},
]
RESPONSES = [
    {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "item": [
            {
                "linkId": "1",
                "text": "group",
                "item": [
                    {"linkId": "1.1", "answer": [{"valueInteger": 45}]},
                    {"linkId": "1.2"},
                ],
            },
            {
                "linkId": "2",
                "answer": [
                    {
                        "item": [
                            {
                                "linkId": "2.1",
                                "answer": [
                                    {
                                        "item": [
                                            {
                                                "linkId": "2.1.1",
                                                "answer": [
                                                    {"valueString": "a"},
                                                    {"valueString": "b"},
                                                ],
                                            }
                                        ]
                                    }
                                ],
                            }
                        ]
                    }
                ],
            },
        ],
    },
    {"resourceType": "QuestionnaireResponse", "id": "q2"},
]
ALL_ITEMS = ["item", "answer.item"]


def rows(*selects: dict[str, Any], **more: Any) -> list[tuple[Any, ...]]:
    return [tuple(r.values()) for r in run_view(PATIENTS, view("Patient", *selects, **more))]


def responses(*selects: dict[str, Any]) -> list[tuple[Any, ...]]:
    definition = view("QuestionnaireResponse", *selects)
    return [tuple(row.values()) for row in run_view(RESPONSES, definition)]


def test_only_resources_of_the_type_give_rows() -> None:
    assert rows(columns(id="id")) == [("p1",), ("p2",)]
    assert run_view(PATIENTS, view("Device", columns(id="id"))) == []
    assert run_view([], view("Patient", columns(id="id"))) == []


def test_for_each_gives_a_row_per_item_and_or_null_one_at_least() -> None:
    family = columns(family="family")
    assert rows(columns(id="id"), {"forEach": "name", **family}) == [
        ("p1", "Smith"),
        ("p1", "Jones"),
    ]
    assert rows(columns(id="id"), {"forEachOrNull": "name", **family})[-1] == ("p2", None)


def test_or_null_gives_nulls_in_all_columns_below_but_the_row_index() -> None:
    select = {
        "forEachOrNull": "contact",
        "column": [
            column("index", "%rowIndex"),
            column("literal", "'x'"),
            column("systems", "telecom.system", collection=True),
        ],
        "select": [{"forEach": "telecom", **columns(inner="%rowIndex", has="system.exists()")}],
    }
    assert rows(columns(id="id"), select) == [
        ("p1", 0, "x", ["phone", "email"], 0, True),
        ("p1", 0, "x", ["phone", "email"], 1, True),
        ("p1", 1, "x", ["fax"], 0, True),
        ("p2", 0, None, None, 0, None),
    ]


def test_siblings_are_crossed() -> None:
    two = rows(
        {"forEach": "name", **columns(family="family")},
        {"forEach": "contact.telecom", **columns(system="system")},
    )
    assert two == [
        (family, system) for family in ("Smith", "Jones") for system in ("phone", "email", "fax")
    ]


def test_for_each_over_primitives_and_filtered_items() -> None:
    assert rows({"forEach": "name.given", **columns(given="$this")}) == [
        ("John",),
        ("James",),
        ("Jane",),
    ]
    only_jane = {"forEach": "name.where(given contains 'Jane')", **columns(family="family")}
    assert rows(only_jane) == [("Jones",)]


def test_row_index_counts_within_its_own_level() -> None:
    assert rows(
        columns(id="id", top="%rowIndex"),
        {
            "forEach": "contact",
            "column": [column("contact", "%rowIndex")],
            "select": [{"forEach": "telecom", **columns(telecom="%rowIndex", system="system")}],
        },
    ) == [
        ("p1", 0, 0, 0, "phone"),
        ("p1", 0, 0, 1, "email"),
        ("p1", 0, 1, 0, "fax"),
    ]


def test_row_index_in_an_expression() -> None:
    select = {"forEach": "name", **columns(number="%rowIndex + 1", first="%rowIndex = 0")}
    assert rows(select) == [(1, True), (2, False)]


def test_a_branch_of_a_union_inherits_the_row_index() -> None:
    union = [
        {"forEach": "given", **columns(index="%rowIndex", value="$this")},
        columns(index="%rowIndex", value="family"),
    ]
    select = {"forEach": "name", **columns(name="%rowIndex"), "select": [{"unionAll": union}]}
    assert rows(columns(id="id"), select) == [
        ("p1", 0, 0, "John"),
        ("p1", 0, 1, "James"),
        ("p1", 0, 0, "Smith"),
        ("p1", 1, 0, "Jane"),
        ("p1", 1, 1, "Jones"),
    ]


def test_union_puts_the_branches_in_line_and_keeps_repetitions() -> None:
    union = [columns(a="id"), columns(a="id"), {"forEach": "name", **columns(a="family")}]
    assert rows({"unionAll": union}) == [
        ("p1",),
        ("p1",),
        ("Smith",),
        ("Jones",),
        ("p2",),
        ("p2",),
    ]


def test_nested_unions_are_as_one() -> None:
    one = columns(a="'1'")
    two = columns(a="'2'")
    three = columns(a="'3'")
    flat = rows({"unionAll": [one, two, three]})
    assert rows({"unionAll": [one, {"unionAll": [two, three]}]}) == flat
    assert rows({"unionAll": [one, {"select": [{"unionAll": [two, three]}]}]}) == flat


def test_a_union_is_crossed_with_what_is_beside_it() -> None:
    select = {
        "forEach": "name",
        "column": [column("family", "family")],
        "unionAll": [columns(b="'x'"), {"forEach": "given", **columns(b="$this")}],
    }
    assert rows(columns(id="id"), select) == [
        ("p1", "Smith", "x"),
        ("p1", "Smith", "John"),
        ("p1", "Smith", "James"),
        ("p1", "Jones", "x"),
        ("p1", "Jones", "Jane"),
    ]


def test_or_null_in_a_branch() -> None:
    union = [
        {"forEachOrNull": "name", **columns(a="family")},
        {"forEach": "contact", **columns(a="telecom.first().system")},
    ]
    assert rows({"unionAll": union}) == [("Smith",), ("Jones",), ("phone",), ("fax",), (None,)]


def test_branches_of_different_types_are_refused() -> None:
    with pytest.raises(ViewError, match="different types in a"):
        rows({"unionAll": [columns(a="id"), columns(a="true")]})


def test_whole_and_fractional_numbers_go_together_in_a_union() -> None:
    assert rows({"unionAll": [columns(a="1"), columns(a="7 / 2")]})[0] == (1,)


def test_where_keeps_the_resources_that_all_conditions_are_true_of() -> None:
    conditions = [{"path": "name.exists()"}, {"path": "id = 'p1'"}]
    assert rows(columns(id="id"), where=conditions) == [("p1",)]
    assert rows(columns(id="id"), where=[{"path": "active"}]) == []


def test_repeat_walks_depth_first_over_all_paths() -> None:
    select = {"repeat": ALL_ITEMS, **columns(link="linkId", index="%rowIndex")}
    assert responses(columns(id="id"), select) == [
        ("q1", link, index) for index, link in enumerate(["1", "1.1", "1.2", "2", "2.1", "2.1.1"])
    ]


def test_repeat_of_one_path_leaves_out_what_only_others_reach() -> None:
    assert responses({"repeat": ["item"], **columns(link="linkId")}) == [
        ("1",),
        ("1.1",),
        ("1.2",),
        ("2",),
    ]


def test_repeat_of_what_is_not_there_gives_no_rows() -> None:
    assert responses({"repeat": ["answer"], **columns(link="linkId")}) == []


def test_iteration_and_union_within_repeat() -> None:
    answers = {"forEach": "answer", **columns(a="value.ofType(string)", i="%rowIndex")}
    assert responses({"repeat": ALL_ITEMS, **columns(link="linkId"), "select": [answers]}) == [
        ("1.1", None, 0),
        ("2", None, 0),
        ("2.1", None, 0),
        ("2.1.1", "a", 0),
        ("2.1.1", "b", 1),
    ]
    union = [columns(a="text"), {"forEach": "answer", **columns(a="value.ofType(string)")}]
    found = responses({"repeat": ALL_ITEMS, **columns(link="linkId"), "unionAll": union})
    assert [a for link, a in found if link == "2.1.1"] == [None, "a", "b"]
    assert len(found) == 11


def test_or_null_within_repeat() -> None:
    answers = {"forEachOrNull": "answer", **columns(a="value.ofType(string)")}
    found = responses({"repeat": ALL_ITEMS, **columns(link="linkId"), "select": [answers]})
    assert ("1", None) in found
    assert len(found) == 7


def test_repeat_within_iteration_and_within_repeat() -> None:
    below = {"repeat": ALL_ITEMS, **columns(below="linkId", index="%rowIndex")}
    expected = [("1", "1.1", 0), ("1", "1.2", 1), ("2", "2.1", 0), ("2", "2.1.1", 1)]
    assert responses({"forEach": "item", **columns(link="linkId"), "select": [below]}) == expected
    nested = responses({"repeat": ALL_ITEMS, **columns(link="linkId"), "select": [below]})
    assert nested == [*expected, ("2.1", "2.1.1", 0)]


def test_repeat_beside_iteration_and_in_a_union() -> None:
    crossed = responses(
        {"forEach": "item", **columns(top="linkId")},
        {"repeat": ["item"], **columns(link="linkId")},
    )
    assert len(crossed) == 2 * 4
    union = [{"repeat": ["item"], **columns(a="linkId")}, {"forEach": "item", **columns(a="text")}]
    assert responses({"unionAll": union})[-2:] == [("group",), (None,)]


def test_repeat_that_leads_back_is_refused() -> None:
    resource = {"resourceType": "Patient", "name": [{"family": "a"}]}
    definition = view(
        "Patient", {"forEach": "name", "select": [{"repeat": ["$this"], **columns(a="family")}]}
    )
    with pytest.raises(ViewError, match="back to where they begin"):
        run_view([resource], definition)


def test_columns_come_in_the_order_of_the_view() -> None:
    select = {
        "unionAll": [columns(e="'5'"), columns(e="'6'")],
        "select": [{"forEach": "name", **columns(c="'3'")}],
        "column": [column("a", "'1'")],
    }
    (first, *_) = run_view(PATIENTS, view("Patient", select, columns(g="'7'")))
    assert list(first) == ["a", "c", "e", "g"]


def test_complex_columns_come_as_json() -> None:
    names = {"column": [column("name", "name", type="HumanName", collection=True)]}
    assert rows(names)[0] == (PATIENTS[0]["name"],)
