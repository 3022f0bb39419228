"""From the JSON of a ViewDefinition to a `View`; every fault is named with its place."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from medplatform.views.definition import Column, Path, Select, View
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import Call, Literal, SyntaxFault, Variable, parse, walk
from medplatform.views.fhirpath.signatures import ENVIRONMENT, FUNCTIONS

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPE_PREFIX = "http://hl7.org/fhir/StructureDefinition/"
_ITERATIONS = ("forEach", "forEachOrNull", "repeat")
_BACKBONE = frozenset({"id", "extension", "modifierExtension", "description"})
_SELECT_KEYS = _BACKBONE | {"column", "select", "unionAll", *_ITERATIONS}
_COLUMN_KEYS = _BACKBONE | {"name", "path", "type", "collection", "tag", "tags"}
_STATUSES = ("draft", "active", "retired", "unknown")

_TEXT_TYPES = ("base64Binary", "canonical", "code", "id", "oid", "string", "uri", "url", "uuid")
_CONSTANT_TYPES: Mapping[str, str] = {
    **dict.fromkeys(_TEXT_TYPES, "string"),
    "boolean": "boolean",
    "date": "date",
    "dateTime": "datetime",
    "instant": "datetime",
    "time": "time",
    "decimal": "decimal",
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), "integer"),
}
_CONSTANT_KEYS = {f"value{name[0].upper()}{name[1:]}": name for name in _CONSTANT_TYPES}

_Item = TypeVar("_Item")


def parse_view(document: Mapping[str, Any]) -> View:
    """Check a ViewDefinition and give its model.

    Raises
    ------
    ViewError
        It is invalid; `element` says where.
    """
    if not isinstance(document, Mapping):
        raise ViewError("", "a ViewDefinition is a JSON object")
    node = _Node(document, "", frozenset())
    if document.get("resourceType", "ViewDefinition") != "ViewDefinition":
        raise ViewError("resourceType", "expected ViewDefinition")
    if node.text("status") not in (None, *_STATUSES):
        raise ViewError("status", f"expected one of {', '.join(_STATUSES)}")
    if (name := node.text("name")) is not None:
        _check_name(name, "name")
    constants = dict(node.objects("constant", _constant))
    if len(constants) < len(document.get("constant") or ()):
        raise ViewError("constant", "two constants have the same name")
    view = _with_constants(node, constants)
    _check_columns(view)
    return view


def _with_constants(node: "_Node", constants: Mapping[str, Literal]) -> View:
    known = frozenset(constants)
    node = _Node(node.content, "", known)
    selects = node.objects("select", _select)
    if not selects:
        raise ViewError("select", "a view needs at least one select")
    versions = node.content.get("fhirVersion") or ()
    return View(
        resource=_resource_type(node),
        selects=tuple(selects),
        name=node.text("name"),
        title=node.text("title"),
        description=node.text("description"),
        status=node.text("status"),
        url=node.text("url"),
        version=node.text("version"),
        fhir_versions=(versions,) if isinstance(versions, str) else tuple(versions),
        constants=constants,
        where=tuple(node.objects("where", lambda where: where.path("path"))),
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """A JSON object of the view, where it is, and which constants its expressions may use."""

    content: Mapping[str, Any]
    element: str
    constants: frozenset[str]

    def at(self, key: str) -> str:
        return f"{self.element}.{key}" if self.element else key

    def check_keys(self, known: frozenset[str]) -> None:
        for key in self.content:
            if key not in known and not key.startswith("_"):
                names = ", ".join(sorted(known - _BACKBONE))
                raise ViewError(self.at(key), f"no such property here; there are {names}")

    def text(self, key: str, *, required: bool = False) -> str | None:
        value = self.content.get(key)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip():
            raise ViewError(self.at(key), "is missing" if value is None else "expected a string")
        return value

    def flag(self, key: str) -> bool:
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise ViewError(self.at(key), "expected true or false")
        return value

    def array(self, key: str) -> Sequence[Any]:
        value = self.content.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise ViewError(self.at(key), "expected a list")
        return value

    def objects(self, key: str, read: "Callable[[_Node], _Item]") -> list[_Item]:
        nodes: list[_Item] = []
        for number, value in enumerate(self.array(key)):
            element = f"{self.at(key)}[{number}]"
            if not isinstance(value, Mapping):
                raise ViewError(element, "expected an object")
            nodes.append(read(_Node(value, element, self.constants)))
        return nodes

    def path(self, key: str) -> Path:
        return self.expression(self.text(key, required=True) or "", self.at(key))

    def expression(self, text: str, element: str) -> Path:
        try:
            expression = parse(text)
        except SyntaxFault as fault:
            raise ViewError(element, f"not a FHIRPath expression: {fault}") from None
        for part in walk(expression):
            if isinstance(part, Call):
                _check_call(part, element)
            if isinstance(part, Variable) and part.name not in self.constants | ENVIRONMENT:
                raise ViewError(element, f"no constant is named {part.name}")
        return Path(text, expression, element)


def _resource_type(node: _Node) -> str:
    name = node.text("resource", required=True) or ""
    if not re.fullmatch(r"[A-Z][A-Za-z]+", name):
        raise ViewError("resource", "expected the name of a resource type, such as Patient")
    return name


def _check_call(call: Call, element: str) -> None:
    arity = FUNCTIONS.get(call.name)
    if arity is None:
        raise ViewError(element, f"there is no function {call.name}(); it may not be supported")
    if not arity.least <= len(call.arguments) <= arity.most:
        count = " or ".join(str(n) for n in sorted(set(arity)))
        raise ViewError(element, f"{call.name}() takes {count} arguments")


def _check_name(name: str, element: str) -> None:
    if not _NAME.fullmatch(name):
        raise ViewError(
            element, "a name begins with a letter and has letters, digits and underscores only"
        )


def _constant(node: _Node) -> tuple[str, Literal]:
    name = node.text("name", required=True) or ""
    _check_name(name, node.at("name"))
    if name in ENVIRONMENT:
        raise ViewError(node.at("name"), f"%{name} is a variable of the environment")
    values = [key for key in node.content if key.startswith("value")]
    if len(values) != 1:
        raise ViewError(node.element, "a constant has exactly one value[x]")
    node.check_keys(_BACKBONE | {"name"} | _CONSTANT_KEYS.keys())
    key = values[0]
    text = _constant_text(node.content[key], _CONSTANT_TYPES[_CONSTANT_KEYS[key]])
    if text is None:
        raise ViewError(node.at(key), f"not a value of type {_CONSTANT_KEYS[key]}")
    return name, Literal(_CONSTANT_TYPES[_CONSTANT_KEYS[key]], text)


def _constant_text(value: object, type_name: str) -> str | None:
    """The text of a literal, or None where the JSON value is of another type."""
    if type_name == "boolean":
        return json.dumps(value) if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if type_name == "integer":
        return str(value) if re.fullmatch(r"-?\d+", str(value)) else None
    if type_name == "decimal":
        return str(value) if isinstance(value, int | float) else None
    return value if isinstance(value, str) else None


def _select(node: _Node) -> Select:
    node.check_keys(_SELECT_KEYS)
    used = [key for key in _ITERATIONS if node.content.get(key) is not None]
    if len(used) > 1:
        raise ViewError(node.element, f"{' and '.join(used)} exclude each other")
    select = Select(
        element=node.element,
        columns=tuple(node.objects("column", _column)),
        selects=tuple(node.objects("select", _select)),
        union=tuple(node.objects("unionAll", _select)),
        for_each=node.path("forEach") if "forEach" in used else None,
        for_each_or_null=node.path("forEachOrNull") if "forEachOrNull" in used else None,
        repeat=_repeat(node) if "repeat" in used else (),
    )
    if not (select.columns or select.selects or select.union):
        raise ViewError(node.element, "a select needs column, select or unionAll")
    return select


def _repeat(node: _Node) -> tuple[Path, ...]:
    texts = node.array("repeat")
    if not texts:
        raise ViewError(node.at("repeat"), "expected at least one path")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ViewError(f"{node.at('repeat')}[{number}]", "expected a string")
    return tuple(node.expression(text, f"{node.at('repeat')}[{i}]") for i, text in enumerate(texts))


def _column(node: _Node) -> Column:
    node.check_keys(_COLUMN_KEYS)
    name = node.text("name", required=True) or ""
    _check_name(name, node.at("name"))
    type_name = node.text("type")
    tags = node.objects("tag", _tag) + node.objects("tags", _tag)
    return Column(
        name=name,
        path=node.path("path"),
        type=type_name.removeprefix(_TYPE_PREFIX) if type_name else None,
        is_collection=node.flag("collection"),
        description=node.text("description"),
        tags=dict(tags),
    )


def _tag(node: _Node) -> tuple[str, str]:
    return node.text("name", required=True) or "", node.text("value", required=True) or ""


def _check_columns(view: View) -> None:
    taken: set[str] = set()
    for select in view.selects:
        _take_columns(select, taken)


def _take_columns(select: Select, taken: set[str]) -> None:
    for column in select.columns:
        if column.name.lower() in taken:
            raise ViewError(column.path.element, f"a second column is named {column.name}")
        taken.add(column.name.lower())
    for child in select.selects:
        _take_columns(child, taken)
    if not select.union:
        return
    expected = [column.name for column in select.union[0].all_columns()]
    for branch in select.union:
        branch_taken = set(taken)
        _take_columns(branch, branch_taken)
        if [column.name for column in branch.all_columns()] != expected:
            raise ViewError(
                branch.element,
                f"the branches of unionAll have the same columns in the same order: "
                f"{', '.join(expected)}",
            )
    taken.update(name.lower() for name in expected)
