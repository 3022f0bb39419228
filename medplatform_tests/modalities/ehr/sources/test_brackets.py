"""The bracket scan against the JSON parser of the standard library."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.sources.brackets import Brackets

texts = st.text(st.sampled_from('{}[]",:\\ \n\t/äΩ𝄞\ud800u0041nx'), max_size=8) | st.text(
    max_size=4
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


def expected(document: object, level: int = 0) -> list[tuple[str, int]]:
    """Brackets and levels of a parsed document, in the order of its text."""
    if isinstance(document, dict):
        inner = [pair for value in document.values() for pair in expected(value, level + 1)]
        return [("{", level), *inner, ("}", level)]
    if isinstance(document, list):
        inner = [pair for value in document for pair in expected(value, level + 1)]
        return [("[", level), *inner, ("]", level)]
    return []


@settings(deadline=None, max_examples=300)
@given(
    documents,
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 9),
    st.sampled_from([0, 1, 3, 99]),
)
def test_any_document_in_chunks_of_any_size(
    document: object, indent: int | None, ascii_only: bool, size: int, deepest: int
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    raw = text.encode("utf-8", "surrogatepass")
    brackets = Brackets(deepest)
    found = [
        bracket
        for start in range(0, len(raw), size)
        for bracket in brackets.scan(raw[start : start + size], start)
    ]
    assert [(chr(kind), level) for _, kind, level in found] == [
        (kind, level) for kind, level in expected(document) if level <= deepest
    ]
    assert all(raw[at] == kind for at, kind, _ in found)
    assert brackets.depth == 0
    assert not brackets.in_string


def test_an_open_string_is_known() -> None:
    brackets = Brackets(9)
    assert [at for at, *_ in brackets.scan(b'{"a\\"}')] == [0]
    assert brackets.in_string
    assert [at for at, *_ in brackets.scan(b'"}', 6)] == [7]
    assert (brackets.in_string, brackets.depth) == (False, 0)
