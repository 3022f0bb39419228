"""What a type of FHIR is made of, whatever it was read from (models or HL7's tables).

The accept filter is generated from these definitions and the structure check walks along them, so
that both see the same elements under the same names.
"""

from collections.abc import Callable
from dataclasses import dataclass

RESOURCE = "Resource"
"""The type of an element that holds any resource (contained, Bundle.entry.resource)."""
PRIMITIVE_EXTENSION = "FHIRPrimitiveExtension"
"""The type of `_birthDate`: id and extensions of a primitive element."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element by its name in JSON.

    `type` names a primitive, a `TypeDefinition`, or `RESOURCE`. `holds_nulls` allows null in a
    list, where it keeps the place of a value or extension (FHIR, JSON format, 2.6.2.3). `codes`
    are those that a required binding allows.
    """

    name: str
    type: str
    is_list: bool = False
    holds_nulls: bool = False
    codes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The elements that spell one `value[x]`; at most one of them may be present.

    `valueString` and `_valueString` are one, where both are among the names.
    """

    names: tuple[str, ...]
    is_required: bool


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A resource, a data type or the content of a backbone element."""

    name: str
    elements: dict[str, Element]
    required: frozenset[str]
    choices: tuple[Choice, ...]
    is_resource: bool


class Definitions:
    """The types of one release, each read when it is first asked for."""

    def __init__(self, *readers: Callable[[str], TypeDefinition | None]) -> None:
        self._readers = readers
        self._known: dict[str, TypeDefinition] = {}

    def find(self, name: str) -> TypeDefinition | None:
        """The type with this name; the first reader that knows it decides."""
        if name in self._known:
            return self._known[name]
        for read in self._readers:
            if definition := read(name):
                self._known[name] = definition
                return definition
        return None  # and not remembered: records may name any number of unknown types

    def resource(self, name: object) -> TypeDefinition | None:
        """The resource type with this name, if `name` is one."""
        definition = self.find(name) if isinstance(name, str) else None
        return definition if definition and definition.is_resource else None

    def type_of(self, element: Element) -> TypeDefinition:
        """The type of an element that is neither primitive nor any resource."""
        definition = self.find(element.type)
        if definition is None:
            raise LookupError(f"no definition of {element.type}")
        return definition
