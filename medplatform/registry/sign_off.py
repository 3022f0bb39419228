"""Who stands for a model version, as the card in MLflow, the asset and the status tell it.

Names are typed and not authenticated; the account of the operating system is recorded beside them.
"""

from typing import TYPE_CHECKING

from medplatform.clinical import VerdictError, model_card, read_verdict
from medplatform.registry.history import History
from medplatform.registry.versions import model_facts, registered

if TYPE_CHECKING:
    from medplatform.registry.registry import Registry
    from medplatform.training.recipe import Recipe


def describe_sign_off(history: History, version: int) -> dict[str, str]:
    """Label -> text of the approval of a version and of its promotion; empty without approval."""
    approval = history.sign_off(version)
    if approval is None:
        return {}
    detail = approval.detail
    account = detail.get("account", "unknown")
    same = ", the account that trained" if detail.get("is_trainer_account") else ""
    told = {
        "Approved by": f"{approval.actor} ({detail['role']})",
        "Approved at": f"{approval.at:%Y-%m-%d %H:%M} UTC",
        "Reason": detail["reason"],
        "Typed by": f"{account}{same}",
    }
    if history.is_withdrawn(version):
        told["Withdrawn"] = "This version was rolled back."
    promotion = history.promoted.get(version)
    if promotion is not None:
        account = promotion.detail.get("account", "unknown")
        told["Promoted by"] = f"{promotion.actor}, typed by {account}"
        told["Promoted at"] = f"{promotion.at:%Y-%m-%d %H:%M} UTC"
    return told


def update_card(registry: "Registry", recipe: "Recipe", version: int) -> None:
    """Write the model card of a version anew, from its last verdict and its sign-off."""
    history = registry.history(recipe.name)
    facts = model_facts(
        registry,
        recipe,
        registered(history, version),
        sign_off=describe_sign_off(history, version),
    )
    judged = history.judged.get(version)
    try:
        folder = registry.verdicts(recipe.name)
        verdict = read_verdict(folder / judged.detail["verdict_file"]) if judged else None
    except VerdictError:
        verdict = None
    registry.client.update_model_version(recipe.name, str(version), model_card(facts, verdict))
