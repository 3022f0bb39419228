"""How the reading process sends elements: those that the files of a series share only once.

Both ends number these alike, so what a `Sender` has packed is for one `Receiver`, in that order.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from medplatform.modalities.imaging.flatten import Element, SharedElement

_MOST_NUMBERED = 1 << 14

_Fields = tuple[tuple[Any, ...], ...]
"""All paths, all VRs and so on: pickled in a third of the time of one element after the other."""


class Packed(NamedTuple):
    """The elements of one data set.

    Attributes
    ----------
    is_anew
        Whether numbers begin at 0 again.
    shared
        Those that get the next numbers.
    others
        Those that get none.
    numbers
        Of all elements in their order, None for one of the others.
    """

    is_anew: bool
    shared: _Fields
    others: _Fields
    numbers: list[int | None]


class Answer(NamedTuple):
    """What a task made of a file, and the elements that were taken out of its header.

    Attributes
    ----------
    header
        A `Header`, or what a task has in its place, with an attribute `prepared`.
    cells
        How many there are.
    elements
        None where the header has none.
    """

    header: Any
    cells: int
    elements: Packed | None


class Sender:
    """Packs elements for a receiver."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._shared: list[Element] = []
        """By number. They are kept, so that no other object gets the `id` of one."""

    def answer(self, header: Any, cells: int) -> Answer:
        """The answer to be sent; the header is empty of elements from now on."""
        if header.prepared is None:
            return Answer(header, cells, None)
        packed = self.pack(header.prepared.elements)
        header.prepared.elements.clear()
        return Answer(header, cells, packed)

    def pack(self, elements: Sequence[Element]) -> Packed:
        """The elements, but for what the receiver has already."""
        if is_anew := len(self._shared) > _MOST_NUMBERED:
            self._numbers.clear()
            self._shared.clear()
        known = len(self._shared)
        others: list[Element] = []
        numbers = list(map(self._numbers.get, map(id, elements)))
        for place in [place for place, number in enumerate(numbers) if number is None]:
            element = elements[place]
            if isinstance(element, SharedElement):
                numbers[place] = self._number(element)
            else:
                others.append(element)
        return Packed(is_anew, _fields(self._shared[known:]), _fields(others), numbers)

    def _number(self, element: Element) -> int:
        number = self._numbers.setdefault(id(element), len(self._shared))
        if number == len(self._shared):
            self._shared.append(element)
        return number


class Receiver:
    """Unpacks what one sender packed."""

    def __init__(self) -> None:
        self._shared: list[Element] = []

    def header(self, answer: Answer) -> Any:
        """The header of an answer with its elements."""
        if answer.elements:
            answer.header.prepared.elements.extend(self.unpack(answer.elements))
        return answer.header

    def unpack(self, packed: Packed) -> list[Element]:
        """The elements; shared ones are the same objects in all data sets."""
        if packed.is_anew:
            self._shared.clear()
        self._shared += _elements(packed.shared, SharedElement)
        shared, others = self._shared, iter(_elements(packed.others, Element))
        return [next(others) if number is None else shared[number] for number in packed.numbers]


def _fields(elements: Iterable[Element]) -> _Fields:
    return tuple(zip(*elements, strict=True))


def _elements(fields: _Fields, kind: type[Element]) -> Iterable[Element]:
    return map(tuple.__new__, repeat(kind), zip(*fields, strict=True))
