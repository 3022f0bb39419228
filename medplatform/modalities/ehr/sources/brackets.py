"""Where the brackets of a JSON text stand, outside of strings and down to some depth.

All that is needed to cut a text of any size into its values: a few vector operations for each
chunk, no parsing. The scan needs no valid JSON; what it finds in other text is as good as that.
"""

from collections.abc import Iterator

import numpy as np

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPEN, _CLOSE = ord("{"), ord("}")
_FOLD = 0x20  # makes `[` and `]` the same as `{` and `}`; nothing else becomes one of them
_IS_OPEN = 0x02  # the bit in which `[` and `{` differ from `]` and `}`


class Brackets:
    """Scan a text in chunks.

    Parameters
    ----------
    deepest
        Level of the innermost brackets to report; those around the whole text have level 0.
    """

    def __init__(self, deepest: int) -> None:
        self.deepest = deepest
        self.depth = 0
        self.in_string = False
        self._escaped = False  # the first character of the next chunk is

    def scan(self, chunk: bytes, start: int = 0) -> Iterator[tuple[int, int, int]]:
        """Offset, character and level of each bracket of a chunk that stands at an offset."""
        text = np.frombuffer(chunk, np.uint8)
        at = np.flatnonzero(self._marks(chunk, text))
        kind = text[at]
        is_quote = kind == _QUOTE
        quotes = np.cumsum(is_quote, dtype=np.int32)
        if self.in_string:
            quotes += 1
        if len(quotes):
            self.in_string = bool(quotes[-1] & 1)
        outside = np.flatnonzero(~(is_quote | (quotes & 1).astype(bool)))
        at, kind = at[outside], kind[outside]
        step = (kind & _IS_OPEN).astype(np.int32) - 1
        depth = np.cumsum(step) + self.depth
        if len(depth):
            self.depth = int(depth[-1])
        level = depth - (step > 0)
        shallow = np.flatnonzero(level <= self.deepest)
        at = at[shallow] + start
        return zip(at.tolist(), kind[shallow].tolist(), level[shallow].tolist(), strict=True)

    def _marks(self, chunk: bytes, text: np.ndarray) -> np.ndarray:
        """Quotes and brackets, as a mask, without those that are escaped."""
        folded = text | _FOLD
        marks = (folded == _OPEN) | (folded == _CLOSE)
        marks |= text == _QUOTE
        if self._escaped or b"\\" in chunk:
            self._unmark_escaped(text, marks)
        return marks

    def _unmark_escaped(self, text: np.ndarray, marks: np.ndarray) -> None:
        """A character is escaped where an odd number of backslashes stands before it."""
        if not len(text):
            return
        escapes = np.flatnonzero(text == _BACKSLASH)
        gaps = np.flatnonzero(np.diff(escapes) != 1)
        starts = escapes[np.r_[0, gaps + 1]] if len(escapes) else escapes
        ends = escapes[np.r_[gaps, -1]] + 1 if len(escapes) else escapes
        lengths = ends - starts
        if self._escaped:
            if len(starts) and starts[0] == 0:
                lengths[0] -= 1
            else:
                marks[0] = False
        escaped = ends[lengths % 2 == 1]
        self._escaped = bool(len(escaped)) and int(escaped[-1]) == len(text)
        marks[escaped[:-1] if self._escaped else escaped] = False
