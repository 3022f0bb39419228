"""Compiles the tree of a profile to checks.

Elements about which neither the profile nor its base asks anything that can fail are left out.
"""

from typing import Any

from medplatform.modalities.ehr.profiles import base
from medplatform.modalities.ehr.profiles.base import BaseType, describe, type_suffix
from medplatform.modalities.ehr.profiles.checks import (
    Body,
    Check,
    ChoiceCheck,
    ElementCheck,
    SliceCheck,
    SlicingCheck,
    Test,
    TypedName,
)
from medplatform.modalities.ehr.profiles.discriminator import (
    Library,
    Undecidable,
    discriminate,
    expected_url,
)
from medplatform.modalities.ehr.profiles.invariant import compile_invariant
from medplatform.modalities.ehr.profiles.issue import Gap
from medplatform.modalities.ehr.profiles.match import match_fixed, match_pattern
from medplatform.modalities.ehr.profiles.syntax import Unsupported
from medplatform.modalities.ehr.profiles.terminology import Unresolved
from medplatform.modalities.ehr.profiles.tree import UNBOUNDED, Node, Slicing, Tree, TypeRule
from medplatform.modalities.ehr.profiles.value_tests import (
    BindingTest,
    LengthTest,
    ProfileTest,
    ResourceTypeTest,
    TargetTest,
    ValueTest,
)

_BY_URL = Slicing((("value", "url"),))
_EXTENSIONS = frozenset({"extension", "modifierExtension"})
_NO_TYPE = BaseType({}, {}, frozenset())


