"""What the reading process hands on: elements without anything that may be read, and marks."""

from typing import NamedTuple

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
