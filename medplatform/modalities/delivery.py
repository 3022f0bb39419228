"""A delivery: a folder under `landing/<modality>/` that is closed and never changes again.

Closed by a file `_DONE`, or by a quiet period. An optional `delivery.json` declares what the
files themselves cannot say.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medplatform.lake import DISK_FULL
from medplatform.modalities.files import CLOSED, is_closed, is_record, record_files
from medplatform.modalities.options import OPTIONS, DeliveryError, DeliveryOptions, read_options
from medplatform.privacy import source_label

__all__ = [
    "CLOSED",
    "OPTIONS",
    "Delivery",
    "DeliveryError",
    "DeliveryOptions",
    "Source",
    "check_name",
    "closed_deliveries",
    "content_digest",
    "deliver",
    "delivery_label",
    "list_delivery",
    "open_delivery",
]

_OWN = ("lake", "vault")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Source:
    """One delivered file. `label` is safe in logs and in the lake, `path` is not."""

    path: Path
    sha256: str
    bytes: int
    modified_ns: int | None = None
    """When it had last been changed before it was hashed, as the file system has it."""

    @property
    def source_id(self) -> str:
        """First 16 hex digits of the digest: the file's name outside the vault."""
        return self.sha256[:16]

    @property
    def label(self) -> str:
        """A name without identifiers."""
        return source_label(self.path, self.source_id)

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is there as it was hashed, by its size and its time of change."""
        try:
            facts = self.path.stat()
        except OSError:
            return False
        return (facts.st_size, facts.st_mtime_ns) == (self.bytes, self.modified_ns)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A closed folder with its hashed files, sorted by path; `_DONE` and `delivery.json` aside."""

    modality: str
    name: str
    root: Path
    sources: tuple[Source, ...]
    options: DeliveryOptions = field(default_factory=DeliveryOptions)

    @property
    def content_digest(self) -> str:
        """What the ledger compares."""
        return content_digest((source.sha256 for source in self.sources), self.options)


