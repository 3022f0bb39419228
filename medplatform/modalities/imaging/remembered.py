"""What is read once for all files of a series that have the same elements for it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from medplatform.modalities.imaging.elements import FlatElements
from medplatform.modalities.imaging.flatten import Element, SharedElement
from medplatform.modalities.imaging.records import Problem

_MOST_REMEMBERED = 64
"""Few: the next series has others."""

Columns = dict[str, Any]


class _Memory(NamedTuple):
    found: list[Element | None]
    """Kept, so that no other object gets the `id` of one."""
    columns: Columns
    problems: list[Problem]


class Remembered:
    """A function of elements that answers from memory where it has seen all that it looks at.

    Parameters
    ----------
    read
        Looks at nothing but the elements. What it returns is not to be changed.
    """

    def __init__(self, read: Callable[[FlatElements], Columns]) -> None:
        self._read = read
        self._paths: list[str] = []
        """All that it ever looked for: equal elements there mean equal answers."""
        self._memories: dict[tuple[int, ...], _Memory] = {}

    def __call__(self, elements: FlatElements) -> Columns:
        """The columns; remarks go to the elements."""
        found = elements.find(self._paths)
        memory = self._memories.get(tuple(map(id, found))) or self._remember(elements)
        elements.add(memory.problems)
        return memory.columns

    def _remember(self, elements: FlatElements) -> _Memory:
        elements.asked.clear()
        with elements.apart() as problems:
            columns = self._read(elements)
        if unknown := elements.asked.difference(self._paths):
            self._paths += sorted(unknown)
            self._memories.clear()
        memory = _Memory(elements.find(self._paths), columns, problems)
        if all(found is None or isinstance(found, SharedElement) for found in memory.found):
            if len(self._memories) >= _MOST_REMEMBERED:
                self._memories.clear()
            self._memories[tuple(map(id, memory.found))] = memory
        return memory
