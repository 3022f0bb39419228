"""What the reading process hands on: elements without anything that may be read, and marks."""

from collections.abc import Callable
from itertools import repeat
from typing import Any, NamedTuple

from medplatform.modalities.imaging.flatten import Element


class Prepared(NamedTuple):
    """A data set that is de-identified but for what takes the key.

    The marks are places in `elements`: of UIDs to be replaced, of dates (DA, DT) to be moved, of
    the patient's id, and of other ids that become tokens.
    """

    elements: list[Element]
    uids: list[int]
    dates: list[int]
    patients: list[int]
    tokens: list[int]

    def __reduce__(self) -> tuple[Callable[..., "Prepared"], tuple[object, ...]]:
        """Pickle all paths, all VRs and so on together: a third of the time of one by one."""
        return _restore, (tuple(zip(*self.elements, strict=True)), *self[1:])


def _restore(fields: tuple[tuple[Any, ...], ...], *marks: list[int]) -> Prepared:
    rows = zip(*fields, strict=True)
    return Prepared(list(map(tuple.__new__, repeat(Element), rows)), *marks)
