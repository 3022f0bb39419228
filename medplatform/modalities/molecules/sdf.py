"""SDF files: molfiles (V2000 or V3000) with named properties, each ended by a line $$$$.

After a record that cannot be read, the next $$$$ is where reading goes on. See "CTFile Formats",
chapters 2 to 4 and 8 (BIOVIA 2020).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from medplatform.modalities.delimited import plain_name
from medplatform.modalities.molecules.columns import ID_NAMES, SPLIT_NAMES
from medplatform.modalities.molecules.lined import MAX_RECORD_BYTES
from medplatform.modalities.molecules.records import (
    Delivered,
    Measured,
    Place,
    Record,
    Remark,
    Structure,
    clip,
)
from medplatform.modalities.molecules.values import MAX_TEXT_CHARACTERS, parse_value, unit_of
from medplatform.modalities.options import DeliveryOptions
from medplatform.modalities.text import Bad, Blank, TextLines

END_OF_RECORD = b"$$$$"
END_OF_MOLFILE = "M  END"
_PROPERTY = re.compile(r">[^<]*<(?P<name>[^>]+)>")


class _Property(NamedTuple):
    """A property of a molecule; `number` counts those of its record."""

    number: int
    text: str


class SdfFile:
    """The records of an SDF file, or the one of a molfile."""

    place = "property"

    def __init__(self, lines: TextLines, options: DeliveryOptions) -> None:
        self._lines = lines
        self._options = options
        self.remarks: list[Remark] = []

    def records(self) -> Iterator[Delivered]:
        """One record per molecule, numbered from 1."""
        for number, (offset, texts, is_cut) in enumerate(_split(self._lines), 1):
            yield self._record(number, offset, texts, is_cut)

    def _record(self, number: int, offset: int, texts: list[bytes], is_cut: bool) -> Delivered:
        if is_cut:
            return Bad(number, offset, "record.cut")
        if not any(text.strip() for text in texts):
            return Blank(number)
        if sum(map(len, texts)) > MAX_RECORD_BYTES:
            return Bad(number, offset, "record.too_large")
        try:
            lines = [text.decode() for text in texts]
        except UnicodeDecodeError:
            return Bad(number, offset, "record.encoding")
        ends = [i for i, line in enumerate(lines) if line.rstrip() == END_OF_MOLFILE]
        if len(ends) != 1:
            return Bad(number, offset, "sdf.merged" if ends else "sdf.malformed")
        properties, repeated = _properties(lines[ends[0] + 1 :])
        molfile = "\n".join([*lines[: ends[0] + 1], ""])
        return self._described(number, offset, molfile, lines[0], properties, repeated)

    def _described(
        self,
        number: int,
        offset: int,
        molfile: str,
        title: str,
        properties: dict[str, _Property],
        repeated: list[int],
    ) -> Record:
        name, remarks = clip(self._name(properties) or title)
        remarks = (*remarks, *(("sdf.repeated_property", one) for one in repeated))
        split, values, too_long = None, [], []
        for key, (place, text) in properties.items():
            if plain_name(key) in SPLIT_NAMES:
                split = text[:MAX_TEXT_CHARACTERS] or None
            value = parse_value(text) if self._is_assay(key) else None
            if value is not None and len(value.text) > MAX_TEXT_CHARACTERS:
                too_long.append(Place(place, key))
            elif value is not None:
                values.append(Measured(key, value, unit_of(key), Place(place, key)))
        structure = Structure(molfile, is_molfile=True)
        return Record(
            number, offset, structure, name, split, tuple(values), tuple(too_long), remarks
        )

    def _name(self, properties: dict[str, _Property]) -> str | None:
        if self._options.id_column:
            found = properties.get(self._options.id_column)
            return found and found.text
        plain = {plain_name(key): one.text for key, one in reversed(properties.items())}
        return next((plain[name] for name in ID_NAMES if plain.get(name)), None)

    def _is_assay(self, key: str) -> bool:
        if self._options.assay_columns:
            return key in self._options.assay_columns
        plain = plain_name(key)
        is_structure = "smiles" in plain.split("_")
        return plain not in (*ID_NAMES, *SPLIT_NAMES) and not is_structure


def _split(lines: TextLines) -> Iterator[tuple[int, list[bytes], bool]]:
    """Offset and lines of each record, and whether the file breaks off within it.

    Lines beyond what a record may have are counted but not kept.
    """
    texts: list[bytes] = []
    size = start = 0
    is_open = False
    for line in lines:
        if not is_open:
            texts, size, start, is_open = [], 0, line.offset, True
        if line.text.rstrip() == END_OF_RECORD:
            yield start, texts, False
            is_open = False
            continue
        size += len(line.text) + 1
        if size <= MAX_RECORD_BYTES:
            texts.append(line.text)
        elif texts[-1:] != [_OVERFLOW]:
            texts.append(_OVERFLOW)
    if is_open and (lines.failure is not None or any(text.strip() for text in texts)):
        yield start, texts, lines.failure is not None


_OVERFLOW = b"-" * (MAX_RECORD_BYTES + 1)
"""Stands for the lines of a record that is too large."""


def _properties(lines: list[str]) -> tuple[dict[str, _Property], list[int]]:
    """The properties by name, and the numbers of those whose name occurred before."""
    texts: dict[str, tuple[int, list[str]]] = {}
    repeated: list[int] = []
    reading: list[str] | None = None
    number = 0
    for line in lines:
        if match := _PROPERTY.match(line):
            name = match["name"].strip()
            number += 1
            if name in texts:
                reading = None
                repeated.append(number)
            else:
                reading = []
                texts[name] = number, reading
        elif not line.strip():
            reading = None
        elif reading is not None:
            reading.append(line.strip())
    return {name: _Property(n, "\n".join(said)) for name, (n, said) in texts.items()}, repeated
