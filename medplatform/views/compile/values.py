"""The collections of FHIRPath as SQL expressions, and how to get from one to its parts.

A collection that can have one item at most is a nullable value; any other is a list without
nulls (the list itself may be null where it is empty).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import TypeAlias

from medplatform.modalities.ehr.definitions import PRIMITIVES, Release
from medplatform.views.error import ViewError, raised_in_sql
from medplatform.views.schema import (
    BOOLEAN,
    EXACT_DECIMAL,
    HIDDEN_MARK,
    INTEGER,
    TEXT,
    TEXT_SUFFIX,
    Complex,
    DefinedStruct,
    Kind,
    Node,
    Repeated,
    Scalar,
    definitions_of,
    literal,
    quote,
)


@dataclass(frozen=True, slots=True)
class FhirType:
    """A FHIR type, or the element of one: resolved from FHIR's definitions when asked."""

    anchor: str
    fields: tuple[str, ...] = ()
    release: Release = Release.R4B

    def child(self, name: str) -> "FhirType":
        """The type of an element of this."""
        return FhirType(self.anchor, (*self.fields, name), self.release)

    def resolve(self) -> str | None:
        """Its name, such as `dateTime`; None where FHIR does not define the element."""
        return _resolve(self.anchor, self.fields, self.release)


@cache
def _resolve(anchor: str, fields: tuple[str, ...], release: Release) -> str | None:
    name = anchor
    for element in fields:
        definition = definitions_of(name, release).get(element)
        if definition is None:
            return None
        name = definition.type
    return name


class Names:
    """Names of lambda parameters that are used once."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def new(self, prefix: str = "e") -> str:
        """Another name."""
        return f"{prefix}{next(self._numbers)}"


@dataclass(frozen=True, slots=True)
class Nothing:
    """The empty collection, known as such before any row is read."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items of one type.

    `parent` is the element and the name that these came from, by which the extensions of
    primitives (`_birthDate`) are found.
    """

    sql: str
    node: Node
    is_list: bool = False
    type: FhirType | None = None
    parent: "tuple[Items | Root, str] | None" = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Root:
    """The resource: its elements are columns of the relation `alias`, where `guard` is true."""

    alias: str
    schema: Complex
    type: FhirType
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An element of several types (`value[x]`), by type as in its JSON name: `Quantity`."""

    variants: dict[str, "Items"]


Value: TypeAlias = Nothing | Items | Root | Choice


def boolean(sql: str) -> Items:
    """A truth value."""
    return Items(sql, BOOLEAN, type=FhirType("boolean"))


def integer(sql: str) -> Items:
    """A whole number."""
    return Items(sql, INTEGER, type=FhirType("integer"))


def text(sql: str, type_name: str = "string") -> Items:
    """A text of some FHIR type."""
    return Items(sql, TEXT, type=FhirType(type_name))


def as_list(items: Items, names: Names) -> str:
    """The items as a list, whatever their number."""
    if items.is_list:
        return items.sql
    name = names.new()
    return f"list_filter([{items.sql}], lambda {name}: {name} IS NOT NULL)"


def size(items: Items) -> str:
    """How many there are."""
    if items.is_list:
        return f"coalesce(len({items.sql}), 0)"
    return f"CASE WHEN {items.sql} IS NULL THEN 0 ELSE 1 END"


def single(items: Items, element: str) -> Items:
    """The only item; an error when the statement runs, where there are several."""
    if not items.is_list:
        return items
    error = raised_in_sql(element, "several values where one is expected")
    sql = f"CASE WHEN len({items.sql}) > 1 THEN {error} ELSE ({items.sql})[1] END"
    return Items(sql, items.node, type=items.type)


def per_item(items: Items, names: Names, body: Callable[[Items], Items]) -> Items:
    """What `body` gives for each item, one after the other."""
    if not items.is_list:
        return body(items)
    name = names.new()
    result = body(Items(name, items.node, type=items.type))
    sql = f"list_transform({items.sql}, lambda {name}: {result.sql})"
    if result.is_list:
        sql = f"flatten({sql})"
    else:
        other = names.new()
        sql = f"list_filter({sql}, lambda {other}: {other} IS NOT NULL)"
    return Items(sql, result.node, is_list=True, type=result.type)


def member(value: Value, name: str, names: Names, element: str) -> Value:
    """The element `name` of a value; a name without its type (`value`) gives a choice.

    Raises
    ------
    ViewError
        FHIR defines no such element (told only over definitions), or it is of several types.
    """
    found = _find(value, name, names, element)
    node = value.schema if isinstance(value, Root) else getattr(value, "node", None)
    if isinstance(found, Nothing) and isinstance(node, DefinedStruct) and node.names():
        raise ViewError(element, f"FHIR defines no element {name} in {node.type}")
    return found


