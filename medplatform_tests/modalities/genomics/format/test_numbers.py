"""Numbers of many tokens: what Python reads one by one, and nothing else, is read at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.genomics.format.numbers import (
    LARGEST,
    SMALLEST,
    read_floats,
    read_integers,
)
from medplatform.modalities.genomics.format.tokens import Tokens, cut


def tokens_of(*texts: str) -> Tokens:
    return cut([",".join(texts).encode()], 1)


def every(tokens: Tokens) -> np.ndarray:
    return np.arange(len(tokens.starts))


integers = st.integers(-(2**33), 2**33).map(str)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(integers, st.integers(0, 300).map(str), st.just(".")), min_size=1))
def test_integers(texts: list[str]) -> None:
    tokens = tokens_of(*texts)
    numbers = read_integers(tokens, every(tokens))
    for place, text in enumerate(texts):
        assert numbers.is_missing[place] == (text == ".")
        if text != ".":
            is_right = SMALLEST <= int(text) <= LARGEST
            assert numbers.is_wrong[place] == (not is_right)
            assert not is_right or numbers.values[place] == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "1.0", "1e3", "1 ", "0x1", "-", "+", "--1", "1-", "١", "12345678a", "/1"],
)
def test_what_is_no_integer(text: str) -> None:
    tokens = tokens_of("7", text, "123456789")
    numbers = read_integers(tokens, every(tokens))
    assert numbers.is_wrong.tolist() == [False, True, False]
    assert numbers.values[[0, 2]].tolist() == [7, 123456789]


def test_signs_and_leading_zeros() -> None:
    tokens = tokens_of("+5", "-5", "007", "0000000000", "12345678")
    assert read_integers(tokens, every(tokens)).values.tolist() == [5, -5, 7, 0, 12345678]


floats = st.floats(allow_nan=False).map(repr)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(floats, st.integers().map(str), st.just(".")), min_size=1))
def test_floats(texts: list[str]) -> None:
    tokens = tokens_of(*texts)
    numbers = read_floats(tokens, every(tokens))
    assert not numbers.is_wrong.any()
    for place, text in enumerate(texts):
        assert numbers.is_missing[place] == (text == ".")
        assert text == "." or numbers.values[place] == float(text)


def test_floats_that_arrow_does_not_know() -> None:
    tokens = tokens_of("+1.5", ".5", "5.", "1E-3", "INF", "-Infinity", "NaN", "x", "1e", "0x10", "")
    numbers = read_floats(tokens, every(tokens))
    assert numbers.is_wrong.tolist() == [False] * 7 + [True] * 4
    assert numbers.values[:6].tolist() == [1.5, 0.5, 5.0, 0.001, math.inf, -math.inf]
    assert math.isnan(numbers.values[6])
