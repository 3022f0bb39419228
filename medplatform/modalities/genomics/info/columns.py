"""Under which name and shape an INFO key becomes a column of genomics_variant.

Files that define a key in another way than others must not keep the table from being read: one
column holds scalars or lists, never both, and names never differ in case alone.
"""

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.header.reserved import reserved_info

PREFIX = "info_"
_LIST_SUFFIX = "_list"
_LATEST_VERSION = 5
_COUNTS = frozenset({"ac", "af"})
"""Parts of keys of allele counts and frequencies, which are one per alternate allele."""


class ColumnNames:
    """Names the columns of one file; the keys that its header defines come first."""

    def __init__(self, defined: Mapping[str, Definition]) -> None:
        self._names: dict[tuple[str, bool], str] = {}
        self._taken: set[str] = set()
        for key, definition in defined.items():
            is_list = not definition.is_scalar or is_list_by_nature(key)
            self._name(key, is_list=is_list and definition.type != "Flag")

    def place(self, key: str, cells: pa.Array) -> tuple[str, pa.Array]:
        """The name of a key's column, and its cells in the shape that the name stands for.

        Keys that are lists by nature hold lists in every file. Others that come as lists are named
        so, and of keys that differ in case only the later ones are numbered.
        """
        is_list = pa.types.is_list(cells.type)
        if not is_list and is_list_by_nature(key) and not pa.types.is_boolean(cells.type):
            cells, is_list = _as_lists(cells), True
        return self._name(key, is_list=is_list), cells

    def _name(self, key: str, *, is_list: bool) -> str:
        if (key, is_list) not in self._names:
            suffix = _LIST_SUFFIX if is_list and not is_list_by_nature(key) else ""
            self._names[key, is_list] = self._free(f"{PREFIX}{key}{suffix}")
        return self._names[key, is_list]

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free.casefold())
        return free


def is_list_by_nature(key: str) -> bool:
    """Whether a key holds one value per allele, or any number, whatever a header says.

    >>> [is_list_by_nature(key) for key in ("AF", "EAS_AF", "cipos", "DP", "END")]
    [True, True, True, False, False]
    """
    known = reserved_info(key.upper(), _LATEST_VERSION)
    if known is not None:
        return known.number not in (0, 1)
    parts = re.split(r"[^0-9a-z]", key.casefold())
    return bool(_COUNTS & set(parts)) or key.casefold().endswith(_LIST_SUFFIX)


def _as_lists(cells: pa.Array) -> pa.Array:
    offsets = pa.array(np.arange(len(cells) + 1, dtype=np.int32))
    mask = cells.is_null() if cells.null_count else None
    return pa.ListArray.from_arrays(offsets, cells, mask=mask)
