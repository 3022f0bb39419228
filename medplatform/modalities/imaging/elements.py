"""Typed access to the elements of a data set: nothing here raises, whatever they hold.

What is not of its type becomes null with a `dicom.bad_value` remark, what is outside its
vocabulary null with `dicom.unknown_term`.
"""

import struct
from collections.abc import Callable, Mapping, Set
from typing import Any, TypeVar

from pydicom import Dataset, Sequence
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException

from medplatform.modalities.imaging.records import Problem
from medplatform.modalities.imaging.values import to_text

VALUE_ERRORS = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,  # a sequence without an item
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on an element whose bytes are not of its VR."""

T = TypeVar("T")


class Elements:
    """Typed access to the elements of a data set, collecting what could not be used."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.problems: list[Problem] = []

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

    def term(self, keyword: str, meanings: Mapping[str, T]) -> T | None:
        """The meaning of a defined term."""
        term = self.choice(keyword, meanings.keys())
        return None if term is None else meanings[term]

    def choice(self, keyword: str, allowed: Set[str]) -> str | None:
        """A defined term itself, in capitals and without the spaces that some senders add."""
        term = "".join((self.read(keyword, to_text) or "").upper().split())
        if term and term not in allowed:
            self.remark("dicom.unknown_term", keyword)
            return None
        return term or None

    def items(self, keyword: str, dataset: Dataset | None = None) -> list[Dataset]:
        """The items of a sequence."""
        return self.read(keyword, _items, dataset) or []

    def item(self, keyword: str, dataset: Dataset | None = None) -> Dataset | None:
        """The first item of a sequence."""
        return next(iter(self.items(keyword, dataset)), None)

    def shared(self, keyword: str, sequence: str) -> Dataset:
        """Where an element stands: at the top, or in the functional group of all frames."""
        if keyword not in self.dataset:
            groups = self.item("SharedFunctionalGroupsSequence")
            found = self.item(sequence, groups) if groups is not None else None
            if found is not None:
                return found
        return self.dataset

    def remark(self, code: str, keyword: str) -> None:
        """Note a problem once per element."""
        problem = Problem(code, element(keyword))
        if problem not in self.problems:
            self.problems.append(problem)


def element(keyword: str) -> str:
    """A tag as it is written in the standard.

    >>> element("PatientID")
    '(0010,0020)'
    """
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _items(value: Any) -> list[Dataset]:
    if not isinstance(value, Sequence):
        raise TypeError("no sequence")
    return list(value)
