"""Typed access to the elements of a data set: nothing here raises, whatever they hold.

What is not of its type becomes null with a `dicom.bad_value` remark, what is outside its
vocabulary null with `dicom.unknown_term`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from pydicom import Dataset, Sequence
from pydicom.datadict import tag_for_keyword

from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.tree import VALUE_ERRORS
from medplatform.modalities.imaging.records import Problem
from medplatform.modalities.imaging.values import to_text, to_texts

__all__ = ["VALUE_ERRORS", "Elements", "FlatElements", "element", "path_of"]

T = TypeVar("T")


class Remarks:
    """Problems, once per code and element."""

    def __init__(self) -> None:
        self._noted: dict[Problem, None] = {}

    @property
    def problems(self) -> list[Problem]:
        """What was noted, in that order."""
        return list(self._noted)

    def remark(self, code: str, keyword: str) -> None:
        """Note a problem once per element."""
        self._note(code, tag_for_keyword(keyword) or 0)

    def known(
        self, keyword: str, texts: list[str] | None, accepts: Callable[[str], bool]
    ) -> list[str] | None:
        """The texts of an element; those that are not accepted are emptied, with a remark."""
        known = [text if accepts(text) else "" for text in texts or ()]
        if known != (texts or []):
            self.remark("dicom.unknown_term", keyword)
        return known if any(known) else None

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems that are not noted yet."""
        self._noted |= dict.fromkeys(problems)

    @contextmanager
    def apart(self) -> Iterator[list[Problem]]:
        """Note nothing here meanwhile; the list has it afterwards."""
        before, self._noted = self._noted, {}
        found: list[Problem] = []
        yield found
        found += self._noted
        self._noted = before

    def _note(self, code: str, tag: int) -> None:
        self._noted[Problem(code, _written(tag))] = None


class Elements(Remarks):
    """Typed access to the elements of a data set of pydicom, collecting what could not be used."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.dataset = dataset

    def value(self, keyword: str, dataset: Dataset | None = None) -> Any:
        """The value of an element, None where it is absent, empty or not of its VR."""
        source = self.dataset if dataset is None else dataset
        try:
            value = source.get(keyword)
        except VALUE_ERRORS:
            self.remark("dicom.bad_value", keyword)
            return None
        return None if value is None or (hasattr(value, "__len__") and not len(value)) else value

    def read(
        self, keyword: str, convert: Callable[[Any], T], dataset: Dataset | None = None
    ) -> T | None:
        """The converted value; what cannot be converted is remarked on."""
        value = self.value(keyword, dataset)
        if value is None:
            return None
        try:
            return convert(value)
        except VALUE_ERRORS:
            self.remark("dicom.bad_value", keyword)
            return None

    def items(self, keyword: str, dataset: Dataset | None = None) -> list[Dataset]:
        """The items of a sequence."""
        return self.read(keyword, _items, dataset) or []

    def item(self, keyword: str, dataset: Dataset | None = None) -> Dataset | None:
        """The first item of a sequence."""
        return next(iter(self.items(keyword, dataset)), None)


class FlatElements(Remarks):
    """The same over flattened elements, which are found by their paths.

    An `item` is the path of what holds an element, with its dot; "" is the data set itself.

    Attributes
    ----------
    asked
        The paths that were looked for, whether there is an element or not.
    """

    def __init__(self, elements: Iterable[Element]) -> None:
        super().__init__()
        self._by_path = {found[0]: found for found in elements}
        self.asked: set[str] = set()

    def find(self, paths: Iterable[str]) -> list[Element | None]:
        """The elements with these paths."""
        return list(map(self._by_path.get, paths))

    def _ask(self, path: str) -> Element | None:
        self.asked.add(path)
        return self._by_path.get(path)

    def value(self, keyword: str, item: str = "") -> Any:
        """The value of an element, a list of several; None where it is absent, empty or broken."""
        found = self._ask(item + path_of(keyword))
        return None if found is None else self._value_of(found, keyword)

    def read(self, keyword: str, convert: Callable[[Any], T], item: str = "") -> T | None:
        """The converted value; what cannot be converted is remarked on."""
        path = path_of(keyword)
        found = self._ask(item + path if item else path)
        if found is None or (value := self._value_of(found, keyword)) is None:
            return None
        try:
            return convert(value)
        except VALUE_ERRORS:
            self.remark("dicom.bad_value", keyword)
            return None

    def _value_of(self, found: Element, keyword: str) -> Any:
        _, vr, _, text, numbers, binary = found
        values = numbers or text
        if values is None or vr == "SQ":
            if binary or vr == "SQ":
                self.remark("dicom.bad_value", keyword)
            return None
        value = values[0] if len(values) == 1 else list(values)
        return None if value == "" or value == [] else value

    def term(self, keyword: str, meanings: Mapping[str, T], item: str = "") -> T | None:
        """The meaning of a defined term."""
        term = self.choice(keyword, meanings.keys(), item)
        return None if term is None else meanings[term]

    def choice(self, keyword: str, allowed: Set[str], item: str = "") -> str | None:
        """A defined term itself, in capitals and without the spaces that some senders add."""
        term = "".join((self.read(keyword, to_text, item) or "").upper().split())
        if term and term not in allowed:
            self.remark("dicom.unknown_term", keyword)
            return None
        return term or None

    def choices(self, keyword: str, allowed: Set[str]) -> list[str] | None:
        """Several defined terms; those that are none are left out with a remark."""
        found = ["".join(text.upper().split()) for text in self.read(keyword, to_texts) or ()]
        known = [term for term in found if term in allowed]
        if len(known) < len([term for term in found if term]):
            self.remark("dicom.unknown_term", keyword)
        return known or None

    def remark_broken(self) -> None:
        """Note all standard elements whose bytes are not of their VR."""
        with_bytes = [found for found in self._by_path.values() if found[5] is not None]
        for found in with_bytes:
            if found.is_broken and found.path[-5] in "02468ACE":
                self._note("dicom.bad_value", int(found.path[-8:], 16))

    def has(self, keyword: str, item: str = "") -> bool:
        """Whether there is such an element."""
        return self._ask(item + path_of(keyword)) is not None

    def item(self, keyword: str, item: str = "") -> str | None:
        """The first item of a sequence, None where there is none."""
        path = item + path_of(keyword)
        found = self._ask(path)
        is_there = found is not None and found.vr == "SQ" and found.number and found.number[0]
        return f"{path}[0]." if is_there else None

    def shared(self, keyword: str, sequence: str) -> str:
        """Where an element stands: at the top, or in the functional group of all frames."""
        groups = self.item("SharedFunctionalGroupsSequence")
        if groups is None or self.has(keyword):
            return ""
        return self.item(sequence, groups) or ""


@lru_cache(maxsize=1024)
def path_of(keyword: str) -> str:
    """The path of an element at the top of a data set.

    >>> path_of("PatientID")
    '00100020'
    """
    return f"{tag_for_keyword(keyword) or 0:08X}"


def element(keyword: str) -> str:
    """A tag as it is written in the standard.

    >>> element("PatientID")
    '(0010,0020)'
    """
    return _written(tag_for_keyword(keyword) or 0)


def _written(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _items(value: Any) -> list[Dataset]:
    if not isinstance(value, Sequence):
        raise TypeError("no sequence")
    return list(value)
