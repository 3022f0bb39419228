"""The verdict: what the gates said of exactly one model on exactly one data set.

A verdict binds by its digest, which covers every field. Whoever relies on it computes the digest
again; the file's name is only a convenience.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from medplatform.clinical.estimate import Estimate
from medplatform.clinical.evaluate import Evidence, evaluate
from medplatform.clinical.gate import GateResult, GateSet, State, overall
from medplatform.lake.ledger import write_atomically


class VerdictError(ValueError):
    """A verdict file cannot be read or contradicts itself."""


class ModelReference(BaseModel):
    """One registered model: its version and the SHA-256 over its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    digest: str


class Cohort(BaseModel):
    """Size of the locked test cohort; `events` is None for a segmentation task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    patients: int
    events: int | None


class Verdict(BaseModel):
    """Outcome of all gates for one model, with everything it depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    recipe: str
    model: ModelReference
    champion: ModelReference | None
    dataset_digest: str
    gates: str
    gates_digest: str
    state: State
    results: tuple[GateResult, ...]
    cohort: Cohort
    metrics: dict[str, Estimate]
    baseline_metrics: dict[str, Estimate]
    champion_metrics: dict[str, Estimate]
    created_at: datetime

    @model_validator(mode="after")
    def _state_follows_from_results(self) -> "Verdict":
        if self.state is not overall(self.results):
            raise ValueError("the state does not follow from the results of the gates")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over every field, 64 hex digits."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def reasons(self) -> list[str]:
        """One line per gate that is not passed."""
        return [
            f"{r.title}: {r.state.value}. {r.reason}" for r in self.results if not r.state.is_met
        ]


def reach_verdict(
    gates: GateSet,
    evidence: Evidence,
    *,
    recipe: str,
    model: ModelReference,
    dataset_digest: str,
    champion: ModelReference | None = None,
) -> Verdict:
    """Apply the gates and put down what they said, about what."""
    results = gates.evaluate(evidence)
    cohort = evidence.candidate
    return Verdict(
        recipe=recipe,
        model=model,
        champion=champion,
        dataset_digest=dataset_digest,
        gates=f"{gates.name} v{gates.version}",
        gates_digest=gates.digest,
        state=overall(results),
        results=results,
        cohort=Cohort(
            rows=len(cohort),
            patients=cohort.patients,
            events=None if cohort.y is None else cohort.events,
        ),
        metrics=evaluate(cohort),
        baseline_metrics=evaluate(evidence.baseline) if evidence.baseline else {},
        champion_metrics=evaluate(evidence.champion) if evidence.champion else {},
        created_at=datetime.now(UTC),
    )


def write_verdict(verdict: Verdict, folder: Path) -> Path:
    """Write `v<version>-<digest[:12]>.json` and return its path."""
    path = folder / f"v{verdict.model.version}-{verdict.digest[:12]}.json"
    folder.mkdir(parents=True, exist_ok=True)
    content = {**verdict.model_dump(mode="json"), "digest": verdict.digest}
    write_atomically(path, json.dumps(content, indent=1).encode())
    return path


def read_verdict(path: Path) -> Verdict:
    """Read a verdict and check that it is whole.

    Raises
    ------
    VerdictError
        The file is missing, was edited, or its state does not follow from its results.
    """
    try:
        content: Mapping[str, object] = json.loads(path.read_bytes())
        fields = dict(content)
        digest = fields.pop("digest", None)
        verdict = Verdict.model_validate(fields)
    except FileNotFoundError:
        raise VerdictError(f"{path} is missing. Judge the model again.") from None
    except (ValidationError, ValueError, TypeError, AttributeError) as error:
        raise VerdictError(f"{path} is no valid verdict. Judge the model again.") from error
    if digest != verdict.digest:
        raise VerdictError(f"{path} was edited after it was written. Judge the model again.")
    return verdict
