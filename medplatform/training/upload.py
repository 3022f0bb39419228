"""One run folder in MLflow: every step can be repeated and changes nothing then.

A run is found again by its key, metrics carry the time at which they were measured, artifacts
replace themselves.
"""

import json
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from medplatform.lake.ledger import write_atomically
from medplatform.training.recipe import TrainingError
from medplatform.training.store import is_server, open_client, store_address
from medplatform.training.tracking import RunRecord, read_metrics, read_record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

EXPERIMENT_PREFIX = "medplatform/"
MLFLOW_EXPERIMENT_KIND = "mlflow.experimentKind"
MLFLOW_NOTE = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run or an experiment."""
DIGEST_CHARACTERS = 36
"""MLflow's limit for the digest of a data set."""
BATCH = 900
"""Metrics per request; MLflow takes 1,000 items."""


class TrackingUnavailable(TrainingError):
    """The tracking store does not answer, or refuses."""


class MirrorState(BaseModel):
    """What of a run is in MLflow, at which address without its secrets: the file `mlflow.json`."""

    tracking_uri: str
    experiment_id: str | None = None
    run_id: str | None = None
    described: bool = False
    metrics_bytes: int = 0
    model_id: str | None = None
    model_digest: str | None = None
    ended_ms: int | None = None


class Mirror:
    """Copies one run folder. Not for use from two threads at once."""

    def __init__(self, folder: Path, tracking_uri: str, artifact_root: Path | None) -> None:
        self.folder = folder
        self.tracking_uri = tracking_uri
        self.artifact_root = artifact_root
        self.state = self._read_state()

    @cached_property
    def client(self) -> "MlflowClient":
        """The client; made on first use, because a new SQLite store takes seconds to create."""
        return open_client(self.tracking_uri)

    @property
    def is_complete(self) -> bool:
        """Whether all of an ended run is in MLflow."""
        record = read_record(self.folder)
        return record is not None and record.ended_ms == self.state.ended_ms is not None

    def push(self) -> None:
        """Copy what is new: the run itself, parameters, tags, data set, metrics."""
        record = self._record()
        run_id = self._ensure_run(record)
        if not self.state.described:
            self._describe(run_id, record)
        self._push_metrics(run_id)

    def finish(self) -> None:
        """Copy all of a run that has ended."""
        record = self._record()
        run_id = self._ensure_run(record)
        if record.status != "FINISHED":
            # Whoever ends a training may not wait for the rest, and a run that is RUNNING for ever
            # says that somebody still works on it.
            self.client.set_terminated(run_id, record.status, record.ended_ms)
        self.push()
        if any((self.folder / "artifacts").iterdir()):
            self.client.log_artifacts(run_id, str(self.folder / "artifacts"))
        if record.model_digest:
            self._upload_model(run_id, record)
        self.client.set_terminated(run_id, record.status, record.ended_ms)
        self._save(ended_ms=record.ended_ms)

    def _ensure_run(self, record: RunRecord) -> str:
        if self.state.run_id is None:
            experiment_id = self._ensure_experiment(record)
            key = record.tags["medplatform.run_key"]
            found = self.client.search_runs(
                [experiment_id], f"tags.`medplatform.run_key` = '{key}'", max_results=1
            )
            run = found[0] if found else None
            run = run or self.client.create_run(
                experiment_id, record.started_ms, record.tags, record.name
            )
            self._save(experiment_id=experiment_id, run_id=run.info.run_id)
        elif self.state.ended_ms is not None:
            self.client.update_run(self.state.run_id, status="RUNNING")
            self._save(ended_ms=None, described=False)
        assert self.state.run_id is not None
        return self.state.run_id

    def _ensure_experiment(self, record: RunRecord) -> str:
        from mlflow.exceptions import MlflowException

        name = EXPERIMENT_PREFIX + record.recipe
        if experiment := self.client.get_experiment_by_name(name):
            return experiment.experiment_id
        # The kind decides which pages MLflow shows; without it, it guesses and asks.
        tags = {
            MLFLOW_EXPERIMENT_KIND: "custom_model_development",
            MLFLOW_NOTE: record.tags.get(MLFLOW_NOTE, f"Trainings of {record.recipe}."),
        }
        location = (
            (self.artifact_root / record.recipe).absolute().as_uri()
            if self.artifact_root and not is_server(self.tracking_uri)
            else None
        )
        with suppress(MlflowException):  # another process was faster: it is there now
            return self.client.create_experiment(name, location, tags)
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            raise TrackingUnavailable(f"The experiment {name} could not be created in MLflow.")
        return experiment.experiment_id

    def _describe(self, run_id: str, record: RunRecord) -> None:
        from mlflow.entities import Param, RunTag

        self.client.log_batch(
            run_id,
            params=[Param(name, value) for name, value in record.params.items()],
            tags=[RunTag(name, value) for name, value in record.tags.items()],
        )
        self.client.log_inputs(run_id, [_dataset_input(record)])
        self._save(described=True)

    def _push_metrics(self, run_id: str) -> None:
        from mlflow.entities import Metric

        lines, offset = read_metrics(self.folder / "metrics.jsonl", self.state.metrics_bytes)
        metrics = [
            Metric(name, value, line["time_ms"], line["step"])
            for line in lines
            for name, value in line["metrics"].items()
        ]
        for start in range(0, len(metrics), BATCH):
            self.client.log_batch(run_id, metrics=metrics[start : start + BATCH])
        if metrics:
            self._save(metrics_bytes=offset)

    def _upload_model(self, run_id: str, record: RunRecord) -> None:
        if self.state.model_digest == record.model_digest:
            return
        from mlflow.entities import LoggedModelOutput

        assert self.state.experiment_id is not None and record.model_digest is not None
        tags = {
            "medplatform.model_digest": record.model_digest,
            "medplatform.dataset_digest": record.dataset_digest,
        }
        if self.state.model_id is None:
            found = self.client.search_logged_models(
                [self.state.experiment_id], f"source_run_id = '{run_id}'", max_results=1
            )
            model = found[0] if found else None
            model = model or self.client.create_logged_model(
                self.state.experiment_id,
                name=record.recipe,
                source_run_id=run_id,
                params=record.params,
                tags=tags,
                model_type="pytorch",
            )
            self._save(model_id=model.model_id)
        assert self.state.model_id is not None
        self.client.log_model_artifacts(self.state.model_id, str(self.folder / "model"))
        self.client.finalize_logged_model(self.state.model_id, "READY")
        outputs = self.client.get_run(run_id).outputs
        linked = [output.model_id for output in outputs.model_outputs] if outputs else []
        if self.state.model_id not in linked:
            self.client.log_outputs(run_id, [LoggedModelOutput(self.state.model_id, step=0)])
        self.client.set_tag(run_id, "medplatform.model_digest", record.model_digest)
        self._save(model_digest=record.model_digest)

    def _record(self) -> RunRecord:
        record = read_record(self.folder)
        if record is None:
            raise FileNotFoundError(f"{self.folder} holds no run.json")
        return record

    def _read_state(self) -> MirrorState:
        path, address = self.folder / "mlflow.json", store_address(self.tracking_uri)
        if path.exists():
            state = MirrorState.model_validate_json(path.read_bytes())
            if state.tracking_uri == address:
                return state
        return MirrorState(tracking_uri=address)

    def _save(self, **changes: str | int | bool | None) -> None:
        self.state = self.state.model_copy(update=changes)
        write_atomically(self.folder / "mlflow.json", self.state.model_dump_json(indent=1).encode())


def _dataset_input(record: RunRecord) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digest = record.dataset_digest
    return DatasetInput(
        Dataset(
            name=record.recipe,
            digest=digest[:DIGEST_CHARACTERS],
            source_type="local",
            source=json.dumps({"uri": f"datasets/{record.recipe}/{digest[:16]}"}),
            profile=json.dumps({"num_rows": record.dataset_rows, "sha256": digest}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )
