"""Lines put together from pieces: as `io.BytesIO` reads them, however they arrive."""

import io
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from medplatform.modalities.content import Content
from medplatform.modalities.genomics.sources.pieces import Pieces


class Arriving(Content):
    """A content in given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter([piece for piece in pieces if piece])

    def next_piece(self) -> bytes:
        return next(self._pieces, b"")


TEXTS = st.text(alphabet="ab\n", max_size=12).map(str.encode)


def lines_of(pieces: Pieces, limit: int) -> Iterator[bytes]:
    while line := pieces.take_line(limit):
        yield line


@given(st.lists(TEXTS, max_size=8), st.integers(1, 20))
def test_lines_are_those_of_a_file(arriving: list[bytes], limit: int) -> None:
    whole = io.BytesIO(b"".join(arriving))
    expected = list(iter(lambda: whole.readline(limit), b""))
    assert list(lines_of(Pieces(Arriving(arriving)), limit)) == expected


@given(st.lists(TEXTS, max_size=8), st.integers(1, 20))
def test_batches_end_with_the_line_that_begins_within_their_size(
    arriving: list[bytes], size: int
) -> None:
    pieces, whole = Pieces(Arriving(arriving)), io.BytesIO(b"".join(arriving))
    while expected := whole.read(size):
        if not expected.endswith(b"\n"):
            expected += whole.readline()
        assert pieces.take_lines(size, limit=100) == expected
    assert pieces.take_lines(size, limit=100) == b""


@given(st.lists(TEXTS, max_size=8), st.integers(1, 6), st.integers(1, 6))
def test_what_was_peeked_at_is_still_to_come(arriving: list[bytes], ahead: int, taken: int) -> None:
    pieces, whole = Pieces(Arriving(arriving)), b"".join(arriving)
    assert pieces.peek(ahead) == whole[:ahead]
    assert pieces.take(taken) == whole[:taken]
    rest = list(iter(pieces.take_piece, b""))
    assert b"".join(rest) == whole[taken:]


def test_no_more_of_a_long_line_is_taken_than_its_limit() -> None:
    pieces = Pieces(Arriving([b"ab\n", b"c" * 7, b"d" * 7 + b"\n"]))
    assert pieces.take_lines(size=6, limit=10) == b"ab\n" + b"c" * 7 + b"d" * 3
