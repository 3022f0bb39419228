"""What a file of sequences is read into, whatever its format."""

from typing import NamedTuple

from medplatform.modalities.text import Bad, Blank

MAX_CLASS_CHARACTERS = 64


class Label(NamedTuple):
    """What is said of a sequence, as delivered."""

    label: str | None = None
    split: str | None = None
    task: str | None = None


class Record(NamedTuple):
    """A sequence without blanks. `number` is that of the line in which the record begins."""

    number: int
    offset: int
    name: str
    text: bytes
    label: Label


Delivered = Record | Bad | Blank