def content_digest(files: Iterable[str], options: DeliveryOptions) -> str:
    """SHA-256 over the SHA-256 digests of all files, in any order, and the options."""
    # Defaults are left out, so that an option that comes later changes no digest.
    lines = [*sorted(files), options.model_dump_json(exclude_defaults=True)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def delivery_label(name: str) -> str:
    """The name of a delivery where it is usable, else one that cannot identify a patient.

    >>> delivery_label("2024-05_ward-3")
    '2024-05_ward-3'
    >>> delivery_label("Jane Doe 1950")
    'unusable-60a084a5'
    """
    if NAME.fullmatch(name):
        return name
    return f"unusable-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"


def check_name(modality: str, name: str) -> None:
    """Refuse a name that cannot stand in logs and paths, without repeating it.

    Raises
    ------
    DeliveryError
        The name is unusable.
    """
    if not NAME.fullmatch(name):
        raise DeliveryError(
            f"A delivery of {modality} has an unusable name, shown as {delivery_label(name)}. "
            f"Rename it: 1 to 64 letters, digits, '.', '_' or '-', without identifiers of patients."
        )


def open_delivery(
    landing: Path, modality: str, name: str, progress: Callable[[int, int], None] | None = None
) -> Delivery:
    """List and hash the files of a delivery.

    Raises
    ------
    DeliveryError
        The folder is missing or empty, its name is unusable, or `delivery.json` is wrong.
    """
    paths, options = list_delivery(landing, modality, name)
    root = landing / modality / name
    if not paths:
        raise DeliveryError(
            f"Delivery {modality}/{name} has no files in {root}. "
            f"Put the files there, then an empty file {CLOSED}."
        )
    try:
        return Delivery(modality, name, root, tuple(_hash(paths, progress)), options)
    except DeliveryError as error:
        raise DeliveryError(f"Delivery {modality}/{name}: {error}") from None


def list_delivery(landing: Path, modality: str, name: str) -> tuple[list[Path], DeliveryOptions]:
    """The files of a delivery and its options, without opening the files.

    Raises
    ------
    DeliveryError
        Its name is unusable, a folder of it cannot be listed, or `delivery.json` is wrong.
    """
    check_name(modality, name)
    root = landing / modality / name
    try:
        return record_files(root) if root.is_dir() else [], read_options(root)
    except DeliveryError as error:
        raise DeliveryError(f"Delivery {modality}/{name}: {error}") from None


def closed_deliveries(
    landing: Path, modality: str, quiet_period_s: float, known: Collection[str] = ()
) -> list[str]:
    """Names of the folders of a modality that are complete, usable as names or not.

    Those in `known` are left out, without a look at their files.
    """
    folder = landing / modality
    return [
        root.name
        for root in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if root.name not in known
        and not root.name.startswith(".")
        and root.is_dir()
        and is_closed(root, quiet_period_s)
    ]


def deliver(
    source: Path,
    landing: Path,
    modality: str,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Copy a file or folder into landing as a closed delivery; the original stays untouched.

    The copy appears at once, complete. A delivery that is there already is taken for this one if
    its files and options are the same.

    Parameters
    ----------
    source
        A file, or a folder, whose `delivery.json` counts.
    name
        Without one, the delivery is named by its files and options.
    options
        What `delivery.json` may declare; they go before those of the source.

    Raises
    ------
    DeliveryError
        The source has no files, cannot be copied or holds the platform's own, the options are
        unusable, or the name is unusable or taken by other files or options.
    """
    if not source.exists():
        raise DeliveryError(f"{source} does not exist. Give a file or a folder.")
    folder = source if source.is_dir() else None
    base = folder or source.parent
    paths = record_files(base) if folder else [source] if is_record(Path(source.name)) else []
    if not paths:
        raise DeliveryError(
            f"{source} holds no files (hidden ones do not count). Nothing was ingested."
        )
    _check_foreign(paths, landing)
    declared = read_options(folder, options)
    fingerprint = _fingerprint(base, paths, declared)
    if name is None:
        name = f"content-{fingerprint[:10]}"
    check_name(modality, name)
    target = landing / modality / name
    if target.exists():
        if fingerprint != _fingerprint(target, record_files(target), read_options(target)):
            raise DeliveryError(
                f"Delivery {modality}/{name} is there already, with other files or options, and "
                f"deliveries never change: choose another --delivery."
            )
        return target
    draft = target.with_name(f".{name}.draft")
    try:
        _copy(base, paths, declared, draft)
        draft.rename(target)
    except OSError as error:
        raise DeliveryError(
            f"Nothing was delivered: {landing} cannot be written ({error.strerror}). Free some "
            f"space or make it writable, then run this again."
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _hash(paths: Sequence[Path], progress: Callable[[int, int], None] | None) -> Iterator[Source]:
    for number, path in enumerate(paths, 1):
        try:
            with path.open("rb") as stream:
                modified_ns = os.fstat(stream.fileno()).st_mtime_ns
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                yield Source(path, digest, stream.tell(), modified_ns)
        except OSError as error:
            raise _unreadable(number, len(paths), error) from None
        if progress:
            progress(number, len(paths))


def _fingerprint(root: Path, paths: Sequence[Path], options: DeliveryOptions) -> str:
    """SHA-256 over names and contents of files below a root, and the options."""
    lines = [f"{s.sha256} {s.path.relative_to(root).as_posix()}" for s in _hash(paths, None)]
    return hashlib.sha256(os.fsencode("\n".join([*lines, options.model_dump_json()]))).hexdigest()


def _check_foreign(paths: Sequence[Path], landing: Path) -> None:
    """Refuse what a folder around the platform, or a link, would deliver: keys, the lake itself."""
    own = [folder.resolve() for folder in (landing, *(landing.parent / name for name in _OWN))]
    for number, path in enumerate(paths, 1):
        real = path.resolve()
        if any(real.is_relative_to(folder) for folder in own):
            raise DeliveryError(
                f"File {number} of {len(paths)} (in order of path) is one of the platform: in its "
                f"landing, lake or vault. Deliver a folder without these and links to them."
            )


def _copy(base: Path, paths: Sequence[Path], options: DeliveryOptions, draft: Path) -> None:
    """Copy files below a base into a new closed folder."""
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    for number, path in enumerate(paths, 1):
        copy = draft / path.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
            times = path.stat()  # an index must not seem younger than what it indexes
            os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            raise _unreadable(number, len(paths), error) from None
    if options != DeliveryOptions():
        (draft / OPTIONS).write_text(options.model_dump_json(exclude_defaults=True))
    (draft / CLOSED).touch()


def _unreadable(number: int, total: int, error: OSError) -> DeliveryError:
    return DeliveryError(
        f"File {number} of {total} (in order of path) cannot be read: {error.strerror}. "
        f"Make it readable, then run this again."
    )
