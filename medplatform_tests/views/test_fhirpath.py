"""The grammar of FHIRPath."""

import pytest

from medplatform.views.fhirpath import (
    Binary,
    Call,
    Indexer,
    Literal,
    Member,
    Negation,
    SyntaxFault,
    TypeTest,
    Variable,
    parse,
    walk,
)


def member(name: str) -> Member:
    return Member(None, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b", Member(member("a"), "b")),
        ("a or b and c", Binary("or", member("a"), Binary("and", member("b"), member("c")))),
        ("a = 1 + 2", Binary("=", member("a"), parse("1 + 2"))),
        ("1 - 2 - 3", Binary("-", parse("1 - 2"), Literal("integer", "3"))),
        ("-1.5", Negation(Literal("decimal", "1.5"))),
        ("a is FHIR.Quantity", TypeTest("is", member("a"), "FHIR.Quantity")),
        ("%`a b`", Variable("a b")),
        ("where(a)", Call(None, "where", (member("a"),))),
        ("`div`.mod", Member(member("div"), "mod")),
        ("@2020-01", Literal("date", "2020-01")),
        ("@2020T", Literal("datetime", "2020")),
        ("@T10:30", Literal("time", "10:30")),
        ("'\\u00e9\\t\\\\'", Literal("string", "é\t\\")),
        ("a // comment", member("a")),
        ("/* comment */ a", member("a")),
    ],
)
def test_syntax_tree(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "@@", "a.", "a..b", "a b", "(a", "a[1", "f(a", "f(a,)", "'open", "1.", "'\\x'", "a $ b"],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse(text)


def test_nesting_has_an_end() -> None:
    with pytest.raises(SyntaxFault, match="deep"):
        parse("(" * 500 + "a" + ")" * 500)


def test_walk_meets_every_part() -> None:
    parts = [type(part) for part in walk(parse("where(b = %c)[0]"))]
    assert parts == [Indexer, Call, Binary, Member, Variable, Literal]
