"""Where nested values stand: the rows, the elements of a list in them, of a list in those, …"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from medplatform.modalities.ehr.definitions import ElementDefinition
from medplatform.modalities.ehr.deidentify.distinct import Column
from medplatform.modalities.ehr.deidentify.policy import Condition, PolicyError, Vocabulary


class Level:
    """The rows of a block (no parent), or the items of a list in each element of another level."""

    def __init__(
        self, size: int, parent: "Level | None" = None, offsets: np.ndarray | None = None
    ) -> None:
        self.size = size
        self._parent = parent
        self._offsets = np.zeros(1, np.int32) if offsets is None else offsets
        self._rows: np.ndarray | None = None

    @property
    def rows(self) -> np.ndarray:
        """The row that each element stands in."""
        if self._rows is None:
            if self._parent is None:
                self._rows = np.arange(self.size, dtype=np.int32)
            else:
                self._rows = np.repeat(self._parent.rows, np.diff(self._offsets))
        return self._rows

    def of_rows(self, values: np.ndarray) -> np.ndarray:
        """Values of the rows, for each element."""
        return values if self._parent is None else values[self.rows]

    def spread(self, values: np.ndarray, outer: "Level") -> np.ndarray:
        """Values of an outer level, for each element."""
        if outer is self:
            return values
        if self._parent is None:
            raise ValueError("the other level is not around this one")
        return np.repeat(self._parent.spread(values, outer), np.diff(self._offsets))

    def place(self, position: int, path: str) -> tuple[int, str]:
        """Row and FHIRPath of an element, with the numbers of list items put in for `[]`."""
        numbers: list[int] = []
        level: Level = self
        while level._parent is not None:
            parent = int(np.searchsorted(level._offsets, position, side="right")) - 1
            numbers.append(position - int(level._offsets[parent]))
            position, level = parent, level._parent
        for number in reversed(numbers):
            path = path.replace("[]", f"[{number}]", 1)
        return position, path


@dataclass(slots=True)
class Scope:
    """An element that has elements, over all rows: what conditions can ask about."""

    definition: ElementDefinition
    level: Level
    fields: dict[str, pa.Array]
    columns: dict[str, Column] = field(default_factory=dict)
    held: dict[tuple[str, Condition], np.ndarray] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        """A text element, if it occurs.

        Raises
        ------
        PolicyError
            It is no single text.
        """
        if name not in self.fields:
            return None
        if name not in self.columns:
            if not pa.types.is_string(self.fields[name].type):
                raise PolicyError(
                    f"A condition asks for {name!r} in a {self.definition.type}, which is no "
                    f"single text. Ask for another element."
                )
            self.columns[name] = Column(self.fields[name])
        return self.columns[name]

    def holds(self, name: str, condition: Condition, vocabulary: Vocabulary) -> np.ndarray:
        """For which elements a condition on one of their elements holds."""
        key = (name, condition)
        if key not in self.held:
            if "." in name:
                self.held[key] = self._within(name, condition, vocabulary)
                return self.held[key]
            column = self.column(name)
            if column is None:
                self.held[key] = np.full(self.level.size, condition.if_absent)
            else:
                self.held[key] = meets(column, condition, vocabulary)
        return self.held[key]

    def _within(self, path: str, condition: Condition, vocabulary: Vocabulary) -> np.ndarray:
        """For which elements a condition holds for one of the texts that a path leads to."""
        owners, fields, array = np.arange(self.level.size), self.fields, pa.nulls(0, pa.string())
        for name in path.split("."):
            if name not in fields:
                return np.full(self.level.size, condition.if_absent)
            array = fields[name]
            if pa.types.is_list(array.type):
                offsets, array = items_of(array)
                owners = np.repeat(owners, np.diff(offsets))
            fields = fields_of(array) if pa.types.is_struct(array.type) else {}
        holds, is_absent = np.zeros((2, self.level.size), dtype=bool)
        is_absent[:] = condition.if_absent
        is_absent[owners[array.is_valid().to_numpy(zero_copy_only=False)]] = False
        found = meets(Column(array), condition.model_copy(update={"if_absent": False}), vocabulary)
        holds[owners[found]] = True
        return holds | is_absent


def meets(column: Column, condition: Condition, vocabulary: Vocabulary) -> np.ndarray:
    """For which values of a column a condition holds."""
    return column.holds(
        lambda text: (text in vocabulary) != condition.negate, if_absent=condition.if_absent
    )


def fields_of(array: pa.StructArray) -> dict[str, pa.Array]:
    """The elements of a struct column, null where the struct is."""
    names = [column.name for column in array.type]
    if array.null_count:
        return dict(zip(names, array.flatten(), strict=True))
    return {name: array.field(number) for number, name in enumerate(names)}


def items_of(array: pa.ListArray) -> tuple[np.ndarray, pa.Array]:
    """Offsets of a list column, beginning with 0, and its items; those of null lists are left out.

    The offsets have one number more than the column has lists.
    """
    offsets = array.offsets.to_numpy()
    if array.null_count:
        hidden = array.is_null().to_numpy(zero_copy_only=False)
        if np.diff(offsets)[hidden].any():
            return items_of(array.take(pa.array(np.arange(len(array)))))
    first, last = int(offsets[0]), int(offsets[-1])
    items = array.values
    if first or last != len(items):
        items, offsets = items.slice(first, last - first), offsets - offsets[0]
    return offsets, items
