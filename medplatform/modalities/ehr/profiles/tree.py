"""A profile as one tree of element definitions: base, then each differential laid over it.

A slice of a choice that stands for one type (`value[x]:valueQuantity`, or the short form
`valueQuantity`) becomes a child of its own with that JSON name; every other slice hangs below the
element that it slices. FHIR R4, ElementDefinition 2.26 and Profiling 5.1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from medplatform.modalities.ehr.profiles.base import CORE, find_model, type_code, type_suffix
from medplatform.modalities.ehr.profiles.issue import Gap, ProfileError
from medplatform.modalities.ehr.profiles.package import Package

UNBOUNDED = "*"
_CHOICE = "[x]"
_NOT_CHECKED = ("minValue", "maxValue")


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One allowed type: its code, profiles of the value, profiles of a reference's target."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """A FHIRPath invariant."""

    key: str
    severity: str
    expression: str


@dataclass(frozen=True, slots=True)
class Slicing:
    """How slices are told apart: (type, path) of each discriminator, and the rules."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str = "open"
    ordered: bool = False


@dataclass(slots=True)
class Node:
    """What a profile says of one element; None and empty where it says nothing.

    `segment` is the part of the element id (`value[x]`, `component`), `type_code` the type that a
    typed child of a choice stands for. `fixed` and `pattern` are one-element tuples.
    """

    key: str
    segment: str
    slice_name: str = ""
    type_code: str = ""
    min: int | None = None
    max: str | None = None
    types: tuple[TypeRule, ...] = ()
    fixed: tuple[Any] | None = None
    pattern: tuple[Any] | None = None
    value_set: str = ""
    max_length: int | None = None
    must_support: bool = False
    content_of: str = ""
    constraints: dict[str, Constraint] = field(default_factory=dict)
    slicing: Slicing | None = None
    slices: dict[str, "Node"] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def is_choice(self) -> bool:
        """Whether it stands for every type of a choice."""
        return self.segment.endswith(_CHOICE)

    @property
    def name(self) -> str:
        """The element's name without the mark of a choice."""
        return self.segment.removesuffix(_CHOICE)


@dataclass(slots=True)
class Tree:
    """The elements of a profile below its root."""

    url: str
    resource_type: str
    fhir_version: str
    root: Node
    model: Any
    gaps: list[Gap] = field(default_factory=list)


def build_tree(definition: dict[str, Any], package: Package) -> Tree:
    """The tree of a StructureDefinition.

    Raises:
        ProfileError: The chain of base definitions leads back to itself.
    """
    url, type_name = definition["url"], definition["type"].rpartition("/")[2]
    version = definition.get("fhirVersion") or "4.0.1"
    tree = Tree(url, type_name, version, Node(type_name, type_name), find_model(type_name, version))
    if tree.model is None:
        reason = "the base type is not known, so its own cardinalities are not checked"
        tree.gaps.append(Gap(url, type_name, "base", reason, type_name))
    for ancestor in reversed(_ancestry(definition, package, tree)):
        has_snapshot = "snapshot" in ancestor
        elements = ancestor["snapshot" if has_snapshot else "differential"]["element"]
        _lay_over(tree, elements, package)
    return tree


def _ancestry(definition: dict[str, Any], package: Package, tree: Tree) -> list[dict[str, Any]]:
    """The definition and its bases, up to the first that has a snapshot."""
    chain, seen = [definition], {definition["url"]}
    while "snapshot" not in chain[-1]:
        base = chain[-1].get("baseDefinition") or ""
        found = package.find("StructureDefinition", base)
        if found is None:
            if base and base.partition("|")[0] != f"{CORE}{tree.resource_type}":
                reason = "the base definition was not read, so its rules are not checked"
                tree.gaps.append(Gap(tree.url, tree.root.key, "base", reason, base))
            break
        if found["url"] in seen:
            raise ProfileError(f"{definition['url']}: is its own base definition. Correct it.")
        seen.add(found["url"])
        chain.append(found)
    return chain


def _lay_over(tree: Tree, elements: Iterable[dict[str, Any]], package: Package) -> None:
    for element, segments in zip(elements, _segments(elements), strict=True):
        node = tree.root
        for number, segment in enumerate(segments):
            name, _, slice_name = segment.partition(":")
            is_last = number == len(segments) - 1
            node = _child(node, name, slice_name, element if is_last else {})
        try:
            _state(node, element, tree, package)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProfileError(
                f"{tree.url}: the definition of {node.key} is not valid. Correct it."
            ) from error


