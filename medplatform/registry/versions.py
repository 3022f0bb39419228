"""From a finished training run to a candidate: a model version that names all it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medplatform.clinical import ModelFacts, model_card
from medplatform.registry.aliases import project_aliases, repair_aliases
from medplatform.registry.errors import ModelMismatch, RegistryError, VersionMissing
from medplatform.registry.history import REGISTERED, History
from medplatform.registry.outage import reports_outage
from medplatform.registry.registry import TAG_PREFIX, Registry, copy_of
from medplatform.training.recipe import Recipe
from medplatform.training.result import RunResult
from medplatform.training.tracking import DATA, SYNTHETIC_DATA

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

MODEL_DIGEST = f"{TAG_PREFIX}model_digest"
DATASET_DIGEST = f"{TAG_PREFIX}dataset_digest"
CONFIG_DIGEST = f"{TAG_PREFIX}config_digest"
TRAINER = f"{TAG_PREFIX}trainer"
DAGSTER_RUN = f"{TAG_PREFIX}dagster_run_id"
VERDICT = f"{TAG_PREFIX}verdict"
VERDICT_DIGEST = f"{TAG_PREFIX}verdict_digest"
GATES = f"{TAG_PREFIX}gates"
APPROVER = f"{TAG_PREFIX}approver"
APPROVER_ROLE = f"{TAG_PREFIX}approver_role"
APPROVED_AT = f"{TAG_PREFIX}approved_at"


@dataclass(frozen=True, slots=True)
class Registered:
    """One model version, as the log knows it."""

    recipe: str
    version: int
    run_id: str
    model_digest: str
    dataset_digest: str
    trainer: str
    trainer_account: str
    """USER@HOST of the training process; empty where it was not recorded."""
    is_synthetic: bool


@reports_outage
def register(
    registry: Registry, recipe: Recipe, result: RunResult, *, dagster_run_id: str = ""
) -> Registered:
    """Make the model of a training run a version with the alias `candidate`.

    Registering the same model again returns the version that it has.

    Raises
    ------
    RegistryError
        The run is not wholly in MLflow yet.
    ModelMismatch
        The model in MLflow is gone or not the one that was trained.
    StoreUnavailable
        MLflow does not answer.
    BrokenChain
        The log was tampered with.
    """
    if result.is_pending or result.model_id is None or result.run_id is None:
        raise RegistryError(
            f"{result.run_name} is trained, but not wholly in MLflow yet, because the tracking "
            f"store did not answer. Start it, then send and register the run: medplatform replay"
        )
    model = _logged_model(registry, recipe, result, result.model_id)
    with copy_of(model.artifact_location, registry.tracking_uri) as (_, digest):
        if digest != result.model_digest:
            raise ModelMismatch(
                f"The model files of {result.run_name} in MLflow are not those that were "
                f"trained. Train the model again: medplatform train {recipe.name}"
            )
    with registry.lock(recipe.name):
        known = _already_registered(registry.history(recipe.name), result)
        if known is None:
            repair_aliases(registry, recipe.name, actor=result.trainer)
            version = _create_version(registry, recipe, result, model, dagster_run_id)
            registry.record(
                recipe.name,
                result.trainer,
                REGISTERED,
                version=version,
                model_digest=result.model_digest,
                dataset_digest=result.dataset_digest,
                config_digest=result.config_digest,
                run_id=result.run_id,
                model_id=result.model_id,
                trainer=result.trainer,
                trainer_account=result.account,
                is_synthetic=result.is_synthetic,
            )
            known = version
        project_aliases(registry, recipe.name)
        return registered(registry.history(recipe.name), known)


def registered(history: History, version: int) -> Registered:
    """What the log says of a version.

    Raises
    ------
    VersionMissing
        It was not registered by this platform.
    """
    record = history.registered.get(version)
    if record is None:
        raise VersionMissing(
            f"{history.recipe} version {version} was not registered by this platform. "
            f"See: medplatform status"
        )
    detail = record.detail
    return Registered(
        recipe=history.recipe,
        version=version,
        run_id=detail["run_id"],
        model_digest=detail["model_digest"],
        dataset_digest=detail["dataset_digest"],
        trainer=detail["trainer"],
        trainer_account=detail.get("trainer_account", ""),
        is_synthetic=detail.get("is_synthetic", False),
    )


@reports_outage
def find_version(registry: Registry, recipe: str, name: str | int) -> int:
    """The version behind a number or an alias such as `candidate` or `champion`.

    Raises
    ------
    VersionMissing
        There is none.
    """
    if str(name).isdecimal():
        return int(registry.version(recipe, int(name)).version)
    version = registry.history(recipe).aliases.get(str(name))
    if version is None:
        raise VersionMissing(f"{recipe} has no {name}. See: medplatform status")
    return version


def model_facts(
    registry: Registry,
    recipe: Recipe,
    version: Registered,
    *,
    sign_off: Mapping[str, str] | None = None,
) -> ModelFacts:
    """What the model card and the report say besides the figures."""
    run = registry.client.get_run(version.run_id)
    settings = {
        name: run.data.params[name]
        for name in recipe.config.model_fields
        if name in run.data.params
    }
    return ModelFacts(
        title=recipe.title,
        intended_use=recipe.intended_use,
        trainer=version.trainer,
        data={"Data set": version.dataset_digest[:16], "Built from": ", ".join(recipe.depends_on)},
        settings=settings,
        is_synthetic=version.is_synthetic,
        sign_off=sign_off or {},
    )


def _logged_model(
    registry: Registry, recipe: Recipe, result: RunResult, model_id: str
) -> "LoggedModel":
    from mlflow.exceptions import MlflowException

    try:
        return registry.client.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ModelMismatch(
            f"The model of {result.run_name} was deleted from MLflow. "
            f"Train the model again: medplatform train {recipe.name}"
        ) from None


def _already_registered(history: History, result: RunResult) -> int | None:
    for version, record in history.registered.items():
        detail = record.detail
        if (detail["model_id"], detail["model_digest"]) == (result.model_id, result.model_digest):
            return version
    return None


def _create_version(
    registry: Registry, recipe: Recipe, result: RunResult, model: "LoggedModel", dagster_run_id: str
) -> int:
    from mlflow.exceptions import MlflowException

    client = registry.client
    try:
        client.create_registered_model(recipe.name, description=recipe.intended_use)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    facts = ModelFacts(
        title=recipe.title,
        intended_use=recipe.intended_use,
        trainer=result.trainer,
        is_synthetic=result.is_synthetic,
    )
    created: ModelVersion = client.create_model_version(
        recipe.name,
        source=model.artifact_location,
        run_id=result.run_id,
        model_id=result.model_id,
        description=model_card(facts),
        tags={
            MODEL_DIGEST: result.model_digest,
            DATASET_DIGEST: result.dataset_digest,
            CONFIG_DIGEST: result.config_digest,
            TRAINER: result.trainer,
            DAGSTER_RUN: dagster_run_id,
            **({DATA: SYNTHETIC_DATA} if result.is_synthetic else {}),
        },
    )
    return int(created.version)
