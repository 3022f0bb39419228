"""The compiled form of a profile: small objects that run over a parsed resource.

They carry the place of an element as a linked tuple, and write it out as FHIRPath only where there
is something to report. They never raise for odd content: what is no valid FHIR at all is another
check's business.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from medplatform.modalities.ehr.profiles.issue import ProfileIssue, Severity
from medplatform.modalities.ehr.profiles.match import Matcher

# Parent, name, index in a list (None for a single value).
Place = tuple[Any, str, int | None]
Item = tuple[int | None, Any]
_NOTHING: dict[str, Any] = {}


def write_path(place: Place) -> str:
    """A place as FHIRPath: `Observation.component[1].value.ofType(Quantity)`."""
    parts = []
    at: Place | None = place
    while at is not None:
        at, name, index = at
        parts.append(name if index is None else f"{name}[{index}]")
    return ".".join(reversed(parts))


@dataclass(slots=True)
class Run:
    """One resource against one profile: what was found, and which elements are present."""

    profile: str
    root: Mapping[str, Any]
    issues: list[ProfileIssue]
    present: set[str] | None = None

    def report(self, code: str, place: Place, rule: str, severity: Severity = "error") -> None:
        """Add an issue."""
        self.issues.append(ProfileIssue(code, write_path(place), self.profile, rule, severity))


class Test(Protocol):
    """Something that one value must fulfil."""

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report what it does not."""
        ...


class Check(Protocol):
    """Something that the children of an object must fulfil."""

    def run(self, parent: Mapping[str, Any], place: Place, run: Run) -> None:
        """Report what they do not."""
        ...


@dataclass(slots=True)
class Body:
    """What holds for each value of an element: tests of itself, checks of its children."""

    tests: list[Test] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tests or self.checks)

    def run(self, value: Any, companion: Any, place: Place, run: Run) -> None:
        """Check one value; `companion` is the `_name` object beside a primitive."""
        for test in self.tests:
            test.run(value, place, run)
        if self.checks:
            if type(value) is not dict:
                value = companion if type(companion) is dict else _NOTHING
            for check in self.checks:
                check.run(value, place, run)


@dataclass(slots=True)
class SliceCheck:
    """One slice: which values belong to it, how many there may be, and what holds for them."""

    rule: str
    matches: Matcher
    min: int
    max: int | None
    body: Body
    is_must_support: bool = False
    is_default: bool = False
    slicing: "SlicingCheck | None" = None


@dataclass(slots=True)
class SlicingCheck:
    """Deals the values of an element among its slices: each to the first that it matches."""

    rule: str
    slices: Sequence[SliceCheck]
    rules: str = "open"
    is_ordered: bool = False
    by_url: Mapping[str, int] | None = None

    def run(
        self, items: Sequence[Item], companions: Any, parent: Place | None, name: str, run: Run
    ) -> None:
        """Check the values of one element."""
        dealt: dict[int, list[Item]] = {}
        highest = -1
        left_over = False
        for item in items:
            number = self._slice_of(item[1])
            if number is None:
                left_over = True
                if self.rules == "closed":
                    run.report("profile.closed_slice", (parent, name, item[0]), self.rule)
                continue
            is_late = (self.is_ordered and number < highest) or (
                left_over and self.rules == "openAtEnd"
            )
            if is_late:
                run.report("profile.slice_order", (parent, name, item[0]), self.rule)
            highest = max(highest, number)
            dealt.setdefault(number, []).append(item)
        for number, part in enumerate(self.slices):
            self._check_slice(part, dealt.get(number, ()), companions, parent, name, run)

    def _slice_of(self, value: Any) -> int | None:
        if self.by_url is not None:
            url = value.get("url") if type(value) is dict else None
            return self.by_url.get(url) if type(url) is str else None
        default = None
        for number, part in enumerate(self.slices):
            if part.is_default:
                default = number
            elif part.matches(value):
                return number
        return default

    def _check_slice(
        self,
        part: SliceCheck,
        items: Sequence[Item],
        companions: Any,
        parent: Place | None,
        name: str,
        run: Run,
    ) -> None:
        if len(items) < part.min:
            run.report("profile.slice", (parent, name, None), part.rule)
        if part.max is not None and len(items) > part.max:
            run.report("profile.slice_max", (parent, name, items[part.max][0]), part.rule)
        if items and part.is_must_support and run.present is not None:
            run.present.add(part.rule)
        if part.body:
            for index, value in items:
                companion = _companion(companions, index)
                part.body.run(value, companion, (parent, name, index), run)
        if part.slicing is not None:
            part.slicing.run(items, companions, parent, name, run)


