"""Parsed resources as an Arrow table: the columns are the elements that occur in them.

A decimal becomes a double and, beside it, its text; so what a caller parsed exactly (`Decimal`)
stays exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from medplatform.views.error import ViewError
from medplatform.views.schema import TEXT_SUFFIX

_JSON_NAMES = {True: "true", False: "false"}


@dataclass(slots=True)
class _Shape:
    """What occurs in one place: scalars of some Python types, or elements; whether in lists."""

    scalars: set[type] = field(default_factory=set)
    elements: "dict[str, _Shape]" = field(default_factory=dict)
    is_list: bool = False

    def grow(self, value: Any, path: str) -> None:
        if isinstance(value, list | tuple):
            self.is_list = True
            for item in value:
                if item is not None:
                    self.grow(item, path)
        elif isinstance(value, Mapping):
            for name, child in value.items():
                if child is not None:
                    self.elements.setdefault(name, _Shape()).grow(child, f"{path}.{name}")
        else:
            self.scalars.add(type(value))
        if self.scalars and self.elements:
            raise ViewError("", f"{path} is an object in one resource, and a primitive in another")

    @property
    def is_empty(self) -> bool:
        """Whether only empty lists and objects occur."""
        return not self.scalars and all(shape.is_empty for shape in self.elements.values())

    @property
    def is_decimal(self) -> bool:
        """Whether it is a number, somewhere with a fraction."""
        return self.scalars <= {int, float, Decimal} and bool(self.scalars - {int})

    def fields(self) -> list[pa.Field]:
        """The elements as Arrow fields, and the text of each decimal."""
        fields: list[pa.Field] = []
        for name, shape in self.elements.items():
            if shape.is_empty:
                continue
            fields.append(pa.field(name, shape.listed(shape.item_type())))
            if shape.is_decimal:
                fields.append(pa.field(f"{name}{TEXT_SUFFIX}", shape.listed(pa.string())))
        return fields

    def item_type(self) -> pa.DataType:
        if self.elements:
            return pa.struct(self.fields())
        if self.scalars == {bool}:
            return pa.bool_()
        if self.scalars == {int}:
            return pa.int64()
        return pa.float64() if self.is_decimal else pa.string()

    def listed(self, item: pa.DataType) -> pa.DataType:
        return pa.list_(item) if self.is_list else item

    def convert(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """An object as Arrow takes it."""
        row: dict[str, Any] = {}
        for name, shape in self.elements.items():
            value = content.get(name)
            if value is None or shape.is_empty:
                continue
            values = list(value) if isinstance(value, list | tuple) else [value]
            row[name] = shape.typed([shape.value(item) for item in values])
            if shape.is_decimal:
                row[f"{name}{TEXT_SUFFIX}"] = shape.typed([_text(item) for item in values])
        return row

    def typed(self, values: list[Any]) -> Any:
        return values if self.is_list else values[0]

    def value(self, item: Any) -> Any:
        if item is None or self.elements:
            return item and self.convert(item)
        if self.is_decimal:
            return float(item)
        return _text(item) if len(self.scalars) > 1 else item


def _text(item: Any) -> str | None:
    if item is None:
        return None
    return _JSON_NAMES[item] if isinstance(item, bool) else str(item)


def to_arrow(resources: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The resources as a table with one row each.

    Raises
    ------
    ViewError
        An element is an object in one resource and a primitive in another.
    """
    shape = _Shape()
    for resource in resources:
        shape.grow(resource, "resource")
    fields = shape.fields() or [pa.field("resourceType", pa.string())]
    rows = [shape.convert(resource) for resource in resources]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))
