"""How a value is recognised as belonging to a slice (FHIR R4, Profiling 5.1.0.4).

`value` and `pattern` compare with what the slice fixes at the path (fixed, pattern, a required
binding, or the same deeper down), `exists` looks whether it is there, `type` at the type of the
choice, of the resource or of the reference's target, `profile` runs that profile.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from medplatform.modalities.ehr.profiles.base import type_suffix
from medplatform.modalities.ehr.profiles.match import (
    Matcher,
    Step,
    extract,
    is_typed_name,
    match_fixed,
    match_pattern,
    parse_path,
)
from medplatform.modalities.ehr.profiles.terminology import Terminology, Unresolved
from medplatform.modalities.ehr.profiles.tree import Node, Slicing, Tree
from medplatform.modalities.ehr.profiles.value_tests import CompiledProfile, referenced_type


class Undecidable(Exception):
    """The values of a slice cannot be recognised; the message says why."""


class Library(Protocol):
    """What discriminators need of the other definitions."""

    terminology: Terminology

    def tree_of(self, canonical: str) -> Tree | None:
        """The tree of another profile."""
        ...

    def compiled(self, canonical: str) -> CompiledProfile | None:
        """Another profile, compiled."""
        ...

    def target_types(self, canonicals: tuple[str, ...]) -> frozenset[str] | None:
        """The types of resource that target profiles stand for."""
        ...


def discriminate(part: Node, slicing: Slicing, library: Library) -> Matcher:
    """A test whether a value belongs to the slice `part`.

    Raises:
        Undecidable: The definition does not say so in a way that is understood here.
    """
    if not slicing.discriminators:
        raise Undecidable("the slicing has no discriminator")
    tests = [_discriminator(part, kind, path, library) for kind, path in slicing.discriminators]
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def expected_url(part: Node, library: Library) -> str | None:
    """The extension url of a slice that is told apart by it."""
    url = part.children.get("url")
    if url is not None and url.fixed:
        return url.fixed[0]
    for canonical in _profiles(part):
        tree = library.tree_of(canonical)
        inner = tree.root.children.get("url") if tree else None
        return inner.fixed[0] if inner and inner.fixed else canonical.partition("|")[0]
    return None


def _discriminator(part: Node, kind: str, path: str, library: Library) -> Matcher:
    steps = parse_path(path)
    if steps is None:
        raise Undecidable("the path of the discriminator is not understood")
    if kind in ("value", "pattern"):
        return _by_value(part, steps, library)
    if kind == "exists":
        return _by_existence(part, steps, library)
    if kind == "type":
        return _by_type(part, steps, library)
    if kind == "profile":
        return _by_profile(part, steps, library)
    raise Undecidable(f"discriminators of kind {kind} are not supported")


def _by_value(part: Node, steps: tuple[Step, ...], library: Library) -> Matcher:
    _refuse_resolve(steps)
    if steps == (Step("name", "url"),) and (url := expected_url(part, library)):
        return lambda value: isinstance(value, dict) and value.get("url") == url
    reason = Undecidable("the slice fixes nothing at the path of the discriminator")
    for count in range(len(steps) + 1):
        for node in _definitions(part, steps[:count], library):
            if count == len(steps):
                try:
                    return _anywhere(steps, _value_matcher(node, library))
                except Undecidable as found:
                    reason = found
                    continue
            stated = node.fixed or node.pattern
            wanted = extract(stated[0], steps[count:]) if stated else []
            if wanted:
                return _every(steps, [match_pattern(value) for value in wanted])
    raise reason


def _by_existence(part: Node, steps: tuple[Step, ...], library: Library) -> Matcher:
    _refuse_resolve(steps)
    for node in _definitions(part, steps, library):
        if node.max == "0":
            return lambda value: not extract(value, steps)
        if node.min:
            return lambda value: bool(extract(value, steps))
    raise Undecidable("the slice does not say whether the discriminating element exists")


def _by_type(part: Node, steps: tuple[Step, ...], library: Library) -> Matcher:
    if steps and steps[-1].kind == "resolve":
        before = steps[:-1]
        _refuse_resolve(before)
        for node in _definitions(part, before, library):
            targets = tuple(target for rule in node.types for target in rule.targets)
            types = library.target_types(targets) if targets else None
            if types:
                return _anywhere(before, _refers_to(types))
        raise Undecidable("the types of the reference's target are not known")
    _refuse_resolve(steps)
    for node in _definitions(part, steps, library):
        codes = {rule.code for rule in node.types}
        if node.is_choice and steps and codes:
            typed = [(*steps, Step("ofType", code)) for code in sorted(codes)]
            return lambda value: any(extract(value, path) for path in typed)
        if codes:
            return _anywhere(steps, _is_resource_of(codes))
    raise Undecidable("the slice does not say of which type the discriminating element is")


def _by_profile(part: Node, steps: tuple[Step, ...], library: Library) -> Matcher:
    _refuse_resolve(steps)
    for node in _definitions(part, steps, library):
        profiles = [library.compiled(canonical) for canonical in _profiles(node)]
        known = [profile for profile in profiles if profile is not None]
        if known and len(known) == len(profiles):
            return _anywhere(steps, _follows_any(known))
    raise Undecidable("the profile of the discriminator was not read")


def _refers_to(types: frozenset[str]) -> Matcher:
    return lambda value: referenced_type(value, {}) in types


def _is_resource_of(types: set[str]) -> Matcher:
    return lambda value: isinstance(value, dict) and value.get("resourceType") in types


def _follows_any(profiles: list[CompiledProfile]) -> Matcher:
    return lambda value: any(profile.accepts(value) for profile in profiles)


def _refuse_resolve(steps: tuple[Step, ...]) -> None:
    if any(step.kind == "resolve" for step in steps):
        raise Undecidable("the discriminator lies behind a reference")


def _definitions(node: Node, steps: tuple[Step, ...], library: Library) -> Iterator[Node]:
    """The definitions of the element that a path leads to, the slice's own before its profiles'."""
    if not steps:
        yield node
        return
    step, rest = steps[0], steps[1:]
    if step.kind == "ofType":
        yield from _definitions(node, rest, library)
        return
    wanted = rest[0].argument if rest and rest[0].kind == "ofType" else ""
    for holder in (node, *_profile_roots(node, library)):
        for child in _children(holder, step, wanted, library):
            yield from _definitions(child, rest, library)


def _children(node: Node, step: Step, wanted: str, library: Library) -> Iterator[Node]:
    """The children that a step may lead to; `wanted` is the type that the next step narrows to."""
    if step.kind == "extension":
        extensions = node.children.get("extension")
        for part in extensions.slices.values() if extensions else ():
            if expected_url(part, library) == step.argument:
                yield part
        return
    for segment, child in node.children.items():
        is_typed = is_typed_name(segment, step.argument)
        is_wanted = not wanted or segment == step.argument + type_suffix(wanted)
        if child.name == step.argument or (is_typed and is_wanted):
            yield child


def _value_matcher(node: Node, library: Library) -> Matcher:
    """A test whether a value is what the definition fixes, itself or deeper down."""
    if node.fixed:
        return match_fixed(node.fixed[0])
    if node.pattern:
        return match_pattern(node.pattern[0])
    if node.value_set:
        try:
            return library.terminology.codes(node.value_set).hold
        except Unresolved as reason:
            raise Undecidable(f"the slice is told apart by a binding, and {reason}") from reason
    parts: dict[str, Matcher] = {}
    for holder in (node, *_profile_roots(node, library)):
        for child in holder.children.values():
            try:
                parts.setdefault(child.name, _value_matcher(child, library))
            except Undecidable:
                continue
    if not parts:
        raise Undecidable("the slice fixes nothing at the path of the discriminator")
    tests = [_anywhere((Step("name", name),), test) for name, test in parts.items()]
    return lambda value: all(test(value) for test in tests)


def _profiles(node: Node) -> list[str]:
    return [canonical for rule in node.types for canonical in rule.profiles]


def _profile_roots(node: Node, library: Library) -> list[Node]:
    trees = [library.tree_of(canonical) for canonical in _profiles(node)]
    return [tree.root for tree in trees if tree is not None]


def _anywhere(steps: tuple[Step, ...], test: Matcher) -> Matcher:
    if not steps:
        return test
    if len(steps) == 1 and steps[0].kind == "name":
        return _at_name(steps, steps[0].argument, test)
    return lambda value: any(test(found) for found in extract(value, steps))


def _at_name(steps: tuple[Step, ...], name: str, test: Matcher) -> Matcher:
    def matches(value: Any) -> bool:
        found = value.get(name) if type(value) is dict else None
        if type(found) is dict or type(found) is str:
            return test(found)
        return any(test(item) for item in extract(value, steps))

    return matches


def _every(steps: tuple[Step, ...], tests: list[Matcher]) -> Matcher:
    def matches(value: Any) -> bool:
        found = extract(value, steps)
        return all(any(test(item) for item in found) for test in tests)

    return matches
