"""Which rules cover an element: selectors are followed down the elements of a resource type."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from medplatform.modalities.ehr.definitions import (
    PRIMITIVES,
    ElementDefinition,
    Release,
    elements_of,
)
from medplatform.modalities.ehr.deidentify.policy import Action, Policy, PolicyError

_SELECTOR = re.compile(
    r"(?P<head>[A-Za-z][A-Za-z0-9]*)(?P<steps>((//|\.\.?)[A-Za-z_][A-Za-z0-9]*(\[x\])?)*)"
)
_STEP = re.compile(r"(//|\.\.?)([A-Za-z_][A-Za-z0-9]*(?:\[x\])?)")
EVERY_RESOURCE = ("Resource", "DomainResource")


class Rank(IntEnum):
    """How much the head of a selector says."""

    PRIMITIVE = 0
    DATA_TYPE = 1
    RESOURCE = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: `axis` is "." (child), ".." (descendant of a name), "//" (of a type)."""

    axis: str
    name: str

    def meets(self, element: ElementDefinition) -> bool:
        """Whether the step can end on this element."""
        if self.axis == "//":
            return element.type == self.name
        return is_named(element, self.name)


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector."""

    head: str
    steps: tuple[Step, ...]
    rank: Rank

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Read a selector.

        Raises
        ------
        PolicyError
            It is not written as selectors are, or no FHIR release has its type.
        """
        match = _SELECTOR.fullmatch(text)
        if match is None:
            raise PolicyError(f"{text!r} is no selector, such as Patient.address.postalCode.")
        head = match["head"]
        steps = tuple(Step(*pair) for pair in _STEP.findall(match["steps"]))
        if head in PRIMITIVES:
            return cls(head, steps, Rank.PRIMITIVE)
        if head in EVERY_RESOURCE or not is_resource(head):
            return cls(head, steps, Rank.DATA_TYPE)
        return cls(head, steps, Rank.RESOURCE)


def is_named(element: ElementDefinition, name: str) -> bool:
    """Whether an element is called so; `value[x]` names `valueQuantity` and all its like."""
    if not name.endswith("[x]"):
        return element.name == name
    base = name[:-3]
    return element.name == base + element.type[0].upper() + element.type[1:]


def is_resource(type_name: str) -> bool:
    """Whether a FHIR type is a resource."""
    return any("implicitRules" in elements for elements in _all_releases(type_name))


def _all_releases(type_name: str) -> Iterator[dict[str, ElementDefinition]]:
    for release in Release:
        try:
            yield dict(elements_of(type_name, release))
        except KeyError:
            continue


def demand_selections(policy: Policy) -> None:
    """Refuse a policy with selectors that no FHIR release has anything for, as mistyped ones.

    Raises
    ------
    PolicyError
        It has some, which the message names, or one that is not written as selectors are.
    """
    selects = dict.fromkeys(rule.select for rule in policy.rules)
    if mistyped := [each for each in selects if not selects_something(Selector.parse(each))]:
        raise PolicyError(
            f"nothing in FHIR is selected by {', '.join(mistyped)}: see to the names of types and "
            f"elements, or remove the rules."
        )


def selects_something(selector: Selector) -> bool:
    """Whether any FHIR release has the selected elements.

    Of descendants only the type is looked for: what `..name` names may stand at any depth.
    """
    if selector.head in EVERY_RESOURCE:
        return True
    types = {selector.head}
    for step in selector.steps:
        if step.axis == "..":
            break
        if step.axis == "//":
            types = {step.name}
            continue
        types = {
            element.type
            for name in types - PRIMITIVES
            for elements in _all_releases(name)
            for element in elements.values()
            if step.meets(element)
        }
    return any(name in PRIMITIVES or list(_all_releases(name)) for name in types)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that covers a value: on which element around it, and where its selector began."""

    rule: int
    depth: int
    anchor: int
    is_exact: bool
    """Whether it selects the value's own element."""


@dataclass(frozen=True, slots=True)
class _State:
    rule: int
    position: int
    anchor: int


