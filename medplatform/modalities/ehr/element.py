"""Typed access to a parsed resource: every read knows its FHIRPath and checks the JSON type.

fhir.resources accepts some values of another JSON type (a decimal in quotes, JSON in a string);
here they are refused rather than converted. Numbers are read as the text that was delivered.
"""

from collections.abc import Mapping
from typing import Any

from medplatform.modalities.ehr.issue import refused


class Number(str):
    """A JSON number as the text that was delivered: 72.50 stays 72.50."""

    __slots__ = ()


class Element:
    """An object of a resource, or nothing: children of a missing element are missing too."""

    __slots__ = ("content", "path")

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        self.content = content
        self.path = path

    def __bool__(self) -> bool:
        return bool(self.content)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.content.get(name)
        if value is not None and type(value) is not str:
            raise self._wrong_type(name)
        return value

    def number(self, name: str) -> Number | None:
        """A number, as text."""
        value = self.content.get(name)
        if value is not None and type(value) is not Number:
            raise self._wrong_type(name)
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        value = self.content.get(name)
        if value is not None and type(value) is not bool:
            raise self._wrong_type(name)
        return value

    def child(self, name: str) -> "Element":
        """An object; an empty element where there is none."""
        value = self.content.get(name)
        if value is None:
            return Element({}, self.of(name))
        if type(value) is not dict:
            raise self._wrong_type(name)
        return Element(value, self.of(name))

    def children(self, name: str) -> list["Element"]:
        """The objects of a list."""
        values = self.content.get(name)
        if values is None:
            return []
        if type(values) is not list or any(type(value) is not dict for value in values):
            raise self._wrong_type(name)
        path = self.of(name)
        return [Element(value, f"{path}[{number}]") for number, value in enumerate(values)]

    def of(self, name: str) -> str:
        """FHIRPath of a child."""
        return f"{self.path}.{name}"

    def _wrong_type(self, name: str) -> Exception:
        return refused("value.wrong_type", self.of(name))
