"""Whether the rules of a policy can be applied, told before anything is read.

A rule is sound if in some FHIR release its action can be done with all that its selector reaches,
and its conditions ask for single texts that are there.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from medplatform.modalities.ehr.definitions import (
    PRIMITIVE_EXTENSION,
    PRIMITIVES,
    ElementDefinition,
    Release,
    elements_of,
)
from medplatform.modalities.ehr.deidentify.plan import NUMBERS, fits, suits_all
from medplatform.modalities.ehr.deidentify.policy import (
    Condition,
    Policy,
    PolicyError,
    Rule,
)
from medplatform.modalities.ehr.deidentify.selector import (
    EVERY_RESOURCE,
    Selector,
    Step,
    is_resource,
)

_TEXTS = PRIMITIVES - (NUMBERS - {"decimal"}) - {"boolean"}
"""What is a text before it is de-identified; decimals are, as delivered."""
_ANYWHERE = ""


@dataclass(frozen=True, slots=True)
class _Site:
    """Where an element stands: in a type, in any type (`_ANYWHERE`), or as a resource (None)."""

    owner: str | None
    element: ElementDefinition


def demand_soundness(policy: Policy) -> None:
    """Refuse a policy with rules that cannot be applied, as those with mistyped conditions.

    Raises
    ------
    PolicyError
        It has some; the message names them with what is wrong.
    """
    problems = [
        f"rule {number} ({rule.action.value} {rule.select}) {problem}"
        for number, rule in enumerate(policy.rules, 1)
        if (problem := find_problem(rule))
    ]
    if problems:
        raise PolicyError("\n".join(problems))


def find_problem(rule: Rule) -> str | None:
    """What is wrong with a rule in every release that has what it selects."""
    asks = [condition for condition in rule.conditions() if condition.sibling or condition.child]
    if not asks and suits_all(rule):
        return None
    selector = Selector.parse(rule.select)
    problem = None
    for release in Release:
        if sites := _sites(selector, release):
            problem = _misfit(rule, sites, release) or next(
                filter(None, (_misasked(condition, sites, release) for condition in asks)), None
            )
            if problem is None:
                return None
    return problem


def _misfit(rule: Rule, sites: Iterable[_Site], release: Release) -> str | None:
    """Why an action cannot be done with what is selected."""
    if suits_all(rule):
        return None
    selected = {site.element.type for site in sites}
    wrong = sorted(
        name for name in selected & PRIMITIVES if not fits(rule, ElementDefinition("", name, False))
    )
    if wrong:
        return f"cannot be done with values of type {', '.join(wrong)}: choose another action."
    within = {
        each.type
        for name in _types_within(selected, release, extensions=False)
        for each in elements_of(name, release).values()
        if each.is_primitive
    }
    there = (selected | within) & PRIMITIVES
    if not any(fits(rule, ElementDefinition("", name, False)) for name in there):
        return "reaches nothing that it can be done with: choose another action."
    return None


def _misasked(condition: Condition, sites: Iterable[_Site], release: Release) -> str | None:
    """Why a condition cannot be asked where the selected elements stand."""
    name = condition.sibling or condition.child or ""
    if condition.sibling:
        what = f"asks for a sibling {name!r}"
        owners = {owner for site in sites for owner in _owners(site, release)}
    else:
        what = f"asks for a child {name!r}"
        owners = {site.element.type for site in sites}
    asked = [found for owner in owners if (found := _asked(name, owner, release))]
    if not asked:
        return f"{what}, which FHIR does not have there: see to the name."
    if any(each.is_list or each.type not in _TEXTS for each in asked):
        return f"{what}, which is no single text: ask for another element."
    return None


def _asked(path: str, owner: str, release: Release) -> ElementDefinition | None:
    """The element that a path leads to, if there is one."""
    *way, last = path.split(".")
    for name in way:
        if (element := _elements(owner, release).get(name)) is None:
            return None
        owner = element.type
    return _elements(owner, release).get(last)


def _owners(site: _Site, release: Release) -> Iterator[str]:
    if site.owner == _ANYWHERE:
        for name in _all_types(release):
            if any(each.type == site.element.type for each in _elements(name, release).values()):
                yield name
    elif site.owner is not None:
        yield site.owner


def _sites(selector: Selector, release: Release) -> set[_Site]:
    """Where the selected elements stand."""
    if selector.head in EVERY_RESOURCE:
        heads = _resources(release)
    else:
        is_there = selector.head in PRIMITIVES or _elements(selector.head, release)
        heads = frozenset({selector.head} if is_there else ())
    owner = None if heads and is_resource(next(iter(heads))) else _ANYWHERE
    sites = {_Site(owner, ElementDefinition(head, head, is_list=False)) for head in heads}
    for step in selector.steps:
        sites = set(_follow(step, sites, release))
    return sites


def _follow(step: Step, sites: set[_Site], release: Release) -> Iterator[_Site]:
    types = {site.element.type for site in sites}
    if step.axis == "//":
        yield from (site for site in sites if step.meets(site.element))
    if step.axis == ".":
        yield from _below(types, step, release)
        return
    # Extensions can hold nearly all there is: they are looked into where nothing else is meant.
    found = _below(_types_within(types, release, extensions=False), step, release)
    yield from found or _below(_types_within(types, release), step, release)


def _below(types: Iterable[str], step: Step, release: Release) -> list[_Site]:
    """The elements of types that a step can end on."""
    return [
        _Site(name, element)
        for name in types
        for element in _elements(name, release).values()
        if step.meets(element)
    ]


def _types_within(types: Iterable[str], release: Release, *, extensions: bool = True) -> set[str]:
    """The types of elements, of those in them, and so on; those that have elements."""
    found: set[str] = set()
    pending = set(types)
    while pending:
        name = pending.pop()
        elements = _elements(name, release)
        if elements and name not in found:
            found.add(name)
            inner = {element.type for element in elements.values()} - found
            pending |= inner if extensions else inner - {"Extension", PRIMITIVE_EXTENSION}
    return found


def _elements(type_name: str, release: Release) -> dict[str, ElementDefinition]:
    try:
        return {} if type_name in PRIMITIVES else dict(elements_of(type_name, release))
    except KeyError:
        return {}


@cache
def _resources(release: Release) -> frozenset[str]:
    return frozenset(
        name for name in _all_types(release) if "implicitRules" in _elements(name, release)
    )


@cache
def _all_types(release: Release) -> frozenset[str]:
    """All types with elements; some seconds, the first time."""
    from medplatform.modalities.ehr.conformance.hl7 import r4_only_resources

    package = "fhir.resources" if release is Release.R5 else "fhir.resources.R4B"
    listed = vars(importlib.import_module(f"{package}.fhirtypes"))
    names = {name.removesuffix("Type") for name in listed if name.endswith("Type")}
    if release is Release.R4:
        names |= r4_only_resources()
    return frozenset(name for name in names if _elements(name, release))
