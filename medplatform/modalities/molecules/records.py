"""What a file of molecules is read into, whatever its format: records, one after the other."""

from dataclasses import dataclass
from typing import NamedTuple

from medplatform.modalities.molecules.values import Value
from medplatform.modalities.text import Bad, Blank

MAX_NAME_CHARACTERS = 200


class Structure(NamedTuple):
    """A structure as delivered: SMILES (with CXSMILES extensions), or a molfile."""

    text: str
    is_molfile: bool = False


class Place(NamedTuple):
    """Where a value stands: a column of a table, or a property of a record of an SDF file.

    `number` is what a remark names: that of the column, or of the property within its record.
    `column` is the same in all records of the file: that number, or the name of the property.
    """

    number: int
    column: int | str


class Measured(NamedTuple):
    """A value of an assay."""

    assay: str
    value: Value
    unit: str | None
    place: Place


Remark = tuple[str, int | None]
"""A code, and the number of the column or property that it concerns.

A number and no name: what a sender calls a column or property may be the name of a person.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A record: where it stands, its structure, and what is said of it.

    `number` is that of the line, in SDF files that of the molecule. `too_long` is where texts
    stand for which a value was left out.
    """

    number: int
    offset: int
    structure: Structure
    name: str | None = None
    split: str | None = None
    values: tuple[Measured, ...] = ()
    too_long: tuple[Place, ...] = ()
    remarks: tuple[Remark, ...] = ()


Delivered = Record | Bad | Blank


def clip(name: str | None) -> tuple[str | None, tuple[Remark, ...]]:
    """A name, None where it is empty or a text, and the remark on that."""
    name = (name or "").strip()
    if len(name) > MAX_NAME_CHARACTERS:
        return None, (("molecule.name_too_long", None),)
    return name or None, ()