class Matcher:
    """Follows all selectors of a policy at once, from a resource down to its values."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.selectors = [Selector.parse(rule.select) for rule in policy.rules]
        self._by_head: dict[str, list[int]] = {}
        for number, selector in enumerate(self.selectors):
            self._by_head.setdefault(selector.head, []).append(number)

    def root(self, element: ElementDefinition) -> "Place":
        """The place of a resource itself."""
        heads = (element.type, *EVERY_RESOURCE)
        states = {_State(rule, 0, 0) for head in heads for rule in self._by_head.get(head, ())}
        return self._settle(element, states, None)

    def child(self, place: "Place", element: ElementDefinition) -> "Place":
        """The place of an element below another one."""
        states = {_State(rule, 0, place.depth + 1) for rule in self._by_head.get(element.type, ())}
        for state in place.states:
            steps = self.selectors[state.rule].steps
            if state.position < len(steps):
                step = steps[state.position]
                if step.axis != ".":
                    states.add(state)
                if step.axis != "//" and step.meets(element):
                    states.add(_State(state.rule, state.position + 1, state.anchor))
        return self._settle(element, states, place)

    def extension(self, place: "Place", value: "Place", element: ElementDefinition) -> "Place":
        """The place of `_birthDate`: what drops `birthDate` drops what is said about it too."""
        made = self.child(place, element)
        follows = [m for m in value.matches if m.is_exact and self._carries_over(m)]
        return Place(made.depth, made.states, (*made.matches, *follows))

    def _carries_over(self, match: Match) -> bool:
        if self.policy.precedence == "order":
            return True
        rule = self.policy.rules[match.rule]
        is_default = self.selectors[match.rule].rank is Rank.PRIMITIVE
        return rule.action is Action.DROP and not rule.when and not is_default

    def _settle(
        self, element: ElementDefinition, states: set[_State], above: "Place | None"
    ) -> "Place":
        """Take the steps that end on the element itself, and note which selectors ended."""
        pending = list(states)
        while pending:
            state = pending.pop()
            steps = self.selectors[state.rule].steps
            if state.position < len(steps) and steps[state.position].axis == "//":
                further = _State(state.rule, state.position + 1, state.anchor)
                if steps[state.position].meets(element) and further not in states:
                    states.add(further)
                    pending.append(further)
        depth = above.depth + 1 if above else 0
        ended = (
            Match(state.rule, depth, state.anchor, is_exact=True)
            for state in sorted(states, key=lambda state: (state.rule, state.anchor))
            if state.position == len(self.selectors[state.rule].steps)
        )
        inherited = (
            Match(match.rule, match.depth, match.anchor, is_exact=False)
            for match in (above.matches if above else ())
        )
        return Place(depth, frozenset(states), (*inherited, *ended))

    def ordered(self, matches: tuple[Match, ...]) -> list[Match]:
        """The rules that cover a value, the winner first."""
        if self.policy.precedence == "order":
            return sorted(matches, key=lambda match: (match.rule, -match.depth))
        drops = [match for match in matches if self._prunes(match)]
        left = [m for m in matches if not any(self._beats(drop, m) for drop in drops)]
        return sorted(left, key=self._specificity)

    def _prunes(self, match: Match) -> bool:
        rule = self.policy.rules[match.rule]
        is_type = self.selectors[match.rule].rank is Rank.DATA_TYPE
        return rule.action is Action.DROP and not rule.when and is_type

    def _beats(self, drop: Match, other: Match) -> bool:
        """Whether the other rule begins inside the element that is dropped."""
        if self.selectors[other.rule].rank is not Rank.DATA_TYPE:
            return False
        return other.anchor >= drop.depth and other.anchor != drop.anchor

    def _specificity(self, match: Match) -> tuple[int, int, int, int]:
        selector = self.selectors[match.rule]
        return -selector.rank, -match.depth, -len(selector.steps), match.rule


@dataclass(frozen=True, slots=True)
class Place:
    """An element of a resource type: how deep it is, and which rules cover it or may below it."""

    depth: int
    states: frozenset[_State]
    matches: tuple[Match, ...]
