"""Reads the column INFO of batches: typed columns, records at fault, and remarks made once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.annotation.layout import KEYS, find_layouts, find_missing
from medplatform.modalities.genomics.deidentify.names import is_named_in
from medplatform.modalities.genomics.deidentify.record_ids import LINK_KEYS, RecordIds
from medplatform.modalities.genomics.deidentify.texts import TextPolicy, scrub
from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.header.reserved import reserved_info
from medplatform.modalities.genomics.info import rules
from medplatform.modalities.genomics.info.column import Broken, ColumnReader
from medplatform.modalities.genomics.info.items import Items
from medplatform.modalities.genomics.rules import Rule

_NO_KEY = frozenset({"", "."})
_KEY = re.compile(r"[!-:<>-~]{1,100}")
_FIRST_WITH_ESCAPES = 3
_MOST_UNDECLARED = 256
"""Keys of one file that neither its header nor the specification defines."""
_TEXT = ("String", "Character")


class Remark(NamedTuple):
    """Something about a file that is said once: the rule, and the first record it is true of."""

    rule: Rule
    site: int


@dataclass(frozen=True, slots=True)
class Info:
    """INFO of a batch: typed columns by key, records that break rules, and new remarks."""

    columns: Mapping[str, pa.Array]
    broken: Broken
    remarks: list[Remark]


class InfoReader:
    """Reads INFO of one file, batch by batch.

    Parameters
    ----------
    policy
        Which keys may keep their texts.
    names
        Names of samples and patients -> what stands for them in texts and keys.
    ids
        Replaces ids of records in keys that point to them; None leaves those keys out.
    """

    def __init__(
        self, header: Header, policy: TextPolicy, names: Mapping[str, str], ids: RecordIds | None
    ) -> None:
        self._header = header
        self._policy = policy
        self.names = names
        self._ids = ids
        self._readers: dict[str, ColumnReader | None] = {}
        self._said: set[Rule] = set()
        self._undeclared = 0
        # What becomes rows of genomics_annotation, and may come twice in a line.
        self._annotations = find_layouts(
            {key: known.description for key, known in header.info.items()}
        ).keys()
        self._flags = [
            key
            for key, known in header.info.items()
            if known.type == "Flag" and not self._names_sample(key)
        ]

    def read(self, items: Items, alternates: np.ndarray) -> Info:
        """The columns of a batch; `alternates` is the number of alternate alleles per record."""
        columns: dict[str, pa.Array] = {}
        broken: Broken = []
        remarks: list[Remark] = []
        for key in items.keys:
            if key in _NO_KEY:
                self._remark_empty(items, key, remarks)
            elif not _KEY.fullmatch(key):
                mask = np.ones(len(items.values(key)), bool)
                sites = items.values(key).sites
                broken.append((rules.KEY_SYNTAX, rules.spread(mask, sites, items.count)))
            elif key in KEYS and key not in self._annotations:
                self._remark(self._no_format(key), int(items.values(key).sites[0]), remarks)
            elif key not in self._annotations:
                reader = self._reader(key, items, remarks)
                if reader is not None:
                    column = reader.read(items.values(key), alternates)
                    columns[key] = column.cells
                    broken += column.broken
                    for rule, mask in column.remarks:
                        self._remark(rule, int(mask.argmax()), remarks)
        for key in self._flags:
            columns.setdefault(key, pa.array(np.zeros(items.count, bool)))
        return Info(columns, broken, remarks)

    def remark_once(self, masks: Broken, is_good: np.ndarray) -> list[Remark]:
        """Remarks on rules that records of no earlier batch broke, of the records that are good."""
        remarks: list[Remark] = []
        for rule, mask in masks:
            if (found := mask & is_good).any():
                self._remark(rule, int(found.argmax()), remarks)
        return remarks

    def _no_format(self, key: str) -> Rule:
        known = self._header.info.get(key)
        missing = find_missing(key, known.description) if known else ()
        return rules.no_format(f"INFO/{key}", missing)

    def _reader(self, key: str, items: Items, remarks: list[Remark]) -> ColumnReader | None:
        """The reader of a key, made when it is first met; None where its values are left out."""
        if key in self._readers:
            return self._readers[key]
        if not self._is_defined(key):
            if self._undeclared == _MOST_UNDECLARED:
                self._remark(rules.TOO_MANY_KEYS, int(items.values(key).sites[0]), remarks)
                return None
            self._undeclared += 1
        return self._readers.setdefault(key, self._make_reader(key, items, remarks))

    def _make_reader(self, key: str, items: Items, remarks: list[Remark]) -> ColumnReader | None:
        site = int(items.values(key).sites[0])
        if self._names_sample(key):
            self._remark(rules.NAMED_KEY, site, remarks)
            return None
        reserved = reserved_info(key, self._header.version)
        definition = self._header.info.get(key)
        if definition is None:
            definition = reserved.definition(key) if reserved else Definition(key, ".", "String")
            if not reserved:
                self._remark(rules.UNDECLARED._replace(element=self._element(key)), site, remarks)
        is_link = key in LINK_KEYS
        is_kept = self._ids is not None if is_link else self._policy.keeps(key)
        if definition.type in _TEXT and not is_kept:
            self._remark(rules.DROPPED_TEXT._replace(element=self._element(key)), site, remarks)
            return None
        return ColumnReader(
            definition=definition,
            is_reserved=reserved is not None and reserved.is_checked,
            is_declared=key in self._header.info,
            has_escapes=self._header.version >= _FIRST_WITH_ESCAPES,
            clean=self._ids.protect if is_link and self._ids else self._scrub,
        )

    def _is_defined(self, key: str) -> bool:
        is_reserved = reserved_info(key, self._header.version) is not None
        return is_reserved or key in self._header.info

    def _element(self, key: str) -> str:
        """The field that a remark is on: keys that nobody defines might name someone."""
        return f"INFO/{key}" if self._is_defined(key) or self._policy.keeps(key) else "INFO"

    def _names_sample(self, key: str) -> bool:
        is_reserved = reserved_info(key, self._header.version) is not None
        return not (is_reserved or self._policy.lists(key)) and is_named_in(key, self.names)

    def _scrub(self, cells: pa.Array) -> pa.Array:
        return scrub(cells, self.names) if self.names else cells

    def _remark_empty(self, items: Items, key: str, remarks: list[Remark]) -> None:
        values = items.values(key)
        # INFO that is '.' as a whole has no items.
        several = np.bincount(items.sites, minlength=items.count)[values.sites] > 1
        if key == "" or several.any() or values.has_value.any():
            self._remark(rules.EMPTY_ITEM, int(values.sites[0]), remarks)

    def _remark(self, rule: Rule, site: int, remarks: list[Remark]) -> None:
        if rule not in self._said:
            self._said.add(rule)
            remarks.append(Remark(rule, site))
