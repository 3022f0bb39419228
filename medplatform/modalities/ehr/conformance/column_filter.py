"""The accept filter for whole columns: which rows are certainly valid, without a look at each.

It asks what the schemas of `accept_filter` ask (known elements, required ones present, one element
of a choice, primitives by their narrow patterns, codes of required bindings) of columns that hold
nothing but the elements and JSON types of the definitions. A text that stands in many rows is
looked at once. What it does not accept is not wrong: it is judged by itself.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.conformance.definition import (
    PRIMITIVE_EXTENSION,
    RESOURCE,
    Definitions,
    Element,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES

_MODIFIERS = frozenset({"modifierExtension", "implicitRules"})
"""They may change what a resource means, which is not decided here."""
_DECIMAL = r"^-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?$"
"""Decimals come as text. JSON has exponents and more digits too; few resources do."""


def find_suspects(
    content: pa.StructArray, definition: TypeDefinition, definitions: Definitions
) -> np.ndarray:
    """Which rows are not certainly valid, or hold resources or modifiers (bool, one per row).

    Parameters
    ----------
    content
        Resources of one type in columns, decimals as text, without `resourceType`.
    definition, definitions
        What the type is made of, and the types in it.
    """
    check = _Check(definitions, np.zeros(len(content), dtype=bool))
    check.elements(content, definition, np.arange(len(content)))
    return check.suspects


class _Check:
    """One way through the columns; `rows` are always those that the items of an array stand in."""

    def __init__(self, definitions: Definitions, suspects: np.ndarray) -> None:
        self.suspects = suspects
        self._definitions = definitions

    def elements(self, array: pa.Array, definition: TypeDefinition, rows: np.ndarray) -> None:
        """Look at everything in elements of one type; null ones are not there."""
        if not isinstance(array, pa.StructArray):
            self.suspects[rows] = True
            return
        if array.null_count:
            is_there = array.is_valid()
            array, rows = array.filter(is_there), rows[_numpy(is_there)]
        if len(array) == 0:
            return
        present: dict[str, np.ndarray] = {}
        for number, field in enumerate(array.type):
            child = array.field(number)
            present[field.name] = _numpy(child.is_valid())
            element = definition.elements.get(field.name)
            if element is None or element.type == RESOURCE or field.name in _MODIFIERS:
                self.suspects[rows[present[field.name]]] = True
            else:
                self._element(child, element, rows)
        self.suspects[rows[~_is_complete(definition, present, len(array))]] = True

    def _element(self, array: pa.Array, element: Element, rows: np.ndarray) -> None:
        if isinstance(array, pa.ListArray) != element.is_list:
            self.suspects[rows] = True
            return
        if isinstance(array, pa.ListArray):
            lengths = array.value_lengths().fill_null(0)
            array, rows = array.flatten(), np.repeat(rows, _numpy(lengths))
            if array.null_count:
                self.suspects[rows[_numpy(array.is_null())]] = True
        if element.type in PRIMITIVES:
            self._values(array, element, rows)
        else:
            self.elements(array, self._definitions.type_of(element), rows)

    def _values(self, array: pa.Array, element: Element, rows: np.ndarray) -> None:
        if array.null_count == len(array):
            return
        values = array.unique()
        is_good = _is_good(values, element)
        if not pc.all(is_good, min_count=0).as_py():
            bad = pc.is_in(array, values.filter(pc.invert(is_good)))
            self.suspects[rows[_numpy(bad)]] = True


def _is_complete(
    definition: TypeDefinition, present: Mapping[str, np.ndarray], size: int
) -> np.ndarray:
    """Where the required elements are there, and of each choice as many as may be."""
    nowhere = np.zeros(size, dtype=bool)
    good = np.ones(size, dtype=bool)
    for name in definition.required:
        good &= present.get(name, nowhere)
    for choice in definition.choices:
        number = sum((present[name].astype(np.int8) for name in choice.names if name in present), 0)
        good &= (number == 1) | (number == (1 if choice.is_required else 0))
    if definition.name == PRIMITIVE_EXTENSION:
        good &= np.logical_or.reduce([nowhere, *present.values()])
    return good


def _is_good(values: pa.Array, element: Element) -> pa.Array:
    """Which values are certainly valid; null, which stands for no value, always is."""
    schema = PRIMITIVES[element.type].schema
    nothing = values.is_null()
    if element.codes is not None:
        good = pc.is_in(values, pa.array(sorted(element.codes)))
    elif element.type == "decimal":
        good = pc.match_substring_regex(values, _DECIMAL)
    elif "pattern" in schema:
        good = pc.match_substring_regex(values, schema["pattern"])
    elif "minimum" in schema:
        at_least = pc.greater_equal(values, schema["minimum"])
        good = pc.and_(at_least, pc.less_equal(values, schema["maximum"]))
    else:
        good = pa.array(np.full(len(values), schema.get("type") in ("string", "boolean")))
    return pc.or_(nothing, good.fill_null(False))


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
