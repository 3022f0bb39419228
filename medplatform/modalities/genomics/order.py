"""What a file's earlier records mean for the next: duplicates, and the order of positions."""

import numpy as np


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

    def first_break(self, chromosomes: list[str], positions: np.ndarray) -> int | None:
        """Index of the first record that is out of order, None where all are in order."""
        for index, (chromosome, position) in enumerate(zip(chromosomes, positions, strict=True)):
            if chromosome != self._chromosome:
                if chromosome in self._finished:
                    return index
                if self._chromosome is not None:
                    self._finished.add(self._chromosome)
                self._chromosome = chromosome
            elif position < self._position:
                return index
            self._position = position
        return None
