"""FASTA files: a line '>name description', then lines of bases, until the next.

Of the description only what says a label is read; the rest is free text and is not kept.
"""

import re
from collections.abc import Iterable, Iterator

from medplatform.modalities.genomics.sequences.alphabet import MAX_BASES
from medplatform.modalities.genomics.sequences.records import Delivered, Label, Record
from medplatform.modalities.text import Bad, Line, TextLines

HEADER = b">"
COMMENT = b";"
_SAID = re.compile(r"(?:^|[\s|;])(label|class|split|task)[=:]([^\s|;]+)", re.IGNORECASE)
_PARTS = ("train", "training", "validation", "valid", "val", "test", "testing")


class FastaFile:
    """The records of a FASTA file."""

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines

    def records(self) -> Iterator[Delivered]:
        """One record per header, and one of what stands before the first."""
        header: Line | None = None
        bases = bytearray()
        for line in _meaningful(self._lines):
            if line.text.startswith(HEADER):
                if header is not None:
                    yield _record(header, bytes(bases), is_cut=False)
                header, bases = line, bytearray()
                continue
            header = header or line
            if len(bases) <= MAX_BASES:
                bases += b"".join(line.text.split())
        if header is not None:
            yield _record(header, bytes(bases), is_cut=self._lines.failure is not None)


def begins_with_header(lines: Iterable[Line]) -> bool:
    """Whether the first line that says anything is a header; true of an empty file."""
    first = next(_meaningful(lines), None)
    return first is None or first.text.startswith(HEADER)


def read_header(text: str) -> tuple[str, Label]:
    """The name of a sequence and its label.

    The label stands in the description as `label=1` (or `class`, `split`, `task`), or between bars
    in the name with the part of the data set behind it: `name|1|training`, as iLearn writes it.
    """
    name, _, description = text.strip().partition(" ")
    parts = name.split("|")
    if len(parts) == 3 and parts[2].lower() in _PARTS:
        return parts[0], Label(parts[1] or None, parts[2])
    said = {key.lower(): value for key, value in _SAID.findall(description)}
    label = said.get("label", said.get("class"))
    return name, Label(label, said.get("split"), said.get("task"))


def _record(header: Line, bases: bytes, *, is_cut: bool) -> Delivered:
    number, offset, text, _ = header
    if is_cut:
        return Bad(number, offset, "record.cut")
    if not text.startswith(HEADER):
        return Bad(number, offset, "fasta.no_header")
    try:
        name, label = read_header(text[1:].replace(b"\t", b" ").decode())
    except UnicodeDecodeError:
        return Bad(number, offset, "record.encoding")
    return Record(number, offset, name, bases, label)


def _meaningful(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines that are neither empty nor comments of the first FASTA programs."""
    return (
        line for line in lines if line.text.strip() and not line.text.lstrip().startswith(COMMENT)
    )
