"""Where an export is kept until it is delivered, so that a killed process loses nothing.

`landing/.exports/<delivery>/` (0700) holds `state.json`, `complete.jsonl`, half-fetched files in
`parts/` and, in `delivery/`, what becomes the delivery by one rename. The URLs in `state.json` can
be all that is needed to read records: its mode is 0600.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from medplatform.bulk_export.content import digest_of
from medplatform.bulk_export.errors import ExportError
from medplatform.bulk_export.manifest import Page
from medplatform.transfer.private import (
    append_line,
    hold_lock,
    move_folder,
    read_lines,
    write_private,
)

ROOT = ".exports"
_LOCKS = ".locks"


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far an export has come.

    `pages` is there once the export is ready at the server; `expires_at` is until when the server
    keeps it.
    """

    digest: str
    request: dict[str, Any]
    started_at: str
    status_url: str
    fhir_version: str | None = None
    expires_at: str | None = None
    pages: list[Page] | None = None


class CompleteFile(msgspec.Struct, kw_only=True, frozen=True):
    """A file that was fetched and checked. `stored` is its path in the delivery.

    `problem` says in which way it is not what the manifest announced, where that was accepted.
    """

    name: str
    stored: str
    sha256: str
    bytes: int
    lines: int
    problem: str | None = None


class Workspace:
    """The private folder of one export."""

    def __init__(self, landing: Path, delivery: str) -> None:
        self.root = landing / ROOT / delivery
        self.parts = self.root / "parts"
        self.delivery = self.root / "delivery"
        self._state = self.root / "state.json"
        # One line per file, since rewriting one document for each of a million files would not end.
        self._complete = self.root / "complete.jsonl"

    def load(self) -> State | None:
        """The state that an earlier run left."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            raise ExportError(
                f"{self._state} is damaged. Remove {self.root} to begin this export anew."
            ) from None

    def save(self, state: State) -> None:
        """Replace the state at once."""
        for folder in (self.root, self.parts):
            folder.mkdir(exist_ok=True, mode=0o700)
        self.delivery.mkdir(exist_ok=True)
        write_private(self._state, msgspec.json.encode(state))

    def complete_files(self) -> dict[str, CompleteFile]:
        """What was fetched, by name. A line that a kill cut short is left out."""
        return {file.name: file for file in read_lines(self._complete, CompleteFile)}

    def verified_files(self) -> dict[str, CompleteFile]:
        """Those of the complete files that still hold what was fetched."""
        return {
            name: file
            for name, file in self.complete_files().items()
            if digest_of(self.delivery / file.stored) == file.sha256
        }

    def note_complete(self, file: CompleteFile) -> None:
        """Remember that a file needs not be fetched again."""
        append_line(self._complete, file)

    def clear(self) -> None:
        """Forget the export."""
        shutil.rmtree(self.root, ignore_errors=True)

    def publish(self, target: Path) -> None:
        """Make the fetched files a delivery, at once."""
        move_folder(self.delivery, target)


@contextmanager
def open_workspace(landing: Path, delivery: str) -> Iterator[Workspace]:
    """The folder of an export, for this process alone.

    Raises
    ------
    TransferLocked
        Another process has it.
    """
    with hold_lock(_lock_file(landing, delivery), f"fetches the export {delivery}"):
        yield Workspace(landing, delivery)


@contextmanager
def lock_request(landing: Path, digest: str) -> Iterator[None]:
    """Keep other processes from the same request, whatever its delivery is called.

    Raises
    ------
    TransferLocked
        Another process has it.
    """
    with hold_lock(_lock_file(landing, f".request-{digest[:16]}"), "fetches the same export"):
        yield


def find_unfinished(landing: Path, digest: str) -> str | None:
    """The delivery of an unfinished export with the same request."""
    folder = landing / ROOT
    for path in sorted(folder.glob("[!.]*/state.json")):
        try:
            held = json.loads(path.read_bytes()).get("digest")
        except (OSError, ValueError):
            continue
        if held == digest:
            return path.parent.name
    return None


def _lock_file(landing: Path, name: str) -> Path:
    # The folder of an export is removed while its lock is held.
    (landing / ROOT).mkdir(parents=True, exist_ok=True, mode=0o700)
    return landing / ROOT / _LOCKS / name
