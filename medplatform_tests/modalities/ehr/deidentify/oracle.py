"""De-identification one value at a time: slow and plain, to compare the columnar engine with.

It shares the policy and the FHIR definitions with the engine, and nothing else.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from medplatform.modalities.ehr.definitions import (
    PRIMITIVES,
    ElementDefinition,
    Release,
    elements_of,
)
from medplatform.modalities.ehr.deidentify.policy import Action, Condition, Policy, Rule
from medplatform.modalities.ehr.moment import read_moment
from medplatform.privacy import Identity, generalise_birth_year, generalise_postal_code

DATES = ("date", "dateTime", "instant")
NUMBERS = ("decimal", "integer", "integer64", "positiveInt", "unsignedInt")


@dataclass(frozen=True)
class Step:
    """An element on the way to a value, with its content and what it stands in."""

    definition: ElementDefinition
    value: Any
    parent: dict[str, Any]


Way = tuple[Step, ...]


@dataclass
class Oracle:
    """What `Deidentifier` must do to one resource."""

    policy: Policy
    identity: Identity
    release: Release
    today: date
    patient_id: str | None
    shift_days: int
    resolve: Callable[[str], str | None]
    decided: dict[tuple[ElementDefinition, ...], list[tuple[Rule, int]]]
    """The rules of each way met so far, kept from one resource to the next."""
    leaves: Counter[str] = field(default_factory=Counter)
    invalid: list[str] = field(default_factory=list)

    def publish(self, resource: dict[str, Any], resource_type: str) -> Any:
        """The published content, without nulls and what is empty."""
        root = Step(ElementDefinition(resource_type, resource_type, False), resource, {})
        return prune(self._struct((root,), resource_type))

    def _struct(self, way: Way, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        content = way[-1].value
        for name, value in content.items():
            definition = elements_of(way[-1].definition.type, self.release)[name]
            items = value if definition.is_list else [value]
            columns: dict[str, list[Any]] = {}
            for number, item in enumerate(items):
                step = Step(definition, item, content)
                at = f"{path}.{name}[{number}]" if definition.is_list else f"{path}.{name}"
                for column, part in self._element((*way, step), at).items():
                    columns.setdefault(column, [None] * number).append(part)
                for parts in columns.values():
                    parts.extend([None] * (number + 1 - len(parts)))
            for column, parts in columns.items():
                made[column] = parts if definition.is_list else parts[0]
        return made

    def _element(self, way: Way, path: str) -> dict[str, Any]:
        definition, value = way[-1].definition, way[-1].value
        if not definition.is_primitive:
            return {definition.name: None if value is None else self._struct(way, path)}
        if value is None:
            column_is_there = any(r.action is not Action.DROP for r, _ in self._may_decide(way))
            self.leaves["kept" if column_is_there else "dropped"] += 1
            return {}
        rule = self._rule(way) if not self._in_unlisted_extension(way) else None
        columns, action = self._act(rule, way) if rule else (None, "dropped")
        if columns is None and action == "invalid":
            self.invalid.append(path)
        self.leaves[action if columns is not None else "dropped"] += 1
        return {definition.name + suffix: part for suffix, part in (columns or {}).items()}

    def _in_unlisted_extension(self, way: Way) -> bool:
        if self.policy.extensions is None:
            return False
        for number, step in enumerate(way[1:], 1):
            inside = way[number - 1].definition.type == "Extension"
            if inside and _is_choice(step.definition, "value"):
                urls: list[str] = []
                for outer in reversed(way[:number]):
                    if outer.definition.type != "Extension":
                        break
                    urls.append(outer.value.get("url") or ":")
                relative = [url for url in urls if ":" not in url]
                first_absolute = urls[len(relative)] if len(relative) < len(urls) else ""
                is_prefix = all(":" not in url for url in urls[: len(relative)])
                if not is_prefix or first_absolute not in self.policy.extensions:
                    return True
        return False

    def _candidates(self, way: Way) -> list[tuple[Rule, int, int, bool]]:
        """Rule, depth of the element it selects, depth where its selector begins, whether exact."""
        found = []
        for rule in self.policy.rules:
            head, steps = read_selector(rule.select)
            for anchor in range(len(way)):
                if not _begins(head, way, anchor):
                    continue
                ends = set(_ends(steps, way, anchor))
                found += [(rule, depth, anchor, depth == len(way) - 1) for depth in ends]
        return found

    def _may_decide(self, way: Way) -> list[tuple[Rule, int]]:
        """The rules for a value with the depths of what they select; all but the last have
        conditions. They depend on the definitions alone."""
        key = tuple(step.definition for step in way)
        if key not in self.decided:
            self.decided[key] = self._find_rules(way)
        return self.decided[key]

    def _find_rules(self, way: Way) -> list[tuple[Rule, int]]:
        kind = way[-1].definition.type
        candidates = self._candidates(way) + self._follow_value(way)
        if self.policy.precedence == "order":
            candidates.sort(key=lambda c: self.policy.rules.index(c[0]))
        else:
            drops = [c for c in candidates if _prunes(c)]
            candidates = [c for c in candidates if not any(_beats(d, c) for d in drops)]
            candidates.sort(key=lambda c: self._specificity(c))
        rules = []
        for rule, depth, _, is_exact in candidates:
            fitting = _fit(rule, kind)
            if fitting is None:
                assert not is_exact
                continue
            rules.append((fitting, depth))
            if not rule.when:
                break
        else:
            action = Action.KEEP if self.policy.default == "keep" else Action.DROP
            rules.append((Rule(select="", action=action), 0))
        return rules

    def _rule(self, way: Way) -> Rule:
        for rule, depth in self._may_decide(way):
            if not rule.when or any(self._holds(c, way, depth) for c in rule.when):
                return rule
        raise AssertionError("no rule decides")

    def _holds(self, condition: Condition, way: Way, depth: int) -> bool:
        is_met = condition.also is None or self._holds(condition.also, way, depth)
        return is_met and self._asks(condition, way, depth)

    def _asks(self, condition: Condition, way: Way, depth: int) -> bool:
        if condition.sibling and "." in condition.sibling:
            found = list(_follow(way[depth].parent, condition.sibling.split(".")))
            known = self.policy.vocabularies[condition.is_in]
            if found:
                return any((text in known) != condition.negate for text in found)
            text = None
        elif condition.sibling:
            text = way[depth].parent.get(condition.sibling)
        elif condition.child:
            text = way[depth].value.get(condition.child)
        else:
            text = way[-1].value
        if text is None:
            return condition.if_absent
        return (text in self.policy.vocabularies[condition.is_in]) != condition.negate

    def _follow_value(self, way: Way) -> list[tuple[Rule, int, int, bool]]:
        """What drops `birthDate` also drops what is in `_birthDate`."""
        found = []
        for depth, step in enumerate(way):
            name = step.definition.name
            if not name.startswith("_"):
                continue
            known = elements_of(way[depth - 1].definition.type, self.release)[name[1:]]
            at_value = (*way[:depth], Step(known, None, step.parent))
            for rule, at, anchor, is_exact in self._candidates(at_value):
                is_default = read_selector(rule.select)[0] in PRIMITIVES
                drops = rule.action is Action.DROP and not rule.when and not is_default
                if is_exact and (drops or self.policy.precedence == "order"):
                    found.append((rule, at, anchor, False))
        return found

    def _specificity(self, candidate: tuple[Rule, int, int, bool]) -> tuple[int, ...]:
        rule, depth, _, _ = candidate
        head, steps = read_selector(rule.select)
        return -_rank(head), -depth, -len(steps), self.policy.rules.index(rule)

    def _act(self, rule: Rule, way: Way) -> tuple[dict[str, Any] | None, str]:
        kind, value = way[-1].definition.type, way[-1].value
        if rule.action is Action.DROP:
            return None, "dropped"
        if kind in DATES:
            return self._act_on_date(rule, value)
        if kind == "decimal" and not math.isfinite(float(value)):
            return None, "invalid"
        if rule.action is Action.KEEP:
            return _published(kind, value), "kept"
        if rule.action is Action.REFERENCE:
            made = self.resolve(value)
        elif rule.action is Action.PSEUDONYMISE:
            made = self._pseudonym(rule.kind or "", way)
            if made == value and rule.kind == "version":
                return {"": made}, "kept"
        elif rule.action is Action.REDACT:
            return {"": self.policy.redaction}, "redacted"
        elif rule.action is Action.SUBSTITUTE:
            return _published(kind, str(rule.value)), "redacted"
        elif rule.to == "media_type":
            made = value.partition(";")[0]
            return ({"": made} if "/" in made else None), "generalised"
        elif rule.to == "age" and kind == "integer":
            return {"": min(value, 90)}, "generalised"
        elif rule.to == "age":
            return _published(kind, _merged_age(value, way[-1].parent)), "generalised"
        else:
            made = generalise_postal_code(value)
            return (None if made is None else {"": made}), "generalised"
        return (None if made is None else {"": made}), "pseudonymised"

    def _pseudonym(self, kind: str, way: Way) -> str:
        value = way[-1].value
        if kind == "resource_id":
            resource_type = way[0].definition.type
            if resource_type == "Patient" and self.patient_id:
                return self.patient_id
            return self.identity.token(resource_type, value)
        if kind == "version":
            is_count = value.isdecimal() and len(value) <= 6
            return value if is_count else self.identity.token("version", value)
        if kind == "dicom_uid":
            oid = "urn:oid:" if value.startswith("urn:oid:") else ""
            return oid + self.identity.uid(value[len(oid) :])
        if kind == "identifier":
            system = way[-1].parent.get("system", "")
            return self.identity.token("Identifier", f"{system}|{value}")
        return self.identity.token(kind, value)

    def _act_on_date(self, rule: Rule, text: str) -> tuple[dict[str, Any] | None, str]:
        is_shift = rule.action is Action.SHIFT_DATE
        if is_shift and not self.patient_id and self.policy.dates_without_patient == "drop":
            return None, "dropped"  # also where it is no date
        try:
            moment = read_moment(text)
        except ValueError:
            return None, "invalid"
        first_day = date.fromisoformat((text[:10] + "-01-01"[len(text) - 4 :])[:10])
        days = self.shift_days if self.patient_id else 0
        shifted = first_day + timedelta(days=days)
        if rule.action is Action.KEEP:
            return _dated(text, moment), "kept"
        if rule.to == "birth_date":
            if first_day > self.today:
                return None, "invalid"
            return _year(generalise_birth_year(shifted.year, self.today.year)), "generalised"
        if rule.to == "year":
            return _year(first_day.year), "generalised"
        if not self.patient_id:
            mode = self.policy.dates_without_patient
            if mode == "year":
                return _year(first_day.year), "generalised"
            assert mode == "keep"
            return _dated(text, moment), "kept"
        moved = shifted.isoformat()[: len(text)] + text[10:]
        start = moment + timedelta(days=days)
        if len(text) < 10:
            whole = shifted.replace(day=1) if len(text) == 7 else shifted.replace(month=1, day=1)
            start = datetime.combine(whole, time(), UTC)
        return _dated(moved, start), "shifted"


def _dated(text: str, start: Any) -> dict[str, Any]:
    if len(text) <= 10:
        precision = {4: "year", 7: "month", 10: "day"}[len(text)]
    else:
        digits = re.search(r"\.(\d+)", text)
        count = len(digits[1]) if digits else 0
        precision = "second" if not count else "millisecond" if count <= 3 else "microsecond"
        if not re.search(r"T\d\d:\d\d:\d\d", text):
            precision = "minute"
    return {"": text, "__start": start.astimezone(UTC), "__precision": precision}


def _year(year: int) -> dict[str, Any]:
    return _dated(str(year), read_moment(str(year)))


def _published(kind: str, value: Any) -> dict[str, Any]:
    return {"": float(value), "__text": value} if kind == "decimal" else {"": value}


def _merged_age(text: str, quantity: dict[str, Any]) -> str:
    limits = {"a": 90, "mo": 1080, "wk": 4696, "d": 32872, "h": 788940, "min": 47336400}
    limits |= {"month": limits["mo"], "days": limits["d"]}
    named = [limits[name] for part in ("code", "unit") if (name := quantity.get(part)) in limits]
    oldest = named[0] if named else limits["a"]
    return str(oldest) if float(text) >= oldest else text


def _fit(rule: Rule, kind: str) -> Rule | None:
    action = rule.action
    is_text = kind not in (*DATES, *NUMBERS, "boolean")
    if action in (Action.PSEUDONYMISE, Action.REFERENCE, Action.REDACT) and not is_text:
        return Rule(select=rule.select, action=Action.DROP, when=rule.when)
    if action is Action.SHIFT_DATE and kind not in DATES:
        return None
    if action is Action.GENERALISE:
        wanted = {
            "postal_code": ("string",),
            "age": ("decimal", "integer"),
            "media_type": ("code",),
        }
        return rule if kind in wanted.get(rule.to or "", DATES) else None
    return rule


def _follow(content: Any, path: list[str]) -> Iterator[str]:
    """The texts that a path leads to, through lists too."""
    if isinstance(content, list):
        for item in content:
            yield from _follow(item, path)
    elif content is not None and path:
        yield from _follow(content.get(path[0]), path[1:])
    elif content is not None:
        yield content


@cache
def read_selector(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Head and steps of a selector."""
    match = re.match(r"[A-Za-z0-9]+", text)
    assert match
    return match[0], re.findall(r"(//|\.\.|\.)([^./]+)", text[match.end() :])