@dataclass(slots=True)
class ElementCheck:
    """One element by its JSON name: cardinality, its values, its slices."""

    name: str
    label: str
    rule: str
    min: int
    max: int | None
    body: Body
    is_must_support: bool = False
    slicing: SlicingCheck | None = None
    companion_name: str = field(init=False)

    def __post_init__(self) -> None:
        self.companion_name = f"_{self.name}"

    def run(self, parent: Mapping[str, Any], place: Place, run: Run) -> None:
        """Check the element of one object."""
        value = parent.get(self.name)
        # Only primitives have a companion, and then usually beside a value.
        companions = parent.get(self.companion_name)
        if value is None:
            if companions is None:
                self._run_absent(place, run)
                return
            value = [None] * len(companions) if type(companions) is list else None
        is_list = type(value) is list
        count = len(value) if is_list else 1
        if count < self.min:
            run.report("profile.min", (place, self.label, None), self.rule)
        if self.max is not None and count > self.max:
            index = self.max if is_list else None
            run.report("profile.max", (place, self.label, index), self.rule)
        if self.is_must_support and count and run.present is not None:
            run.present.add(self.rule)
        if self.body:
            if is_list:
                for index, item in enumerate(value):
                    companion = _companion(companions, index)
                    self.body.run(item, companion, (place, self.label, index), run)
            else:
                self.body.run(value, companions, (place, self.label, None), run)
        if self.slicing is not None:
            items = list(enumerate(value)) if is_list else [(None, value)]
            self.slicing.run(items, companions, place, self.label, run)

    def _run_absent(self, place: Place, run: Run) -> None:
        if self.min:
            run.report("profile.min", (place, self.label, None), self.rule)
        if self.slicing is not None:
            self.slicing.run((), None, place, self.label, run)


@dataclass(frozen=True, slots=True)
class TypedName:
    """How a type of a choice stands in JSON and in FHIRPath, and what holds for it alone."""

    name: str
    label: str
    tests: Sequence[Test] = ()


@dataclass(slots=True)
class ChoiceCheck:
    """A choice element (`value[x]`): which types may occur, and what holds for the value."""

    label: str
    rule: str
    min: int
    allowed: Sequence[TypedName]
    forbidden: Sequence[TypedName]
    code: str
    body: Body
    is_must_support: bool = False
    slicing: SlicingCheck | None = None

    def run(self, parent: Mapping[str, Any], place: Place, run: Run) -> None:
        """Check the choice of one object."""
        found = False
        for typed in self.allowed:
            if typed.name in parent or f"_{typed.name}" in parent:
                found = True
                self._run_value(parent, typed, place, run)
        if found:
            return
        for typed in self.forbidden:
            if typed.name in parent or f"_{typed.name}" in parent:
                run.report(self.code, (place, typed.label, None), self.rule)
                return
        if self.min:
            run.report("profile.min", (place, self.label, None), self.rule)
        if self.slicing is not None:
            self.slicing.run((), None, place, self.label, run)

    def _run_value(
        self, parent: Mapping[str, Any], typed: TypedName, place: Place, run: Run
    ) -> None:
        if self.is_must_support and run.present is not None:
            run.present.add(self.rule)
        value, companion = parent.get(typed.name), parent.get(f"_{typed.name}")
        at = (place, typed.label, None)
        for test in typed.tests:
            test.run(value, at, run)
        if self.body:
            self.body.run(value, companion, at, run)
        if self.slicing is not None:
            self.slicing.run([(None, value)], companion, place, typed.label, run)


def _companion(companions: Any, index: int | None) -> Any:
    if index is None:
        return companions
    if type(companions) is list and index < len(companions):
        return companions[index]
    return None


def contained_resources(resource: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The contained resources with their index."""
    contained = resource.get("contained")
    if isinstance(contained, list):
        for index, inner in enumerate(contained):
            if isinstance(inner, dict):
                yield index, inner
