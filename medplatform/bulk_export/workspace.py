"""Where an export is kept until it is delivered, so that a killed process loses nothing.

`landing/.exports/<delivery>/` (0700) holds `state.json`, `complete.jsonl`, half-fetched files in
`parts/` and, in `delivery/`, what becomes the delivery by one rename. The URLs in `state.json` can
be all that is needed to read records: its mode is 0600.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from medplatform.bulk_export.content import digest_of
from medplatform.bulk_export.errors import ExportError, ExportLocked
from medplatform.bulk_export.manifest import Page

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
        try:
            lines = self._complete.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        found = {}
        for line in lines[:-1]:
            try:
                file = msgspec.json.decode(line, type=CompleteFile)
            except msgspec.MsgspecError:
                continue
            found[file.name] = file
        return found

    def verified_files(self) -> dict[str, CompleteFile]:
        """Those of the complete files that still hold what was fetched."""
        return {
            name: file
            for name, file in self.complete_files().items()
            if digest_of(self.delivery / file.stored) == file.sha256
        }

    def note_complete(self, file: CompleteFile) -> None:
        """Remember that a file needs not be fetched again."""
        with open(self._complete, "ab", opener=_open_private) as stream:
            if stream.tell() and _last_byte(self._complete) != b"\n":
                stream.write(b"\n")  # after a line that a kill cut short
            stream.write(msgspec.json.encode(file) + b"\n")

    def clear(self) -> None:
        """Forget the export."""
        shutil.rmtree(self.root, ignore_errors=True)

    def publish(self, target: Path) -> None:
        """Make the fetched files a delivery, at once."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.delivery.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            draft = target.with_name(f".{target.name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(self.delivery, draft)
            draft.rename(target)


@contextmanager
def open_workspace(landing: Path, delivery: str) -> Iterator[Workspace]:
    """The folder of an export, for this process alone.

    Raises
    ------
    ExportLocked
        Another process has it.
    """
    # A file of its own, because the folder of the export is removed while the lock is held.
    with _lock(landing, delivery, f"the export {delivery}"):
        yield Workspace(landing, delivery)


@contextmanager
def lock_request(landing: Path, digest: str) -> Iterator[None]:
    """Keep other processes from the same request, whatever its delivery is called.

    Raises
    ------
    ExportLocked
        Another process has it.
    """
    with _lock(landing, f".request-{digest[:16]}", "the same export"):
        yield


@contextmanager
def _lock(landing: Path, name: str, what: str) -> Iterator[None]:
    locks = landing / ROOT / _LOCKS
    (landing / ROOT).mkdir(parents=True, exist_ok=True, mode=0o700)
    locks.mkdir(exist_ok=True, mode=0o700)
    with open(locks / name, "ab", opener=_open_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportLocked(f"Another process fetches {what}. Wait for it.") from None
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


def write_private(path: Path, content: bytes) -> None:
    """Replace a file that only its owner may read, at once."""
    draft = path.with_name(f".{path.name}.draft")
    with open(draft, "wb", opener=_open_private) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)
