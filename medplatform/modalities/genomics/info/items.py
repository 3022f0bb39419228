"""The column INFO of a batch, taken apart into items: key, value, and the record they are of.

All items of a batch are found together, by where its semicolons and equals signs are.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.records.fields import slice_texts

_END, _EQUALS, _COMMA = ord(";"), ord("="), ord(",")


@dataclass(frozen=True)
class Values:
    """The values of one key, one per item that has it, in the order of the records.

    Attributes
    ----------
    sites
        Index of the record of each value.
    texts
        The values as text (Arrow strings).
    has_value
        Whether an equals sign and a text follow the key.
    """

    sites: np.ndarray
    texts: pa.StringArray
    has_value: np.ndarray

    def __len__(self) -> int:
        return len(self.sites)

    @cached_property
    def content(self) -> np.ndarray:
        """The texts behind one another, as bytes."""
        offsets = self._offsets
        data = self.texts.buffers()[2]
        codes = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        return codes[offsets[0] : offsets[-1]] if len(offsets) else codes

    @property
    def _offsets(self) -> np.ndarray:
        buffer = self.texts.buffers()[1]
        if buffer is None or not len(self):
            return np.zeros(1, np.int32)
        start = self.texts.offset
        return np.frombuffer(buffer, np.int32)[start : start + len(self) + 1]

    def split(self) -> tuple[np.ndarray, pa.StringArray]:
        """The values as lists: offsets (int32, one more than values), and all their parts."""
        commas = np.flatnonzero(self.content == _COMMA)
        if not len(commas):
            return np.arange(len(self) + 1, dtype=np.int32), self.texts
        bounds = self._offsets - self._offsets[0]
        # Commas before each value: parts before it, with one more per value.
        before = np.searchsorted(commas, bounds)
        offsets = (before + np.arange(len(bounds))).astype(np.int32)
        total = int(offsets[-1])
        starts, ends = np.empty((2, total), np.int64)
        is_first = np.zeros(total, bool)
        is_first[offsets[:-1]] = True
        starts[is_first], starts[~is_first] = bounds[:-1], commas + 1
        is_last = np.zeros(total, bool)
        is_last[offsets[1:] - 1] = True
        ends[is_last], ends[~is_last] = bounds[1:], commas
        return offsets, slice_texts(self.content, starts, ends)


class Items:
    """The items of the records of a batch.

    Parameters
    ----------
    content, starts, ends
        INFO of record i is content[starts[i]:ends[i]]; it is UTF-8, and one byte follows it.
    """

    def __init__(self, content: bytes, starts: np.ndarray, ends: np.ndarray) -> None:
        # With the byte that follows it, which is made a semicolon, every item ends with one.
        joined = slice_texts(content, starts, ends + 1)
        _, offsets, data = joined.buffers() if len(joined) else (None, None, None)
        self._bytes = np.array(np.frombuffer(data, np.uint8)) if data else np.zeros(0, np.uint8)
        last = np.frombuffer(offsets, np.int32)[1 : len(joined) + 1] - 1 if offsets else starts
        self._bytes[last] = _END
        marks = np.flatnonzero((self._bytes == _END) | (self._bytes == _EQUALS))
        is_end = self._bytes[marks] == _END
        places = np.flatnonzero(is_end)
        first = np.concatenate([[0], places[:-1] + 1]) if len(places) else places
        self._ends = marks[places]
        self._starts = np.concatenate([[0], self._ends[:-1] + 1]) if len(places) else places
        # Behind a key stands an equals sign or, where it has no value, the end of the item.
        self._key_ends = marks[first]
        items = np.searchsorted(self._ends, last, side="right")
        self.sites = np.repeat(np.arange(len(starts)), np.diff(items, prepend=0))
        self.count = len(starts)
        self._places = self._group()

    def _group(self) -> dict[str, np.ndarray]:
        keys = slice_texts(self._bytes, self._starts, self._key_ends)
        encoded = keys.dictionary_encode()
        codes = encoded.indices.to_numpy().astype(np.uint16, copy=False)
        names = encoded.dictionary.to_pylist()
        if len(names) >= 1 << 16:
            codes = encoded.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        cuts = np.searchsorted(codes[order], np.arange(len(names) + 1))
        return {name: order[cuts[i] : cuts[i + 1]] for i, name in enumerate(names)}

    @property
    def keys(self) -> list[str]:
        """The keys of the batch, in the order in which they come; some may be empty or '.'"""
        return list(self._places)

    def values(self, key: str) -> Values:
        """The values of a key."""
        places = self._places.get(key, np.zeros(0, np.int64))
        ends, key_ends = self._ends[places], self._key_ends[places]
        starts = np.minimum(key_ends + 1, ends)
        texts = slice_texts(self._bytes, starts, ends)
        return Values(self.sites[places], texts, starts < ends)
