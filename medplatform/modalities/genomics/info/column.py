"""The values of one INFO key over a batch as one typed column, and what is wrong with them."""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.info import rules
from medplatform.modalities.genomics.info.casting import cast_texts, unescape
from medplatform.modalities.genomics.info.items import Values
from medplatform.modalities.genomics.rules import Rule

Broken = list[tuple[Rule, np.ndarray]]
"""Rules, each with a mask of the records of the batch that break it."""


@dataclass(slots=True)
class Column:
    """One cell per record, of the type of the definition; cells at fault hold nothing of use."""

    cells: pa.Array
    broken: Broken = field(default_factory=list)
    remarks: Broken = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads the values of one key.

    Attributes
    ----------
    definition
        How the header, or the specification, types them.
    is_reserved
        Whether the specification reserves the key.
    is_declared
        Whether the header does: then a flag that a record lacks is false, and a text is missing
        where the key comes alone. Of others nobody knows whether they are flags.
    has_escapes
        Whether the version of the file escapes characters (from VCF 4.3).
    clean
        What is done to texts before they are stored.
    """

    definition: Definition
    is_reserved: bool
    is_declared: bool
    has_escapes: bool
    clean: Callable[[pa.Array], pa.Array]

    def read(self, values: Values, alternates: np.ndarray) -> Column:
        """The column; `alternates` is the number of alternate alleles of each record."""
        if self.definition.type == "Flag":
            column = self._flags(values, len(alternates))
        elif self.definition.is_scalar:
            column = self._scalars(values, len(alternates))
        else:
            column = self._lists(values, alternates)
        repeated = rules.repeated(values)
        if repeated.any():
            self._note(column.broken, rules.REPEATED_KEY, repeated, values, len(alternates))
        return column

    def _flags(self, values: Values, count: int) -> Column:
        is_zero = pc.equal(values.texts, "0").to_numpy(zero_copy_only=False)
        flags = rules.spread(~is_zero, values.sites, count)
        column = Column(pa.array(flags, mask=None if self.is_declared else ~flags))
        if values.has_value.any():
            is_one = pc.equal(values.texts, "1").to_numpy(zero_copy_only=False)
            wrong = values.has_value & ~is_zero & ~is_one
            self._note(column.broken, rules.FLAG_VALUE, wrong, values, count)
        return column

    def _scalars(self, values: Values, count: int) -> Column:
        cells, broken = self._cast(values.texts, values.has_value)
        column = Column(_scatter(cells, values.sites, count))
        commas = None
        if broken is not None or pa.types.is_string(cells.type):
            commas = pc.match_substring(values.texts, ",").to_numpy(zero_copy_only=False)
        number, type_ = rules.wrong_number(self.definition), rules.wrong_type(self.definition)
        if broken is not None and commas is not None:
            self._note(column.broken, number, broken & commas, values, count)
            self._note(column.broken, type_, broken & ~commas, values, count)
        elif commas is not None:
            is_fault = self.is_reserved or self.definition.type == "Character"
            rule = number if is_fault else rules.COMMA_IN_TEXT
            notes = column.broken if is_fault else column.remarks
            self._note(notes, rule, commas, values, count)
        self._note(column.broken, rules.OUT_OF_RANGE, self._range(cells), values, count)
        self._note_missing(column, values, count)
        return column

    def _lists(self, values: Values, alternates: np.ndarray) -> Column:
        count = len(alternates)
        offsets, parts = values.split()
        has_value = values.has_value
        if not (self.is_declared or self.is_reserved or has_value.all()):
            return self._undeclared(values, count)
        lengths = np.diff(offsets)
        is_single = lengths == 1
        cells, broken = self._cast(parts, np.repeat(has_value, lengths))
        missing = ~has_value
        if cells.null_count:
            missing = missing | (is_single & _first_is_null(cells, offsets))
        lists = pa.ListArray.from_arrays(
            pa.array(offsets), cells, mask=pa.array(missing) if missing.any() else None
        )
        column = Column(_scatter(lists, values.sites, count))
        wrong = rules.wrong_count(self.definition, lengths, alternates[values.sites])
        if wrong is not None:
            number = rules.wrong_number(self.definition)
            self._note(column.broken, number, wrong & ~missing, values, count)
        type_ = rules.wrong_type(self.definition)
        for rule, mask in ((type_, broken), (rules.OUT_OF_RANGE, self._range(cells))):
            if mask is not None:
                of_value = np.logical_or.reduceat(mask, offsets[:-1])
                self._note(column.broken, rule, of_value, values, count)
        self._note_missing(column, values, count)
        return column

    def _undeclared(self, values: Values, count: int) -> Column:
        """Texts of a key that nobody defines: an empty list where it comes without a value."""
        texts = values.texts.to_pylist()
        lists = [text.split(",") if text else [] for text in texts]
        cells = [[None if part == "." else part for part in parts] for parts in lists]
        column = pa.array(cells, pa.list_(pa.string()))
        return Column(_scatter(self.clean(column), values.sites, count))

    def _cast(
        self, texts: pa.StringArray, has_value: np.ndarray
    ) -> tuple[pa.Array, np.ndarray | None]:
        if not has_value.all():
            texts = pc.if_else(pa.array(has_value), texts, ".")
        cells, broken = cast_texts(texts, self.definition.value_type)
        if not pa.types.is_string(cells.type):
            return cells, broken
        if self.definition.type == "Character":
            lengths = pc.fill_null(pc.utf8_length(cells), 1).to_numpy()
            broken = (lengths != 1) & ~_is_escape(cells) if (lengths != 1).any() else None
        if self.has_escapes and pc.any(pc.match_substring(cells, "%")).as_py():
            cells = _unescape(cells)
        return self.clean(cells), broken

    def _range(self, cells: pa.Array) -> np.ndarray | None:
        return rules.out_of_range(self.definition, cells) if self.is_reserved else None

    def _note_missing(self, column: Column, values: Values, count: int) -> None:
        self._note(column.remarks, rules.NO_VALUE, ~values.has_value, values, count)

    def _note(
        self, notes: Broken, rule: Rule, mask: np.ndarray | None, values: Values, count: int
    ) -> None:
        if mask is not None and mask.any():
            named = rule._replace(element=f"INFO/{self.definition.id}")
            notes.append((named, rules.spread(mask, values.sites, count)))


def _scatter(cells: pa.Array, sites: np.ndarray, count: int) -> pa.Array:
    """From one cell per value to one per record, null where a record has none."""
    if len(sites) == count and (np.diff(sites) > 0).all():
        return cells
    places = np.full(count, -1)
    places[sites] = np.arange(len(sites))
    return cells.take(pa.array(places, mask=places < 0))


def _first_is_null(cells: pa.Array, offsets: np.ndarray) -> np.ndarray:
    return cells.is_null().to_numpy(zero_copy_only=False)[offsets[:-1]]


def _is_escape(cells: pa.Array) -> np.ndarray:
    found = pc.match_substring_regex(cells, "^%[0-9A-Fa-f]{2}$")
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)


def _unescape(cells: pa.Array) -> pa.Array:
    encoded = cells.dictionary_encode()
    texts = [unescape(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)
