"""Molecules that a file delivers several times, and whether they then have the same values."""

from array import array
from collections.abc import Iterator

import numpy as np

from medplatform.modalities.molecules.records import Record


class Repeats:
    """What a file has said of each molecule so far."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._assays: dict[tuple[str, str | None], int] = {}
        self._repeated: set[int] = set()
        # Per value: number of the first record of the molecule, assay, hash, own number, place.
        self._values = array("q")

    def add(self, molecule_id: str, record: Record) -> int | None:
        """Add a record; the number of the first one of the same molecule, None if it is that."""
        first = self._first.setdefault(molecule_id, record.number)
        for assay, value, unit, place in record.values:
            column = self._assays.setdefault((assay, unit), len(self._assays))
            content = hash((value.relation, value.text if value.number is None else value.number))
            self._values.extend((first, column, content, record.number, place.number))
        if first == record.number:
            return None
        self._repeated.add(first)
        return first

    def conflicts(self) -> Iterator[tuple[int, int]]:
        """Record and place of each value that differs from the first one of its molecule."""
        values = np.frombuffer(self._values, np.int64).reshape(-1, 5)
        values = values[np.isin(values[:, 0], list(self._repeated))]
        seen: dict[tuple[int, int], int] = {}
        for first, column, content, number, place in values.tolist():
            if seen.setdefault((first, column), content) != content:
                yield number, place
