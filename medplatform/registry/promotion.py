"""Approve, promote, roll back: the only way to `champion`, each step checked against the log.

MLflow's aliases have no compare-and-swap: of two promoters that both read v1, both succeed and one
is silently overwritten. Here the verdict names the champion that a promotion expects, and it is
decided under a lock, on the log.
"""

from contextlib import suppress
from dataclasses import dataclass

from medplatform.clinical import ModelReference, Verdict
from medplatform.privacy import AuditRecord
from medplatform.registry.aliases import project_aliases, repair_aliases
from medplatform.registry.errors import (
    AlreadyChampion,
    NotApproved,
    NothingToRollBack,
    RegistryError,
    SelfApproval,
    StaleChampion,
    VersionMissing,
)
from medplatform.registry.history import APPROVED, PROMOTED, ROLLED_BACK
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import Registry
from medplatform.registry.sign_off import update_card
from medplatform.registry.standing import standing_verdict
from medplatform.registry.versions import (
    APPROVED_AT,
    APPROVER,
    APPROVER_ROLE,
    TRAINER,
    Registered,
    registered,
)
from medplatform.training.account import Account, current_account
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

    The name is not authenticated. The account that typed it is recorded beside it, and whether
    that is the account that trained.

    Raises
    ------
    RegistryError
        Name, role or reason is empty.
    AlreadyChampion
        The version is champion; nothing is recorded.
    SelfApproval
        The approver has trained the model.
    StaleChampion
        Another version is champion than the one that the verdict compares with.
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
        subject = registered(history, version)
        _require_other(recipe, version, history.champion)
        trainers = {
            subject.trainer,
            registry.version(recipe.name, version).tags.get(TRAINER, ""),
        }
        if _same_person(approver) in {_same_person(trainer) for trainer in trainers}:
            raise SelfApproval(
                f"{approver} has trained {recipe.name} version {version} and cannot approve it. "
                f"Ask somebody else to run: {_how(recipe, version)}"
            )
        verdict = standing_verdict(registry, recipe, version, history)
        _require_champion(recipe, version, history.champion, verdict)
        record = registry.record(
            recipe.name,
            approver,
            APPROVED,
            version=version,
            verdict=verdict.digest,
            model_digest=verdict.model.digest,
            report_sha256=history.judged[version].detail["report_sha256"],
            role=role,
            reason=reason,
            is_trainer_account=_is_trainer_account(subject),
        )
        update_card(registry, recipe, version)
        return record


@reports_outage
def promote(registry: Registry, recipe: Recipe, version: int, *, actor: str) -> Promotion:
    """Make an approved version the champion, if the champion is the one it was judged against.

    That champion, which the verdict names, is the expected value of the compare-and-swap: not to
    be inferior to one champion says nothing about the next.

    Raises
    ------
    AlreadyChampion
        The version is champion; nothing is recorded.
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
        _require_other(recipe, version, history.champion)
        verdict = standing_verdict(registry, recipe, version, history)
        approval = history.approval(version, verdict.digest)
        if approval is None:
            raise NotApproved(
                f"Nobody has approved this verdict of {recipe.name} version {version}. "
                f"Somebody other than the trainer has to run: {_how(recipe, version)}"
            )
        _require_champion(recipe, version, history.champion, verdict)
        repair_aliases(registry, recipe.name, actor=actor)
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
        _show_approval(registry, recipe, version, approval)
        update_card(registry, recipe, version)
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
            repair_aliases(registry, recipe.name, actor=actor)
            record = registry.record(
                recipe.name,
                actor,
                ROLLED_BACK,
                version=previous.version,
                model_digest=previous.digest,
                replaced=champion.version,
                reason=reason,
            )
        update_card(registry, recipe, previous.version)
        with suppress(VersionMissing):  # what was deleted has no card
            registry.version(recipe.name, champion.version)
            update_card(registry, recipe, champion.version)
        project_aliases(registry, recipe.name)
        return Promotion(previous, champion, record)


def _require_other(recipe: Recipe, version: int, champion: ModelReference | None) -> None:
    if champion is not None and champion.version == version:
        raise AlreadyChampion(
            f"{recipe.name} version {version} is champion already. See: medplatform status"
        )


def _is_trainer_account(subject: Registered) -> bool:
    """Whether the account that trained is the one that acts now, on whichever host."""
    trainer = Account.parse(subject.trainer_account).user
    return trainer == current_account().user


def _show_approval(registry: Registry, recipe: Recipe, version: int, approval: AuditRecord) -> None:
    tags = {
        APPROVER: approval.actor,
        APPROVER_ROLE: approval.detail["role"],
        APPROVED_AT: approval.at.isoformat(timespec="seconds"),
    }
    for name, value in tags.items():
        registry.client.set_model_version_tag(recipe.name, str(version), name, value)


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


def _same_person(name: str) -> str:
    return " ".join(name.split()).casefold()


def _how(recipe: Recipe, version: int) -> str:
    return f"medplatform approve {recipe.name} {version} --as YOU --role ROLE --reason …"
