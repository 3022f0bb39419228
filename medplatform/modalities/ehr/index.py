"""Which resources a delivery holds, by id: 9 bytes each, so that millions fit into memory.

Many exports refer to resources by `urn:uuid:` alone, without their type. The index knows it, and
whether the target was delivered at all.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np


class ResourceIndex:
    """Type of every delivered resource id. Add all, then `freeze`, then ask."""

    def __init__(self) -> None:
        self._types: list[str] = []
        self._codes: dict[str, int] = {}
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._keys = np.empty(0, dtype=np.uint64)
        self._kinds = np.empty(0, dtype=np.uint8)

    def add(self, resource_type: str, resource_ids: Iterable[str]) -> None:
        """Note ids of one type (the platform reads fewer than 256 types)."""
        code = self._codes.setdefault(resource_type, len(self._codes))
        if code == len(self._types):
            self._types.append(resource_type)
        keys = np.fromiter(map(_key, resource_ids), dtype=np.uint64)
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
        keys = np.fromiter(map(_key, resource_ids), dtype=np.uint64)
        first = np.searchsorted(self._keys, keys, "left")
        last = np.searchsorted(self._keys, keys, "right")
        return [
            tuple(self._types[code] for code in self._kinds[start:end]) if end > start else ()
            for start, end in zip(first.tolist(), last.tolist(), strict=True)
        ]


def _key(resource_id: str) -> int:
    return int.from_bytes(blake2b(resource_id.encode(), digest_size=8).digest())
