"""What is remarked of values that are texts, once for each column of a file.

Only records that are accepted are looked at: a remark that went with a refused one would be lost,
and the column would have none.
"""

from collections.abc import Iterator

from medplatform.modalities.molecules.records import Measured, Place, Record, Remark
from medplatform.modalities.molecules.values import has_comma


class Texts:
    """The columns of a file that have had numbers so far, and texts."""

    def __init__(self) -> None:
        self._numeric: set[int | str] = set()
        self._first_text: dict[int | str, tuple[int, int]] = {}
        self._said: set[tuple[str, int | str]] = set()

    def add(self, record: Record) -> Iterator[Remark]:
        """Add a record; the remarks on it that its columns have not had."""
        for place in record.too_long:
            yield from self._once("assay.text_too_long", place)
        for measured in record.values:
            if has_comma(measured.value):
                yield from self._once("assay.decimal_comma", measured.place)
            else:
                self._sort(record.number, measured)

    def among_numbers(self) -> Iterator[tuple[int, int]]:
        """Record and place of the first text of each column that has numbers too."""
        for column, where in self._first_text.items():
            if column in self._numeric:
                yield where

    def _sort(self, record_number: int, measured: Measured) -> None:
        number, column = measured.place
        if measured.value.number is not None:
            self._numeric.add(column)
        else:
            self._first_text.setdefault(column, (record_number, number))

    def _once(self, code: str, place: Place) -> Iterator[Remark]:
        if (code, place.column) not in self._said:
            self._said.add((code, place.column))
            yield code, place.number
