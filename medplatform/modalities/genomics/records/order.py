"""What a file's earlier records mean for the next: duplicates, and the order of positions."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import polars as pl

_SEED = 1
_RECENT_ALLELES = 256


class RepeatedIds:
    """Numbers records that are equal in all that names them, but need not be the same.

    Two insertions of unknown sequence at one place are two (VCF 4.5, section 5.3): the second of
    an id gets `#2` behind it.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def number(self, ids: pl.Series, repeated: np.ndarray) -> pl.Series:
        """The ids of a batch, those of repeated records (by index) numbered."""
        numbered: list[str] = []
        for name in ids.gather(repeated):
            self._counts[name] += 1
            numbered.append(f"{name}#{self._counts[name] + 1}")
        return ids.scatter(repeated, numbered) if numbered else ids


class SeenKeys:
    """A growing set of uint64 keys in sorted runs: eight bytes a key, where a set takes sixty."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def add(self, keys: np.ndarray) -> np.ndarray:
        """Add keys and say of each whether it is new (bool, in the order given)."""
        unique, first = np.unique(keys, return_index=True)
        is_new = np.zeros(len(keys), bool)
        is_new[first] = True
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            is_new &= run[place] != keys
        fresh = unique[is_new[first]]
        while self._runs and len(self._runs[-1]) <= 2 * len(fresh):
            fresh = np.sort(np.concatenate([fresh, self._runs.pop()]))
        if len(fresh):
            self._runs.append(fresh)
        return is_new


class SortOrder:
    """Whether records come by position, and each contig in one piece."""

    def __init__(self) -> None:
        self._finished: set[str] = set()
        self._chromosome: str | None = None
        self._position = 0

    def first_break(self, chromosomes: pl.Series, positions: np.ndarray) -> int | None:
        """Index of the first record that is out of order, None where all are in order."""
        if not len(positions):
            return None
        changes = _changes(chromosomes)
        before = np.concatenate([[self._position], positions[:-1]])
        is_descent = positions < before
        is_descent[changes] = False
        if chromosomes[0] == self._chromosome:
            is_descent[0] = positions[0] < self._position
        broken = np.flatnonzero(is_descent)[:1].tolist()
        for index in changes.tolist():
            name = str(chromosomes[index])
            if name != self._chromosome:
                if name in self._finished:
                    broken.append(index)
                    break
                if self._chromosome is not None:
                    self._finished.add(self._chromosome)
                self._chromosome = name
        self._position = int(positions[-1])
        return min(broken, default=None)


class Placed(NamedTuple):
    """Which records of a batch are new (bool), and the first out of order, if there is one."""

    is_new: np.ndarray
    first_break: int | None


class SeenRecords:
    """The records of a file so far, told apart by keys that hold their chromosome and position.

    As long as records are in order, equal ones can only stand side by side, so keys are only
    compared with those of the same position.
    """

    def __init__(self) -> None:
        self._order: SortOrder | None = SortOrder()
        self._earlier: list[np.ndarray] = []
        self._keys = SeenKeys()
        self._last_place: tuple[str, int] | None = None
        self._last_keys = np.zeros(0, np.uint64)

    def add(self, chromosomes: pl.Series, positions: np.ndarray, keys: np.ndarray) -> Placed:
        """Add the records of a batch."""
        if self._order is None:
            return Placed(self._keys.add(keys), None)
        first_break = self._order.first_break(chromosomes, positions)
        if first_break is not None:
            self._order = None
            for earlier in self._earlier:
                self._keys.add(earlier)
            self._earlier.clear()
            return Placed(self._keys.add(keys), first_break)
        self._earlier.append(keys)
        return Placed(self._new_among_neighbours(chromosomes, positions, keys), None)

    def _new_among_neighbours(
        self, chromosomes: pl.Series, positions: np.ndarray, keys: np.ndarray
    ) -> np.ndarray:
        is_new = np.ones(len(keys), bool)
        if not len(keys):
            return is_new
        begins = np.ones(len(keys), bool)
        begins[1:] = positions[1:] != positions[:-1]
        begins[_changes(chromosomes)] = True
        runs = np.flatnonzero(begins)
        first = str(chromosomes[0]), int(positions[0])
        recent = self._last_keys if first == self._last_place else self._last_keys[:0]
        # Records that share their place with another, of this batch or the last of the one before.
        sizes = np.diff(runs, append=len(keys))
        shared = np.flatnonzero(np.repeat(sizes > 1, sizes))
        if len(recent):
            shared = np.union1d(np.arange(sizes[0]), shared)
        if len(shared):
            _, places = np.unique(np.concatenate([recent, keys[shared]]), return_index=True)
            is_new[shared] = False
            is_new[shared[places[places >= len(recent)] - len(recent)]] = True
        last = str(chromosomes[-1]), int(positions[-1])
        rest = keys[runs[-1] :]
        self._last_keys = np.concatenate([recent, rest]) if last == self._last_place else rest
        self._last_place = last
        return is_new


class SeenAlleles:
    """The alleles of the last records, by their normalised keys.

    The same allele may stand in two records in different words, or as one of several alternates,
    at positions a few bases apart.
    """

    def __init__(self) -> None:
        self._recent = np.zeros(0, np.uint64)

    def first_repeated(self, keys: pl.Series) -> int | None:
        """Index of the first key that was there before, None where all are new."""
        hashes = keys.hash(_SEED).to_numpy()
        known = np.concatenate([self._recent, hashes])
        is_first = np.zeros(len(known), bool)
        is_first[np.unique(known, return_index=True)[1]] = True
        self._recent = hashes[-_RECENT_ALLELES:]
        repeated = np.flatnonzero(~is_first)
        return int(repeated[0]) - (len(known) - len(hashes)) if len(repeated) else None


def _changes(chromosomes: pl.Series) -> np.ndarray:
    """Where a record has another chromosome than the one before; the first always."""
    is_other = (chromosomes != chromosomes.shift(1)).fill_null(True)
    return np.flatnonzero(is_other.to_numpy())