def _find(value: Value, name: str, names: Names, element: str) -> Value:
    if isinstance(value, Nothing):
        return value
    if isinstance(value, Choice):
        found = [_find(variant, name, names, element) for variant in value.variants.values()]
        return only(found, names, element)
    node = value.schema if isinstance(value, Root) else value.node
    if isinstance(node, Scalar | Repeated):
        return _of_primitive(value, name, names, element)
    if HIDDEN_MARK in name:
        return Nothing()
    if node.field(name) is not None:
        return _field(value, node, name, names)
    release = value.type.release if value.type else Release.R4B
    variants: dict[str, Items] = {}
    for field_name in node.names():
        suffix = field_name.removeprefix(name)
        if suffix != field_name and suffix in CHOICE_TYPES:
            variant = _field(value, node, field_name, names)
            origin = FhirType(CHOICE_TYPES[suffix], release=release)
            variants[suffix] = replace(variant, type=origin)
    return Choice(variants) if variants else Nothing()


def only(values: Sequence[Value], names: Names, element: str) -> Value:
    """Several values of one type as one.

    Raises
    ------
    ViewError
        They are of several types.
    """
    filled = [value for value in values if not isinstance(value, Nothing)]
    if not filled:
        return Nothing()
    alike = [value for value in filled if isinstance(value, Items)]
    types = {value.node.sql_type() for value in alike}
    if len(filled) == 1:
        return filled[0]
    if len(alike) < len(filled) or len(types) > 1:
        raise ViewError(element, "the element has several types; choose one with ofType()")
    if any(value.is_list for value in alike):
        sql = f"list_concat({', '.join(as_list(value, names) for value in alike)})"
        return replace(alike[0], sql=sql, is_list=True, parent=None)
    return replace(alike[0], sql=f"coalesce({', '.join(v.sql for v in alike)})", parent=None)


def _of_primitive(value: Value, name: str, names: Names, element: str) -> Value:
    """The id or the extensions of a primitive, which JSON keeps in a sibling (`_birthDate`)."""
    if not isinstance(value, Items) or value.parent is None or name not in ("id", "extension"):
        return Nothing()
    parent, own_name = value.parent
    return member(member(parent, f"_{own_name}", names, element), name, names, element)


def _field(value: "Items | Root", node: Complex, name: str, names: Names) -> Items:
    child = node.field(name)
    assert child is not None
    origin = value.type.child(name) if value.type else None
    exact = f"{name}{TEXT_SUFFIX}"
    scalar = child.item if isinstance(child, Repeated) else child
    stored = name
    if isinstance(scalar, Scalar) and scalar.kind is Kind.DECIMAL and exact in node.names():
        child = Repeated(EXACT_DECIMAL) if isinstance(child, Repeated) else EXACT_DECIMAL
        stored = exact
    return _fetch(value, child, stored, origin, (value, name), names)


def _fetch(
    value: "Items | Root",
    child: Node,
    stored: str,
    origin: FhirType | None,
    parent: "tuple[Items | Root, str]",
    names: Names,
) -> Items:
    def from_item(item: "Items | Root") -> Items:
        if isinstance(item, Root):
            sql = f"{item.alias}.{quote(stored)}"
            sql = f"CASE WHEN {item.guard} THEN {sql} END" if item.guard else sql
        else:
            sql = f"struct_extract({item.sql}, {literal(stored)})"
        if not isinstance(child, Repeated):
            return Items(sql, child, type=origin)
        if isinstance(child.item, Scalar):
            name = names.new()
            sql = f"list_filter({sql}, lambda {name}: {name} IS NOT NULL)"
        return Items(sql, child.item, is_list=True, type=origin)

    result = from_item(value) if isinstance(value, Root) else per_item(value, names, from_item)
    return Items(result.sql, result.node, result.is_list, origin, parent)


_DATATYPES = (
    *("Address", "Age", "Annotation", "Attachment", "Availability", "CodeableConcept"),
    *("CodeableReference", "Coding", "ContactDetail", "ContactPoint", "Contributor", "Count"),
    *("DataRequirement", "Distance", "Dosage", "Duration", "Expression", "ExtendedContactDetail"),
    *("HumanName", "Identifier", "Meta", "Money", "ParameterDefinition", "Period", "Quantity"),
    *("Range", "Ratio", "RatioRange", "Reference", "RelatedArtifact", "SampledData", "Signature"),
    *("Timing", "TriggerDefinition", "UsageContext"),
)
CHOICE_TYPES = {name[0].upper() + name[1:]: name for name in (*PRIMITIVES, *_DATATYPES)}
"""FHIR types by how they end the name of a choice element: `DateTime` is `dateTime`."""
