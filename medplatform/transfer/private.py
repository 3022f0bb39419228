"""Files that only their owner may read: what is kept of a transfer until it is delivered."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from medplatform.transfer.errors import TransferLocked

_Line = TypeVar("_Line", bound=msgspec.Struct)


def open_private(path: str, flags: int) -> int:
    """An opener for `open` that gives a new file the mode 0600."""
    return os.open(path, flags, 0o600)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file that only its owner may read, at once; it is then safe on the disk."""
    draft = path.with_name(f".{path.name}.draft")
    with open(draft, "wb", opener=open_private) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make safe on the disk what the files of a folder are called."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def hold_lock(path: Path, what: str) -> Iterator[None]:
    """Keep other processes out while the context lasts; the file stays, its lock does not.

    Raises
    ------
    TransferLocked
        Another process has the lock; `what` says in the message what it does.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(path, "ab", opener=open_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransferLocked(f"Another process {what}. Wait for it.") from None
        yield


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A folder below `root` that only its owner may read, removed when the context ends.

    Those of processes that were killed are removed first. Several processes may have one each.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        with open(root / "lock", "ab", opener=open_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in root.glob("*/"):
                _remove_unused(left)
            own_folder = TemporaryDirectory(dir=root, ignore_cleanup_errors=True)
            folder = stack.enter_context(own_folder)
            own = stack.enter_context(open(Path(folder, "lock"), "ab", opener=open_private))
            fcntl.flock(own, fcntl.LOCK_EX)
        yield Path(folder)


def _remove_unused(folder: Path) -> None:
    """Remove a folder unless its process runs, or has just ended."""
    with (
        suppress(BlockingIOError, FileNotFoundError),
        open(folder / "lock", "ab", opener=open_private) as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def append_line(path: Path, record: msgspec.Struct) -> None:
    """Add a line of JSON to a file; it is then safe on the disk.

    It is on a line of its own even after one that a kill cut short.
    """
    with open(path, "ab", opener=open_private) as stream:
        is_new = not stream.tell()
        if not is_new and _last_byte(path) != b"\n":
            stream.write(b"\n")
        stream.write(encode_line(record))
        stream.flush()
        os.fsync(stream.fileno())
    if is_new:
        sync_folder(path.parent)


def encode_line(record: msgspec.Struct) -> bytes:
    """A line of such a file."""
    return msgspec.json.encode(record) + b"\n"


def read_lines(path: Path, kind: type[_Line]) -> Iterator[_Line]:
    """The lines of such a file. One that a kill cut short is left out."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    decode = msgspec.json.Decoder(kind).decode
    with stream:
        for line in stream:
            if not line.endswith(b"\n"):
                return
            try:
                yield decode(line)
            except msgspec.MsgspecError:
                continue


def move_folder(folder: Path, target: Path) -> None:
    """Let a folder of files that are safe on the disk appear elsewhere at once, and stay so.

    That may be on another file system.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        draft = target.with_name(f".{target.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft, copy_function=_copy_safely)
        draft.rename(target)
    sync_folder(target.parent)


def _copy_safely(source: str, target: str) -> None:
    shutil.copy2(source, target)
    with Path(target).open("rb") as stream:
        os.fsync(stream.fileno())


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)
