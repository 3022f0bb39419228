"""Which elements the resources of one type really have: the part of FHIR that needs a column.

FHIR defines thousands of elements per type, most of which never occur, and recursive ones. The
shape of a type grows with what is delivered; every element in it is typed by its definition, and
stands in FHIR's order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from medplatform.modalities.ehr.definitions import ElementDefinition, Release, elements_of

INTEGERS = frozenset({"integer", "integer64", "positiveInt", "unsignedInt"})
_ARROW = {"boolean": pa.bool_(), **dict.fromkeys(INTEGERS, pa.int64())}


MAX_LEVELS = 100
"""Of elements within elements. The deepest of HL7's examples have 13; JSON writers and Python's
stack end between this and 130."""


class UnknownElement(ValueError):
    """FHIR does not define an element; the message is the type that it stands in."""


class TooDeep(ValueError):
    """Elements stand in one another more than `MAX_LEVELS` deep."""


@dataclass(slots=True)
class Shape:
    """An element that occurs, and those in it that occur, by JSON name.

    The root has the definition of its resource type (`name` and `type` are the type's name).
    """

    definition: ElementDefinition
    children: dict[str, "Shape"] = field(default_factory=dict)

    @classmethod
    def root(cls, resource_type: str) -> "Shape":
        """An empty shape of a resource type."""
        return cls(ElementDefinition(resource_type, resource_type, is_list=False))

    def grow(self, content: Mapping[str, Any], release: Release, level: int = 1) -> None:
        """Add the elements of a parsed resource or element.

        Raises
        ------
        UnknownElement
            FHIR does not define such an element here.
        TooDeep
            There are more levels of elements than can be stored.
        """
        definitions = self._definitions(release, level)
        for name, value in content.items():
            if value is None or _is_type(name, definitions):
                continue
            child = self.children.get(name) or self._add(name, definitions)
            if not child.definition.is_primitive:
                for item in value if child.definition.is_list else (value,):
                    if item is not None:
                        child.grow(item, release, level + 1)

    def grow_names(self, fields: Iterable[pa.Field], release: Release, level: int = 1) -> None:
        """Add the elements that an Arrow struct names, whatever it takes their types for.

        Raises
        ------
        UnknownElement
            FHIR does not define such an element here.
        TooDeep
            There are more levels of elements than can be stored.
        """
        definitions = self._definitions(release, level)
        for column in fields:
            if _is_type(column.name, definitions):
                continue
            child = self.children.get(column.name) or self._add(column.name, definitions)
            content = column.type
            if pa.types.is_list(content):
                content = content.value_type
            if pa.types.is_struct(content):
                child.grow_names(content, release, level + 1)

    def _definitions(self, release: Release, level: int) -> Mapping[str, ElementDefinition]:
        if level > MAX_LEVELS:
            raise TooDeep(f"more than {MAX_LEVELS} levels")
        return elements_of(self.definition.type, release)

    def _add(self, name: str, definitions: Mapping[str, ElementDefinition]) -> "Shape":
        """A new child, put where FHIR defines it, whatever came first."""
        if name not in definitions:
            raise UnknownElement(self.definition.type)
        self.children[name] = Shape(definitions[name])
        self.children = {n: self.children[n] for n in definitions if n in self.children}
        return self.children[name]

    def leaves(self, path: str = "") -> Iterator[tuple[str, "Shape"]]:
        """The primitive elements with their paths, such as `Observation.code.coding.system`."""
        path = f"{path}.{self.definition.name}" if path else self.definition.name
        if self.definition.is_primitive:
            yield path, self
        for child in self.children.values():
            yield from child.leaves(path)

    def raw_type(self) -> pa.DataType:
        """The Arrow type of what is parsed; decimals are the text that was delivered."""
        if self.definition.is_primitive:
            element = _ARROW.get(self.definition.type, pa.string())
        else:
            fields = [pa.field(name, child.raw_type()) for name, child in self.children.items()]
            element = pa.struct(fields)
        return pa.list_(element) if self.definition.is_list else element


def _is_type(name: str, definitions: Mapping[str, ElementDefinition]) -> bool:
    """Whether a name is that of the type of a resource, rather than of an element."""
    return name == "resourceType" and name not in definitions
