"""The record of a training run, kept on disk first.

Everything a run has to say is written to its folder before anything else: `run.json` (what it is
and how it ended), `metrics.jsonl` (one line per epoch), `artifacts/`, `model/`. The folder is
complete without a tracking server; `mirror` copies it to MLflow.
"""

import fcntl
import json
import math
import os
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from pydantic import BaseModel, ConfigDict

from medplatform.lake.ledger import write_atomically
from medplatform.training.recipe import TrainingError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA = "medplatform.data"
"""Tag of runs and model versions that says where the patients came from."""
SYNTHETIC_DATA = "synthetic"

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class RunInProgress(TrainingError):
    """Another process trains the same recipe on the same data with the same configuration."""


class RunRecord(BaseModel):
    """What a run is and how it ended: the file `run.json`."""

    model_config = ConfigDict(extra="forbid")

    recipe: str
    name: str
    key: str
    dataset_digest: str
    dataset_rows: int
    params: dict[str, str]
    tags: dict[str, str]
    status: Status = "RUNNING"
    started_ms: int
    ended_ms: int | None = None
    model_digest: str | None = None


class RunLog:
    """Writes the folder of one run. A lock on the folder shows that its process lives."""

    def __init__(self, folder: Path, record: RunRecord, lock: TextIO) -> None:
        self.folder = folder
        self.record = record
        self._lock = lock
        self._logged = _repair_metrics(self.metrics_file)

    @classmethod
    def open(
        cls,
        models: Path,
        *,
        recipe: str,
        key: str,
        dataset_digest: str,
        dataset_rows: int,
        params: Mapping[str, object],
        tags: Mapping[str, str],
    ) -> "RunLog":
        """Continue the unfinished run of this key, or begin the next one.

        Raises
        ------
        RunInProgress
            The unfinished run belongs to a process that lives.
        """
        runs = models / recipe / "runs"
        attempt = 1
        while (known := read_record(runs / f"{key[:16]}-{attempt}")) and (
            known.status == "FINISHED"
        ):
            attempt += 1
        folder = runs / f"{key[:16]}-{attempt}"
        (folder / "artifacts").mkdir(parents=True, exist_ok=True)
        lock = _acquire(folder)
        if lock is None:
            raise RunInProgress(
                f"{recipe} is already being trained on data set {dataset_digest[:16]} with this "
                f"configuration. Wait for that run to end or cancel it."
            )
        number = sum(1 for path in runs.iterdir() if (path / "run.json").exists()) + 1
        record = RunRecord(
            recipe=recipe,
            name=known.name if known else f"{recipe} {dataset_digest[:6]} run {number}",
            key=folder.name,
            dataset_digest=dataset_digest,
            dataset_rows=dataset_rows,
            params={name: str(value) for name, value in params.items()},
            tags={**tags, "medplatform.run_key": folder.name},
            started_ms=known.started_ms if known else _now_ms(),
        )
        log = cls(folder, record, lock)
        log._write_record()
        return log

    @property
    def metrics_file(self) -> Path:
        """One JSON line per step, appended before anything else happens with the metrics."""
        return self.folder / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Where the training loop keeps its state."""
        return self.folder / "checkpoint.pt"

    @property
    def model(self) -> Path:
        """Where the trained model is saved."""
        return self.folder / "model"

    def log_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append the metrics of a step durably; a step that was logged before is left alone."""
        if step in self._logged:
            return
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        line = json.dumps({"step": step, "time_ms": _now_ms(), "metrics": finite})
        with self.metrics_file.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._logged.add(step)

    def write_artifact(self, name: str, content: bytes) -> Path:
        """Write a file under `artifacts/`; the name may hold a folder."""
        path = self.folder / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        return path

    def write_figure(self, name: str, figure: "Figure") -> Path:
        """Write a figure as PNG under `artifacts/plots/`."""
        buffer = BytesIO()
        figure.savefig(buffer, format="png")
        return self.write_artifact(f"plots/{name}.png", buffer.getvalue())

    def close(self, status: Status, *, model_digest: str | None = None) -> None:
        """Record how the run ended and let go of the folder."""
        self.record = self.record.model_copy(
            update={"status": status, "ended_ms": _now_ms(), "model_digest": model_digest}
        )
        self._write_record()
        self._lock.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """A run that was not closed failed or, on a signal, was killed."""
        if not self._lock.closed:
            interrupted = kind is not None and issubclass(kind, (SystemExit, KeyboardInterrupt))
            self.close("KILLED" if interrupted else "FAILED")

    def _write_record(self) -> None:
        write_atomically(self.folder / "run.json", self.record.model_dump_json(indent=1).encode())


def read_record(folder: Path) -> RunRecord | None:
    """The record of a run folder; None where there is none."""
    path = folder / "run.json"
    return RunRecord.model_validate_json(path.read_bytes()) if path.exists() else None


def settle_record(folder: Path) -> RunRecord | None:
    """The record of a run whose process is gone: RUNNING becomes KILLED. None while it lives."""
    lock = _acquire(folder)
    if lock is None:
        return None
    with lock:
        record = read_record(folder)
        if record and record.status == "RUNNING":
            record = record.model_copy(update={"status": "KILLED", "ended_ms": _now_ms()})
            write_atomically(folder / "run.json", record.model_dump_json(indent=1).encode())
        return record


def read_metrics(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines of `metrics.jsonl` from a byte offset on, and the offset after them."""
    if not path.exists():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        content = stream.read()
    whole = content[: content.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def _repair_metrics(path: Path) -> set[int]:
    """Cut off a line that a killed process did not finish; returns the steps that are there."""
    lines, end = read_metrics(path)
    if path.exists():
        os.truncate(path, end)
    return {line["step"] for line in lines}


def _acquire(folder: Path) -> TextIO | None:
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
