"""Which resources a delivery holds, by id: 9 bytes each, so that millions fit into memory.

Many exports refer to resources by `urn:uuid:` alone, without their type. The index knows it, and
whether the target was delivered at all.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl


class ResourceIndex:
    """Type of every delivered resource id. Add all, then `freeze`, then ask."""

    def __init__(self) -> None:
        self._types: list[str] = []
        self._codes: dict[str, int] = {}
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._keys = np.empty(0, dtype=np.uint64)
        self._kinds = np.empty(0, dtype=np.uint8)

    def add(self, resource_type: str, resource_ids: Sequence[str]) -> None:
        """Note ids of one type of FHIR, which has fewer than 256."""
        code = self._codes.setdefault(resource_type, len(self._codes))
        if code == len(self._types):
            self._types.append(resource_type)
        keys = _keys(resource_ids)
        self._parts.append((keys, np.full(len(keys), code, dtype=np.uint8)))

    def freeze(self) -> None:
        """Sort what was added; call it before asking."""
        keys = np.concatenate([self._keys, *(part[0] for part in self._parts)])
        kinds = np.concatenate([self._kinds, *(part[1] for part in self._parts)])
        order = np.argsort(keys, kind="stable")
        self._keys, self._kinds = keys[order], kinds[order]
        self._parts.clear()

    def types_of(self, resource_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """The types of the delivered resources with each id; empty where there is none."""
        keys = _keys(resource_ids)
        first = np.searchsorted(self._keys, keys, "left")
        last = np.searchsorted(self._keys, keys, "right")
        found: list[tuple[str, ...]] = [()] * len(keys)
        for place in np.flatnonzero(last > first).tolist():
            kinds = self._kinds[first[place] : last[place]].tolist()
            found[place] = tuple(self._types[code] for code in kinds)
        return found


def _keys(resource_ids: Sequence[str]) -> np.ndarray:
    """A number for each id (uint64), the same in every process of one installation."""
    return pl.Series(resource_ids, dtype=pl.String).hash(seed=0).to_numpy()
