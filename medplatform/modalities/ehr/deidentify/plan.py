"""A policy, applied to the elements that occur: what is done with each leaf, decided once.

The plan of a resource type is a tree like its `Shape`, without what is dropped whole. Each leaf
has a chain of steps; the first whose condition holds for a value is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import ElementDefinition, Release, elements_of
from medplatform.modalities.ehr.deidentify.policy import (
    Action,
    Generalisation,
    Policy,
    PolicyError,
    Rule,
)
from medplatform.modalities.ehr.deidentify.selector import Match, Matcher, Place, is_named

DATES = frozenset({"date", "dateTime", "instant"})
NUMBERS = frozenset({"decimal", "integer", "integer64", "positiveInt", "unsignedInt"})
_NO_TEXT = DATES | NUMBERS | {"boolean"}
_TO_TEXT = (Action.PSEUDONYMISE, Action.REFERENCE, Action.REDACT)
_DROP = Rule(select="", action=Action.DROP)
_KEEP = Rule(select="", action=Action.KEEP)


@dataclass(frozen=True, slots=True)
class Choice:
    """One step of a leaf's chain: a rule, and at which depth its conditions are asked."""

    rule: Rule
    depth: int
    is_own: bool
    """Whether the rule selects the leaf itself rather than an element around it."""


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """What is done with a primitive element."""

    definition: ElementDefinition
    path: str
    depth: int
    chain: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class StructPlan:
    """What is done with an element that has elements; None for those that are dropped whole.

    The `gated` children of an Extension are published only where its URL is listed. `fragment`
    holds elements that take the place of what was dropped.
    """

    definition: ElementDefinition
    path: str
    depth: int
    children: Mapping[str, "LeafPlan | StructPlan | None"]
    gated: frozenset[str] = frozenset()
    fragment: Mapping[str, Any] | None = None


class Planner:
    """Makes plans by one policy."""

    def __init__(self, policy: Policy, release: Release) -> None:
        self.policy = policy
        self.release = release
        self._matcher = Matcher(policy)
        self._default = _KEEP if policy.default == "keep" else _DROP

    def plan(self, shape: Shape) -> StructPlan:
        """The plan of a resource type.

        Raises
        ------
        PolicyError
            A rule selects an element that its action cannot be applied to.
        """
        name = shape.definition.name
        return self._struct(shape, self._matcher.root(shape.definition), name)

    def _struct(self, shape: Shape, place: Place, path: str) -> StructPlan:
        children: dict[str, LeafPlan | StructPlan | None] = {}
        for name, child in shape.children.items():
            children[name] = self._child(child, self._place(shape, place, child), path)
        own = [self.policy.rules[match.rule] for match in place.matches if match.is_exact]
        is_extension = shape.definition.type == "Extension" and self.policy.extensions is not None
        return StructPlan(
            shape.definition,
            path,
            place.depth,
            children,
            frozenset(
                name
                for name, child in shape.children.items()
                if is_extension and is_named(child.definition, "value[x]")
            ),
            self._fragment(place, own),
        )

    def _place(self, parent: Shape, place: Place, child: Shape) -> Place:
        name = child.definition.name
        if not name.startswith("_"):
            return self._matcher.child(place, child.definition)
        value = elements_of(parent.definition.type, self.release)[name[1:]]
        at_value = self._matcher.child(place, value)
        return self._matcher.extension(place, at_value, child.definition)

    def _child(self, shape: Shape, place: Place, path: str) -> LeafPlan | StructPlan | None:
        path = f"{path}.{shape.definition.name}{'[]' if shape.definition.is_list else ''}"
        if not shape.definition.is_primitive:
            plan = self._struct(shape, place, path)
            is_empty = all(child is None for child in plan.children.values())
            return None if is_empty and not plan.fragment else plan
        chain = self._chain(shape.definition, place)
        is_dropped = all(choice.rule.action is Action.DROP for choice in chain)
        return None if is_dropped else LeafPlan(shape.definition, path, place.depth, chain)

    def _chain(self, definition: ElementDefinition, place: Place) -> tuple[Choice, ...]:
        chain: list[Choice] = []
        for match in self._matcher.ordered(place.matches):
            choice = self._choice(match, definition)
            if choice is None:
                continue
            chain.append(choice)
            if not choice.rule.when:
                return tuple(chain)
        return (*chain, Choice(self._default, place.depth, is_own=True))

    def _choice(self, match: Match, definition: ElementDefinition) -> Choice | None:
        rule = self.policy.rules[match.rule]
        if fits(rule, definition):
            return Choice(rule, match.depth, match.is_exact)
        if suits_all(rule):
            # What cannot be a token, or is not in the object that replaces it, goes.
            drop = Rule(select=rule.select, action=Action.DROP, when=rule.when)
            return Choice(drop, match.depth, match.is_exact)
        if match.is_exact:
            raise PolicyError(
                f"The rule for {rule.select} says {rule.action.value!r}, which cannot be done with "
                f"a {definition.type}. Choose another action."
            )
        return None

    def _fragment(self, place: Place, own: list[Rule]) -> Mapping[str, Any] | None:
        """The object that replaces an element, if the rule that decides on it says so."""
        if not any(_is_object(rule) for rule in own):
            return None
        first = self.policy.rules[self._matcher.ordered(place.matches)[0].rule]
        return first.value if isinstance(first.value, dict) else None


def suits_all(rule: Rule) -> bool:
    """Whether an action can be applied to any element, if only by dropping what it does not fit."""
    return rule.action in (Action.KEEP, Action.DROP, *_TO_TEXT) or _is_object(rule)


def fits(rule: Rule, definition: ElementDefinition) -> bool:
    """Whether an action can be applied to values of a primitive type."""
    kind = definition.type
    if rule.action in _TO_TEXT:
        return kind not in _NO_TEXT
    if rule.action is Action.SHIFT_DATE:
        return kind in DATES
    if rule.action is Action.PERTURB:
        return kind in NUMBERS
    if rule.action is Action.GENERALISE:
        wanted = {
            Generalisation.POSTAL_CODE: {"string"},
            Generalisation.AGE: {"decimal", "integer"},
            Generalisation.MEDIA_TYPE: {"code"},
        }
        return kind in wanted.get(rule.to or Generalisation.YEAR, DATES)
    if rule.action is Action.SUBSTITUTE:
        return _can_be(rule.value, kind)
    return True


def _can_be(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    if kind in NUMBERS:
        return isinstance(value, int) or (isinstance(value, float) and kind == "decimal")
    return isinstance(value, str)


def _is_object(rule: Rule) -> bool:
    return isinstance(rule.value, dict)
