"""Copy run folders to MLflow: in batches while a run trains, the rest when it has ended.

A tracking server that is slow or gone never holds up training. What could not be copied stays
pending in its folder until `replay_pending` copies it.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from medplatform.training.result import RunResult
from medplatform.training.store import store_address, store_errors
from medplatform.training.tracking import read_record, settle_record
from medplatform.training.upload import Mirror, MirrorState, TrackingUnavailable

LOGGER = logging.getLogger(__name__)

INTERVAL_S = 3.0
JOIN_S = 30.0


class MirrorThread:
    """Mirrors a run while it trains. Errors of the tracking store are logged, never raised."""

    def __init__(self, mirror: Mirror, interval_s: float = INTERVAL_S) -> None:
        self.mirror = mirror
        self._interval = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._was_reachable = True

    def __enter__(self) -> "MirrorThread":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()

    def finish(self) -> bool:
        """Copy the rest of the ended run; whether all of it is in MLflow now."""
        self._stop.set()
        self._thread.join(JOIN_S)
        return not self._thread.is_alive() and self._attempt(self.mirror.finish)

    def _run(self) -> None:
        self._attempt(self.mirror.push)
        while not self._stop.wait(self._interval):
            self._attempt(self.mirror.push)

    def _attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except (*store_errors(), OSError, TrackingUnavailable) as error:
            if self._was_reachable:
                LOGGER.warning(
                    "The tracking store does not answer (%s). Training goes on; what is missing "
                    "there is copied when it is back.",
                    type(error).__name__,
                )
            self._was_reachable = False
            return False
        self._was_reachable = True
        return True


def pending_runs(models: Path, tracking_uri: str) -> list[Path]:
    """Folders of runs whose process has ended and that are not wholly in MLflow."""
    return [
        folder
        for folder in sorted(path.parent for path in models.glob("*/runs/*/run.json"))
        if settle_record(folder) and not Mirror(folder, tracking_uri, None).is_complete
    ]


def replay_pending(models: Path, tracking_uri: str, artifact_root: Path | None = None) -> list[str]:
    """Copy all pending runs to MLflow and return their names. Repeating it does nothing.

    Raises
    ------
    TrackingUnavailable
        The store does not answer; what was copied so far is kept.
    """
    names: list[str] = []
    for folder in pending_runs(models, tracking_uri):
        mirror = Mirror(folder, tracking_uri, artifact_root)
        try:
            mirror.finish()
        except (*store_errors(), OSError, TrackingUnavailable) as error:
            raise TrackingUnavailable(
                f"The MLflow store at {store_address(tracking_uri)} does not answer "
                f"({type(error).__name__}). Start it, then run this again; nothing is lost."
            ) from error
        update_result(folder, mirror.state)
        record = read_record(folder)
        names.append(record.name if record else folder.name)
    return names


def settle_runs(models: Path, tracking_uri: str, artifact_root: Path | None = None) -> None:
    """Close in MLflow the runs whose process was ended before it could do so itself.

    A store that does not answer is logged, and leaves them pending.
    """
    try:
        replay_pending(models, tracking_uri, artifact_root)
    except TrackingUnavailable as error:
        LOGGER.warning("%s", error)


def update_result(folder: Path, state: MirrorState) -> None:
    """Name the run and the model in MLflow in the result of a run that was pending."""
    path = folder / "result.json"
    if path.exists():
        RunResult.load(path).model_copy(
            update={
                "run_id": state.run_id,
                "experiment_id": state.experiment_id,
                "model_id": state.model_id,
                "is_pending": False,
            }
        ).save(path)
