"""What commands print: tables and progress bars."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from medplatform.installation import Installation


def installation_of_settings() -> "Installation":
    """The installation that the environment describes."""
    from medplatform.installation import Installation
    from medplatform.settings import get_settings

    return Installation(get_settings())


def print_table(title: str, rows: "Sequence[Mapping[str, Any]] | pl.DataFrame") -> None:
    """Print rows with equal keys as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = rows if isinstance(rows, Sequence) else rows.to_dicts()
    table = Table()
    for name in lines[0] if lines else ():
        number = all(isinstance(line[name], int | float | None) for line in lines)
        table.add_column(
            name.replace("_", " "), justify="right" if number else "left", overflow="fold"
        )
    for line in lines:
        table.add_row(
            *(Text(_cell(value), style=_STYLES.get(str(value), "")) for value in line.values())
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    console.print(Text(title, style="bold"))
    console.print(table)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on a terminal, one per thing being read; lines in a log of what takes long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    console = Console()
    if not console.is_terminal:
        yield ProgressLines()
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=done, total=total)

        yield report


class ProgressLines:
    """Lines on standard error, at most one in some seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Write how far it is, if the last line is old enough."""
        now = time.monotonic()
        if now - self._last >= LINE_EVERY_S:
            self._last = now
            click.echo(f"{what}: {done / total:.0%}" if total else what, err=True)


LINE_EVERY_S = 10.0
PIPED_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""

_STYLES = {
    "PASS": "green",
    "FAIL": "red",
    "INCONCLUSIVE": "yellow",
    "published": "green",
    "rejected": "red",
    "nothing accepted": "red",
    "nothing accepted, incomplete": "red",
    "published, incomplete": "yellow",
    "champion": "bold green",
}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
