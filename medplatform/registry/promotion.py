"""Approve, promote, roll back: the only way to `champion`, each step checked against the log.

MLflow's aliases have no compare-and-swap: of two promoters that both read v1, both succeed and one
is silently overwritten. Here the verdict names the champion that a promotion expects, and it is
decided under a lock, on the log.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from medplatform.clinical import ModelReference, State, Verdict, VerdictError, read_verdict
from medplatform.privacy import AuditRecord
from medplatform.registry.aliases import project_aliases
from medplatform.registry.errors import (
    NotApproved,
    NothingToRollBack,
    NotJudged,
    NotPassed,
    RegistryError,
    SelfApproval,
    StaleChampion,
    VerdictMismatch,
)
from medplatform.registry.history import APPROVED, PROMOTED, ROLLED_BACK, History
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry
from medplatform.registry.versions import (
    DATASET_DIGEST,
    MODEL_DIGEST,
    TRAINER,
    VERDICT,
    VERDICT_DIGEST,
    registered,
)
from medplatform.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Promotion:
    """Who is champion now, who was before, and the record of it."""

    champion: ModelReference
    previous: ModelReference | None
    record: AuditRecord


@reports_outage
def approve(
    registry: Registry, recipe: Recipe, version: int, *, approver: str, role: str, reason: str
) -> AuditRecord:
    """Record that a person has read the report and stands for this verdict.

    Raises
    ------
    RegistryError
        Name, role or reason is empty.
    SelfApproval
        The approver has trained the model.
    NotJudged, NotPassed, VerdictMismatch
        There is no passing verdict for exactly this model, data set and these gates.
    ModelMismatch, VersionMissing
        The model is not in the registry as it was registered.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    if not (approver.strip() and role.strip() and reason.strip()):
        raise RegistryError(
            f"An approval needs a name, a role and a reason: {_how(recipe, version)}"
        )
    with registry.lock(recipe.name):
        history = registry.history(recipe.name)
        trainers = {
            registered(history, version).trainer,
            registry.version(recipe.name, version).tags.get(TRAINER, ""),
        }
        if _same_person(approver) in {_same_person(trainer) for trainer in trainers}:
            raise SelfApproval(
                f"{approver} has trained {recipe.name} version {version} and cannot approve it. "
                f"Ask somebody else to run: {_how(recipe, version)}"
            )
        verdict = standing_verdict(registry, recipe, version, history)
        return registry.record(
            recipe.name,
            approver,
            APPROVED,
            version=version,
            verdict=verdict.digest,
            model_digest=verdict.model.digest,
            report_sha256=history.judged[version].detail["report_sha256"],
            role=role,
            reason=reason,
        )


@reports_outage
def promote(registry: Registry, recipe: Recipe, version: int, *, actor: str) -> Promotion:
    """Make an approved version the champion, if the champion is the one it was judged against.

    That champion, which the verdict names, is the expected value of the compare-and-swap: not to
    be inferior to one champion says nothing about the next.

    Raises
    ------
    StaleChampion
        Another version is champion by now.
    NotApproved
        Nobody but the trainer has approved exactly this verdict.
    NotJudged, NotPassed, VerdictMismatch
        There is no passing verdict for exactly this model, data set and these gates.
    ModelMismatch, VersionMissing
        The model is not in the registry as it was registered.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    with registry.lock(recipe.name):
        history = registry.history(recipe.name)
        verdict = standing_verdict(registry, recipe, version, history)
        approval = history.approval(version, verdict.digest)
        if approval is None:
            raise NotApproved(
                f"Nobody has approved this verdict of {recipe.name} version {version}. "
                f"Somebody other than the trainer has to run: {_how(recipe, version)}"
            )
        _require_champion(recipe, version, history.champion, verdict)
        record = registry.record(
            recipe.name,
            actor,
            PROMOTED,
            version=version,
            model_digest=verdict.model.digest,
            verdict=verdict.digest,
            approval=approval.digest,
            replaced=history.champion.version if history.champion else None,
        )
        project_aliases(registry, recipe.name)
        return Promotion(verdict.model, history.champion, record)


@reports_outage
def rollback(registry: Registry, recipe: Recipe, *, actor: str, reason: str) -> Promotion:
    """Put the previous champion back. The approval of the one rolled back stands no longer.

    Raises
    ------
    RegistryError
        The reason is empty.
    NothingToRollBack
        There is no previous champion.
    ModelMismatch, VersionMissing
        The previous champion is not in the registry as it was registered.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    if not reason.strip():
        raise RegistryError(f"A rollback needs a reason: medplatform rollback {recipe.name} …")
    with registry.lock(recipe.name):
        history = registry.history(recipe.name)
        champion, previous = history.champion, history.previous
        if champion is None or previous is None:
            raise NothingToRollBack(
                f"{recipe.name} has no previous champion. See: medplatform status"
            )
        with registry.files(recipe.name, previous.version, digest=previous.digest):
            record = registry.record(
                recipe.name,
                actor,
                ROLLED_BACK,
                version=previous.version,
                model_digest=previous.digest,
                replaced=champion.version,
                reason=reason,
            )
        project_aliases(registry, recipe.name)
        return Promotion(previous, champion, record)


