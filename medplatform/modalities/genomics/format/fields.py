"""The values of one FORMAT key in some records, typed by its definition.

What is missing stays missing: a dot, a trailing field that was dropped, and a key that a record
does not have are nulls, never zeros.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.genomics.format.columns import is_list
from medplatform.modalities.genomics.format.numbers import read_floats, read_integers
from medplatform.modalities.genomics.format.tokens import Tokens
from medplatform.modalities.genomics.header.definition import Definition


@dataclass(frozen=True, slots=True)
class Field:
    """Values of one key, for each sample of each record.

    Attributes
    ----------
    definition
        The type of a value, and whether a cell holds one or a list.
    is_present
        Which records have the key (bool).
    counts
        Values of each cell, records x samples (int64): 0 where it is missing.
    values
        All values in the order of the cells; null for a dot within a list.
    is_wrong
        Which values are not of the type (bool, one per value).
    """

    definition: Definition
    is_present: np.ndarray
    counts: np.ndarray
    values: pa.Array
    is_wrong: np.ndarray

    @property
    def has_wrong_value(self) -> np.ndarray:
        """Records of which a value is not of the type (bool)."""
        records = np.zeros(len(self.counts), bool)
        if self.is_wrong.any():
            ends = np.cumsum(self.counts.sum(axis=1))
            records[np.searchsorted(ends, np.flatnonzero(self.is_wrong), side="right")] = True
        return records

    def to_arrow(self, records: np.ndarray, samples: np.ndarray) -> pa.Array:
        """One cell per record: a list over some samples of values, or of lists of values."""
        counts, values = self._select(records, samples)
        size = len(samples)
        if not is_list(self.definition):
            items = values if counts.all() else values.take(_places(counts > 0))
        else:
            is_null = None if counts.all() else pa.array(counts.reshape(-1) == 0)
            items = pa.ListArray.from_arrays(_offsets(counts), values, mask=is_null)
        is_absent = ~self.is_present[records]
        return pa.ListArray.from_arrays(
            pa.array(np.arange(len(records) + 1, dtype=np.int32) * np.int32(size)),
            items,
            mask=pa.array(is_absent) if is_absent.any() else None,
        )

    def _select(self, records: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, pa.Array]:
        if (len(records), len(samples)) == self.counts.shape:
            return self.counts, self.values
        counts = self.counts[np.ix_(records, samples)]
        flat = self.counts.reshape(-1)
        firsts = (np.cumsum(flat) - flat).reshape(self.counts.shape)[np.ix_(records, samples)]
        return counts, self.values.take(pa.array(ranges(firsts.reshape(-1), counts.reshape(-1))))


def null_cells(records: int, samples: int, definition: Definition) -> pa.Array:
    """Cells of records that do not have a key; like all others they take one item per sample."""
    value = definition.value_type
    return pa.ListArray.from_arrays(
        pa.array(np.arange(records + 1, dtype=np.int32) * np.int32(samples)),
        pa.nulls(records * samples, pa.list_(value) if is_list(definition) else value),
        mask=pa.array(np.ones(records, bool)),
    )


def read_field(tokens: Tokens, places: np.ndarray, definition: Definition) -> Field:
    """Read one key. `places` are its places in the FORMAT of each record, -1 where it has none."""
    subfields = tokens.first_subfields + places[:, None]
    is_there = (places[:, None] >= 0) & (places[:, None] < tokens.subfield_counts)
    is_whole = bool(is_there.all())
    if not is_whole:
        subfields[~is_there] = 0
    firsts = tokens.first_tokens[subfields]
    counts = tokens.first_tokens[subfields + 1] - firsts
    if not is_whole:
        counts[~is_there] = 0
    counts[(counts == 1) & tokens.is_missing[firsts]] = 0
    if definition.type == "String" and definition.number == 1:
        values, is_wrong = _read_whole(tokens, firsts[counts > 0], counts[counts > 0])
        counts = np.minimum(counts, 1)
    else:
        which = ranges(firsts.reshape(-1), counts.reshape(-1))
        values, is_wrong = _read_values(tokens, which, definition)
    return Field(definition, places >= 0, counts, values, is_wrong)


def _read_whole(
    tokens: Tokens, firsts: np.ndarray, counts: np.ndarray
) -> tuple[pa.Array, np.ndarray]:
    """Texts of which there is one: callers write commas in them (BIAS of VarDict: 2,1)."""
    texts = tokens.texts(firsts, firsts + counts - 1)
    return texts, pc.utf8_length(texts).to_numpy() == 0


def _read_values(
    tokens: Tokens, which: np.ndarray, definition: Definition
) -> tuple[pa.Array, np.ndarray]:
    if definition.type in ("Integer", "Float"):
        read = read_integers if definition.type == "Integer" else read_floats
        numbers = read(tokens, which)
        mask = numbers.is_missing if numbers.is_missing.any() else None
        return pa.array(numbers.values, mask=mask), numbers.is_wrong
    texts = tokens.texts(which)
    length = pc.utf8_length(texts).to_numpy()
    is_wrong = length != 1 if definition.type == "Character" else length == 0
    return pc.if_else(pa.array(tokens.is_missing[which]), None, texts), is_wrong


def ranges(firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The integers of consecutive ranges, each with its first and how many it has (int64)."""
    if (counts == 1).all():
        return firsts
    ends = np.cumsum(counts)
    return np.repeat(firsts - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)


def _offsets(counts: np.ndarray) -> pa.Array:
    offsets = np.zeros(counts.size + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.array(offsets)


def _places(is_there: np.ndarray) -> pa.Array:
    """For each cell the place of its value among those that are there, null for the others."""
    there = is_there.reshape(-1)
    return pa.array(np.cumsum(there) - 1, mask=~there)
