"""Repeated keys: JSON readers differ in which of two values they keep, so none may be kept."""

import json
from typing import Any

_SPACED_COLON = (b" :", b"\t:", b"\n:", b"\r:")
_KEY_END = b'":'
_QUOTE_IN_TEXT = b'\\":'


class RepeatedKey(ValueError):
    """An object has the same key twice."""


def has_plain_keys(raw: bytes, written: bytes) -> bool:
    """Whether no key is repeated; False means that it is not known.

    `written` is orjson's writing of what it read from `raw`, of which no key holds a backslash
    (true of a resource that the accept filter accepted). Runs at the speed of a memory search.

    Keys are counted by their ends `":`. Inside a string that sequence has a backslash before it. A
    key followed by white space is not found so, therefore none may be. A key that ends in a
    backslash is not found either, but the repeated key itself is one that was kept, without
    backslash: it is counted in `raw` and not in `written`, and nothing can make up for it.
    """
    if any(sign in raw for sign in _SPACED_COLON):
        return False
    return _count_keys(raw) == _count_keys(written)


def _count_keys(text: bytes) -> int:
    return text.count(_KEY_END) - text.count(_QUOTE_IN_TEXT)


def check_keys(raw: bytes) -> None:
    """Read the text once more and look at every key.

    Raises
    ------
    RepeatedKey
        An object has the same key twice.
    RecursionError
        The text has more levels than Python has calls left.
    """
    _DECODER.decode(raw.decode())


def _read_object(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise RepeatedKey


_DECODER = json.JSONDecoder(object_pairs_hook=_read_object, parse_float=len, parse_int=len)
