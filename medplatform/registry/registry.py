"""The handle on one registry: the MLflow store, the log, and one lock per recipe."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from medplatform.privacy import AuditLog, AuditRecord, BrokenChain
from medplatform.registry.errors import ModelMismatch, VersionMissing
from medplatform.registry.history import History, read_history
from medplatform.registry.outage import reports_outage
from medplatform.training.account import current_account
from medplatform.training.store import open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

TAG_PREFIX = "medplatform."
LOG_HEAD_TAG = "medplatform.log_head"


@dataclass(frozen=True)
class Registry:
    """MLflow's registry together with the log that says what is true.

    Parameters
    ----------
    tracking_uri
        MLflow's tracking and registry store. It may hold a password.
    models
        Folder shared by all who promote; holds the log, the locks, verdicts and reports.
    """

    tracking_uri: str = field(repr=False)
    models: Path

    @cached_property
    def client(self) -> "MlflowClient":
        """Client of the tracking and registry store."""
        return open_client(self.tracking_uri)

    @property
    def log(self) -> AuditLog:
        """The append-only log of registrations, readings, verdicts, approvals and promotions."""
        return AuditLog(self.models / "registry.log.jsonl")

    def verdicts(self, recipe: str) -> Path:
        """Folder of the verdicts and reports of a recipe."""
        return self.models / recipe / "verdicts"

    @contextmanager
    def lock(self, recipe: str) -> Iterator[None]:
        """Hold the only right to change what is true of a recipe, over all processes."""
        folder = self.models / recipe
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def record(self, recipe: str, actor: str, action: str, **detail: Any) -> AuditRecord:
        """Append to the log and anchor its head in MLflow, so that a cut tail is found.

        The account that the process runs under is recorded beside the actor, whose name anybody
        can type.
        """
        account = str(current_account())
        record = self.log.append(actor, action, recipe=recipe, account=account, **detail)
        self.client.set_registered_model_tag(
            recipe, LOG_HEAD_TAG, f"{record.sequence}:{record.digest}"
        )
        return record

    @reports_outage
    def history(self, recipe: str) -> History:
        """What the whole, unbroken log says of a recipe.

        Raises
        ------
        BrokenChain
            The log was tampered with, or is shorter than its anchor in MLflow says.
        StoreUnavailable
            MLflow does not answer.
        """
        # The anchor first: what another process appends meanwhile only makes the log longer.
        anchor = self._registered_model_tags(recipe).get(LOG_HEAD_TAG)
        records = self.log.records()
        if anchor is not None:
            sequence, _, digest = anchor.partition(":")
            position = int(sequence) - 1
            if position >= len(records) or records[position].digest != digest:
                raise BrokenChain(
                    f"{self.log.path}: record {sequence} is missing or was replaced. "
                    f"Restore the log from its last good copy and find out who wrote to it."
                )
        return read_history(recipe, records)

    @reports_outage
    def version(self, recipe: str, version: int) -> "ModelVersion":
        """The model version in MLflow.

        Raises
        ------
        VersionMissing
            It was never registered, or was deleted.
        StoreUnavailable
            MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_model_version(recipe, str(version))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise VersionMissing(
                f"{recipe} has no version {version} in MLflow. See: medplatform status"
            ) from None

    @contextmanager
    def files(self, recipe: str, version: int, *, digest: str) -> Iterator[Path]:
        """A private copy of the files of a model version, checked against their digest.

        Raises
        ------
        VersionMissing
            The version is not in MLflow.
        ModelMismatch
            The files are gone, or are not those that were registered.
        """
        self.version(recipe, version)
        location = self.client.get_model_version_download_uri(recipe, str(version))
        with copy_of(location, self.tracking_uri) as (folder, found):
            if found != digest:
                raise ModelMismatch(
                    f"The files of {recipe} version {version} are not those that were "
                    f"registered. Train the model again: medplatform train {recipe}"
                )
            yield folder

    def _registered_model_tags(self, recipe: str) -> dict[str, str]:
        found = self.client.search_registered_models(f"name = '{recipe}'")
        return found[0].tags if found else {}


@contextmanager
def copy_of(location: str, tracking_uri: str) -> Iterator[tuple[Path, str]]:
    """Copy model files from where MLflow keeps them -> (folder, digest of the copy).

    Raises
    ------
    ModelMismatch
        There are no files.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from medplatform.training.artifact import digest_folder

    # MLflow reads this switch from the environment alone; its bars would fill the caller's log.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with TemporaryDirectory(prefix="medplatform-model-") as scratch:
        try:
            copy = download_artifacts(
                artifact_uri=location, dst_path=scratch, tracking_uri=tracking_uri
            )
        except (OSError, MlflowException) as error:
            raise ModelMismatch(
                f"The model files at {location} cannot be read. Train the model again."
            ) from error
        folder = Path(copy)
        yield folder, digest_folder(folder)
