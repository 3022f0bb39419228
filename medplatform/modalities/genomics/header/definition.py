"""How a VCF file types the values of one INFO or FORMAT key: its ##INFO or ##FORMAT line."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import pyarrow as pa

Type = Literal["Integer", "Float", "Flag", "Character", "String"]
Count = Literal["A", "R", "G", "P", "LA", "LR", "LG", "M", "."]
"""Numbers that are not fixed: VCF 4.5, section 1.4.2; P, LA, LR, LG and M are of FORMAT only."""

TYPES: frozenset[str] = frozenset(get_args(Type))
COUNTS: frozenset[str] = frozenset(get_args(Count))

_ARROW: dict[Type, pa.DataType] = {
    "Integer": pa.int32(),
    # VCF gives floats the precision of IEEE 32 bits (VCF 4.3, section 1.3), but text holds more
    # digits, and 1686840.00 must not come back as 1686839.9.
    "Float": pa.float64(),
    "Flag": pa.bool_(),
    "Character": pa.string(),
    "String": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What the header says of a key.

    `description` is never stored: it names the parts of annotations (CSQ, ANN), and may hold text
    of any kind.
    """

    id: str
    number: int | Count
    type: Type
    description: str = ""

    @property
    def is_scalar(self) -> bool:
        """Whether a cell holds one value and not a list."""
        return self.type == "Flag" or self.number == 1

    @property
    def value_type(self) -> pa.DataType:
        """The Arrow type of one value."""
        return _ARROW[self.type]

    @property
    def dtype(self) -> pa.DataType:
        """The Arrow type of a cell."""
        return self.value_type if self.is_scalar else pa.list_(self.value_type)


def parse_number(text: str) -> int | Count | None:
    """The value of Number; None where it is not one."""
    if text in COUNTS:
        return cast(Count, text)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def parse_type(text: str) -> Type | None:
    """The value of Type; None where it is not one."""
    return cast(Type, text) if text in TYPES else None