def _rank(head: str) -> int:
    if head in PRIMITIVES:
        return 0
    if head in ("Resource", "DomainResource"):
        return 1
    try:
        return 2 if "implicitRules" in elements_of(head, Release.R4B) else 1
    except KeyError:
        return 2 if "implicitRules" in elements_of(head, Release.R5) else 1


def _begins(head: str, way: Way, anchor: int) -> bool:
    is_any_resource = head in ("Resource", "DomainResource") and anchor == 0
    return is_any_resource or way[anchor].definition.type == head


def _ends(steps: list[tuple[str, str]], way: Way, at: int) -> Iterator[int]:
    """Depths of the elements on the way that a selector's steps lead to."""
    if not steps:
        yield at
        return
    (axis, name), *rest = steps
    if axis == ".":
        nexts = range(at + 1, min(at + 2, len(way)))
    else:
        nexts = range(at if axis == "//" else at + 1, len(way))
    for depth in nexts:
        definition = way[depth].definition
        if definition.type == name if axis == "//" else _is_called(definition, name):
            yield from _ends(rest, way, depth)


def _is_called(definition: ElementDefinition, name: str) -> bool:
    return _is_choice(definition, name[:-3]) if name.endswith("[x]") else definition.name == name


def _is_choice(definition: ElementDefinition, base: str) -> bool:
    return definition.name == base + definition.type[0].upper() + definition.type[1:]


def _prunes(candidate: tuple[Rule, int, int, bool]) -> bool:
    rule = candidate[0]
    is_type = _rank(read_selector(rule.select)[0]) == 1
    return rule.action is Action.DROP and not rule.when and is_type


def _beats(drop: tuple[Rule, int, int, bool], other: tuple[Rule, int, int, bool]) -> bool:
    if _rank(read_selector(other[0].select)[0]) != 1:
        return False
    return other[2] >= drop[1] and other[2] != drop[2]


def prune(value: Any) -> Any:
    """Without nulls and what is empty; items of lists keep their places."""
    if isinstance(value, dict):
        kept = {name: pruned for name, item in value.items() if (pruned := prune(item)) is not None}
        return kept or None
    if isinstance(value, list):
        items = [prune(item) for item in value]
        return items if any(item is not None for item in items) else None
    return value
