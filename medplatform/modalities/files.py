"""Which files of a folder are records, and whether the folder is complete."""

import time
from collections.abc import Iterator
from pathlib import Path

from medplatform.modalities.options import OPTIONS, DeliveryError

CLOSED = "_DONE"


def record_files(root: Path) -> list[Path]:
    """The files of a delivery, by path, links followed but for those to what the folder lies in.

    Hidden ones (their name, or that of a folder below the root, begins with '.') and the
    delivery's own two are no records. A link that leads nowhere is listed, since what it meant is
    missing: reading it is an error.

    Raises
    ------
    DeliveryError
        A folder cannot be listed.
    """
    try:
        return sorted(
            path
            for path in _walk(root)
            if is_record(path.relative_to(root)) and (path.is_file() or not path.exists())
        )
    except OSError as error:
        raise DeliveryError(
            f"A folder of the delivery cannot be listed: {error.strerror}. Make it readable, then "
            f"run this again."
        ) from None


def is_record(path: Path) -> bool:
    """Whether a file, by its path below the root of a delivery, is neither hidden nor its own."""
    is_own = str(path) in (CLOSED, OPTIONS)
    return not is_own and not any(part.startswith(".") for part in path.parts)


def is_closed(root: Path, quiet_period_s: float) -> bool:
    """Whether a folder has its `_DONE`, or nothing in it has changed for a while."""
    try:
        if (root / CLOSED).exists():
            return True
        # Hidden files count here: a copy in progress often grows under a hidden name.
        changed = max(_changed_at(path) for path in (root, *_walk(root)))
    except FileNotFoundError:
        return False  # something vanished just now, so it is not quiet
    except OSError:
        return True  # opening it says what is wrong
    return time.time() - changed >= quiet_period_s


def _changed_at(path: Path) -> float:
    return path.stat(follow_symlinks=path.exists()).st_mtime


def _walk(root: Path) -> Iterator[Path]:
    """Everything below a folder in a stable order, links followed, each folder once."""
    # What is above belongs to somebody else, though a link may lead there.
    seen = {(facts.st_dev, facts.st_ino) for facts in map(Path.stat, root.resolve().parents)}
    pending = [root]
    while pending:
        folder = pending.pop()
        facts = folder.stat()
        if (facts.st_dev, facts.st_ino) in seen:
            continue  # a symbolic link led back here
        seen.add((facts.st_dev, facts.st_ino))
        for path in sorted(folder.iterdir()):
            yield path
            if path.is_dir():
                pending.append(path)
