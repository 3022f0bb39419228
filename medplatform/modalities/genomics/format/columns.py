"""Under which name and shape a FORMAT key becomes a column.

Files that define a key in another way than others must not keep a table from being read: one column
holds values or lists, texts or numbers, never both, and names never differ in case alone.
"""

from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.header.reserved import Reserved, reserved_format

PREFIX = "format_"
LATEST_VERSION = 5
_NUMBERS = frozenset({"Integer", "Float"})


def is_list(definition: Definition) -> bool:
    """Whether cells hold lists: so the header says, or VCF reserves the key for lists."""
    return not definition.is_scalar or _is_list_by_nature(_reserved(definition))


class ColumnNames:
    """Names the columns of one file."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def name(self, definition: Definition) -> str:
        """The column of a key.

        A key that VCF does not reserve for lists is named so where it has them, one that is
        reserved for numbers where it has texts; of keys that differ in case the later ones are
        numbered.
        """
        key = definition.id
        if key not in self._names:
            self._names[key] = self._free(f"{PREFIX}{key}{_suffix(definition)}")
        return self._names[key]

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free.casefold())
        return free


def _suffix(definition: Definition) -> str:
    reserved = _reserved(definition)
    is_number = reserved is not None and reserved.types[0] in _NUMBERS
    is_text = is_number and definition.type not in _NUMBERS
    has_lists = not definition.is_scalar and not _is_list_by_nature(reserved)
    return ("_text" if is_text else "") + ("_list" if has_lists else "")


def _reserved(definition: Definition) -> Reserved | None:
    return reserved_format(definition.id, LATEST_VERSION)


def _is_list_by_nature(reserved: Reserved | None) -> bool:
    return reserved is not None and reserved.number not in (0, 1)
