"""Columns are read again where, and only where, an element that they come from is another."""

from collections.abc import Iterable

from medplatform.modalities.imaging import remembered
from medplatform.modalities.imaging.elements import FlatElements
from medplatform.modalities.imaging.flatten import Element, SharedElement
from medplatform.modalities.imaging.records import Problem
from medplatform.modalities.imaging.remembered import Columns, Remembered
from medplatform.modalities.imaging.values import to_number

MODALITY = SharedElement("00080060", "CS", text=("MR",))
TILT = SharedElement("00181120", "DS", text=("5",), number=(5.0,))
BROKEN = SharedElement("00181120", "DS", text=("five",))
GROUPS = SharedElement("52009229", "SQ", number=(1,))


class Reading:
    """Reads the tilt of a gantry, and counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0
        self.remembered = Remembered(self._read)

    def _read(self, elements: FlatElements) -> Columns:
        self.times += 1
        group = elements.shared("GantryDetectorTilt", "CTAcquisitionDetailsSequence")
        return {"tilt": elements.read("GantryDetectorTilt", to_number, group)}

    def of(self, *elements: Element, problems: Iterable[Problem] = ()) -> Columns:
        found = FlatElements(elements)
        columns = self.remembered(found)
        assert found.problems == list(problems)
        return columns


def test_files_with_the_same_elements_are_read_once() -> None:
    reading = Reading()
    assert reading.of(MODALITY, TILT) == reading.of(TILT) == {"tilt": 5.0}
    assert reading.times == 1


def test_another_value_or_none_is_read() -> None:
    reading = Reading()
    other = SharedElement("00181120", "DS", text=("6",), number=(6.0,))
    assert [reading.of(TILT), reading.of(other), reading.of()] == [
        {"tilt": 5.0},
        {"tilt": 6.0},
        {"tilt": None},
    ]
    assert [reading.of(other), reading.of(), reading.of(TILT)] == [
        {"tilt": 6.0},
        {"tilt": None},
        {"tilt": 5.0},
    ]
    assert reading.times == 3


def test_what_only_some_files_are_asked_for_counts_for_all() -> None:
    """A functional group is looked into only where there is one."""
    reading = Reading()
    assert reading.of() == {"tilt": None}
    details = Element("52009229[0].00189304", "SQ", number=(1,))
    tilt = Element("52009229[0].00189304[0].00181120", "DS", text=("7",), number=(7.0,))
    assert reading.of(GROUPS, details, tilt) == {"tilt": 7.0}
    assert reading.of() == {"tilt": None}
    assert reading.of(GROUPS) == {"tilt": None}


def test_remarks_are_made_for_each_file() -> None:
    reading = Reading()
    problem = Problem("dicom.bad_value", "(0018,1120)")
    for _ in range(3):
        assert reading.of(BROKEN, problems=[problem]) == {"tilt": None}
    assert reading.times == 1


def test_an_element_that_files_do_not_share_is_read_each_time() -> None:
    reading = Reading()
    for value in (1.0, 2.0, 2.0):
        element = Element("00181120", "DS", text=(str(value),), number=(value,))
        assert reading.of(element) == {"tilt": value}
    assert reading.times == 3


def test_little_is_remembered() -> None:
    reading = Reading()
    for value in range(3 * remembered._MOST_REMEMBERED):
        reading.of(SharedElement("00181120", "DS", text=(str(value),), number=(float(value),)))
        assert len(reading.remembered._memories) <= remembered._MOST_REMEMBERED
