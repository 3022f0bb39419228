"""Tell whoever watches how training goes: Dagster through Pipes, a terminal, or a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from medplatform.training.result import RunResult

if TYPE_CHECKING:
    from dagster_pipes import PipesContext
    from rich.progress import Progress

LOG_EVERY_S = 5.0


class Reporter(Protocol):
    """What the job tells while it runs."""

    def message(self, text: str) -> None:
        """Say something once."""
        ...

    def epoch(self, number: int, epochs: int, metrics: dict[str, float]) -> None:
        """An epoch of at most `epochs` is done."""
        ...

    def finish(self, result: RunResult) -> None:
        """The job is done."""
        ...


@contextmanager
def open_reporter() -> Iterator[Reporter]:
    """The reporter that fits: Pipes if Dagster launched the process, else terminal or log."""
    from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes

    if PipesEnvVarParamsLoader().is_dagster_pipes_process():
        with open_dagster_pipes() as pipes:
            yield PipesReporter(pipes)
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            *Progress.get_default_columns()[:2],
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            yield TerminalReporter(progress)
    else:
        yield LineReporter()


class LineReporter:
    """Lines on standard error, at most one in some seconds and always the last."""

    def __init__(self) -> None:
        self._last = 0.0

    def message(self, text: str) -> None:
        """Write the text."""
        print(text, file=sys.stderr, flush=True)

    def epoch(self, number: int, epochs: int, metrics: dict[str, float]) -> None:
        """Write the figures of the epoch if the last line is old enough."""
        now = time.monotonic()
        if now - self._last >= LOG_EVERY_S or number == epochs:
            self._last = now
            self.message(f"epoch {number}/{epochs}  {_figures(metrics)}")

    def finish(self, result: RunResult) -> None:
        """Write the figures of the best epoch."""
        self.message(f"{result.run_name}: {_figures(result.metrics)}")


class PipesReporter(LineReporter):
    """Log lines of the Dagster run; the result goes there as a custom message."""

    def __init__(self, pipes: "PipesContext") -> None:
        super().__init__()
        self._pipes = pipes

    def message(self, text: str) -> None:
        """Log the text in the Dagster run."""
        self._pipes.log.info(text)

    def finish(self, result: RunResult) -> None:
        """Log the figures and hand the result over."""
        super().finish(result)
        self._pipes.report_custom_message(result.model_dump(mode="json"))


class TerminalReporter:
    """A progress bar."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=None, figures="")

    def message(self, text: str) -> None:
        """Print above the bar."""
        self._progress.console.print(text, highlight=False)

    def epoch(self, number: int, epochs: int, metrics: dict[str, float]) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=number, total=epochs, figures=_figures(metrics))

    def finish(self, result: RunResult) -> None:
        """Print the figures of the best epoch."""
        self.message(f"{result.run_name}: {_figures(result.metrics)}")


def _figures(metrics: dict[str, float]) -> str:
    shown = {k: v for k, v in metrics.items() if k.startswith(("train_loss", "validation_"))}
    return "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shown.items())