def standing_verdict(registry: Registry, recipe: Recipe, version: int, history: History) -> Verdict:
    """The passing verdict of a version, if file, log, tags and model all agree on it.

    Raises
    ------
    NotJudged, NotPassed, VerdictMismatch, ModelMismatch, VersionMissing
        It is missing, not passing, or something does not agree.
    """
    subject = registered(history, version)
    judged = history.judged.get(version)
    if judged is None:
        raise NotJudged(
            f"{recipe.name} version {version} has not been judged. "
            f"Run: medplatform evaluate {recipe.name} {version}"
        )
    report = registry.verdicts(recipe.name) / judged.detail["verdict_file"]
    verdict = _read(report)
    tags = registry.version(recipe.name, version).tags
    facts = {
        "the verdict file": (verdict.digest, judged.detail["verdict"]),
        "the version": ((verdict.recipe, verdict.model.version), (recipe.name, version)),
        "the model digest": (verdict.model.digest, subject.model_digest),
        "the model tag": (tags.get(MODEL_DIGEST), subject.model_digest),
        "the data set digest": (verdict.dataset_digest, subject.dataset_digest),
        "the data set tag": (tags.get(DATASET_DIGEST), subject.dataset_digest),
        "the verdict tag": (tags.get(VERDICT_DIGEST), verdict.digest),
        "the state tag": (tags.get(VERDICT), verdict.state.value),
        "the report": (_sha256(report.with_suffix(".html")), judged.detail["report_sha256"]),
        "the gates": (verdict.gates_digest, recipe.gates.digest),
        "the list of gates": (
            [result.gate for result in verdict.results],
            [gate.name for gate in recipe.gates.gates],
        ),
    }
    wrong = [name for name, (found, expected) in facts.items() if found != expected]
    if wrong:
        raise VerdictMismatch(
            f"{recipe.name} version {version}: {', '.join(wrong)} differ from what was judged. "
            f"Judge it again: medplatform evaluate {recipe.name} {version}"
        )
    if verdict.state is not State.PASS:
        raise NotPassed(
            f"{recipe.name} version {version} is {verdict.state.value}. "
            + " ".join(verdict.reasons)
            + f" Read the report, then train again: medplatform train {recipe.name}"
        )
    with registry.files(recipe.name, version, digest=subject.model_digest):
        return verdict


def _require_champion(
    recipe: Recipe, version: int, champion: ModelReference | None, verdict: Verdict
) -> None:
    if verdict.champion != champion:
        judged_against = verdict.champion.version if verdict.champion else "no champion"
        present = champion.version if champion else "none"
        raise StaleChampion(
            f"{recipe.name} version {version} was judged against {judged_against}, but the "
            f"champion is {present} by now. Judge it again: "
            f"medplatform evaluate {recipe.name} {version}"
        )


def _read(path: Path) -> Verdict:
    try:
        return read_verdict(path)
    except VerdictError as error:
        raise VerdictMismatch(str(error)) from error


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _same_person(name: str) -> str:
    return " ".join(name.split()).casefold()


def _how(recipe: Recipe, version: int) -> str:
    return f"medplatform approve {recipe.name} {version} --as YOU --role ROLE --reason …"
