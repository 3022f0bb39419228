"""Work done once per distinct text of a column: Python never sees a value twice."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Column:
    """A text column with its distinct values, which are looked for once, when they are needed."""

    def __init__(self, array: pa.Array) -> None:
        self.array = array
        self._encoded: tuple[list[str], pa.Array] | None = None

    @property
    def encoded(self) -> tuple[list[str], pa.Array]:
        """The distinct values, and which one stands in each row (null where none does)."""
        if self._encoded is None:
            is_text = pa.types.is_string(self.array.type)
            array = self.array if is_text else self.array.cast(pa.string())
            encoded = array.dictionary_encode()
            self._encoded = (texts(encoded.dictionary), encoded.indices)
        return self._encoded

    def map(self, change: Callable[[str], str | None]) -> pa.Array:
        """The column with every value changed; None drops it."""
        return self.map_all(lambda values: [change(value) for value in values])

    def map_all(self, change: Callable[[Sequence[str]], list[str | None]]) -> pa.Array:
        """The column with every value changed, all of them at once; None drops one."""
        values, indices = self.encoded
        return pa.array(change(values), pa.string()).take(indices)

    def replace(self, make: Callable[[Sequence[bytes]], pa.Array]) -> pa.Array:
        """The column with every value changed, all of them at once and as UTF-8."""
        if self._encoded is None and _looks_distinct(self.array):
            return _scatter(make(utf8(self.array.drop_null())), self.array)
        values, indices = self.encoded
        return make([value.encode() for value in values]).take(indices)

    def holds(self, test: Callable[[str], bool], if_absent: bool = False) -> np.ndarray:
        """Where a test holds."""
        values, indices = self.encoded
        results = np.fromiter(map(test, values), dtype=bool, count=len(values))
        if self.array.null_count == 0 and len(results) and results.all():
            return np.ones(len(self.array), dtype=bool)
        results = np.append(results, if_absent)
        return results[indices.fill_null(len(values)).to_numpy()]


def texts(array: pa.Array) -> list[str]:
    """The values of a column as Python strings."""
    return array.to_numpy(zero_copy_only=False).tolist()


def utf8(array: pa.Array) -> list[bytes]:
    """The values of a column as bytes."""
    return array.cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()


_SAMPLE = 256


def _looks_distinct(array: pa.Array) -> bool:
    """Whether hardly any value stands twice, so that looking for equal ones is no gain."""
    return len(pc.unique(array[:_SAMPLE])) > 0.9 * min(len(array), _SAMPLE)


def _scatter(values: pa.Array, like: pa.Array) -> pa.Array:
    """Values of the rows that are not null, back in their rows."""
    if like.null_count == 0:
        return values
    there = like.is_valid().to_numpy(zero_copy_only=False)
    return values.take(pa.array(np.cumsum(there) - 1, mask=~there))


def coalesce(columns: Iterable[pa.Array]) -> pa.Array:
    """The value of each row from the one column that has it."""
    first, *others = columns
    return pc.coalesce(first, *others) if others else first