def _segments(elements: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    """The parts of each element's id below the root; from path and sliceName where it has none."""
    slices: dict[str, str] = {}
    for element in elements:
        path = element["path"]
        for known in [known for known in slices if known.startswith(f"{path}.") or known == path]:
            del slices[known]
        if element.get("sliceName"):
            slices[path] = element["sliceName"]
        if isinstance(element.get("id"), str):
            yield element["id"].split(".")[1:]
            continue
        names = path.split(".")
        prefixes = [".".join(names[: number + 1]) for number in range(len(names))]
        marked = [
            f"{name}:{slices[prefix]}" if prefix in slices else name
            for name, prefix in zip(names, prefixes, strict=True)
        ]
        yield marked[1:]


def _child(parent: Node, name: str, slice_name: str, element: dict[str, Any]) -> Node:
    node = parent.children.get(name)
    if node is None:
        node = parent.children[name] = Node(f"{parent.key}.{name}", name)
    for part in slice_name.split("/") if slice_name else ():
        if node.is_choice and (typed := _typed_name(node, part, element)):
            if typed not in parent.children:
                code = type_code(typed[len(node.name) :])
                parent.children[typed] = Node(f"{node.key}:{part}", typed, type_code=code)
            node = parent.children[typed]
        else:
            if part not in node.slices:
                mark = "/" if node.slice_name else ":"
                node.slices[part] = Node(f"{node.key}{mark}{part}", node.segment, part)
            node = node.slices[part]
    return node


def _typed_name(choice: Node, slice_name: str, element: dict[str, Any]) -> str:
    """The JSON name that a slice of a choice stands for, empty where it is not one type."""
    if slice_name not in choice.typed:
        codes = {rule.code for rule in _types(element)}
        if len(codes) == 1:
            choice.typed[slice_name] = choice.name + type_suffix(codes.pop())
        elif slice_name.startswith(choice.name) and slice_name[len(choice.name) :][:1].isupper():
            choice.typed[slice_name] = slice_name
    return choice.typed.get(slice_name, "")


def _state(node: Node, element: dict[str, Any], tree: Tree, package: Package) -> None:
    """Lay one element definition over the node."""
    node.min = element.get("min", node.min)
    node.max = element.get("max", node.max)
    node.types = _types(element) or node.types
    node.max_length = element.get("maxLength", node.max_length)
    node.must_support = bool(element.get("mustSupport", node.must_support))
    node.content_of = element.get("contentReference", node.content_of).rpartition("#")[2]
    if "slicing" in element:
        node.slicing = _slicing(element["slicing"])
    binding = element.get("binding") or {}
    if binding:
        node.value_set = binding.get("valueSet", "") if binding["strength"] == "required" else ""
        if binding["strength"] == "required" and not node.value_set:
            reason = "the required binding names no value set"
            tree.gaps.append(Gap(tree.url, node.key, "binding", reason))
    for name, value in element.items():
        if name.startswith("fixed"):
            node.fixed = (value,)
        elif name.startswith("pattern"):
            node.pattern = (value,)
        elif name.startswith(_NOT_CHECKED):
            reason = "smallest and largest values are not checked"
            tree.gaps.append(Gap(tree.url, node.key, name, reason))
    for constraint in element.get("constraint") or ():
        _constrain(node, constraint, tree, package)


def _constrain(node: Node, constraint: dict[str, Any], tree: Tree, package: Package) -> None:
    """Keep the constraints of profiles; those of base types a snapshot repeats on every element."""
    source = constraint.get("source", "")
    if source and source.partition("|")[0] != tree.url:
        origin = package.find("StructureDefinition", source)
        if origin is None or origin.get("derivation") != "constraint":
            reason = "constraints of base types are not part of the profile layer"
            tree.gaps.append(Gap(tree.url, tree.root.key, "constraint", reason))
            return
    key = constraint["key"]
    expression = constraint.get("expression", "")
    node.constraints[key] = Constraint(key, constraint["severity"], expression)


def _types(element: dict[str, Any]) -> tuple[TypeRule, ...]:
    return tuple(
        TypeRule(
            # `http://hl7.org/fhirpath/System.String` is how a snapshot types ids and urls.
            (rule.get("code") or "").rpartition("/")[2],
            tuple(rule.get("profile") or ()),
            tuple(rule.get("targetProfile") or ()),
        )
        for rule in element.get("type") or ()
    )


def _slicing(content: dict[str, Any]) -> Slicing:
    discriminators = content.get("discriminator") or ()
    return Slicing(
        tuple((item["type"], item["path"]) for item in discriminators),
        content.get("rules", "open"),
        bool(content.get("ordered")),
    )
