"""Putting a finished folder in the place of an old one, all at once."""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medplatform.lake.lake import DISK_FULL
from medplatform.lake.ledger import flush_folder
from medplatform.meds.errors import MedsError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})


@contextmanager
def draft_of(target: Path, marker: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends without an exception.

    Readers see the old folder or the new one, whole. What a killed writer left is cleared.

    Parameters
    ----------
    target
        Where the result goes; its parent is made where it is missing.
    marker
        A file below `target` by which one of our folders is known.

    Raises
    ------
    MedsError
        Another process writes there, or `target` holds something else.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    with _lock(target.with_name(f".{target.name}.lock")):
        _recover(target)
        if target.is_symlink() or (target.exists() and not _is_replaceable(target, marker)):
            raise MedsError(f"{target} is no folder of an export. Name another one with --out.")
        _clear(draft)
        try:
            draft.mkdir()
            yield draft
            _flush(draft)
            _replace(draft, target)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise MedsError(
                f"The disk of {target.parent} is full ({error.strerror}). Free some space and "
                f"export again."
            ) from error
        finally:
            _clear(draft)


def _is_replaceable(target: Path, marker: Path) -> bool:
    return target.is_dir() and ((target / marker).exists() or not any(target.iterdir()))


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _recover(target: Path) -> None:
    """Put back what was moved aside when the writer was killed."""
    if not target.exists() and _aside(target).exists():
        _aside(target).rename(target)
    _clear(_aside(target))


def _replace(draft: Path, target: Path) -> None:
    if not target.exists():
        draft.rename(target)
    elif not _exchange(draft, target):
        # Without an atomic exchange there is a moment with neither; what was there is kept aside.
        target.rename(_aside(target))
        draft.rename(target)
        _clear(_aside(target))
    flush_folder(target.parent)


def _exchange(draft: Path, target: Path) -> bool:
    """Swap two folders atomically (renameat2); False where system or file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    paths = os.fsencode(draft), os.fsencode(target)
    if rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(target))


def _flush(folder: Path) -> None:
    """Make the entries of a folder and of those below durable."""
    for path in folder.rglob("*"):
        if path.is_dir():
            flush_folder(path)
    flush_folder(folder)


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MedsError(
                f"Another process exports to {path.parent} right now. Wait for it to end, then "
                f"run this again."
            ) from None
        yield
