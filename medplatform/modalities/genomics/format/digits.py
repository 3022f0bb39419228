"""Numbers of up to eight digits, read as words of eight bytes: all tokens of a text at once."""

import numpy as np

WORD = 8
"""Bytes that are read at each token, so the text needs as many behind its last one."""

# A token of up to eight digits is one word: by its length, how far to shift it so that zeros stand
# before its digits, and which bits to take off to make numbers of characters.
_SHIFTS = (np.arange(WORD, -1, -1) * 8 % 64).astype(np.uint64)
_ZEROS = np.array([0x3030303030303030 << 8 * (8 - n) & (2**64 - 1) for n in range(9)], np.uint64)
_SLICE_TOKENS = 1 << 14
"""Tokens that are read at once: what fits the cache of a core."""


def read_digits(
    content: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens as int32, and which of them are not one to eight digits (bool).

    Parameters
    ----------
    content
        The text (uint8), with `WORD` bytes behind the last token.
    starts, lengths
        Where each token begins, and its bytes (int64).
    """
    words = np.ndarray(len(content) - WORD + 1, "<u8", content, strides=(1,))
    values = np.empty(len(starts), np.int32)
    is_odd = np.empty(len(starts), bool)
    for begin in range(0, len(starts), _SLICE_TOKENS):
        part = slice(begin, begin + _SLICE_TOKENS)
        values[part], is_odd[part] = _read_words(words[starts[part]], lengths[part])
    return values, is_odd


def _read_words(words: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u = np.uint64
    known = np.minimum(lengths, WORD)
    digits = (words << _SHIFTS[known]) ^ _ZEROS[known]
    # A byte above nine overflows into its highest bit, or has that set.
    above = ((digits + u(0x7676767676767676)) | digits) & u(0x8080808080808080)
    is_odd = (above != 0) | (lengths > WORD) | (lengths == 0)
    # Pairs of digits, of pairs, of fours are joined, all of a word at once.
    digits = digits * u(10 << 8 | 1) >> u(8) & u(0x00FF00FF00FF00FF)
    digits = digits * u(100 << 16 | 1) >> u(16) & u(0x0000FFFF0000FFFF)
    return (digits * u(10000 << 32 | 1) >> u(32)).astype(np.int32), is_odd
