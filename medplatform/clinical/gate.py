"""A gate is one declared rule; a gate set is what a model has to pass before anyone may sign it.

Thresholds are part of the declaration, and their digest is part of every verdict: a model that
was judged under other thresholds has not been judged.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from medplatform.clinical.estimate import TooFew
from medplatform.clinical.evaluate import Evidence
from medplatform.clinical.predictions import MismatchedRows


class State(StrEnum):
    """What a gate found.

    INCONCLUSIVE means that the data cannot decide, which is no pass. NOT_APPLICABLE means that
    there is nothing to decide, such as no champion to be compared with.
    """

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT APPLICABLE"

    @property
    def is_met(self) -> bool:
        """Whether a gate in this state lets a model through."""
        return self in (State.PASS, State.NOT_APPLICABLE)


class Severity(StrEnum):
    """How loudly a gate that is not passed is shown; it never changes the overall state."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule measured: the figure that decided, the limit it was held against, and why."""

    state: State
    reason: str
    value: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0


Rule = Callable[[Evidence, Mapping[str, float]], Finding]


class GateResult(BaseModel):
    """The outcome of one gate, as it is kept in the verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    title: str
    severity: Severity
    state: State
    value: float | None
    threshold: float | None
    interval: tuple[float, float] | None
    n: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One rule with its thresholds.

    `requires` names gates that must pass for this one to decide anything; where one did not, the
    result keeps its figures and is INCONCLUSIVE.
    """

    name: str
    title: str
    why: str
    thresholds: Mapping[str, float]
    rule: Rule
    severity: Severity = Severity.ERROR
    requires: tuple[str, ...] = ()

    def evaluate(self, evidence: Evidence) -> GateResult:
        """Apply the rule; data that cannot decide it give INCONCLUSIVE, never an exception."""
        try:
            finding = self.rule(evidence, self.thresholds)
        except TooFew as error:
            finding = Finding(
                state=State.INCONCLUSIVE,
                reason=f"Too few data to compute it: {error}.",
                n=len(evidence.candidate),
            )
        except MismatchedRows as error:
            finding = Finding(
                state=State.INCONCLUSIVE,
                reason=f"Not comparable: {error}",
                n=len(evidence.candidate),
            )
        return GateResult(
            gate=self.name,
            title=self.title,
            severity=self.severity,
            state=finding.state,
            value=finding.value,
            threshold=finding.threshold,
            interval=finding.interval,
            n=finding.n,
            reason=finding.reason,
        )


@dataclass(frozen=True, kw_only=True)
class GateSet:
    """The gates of one use case. Raise `version` when a rule changes its meaning."""

    name: str
    version: int
    gates: tuple[Gate, ...] = field(repr=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for gate in self.gates:
            if gate.name in seen:
                raise ValueError(f"{self.name}: gate {gate.name} is declared twice.")
            if missing := set(gate.requires) - seen:
                raise ValueError(f"{self.name}: {gate.name} requires {missing}, not declared yet.")
            seen.add(gate.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over name, version and every declared threshold."""
        declared = [
            [g.name, g.severity, dict(g.thresholds), g.requires, g.rule.__name__]
            for g in self.gates
        ]
        content = json.dumps([self.name, self.version, declared], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def thresholds(self, gate: str) -> Mapping[str, float]:
        """Thresholds of one gate, by name.

        Raises
        ------
        KeyError
            No such gate is declared.
        """
        return {g.name: g.thresholds for g in self.gates}[gate]

    def evaluate(self, evidence: Evidence) -> tuple[GateResult, ...]:
        """Results of all gates, in the order of declaration."""
        results: dict[str, GateResult] = {}
        for gate in self.gates:
            result = gate.evaluate(evidence)
            required = [results[name] for name in gate.requires]
            unmet = [r.title for r in required if not r.state.is_met]
            results[gate.name] = _undecided(result, unmet) if unmet else result
        return tuple(results.values())


def overall(results: Iterable[GateResult]) -> State:
    """FAIL if any gate fails, else INCONCLUSIVE if any is or if none passes, else PASS."""
    states = {result.state for result in results}
    if State.FAIL in states:
        return State.FAIL
    if State.INCONCLUSIVE in states or State.PASS not in states:
        return State.INCONCLUSIVE
    return State.PASS


def _undecided(result: GateResult, unmet: list[str]) -> GateResult:
    if result.state in (State.INCONCLUSIVE, State.NOT_APPLICABLE):
        return result
    reason = f"Not decided without “{'”, “'.join(unmet)}”. Measured: {result.reason}"
    return result.model_copy(update={"state": State.INCONCLUSIVE, "reason": reason})