class Compiler:
    """Compiles one tree; `must_support` and `gaps` are complete once `body` was called."""

    def __init__(self, tree: Tree, library: Library) -> None:
        self._tree = tree
        self._library = library
        self._bodies: dict[str, Body] = {}
        self._models: dict[str, Any] = {}
        self.must_support: list[str] = []
        self.gaps: list[Gap] = list(tree.gaps)

    def compile_root(self, body: Body) -> None:
        """Fill the body of the whole resource or data type."""
        self._fill(body, self._tree.root, self._tree.model)

    def _fill(self, body: Body, node: Node, model: Any) -> None:
        self._bodies[node.key] = body
        self._models[node.key] = model
        body.tests += self._value_tests(node)
        base_type = describe(model) if model is not None else _NO_TYPE
        for child in node.children.values():
            if child.is_choice:
                body.checks += self._choice(child, node, base_type)
            else:
                body.checks += self._element(child, base_type)
        body.checks += self._required_by_base(node, base_type)

    def _body_of(self, node: Node, model: Any) -> Body:
        if node.content_of and not node.children:
            return self._content_of(node)
        body = Body()
        self._fill(body, node, model)
        return body

    def _content_of(self, node: Node) -> Body:
        """The body of an element whose content is defined at another element (`Bundle.link`)."""
        if node.content_of not in self._bodies:
            # Only elements without a rule of their own are left out before they are referred to.
            return Body(self._value_tests(node))
        other = self._bodies[node.content_of]
        return Body([*other.tests, *self._value_tests(node)], other.checks)

    def _element(self, node: Node, base_type: BaseType) -> list[Check]:
        stated = base_type.elements.get(node.name)
        minimum = node.min if node.min is not None else stated.min if stated else 0
        is_counted = self._count(node)
        check = ElementCheck(
            node.name,
            self._label(node, base_type),
            node.key,
            minimum,
            _maximum(node, stated.max if stated else None),
            self._body_of(node, stated.model if stated else None),
            is_counted,
            self._slicing(node, stated.model if stated else None),
        )
        return [check] if _is_needed(check, stated.max if stated else None) else []

    def _choice(self, node: Node, parent: Node, base_type: BaseType) -> list[Check]:
        known = base_type.choices.get(node.name)
        names = known or {
            node.name + type_suffix(code): code for code in base.open_types(self._tree.fhir_version)
        }
        rules = {rule.code: rule for rule in node.types}
        is_forbidden = node.max == "0"
        allowed = [] if is_forbidden else [n for n, c in names.items() if not rules or c in rules]
        if node.slicing and node.slicing.rules == "closed" and node.typed:
            allowed = [name for name in allowed if name in set(node.typed.values())]
        typed = {name: TypedName(name, _typed_label(node.name, c)) for name, c in names.items()}
        minimum = node.min if node.min is not None else node.name in base_type.required_choices
        is_counted = self._count(node)
        check = ChoiceCheck(
            node.name,
            node.key,
            int(minimum),
            [
                TypedName(
                    name,
                    typed[name].label,
                    [
                        *self._type_tests(node, rules.get(names[name])),
                        *self._invariants(node, names[name]),
                    ],
                )
                for name in allowed
            ],
            [typed[name] for name in names if name not in allowed],
            "profile.max" if is_forbidden else "profile.type",
            self._body_of(node, None),
            is_counted,
            self._slicing(node, None),
        )
        is_needed = (
            check.min
            or check.forbidden
            or check.body
            or check.is_must_support
            or check.slicing
            or any(name.tests for name in check.allowed)
        )
        return [check] if is_needed else []

    def _required_by_base(self, node: Node, base_type: BaseType) -> list[Check]:
        """What the base asks for and the profile does not mention."""
        return [
            ElementCheck(name, name, f"{node.key}.{name}", element.min, None, Body())
            for name, element in base_type.elements.items()
            if element.min and name not in node.children
        ]

    def _count(self, node: Node) -> bool:
        if node.must_support and node.key not in self.must_support:
            self.must_support.append(node.key)
        return node.must_support

    def _label(self, node: Node, base_type: BaseType) -> str:
        for prefix, names in base_type.choices.items():
            if node.segment in names:
                return _typed_label(prefix, names[node.segment])
        if node.type_code:
            prefix = node.segment.removesuffix(type_suffix(node.type_code))
            return _typed_label(prefix, node.type_code)
        return node.name

    def _value_tests(self, node: Node) -> list[Test]:
        tests: list[Test] = []
        if node.fixed:
            tests.append(ValueTest("profile.fixed", node.key, match_fixed(node.fixed[0])))
        if node.pattern:
            tests.append(ValueTest("profile.pattern", node.key, match_pattern(node.pattern[0])))
        if node.max_length is not None:
            tests.append(LengthTest(node.key, node.max_length))
        if node.value_set:
            try:
                codes = self._library.terminology.codes(node.value_set)
                tests.append(BindingTest(node.key, codes))
            except Unresolved as reason:
                self._leave(node, "binding", str(reason), node.value_set)
        if not node.is_choice:
            tests += self._types_tests(node)
            code = node.types[0].code if len(node.types) == 1 else ""
            tests += self._invariants(node, node.type_code or code)
        return tests

    def _invariants(self, node: Node, code: str) -> list[Test]:
        tests: list[Test] = []
        for constraint in node.constraints.values():
            try:
                tests.append(compile_invariant(constraint, code))
            except Unsupported as reason:
                self._leave(node, "constraint", f"it uses {reason}", constraint.key)
        return tests

    def _types_tests(self, node: Node) -> list[Test]:
        if len(node.types) == 1:
            return self._type_tests(node, node.types[0])
        version = self._tree.fhir_version
        codes = frozenset(rule.code for rule in node.types)
        if codes and all(base.is_resource(code, version) for code in codes):
            return self._resource_tests(node, codes)
        return []

    def _type_tests(self, node: Node, rule: TypeRule | None) -> list[Test]:
        """The tests of a value of one type: profiles of the value, and of what it refers to."""
        tests: list[Test] = []
        if rule is None:
            return tests
        if base.is_resource(rule.code, self._tree.fhir_version):
            tests += self._resource_tests(node, frozenset({rule.code}))
        if rule.targets and rule.code in ("Reference", "CodeableReference"):
            types = self._library.target_types(rule.targets)
            if types is None:
                self._leave(node, "type", "a target profile was not read", " ".join(rule.targets))
            elif not types & {"Resource", "DomainResource"}:
                tests.append(TargetTest(node.key, types, self._tree.fhir_version))
        if rule.profiles:
            profiles = [self._library.compiled(canonical) for canonical in rule.profiles]
            known = [profile for profile in profiles if profile is not None]
            if len(known) == len(profiles):
                tests.append(ProfileTest(node.key, known))
            else:
                self._leave(node, "type", "a profile was not read", " ".join(rule.profiles))
        return tests

    def _resource_tests(self, node: Node, codes: frozenset[str]) -> list[Test]:
        is_open = bool(codes & {"Resource", "DomainResource"})
        return [] if is_open or node is self._tree.root else [ResourceTypeTest(node.key, codes)]

    def _slicing(self, node: Node, model: Any) -> SlicingCheck | None:
        if not node.slices:
            return None
        slicing = node.slicing or (_BY_URL if node.segment in _EXTENSIONS else None)
        if slicing is None:
            self._leave(node, "slicing", "the slices have no slicing that tells them apart")
            return None
        parts, by_url, is_complete = [], {}, True
        for part in node.slices.values():
            try:
                matches = _nothing
                if part.slice_name != "@default":
                    matches = discriminate(part, slicing, self._library)
            except Undecidable as reason:
                self._leave(part, "slicing", str(reason))
                is_complete = False
                continue
            url = expected_url(part, self._library)
            if url and slicing.discriminators == _BY_URL.discriminators:
                by_url.setdefault(url, len(parts))
            parts.append(self._slice(part, node, matches, model))
        if not parts and slicing.rules != "closed":
            return None
        return SlicingCheck(
            node.key,
            parts,
            slicing.rules if is_complete else "open",
            slicing.ordered,
            by_url if len(by_url) == len(parts) else None,
        )

    def _slice(self, part: Node, whole: Node, matches: Any, model: Any) -> SliceCheck:
        is_counted = self._count(part)
        return SliceCheck(
            part.key,
            matches,
            part.min or 0,
            _maximum(part, _maximum(whole, None)),
            self._body_of(part, model),
            is_counted,
            part.slice_name == "@default",
            self._slicing(part, model),
        )

    def _leave(self, node: Node, rule: str, reason: str, subject: str = "") -> None:
        self.gaps.append(Gap(self._tree.url, node.key, rule, reason, subject))


def _nothing(value: object) -> bool:
    return False


def _maximum(node: Node, otherwise: int | None) -> int | None:
    if node.max is None:
        return otherwise
    return None if node.max == UNBOUNDED else int(node.max)


def _is_needed(check: ElementCheck, base_maximum: int | None) -> bool:
    is_narrower = check.max is not None and check.max != base_maximum
    return bool(
        check.min or is_narrower or check.body or check.is_must_support or check.slicing is not None
    )


def _typed_label(prefix: str, code: str) -> str:
    return f"{prefix}.ofType({code})"
