"""The sample columns of VCF records, cut at tabs, colons and commas, without a loop over samples.

Not here: what a piece of text means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.format.digits import WORD, read_digits

_TAB, _COLON, _COMMA, _MISSING = b"\t:,."


@dataclass(frozen=True, eq=False)
class Tokens:
    """Where the pieces of text between tabs, colons and commas are.

    Attributes
    ----------
    content
        The text (uint8), with `digits.WORD` bytes behind it.
    starts, ends
        Of each token, in `content` (int64).
    first_tokens
        Index of the first token of each subfield, and behind the last one the number of tokens.
    first_subfields, subfield_counts
        Of each cell, records x samples (int64).
    """

    content: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    first_tokens: np.ndarray
    first_subfields: np.ndarray
    subfield_counts: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """Bytes of each token (int64)."""
        return self.ends - self.starts

    @cached_property
    def is_missing(self) -> np.ndarray:
        """Whether each token is a single dot (bool)."""
        return (self.content[self.starts] == _MISSING) & (self.lengths == 1)

    @cached_property
    def digits(self) -> tuple[np.ndarray, np.ndarray]:
        """See `digits.read_digits`."""
        return read_digits(self.content, self.starts, self.lengths)

    def texts(self, tokens: np.ndarray, lasts: np.ndarray | None = None) -> pa.Array:
        """Some tokens as Arrow strings; with `lasts`, all from each token to its last one."""
        starts = self.starts[tokens]
        lengths = self.ends[tokens if lasts is None else lasts] - starts
        offsets = np.zeros(len(tokens) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        data = self.content[places]
        return pa.StringArray.from_buffers(len(tokens), pa.py_buffer(offsets), pa.py_buffer(data))

    def text(self, token: int) -> bytes:
        """One token."""
        return self.content[self.starts[token] : self.ends[token]].tobytes()


def cut(columns: Sequence[bytes], samples: int) -> Tokens:
    """Cut the sample columns of records, each with exactly so many of them (at least one)."""
    text = b"\t".join(columns) + b"\t"
    content = np.frombuffer(text + bytes(WORD), np.uint8)
    own = content[: len(text)]
    ends = np.flatnonzero((own == _TAB) | (own == _COLON) | (own == _COMMA))
    kinds = own[ends]
    last_tokens = np.flatnonzero(kinds != _COMMA)
    last_subfields = np.flatnonzero(kinds[last_tokens] == _TAB)
    first_subfields = _behind(last_subfields)
    return Tokens(
        content,
        _behind(ends),
        ends,
        np.append(_behind(last_tokens), len(ends)),
        first_subfields.reshape(-1, samples),
        (last_subfields + 1 - first_subfields).reshape(-1, samples),
    )


def _behind(lasts: np.ndarray) -> np.ndarray:
    """Where pieces begin, from where they end."""
    firsts = np.empty_like(lasts)
    firsts[:1] = 0
    firsts[1:] = lasts[:-1] + 1
    return firsts
