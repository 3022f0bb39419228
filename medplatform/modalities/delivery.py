"""A delivery: a folder under `landing/<modality>/` that is closed and never changes again.

Closed by a file `_DONE`, or by a quiet period. An optional `delivery.json` declares what the
files themselves cannot say.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medplatform.privacy import source_label

CLOSED = "_DONE"
OPTIONS = "delivery.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class DeliveryError(ValueError):
    """A delivery cannot be read at all; the message names it and the remedy."""


class DeliveryOptions(BaseModel):
    """What `delivery.json` may declare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: Annotated[
        Literal["resolve", "per_record"],
        Field(
            description="`resolve`: every record names its patient. `per_record`: the sender "
            "declares that each image or sample is a person of its own, as in public data sets."
        ),
    ] = "resolve"
    labels: Annotated[
        str | None, Field(description="Label table (CSV) of a PNG or JPEG folder.")
    ] = None
    label_file_column: Annotated[
        str | None, Field(description="Column of the label table that names the image file.")
    ] = None
    label_patient_column: Annotated[
        str | None, Field(description="Column of the label table that names the patient.")
    ] = None
    image_modality: Annotated[
        str, Field(description="DICOM modality of PNG or JPEG images, e.g. SM, DX, OT.")
    ] = "OT"
    genome_build: Annotated[
        Literal["GRCh37", "GRCh38"] | None,
        Field(description="Reference of VCF positions where the header does not say it."),
    ] = None


@dataclass(frozen=True, slots=True)
class Source:
    """One delivered file. `label` is safe in logs and in the lake, `path` is not."""

    path: Path
    sha256: str
    bytes: int

    @property
    def source_id(self) -> str:
        """First 16 hex digits of the digest: the file's name outside the vault."""
        return self.sha256[:16]

    @property
    def label(self) -> str:
        """A name without identifiers."""
        return source_label(self.path, self.source_id)


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
        """SHA-256 over the digests of all files and the options: what the ledger compares."""
        lines = sorted(source.sha256 for source in self.sources)
        return hashlib.sha256(
            "\n".join([*lines, self.options.model_dump_json()]).encode()
        ).hexdigest()


def open_delivery(
    landing: Path, modality: str, name: str, progress: Callable[[int, int], None] | None = None
) -> Delivery:
    """List and hash the files of a delivery.

    Raises
    ------
    DeliveryError
        The folder is missing or empty, its name is unusable, or `delivery.json` is wrong.
    """
    if not NAME.fullmatch(name):
        raise DeliveryError(
            f"A delivery name has 1 to 64 letters, digits, '.', '_' or '-', without identifiers "
            f"of patients: rename the folder under {landing / modality}."
        )
    root = landing / modality / name
    paths = sorted(_files(root)) if root.is_dir() else []
    if not paths:
        raise DeliveryError(
            f"Delivery {modality}/{name} has no files in {root}. "
            f"Put the files there, then an empty file {CLOSED}."
        )
    sources = []
    for number, path in enumerate(paths, 1):
        try:
            sources.append(_hash(path))
        except OSError as error:
            raise DeliveryError(
                f"File {number} of {len(paths)} (in order of path) of delivery {modality}/{name} "
                f"cannot be read: {error.strerror}. Make it readable, then run this again."
            ) from None
        if progress:
            progress(number, len(paths))
    return Delivery(modality, name, root, tuple(sources), _options(root))


def closed_deliveries(landing: Path, modality: str, quiet_period_s: float) -> list[str]:
    """Names of the deliveries of a modality that are complete."""
    folder = landing / modality
    names = []
    for root in sorted(folder.iterdir()) if folder.is_dir() else []:
        if root.is_dir() and not root.name.startswith("."):
            changed = max((p.stat().st_mtime for p in (root, *root.rglob("*"))), default=0.0)
            if (root / CLOSED).exists() or time.time() - changed >= quiet_period_s:
                names.append(root.name)
    return names


def deliver(
    source: Path,
    landing: Path,
    modality: str,
    name: str,
    options: dict[str, Any] | None = None,
) -> Path:
    """Copy a file or folder into landing as a closed delivery; the original stays untouched.

    The copy appears at once, complete. Raises DeliveryError if the source has no files or the
    name is taken by other content.
    """
    if not source.exists():
        raise DeliveryError(f"{source} does not exist. Give a file or a folder.")
    paths = sorted(_files(source)) if source.is_dir() else [source]
    if not paths:
        raise DeliveryError(f"{source} holds no files. Nothing was ingested.")
    if not NAME.fullmatch(name):
        raise DeliveryError("A delivery name has 1 to 64 letters, digits, '.', '_' or '-'.")
    target = landing / modality / name
    if target.exists():
        return target
    draft = landing / modality / f".{name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    base = source if source.is_dir() else source.parent
    for path in paths:
        copy = draft / path.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if options:
        (draft / OPTIONS).write_text(json.dumps(options))
    (draft / CLOSED).touch()
    draft.rename(target)
    return target


def _files(root: Path) -> Iterator[Path]:
    """Regular files below a folder; hidden files and the delivery's own two are not records."""
    seen: set[tuple[int, int]] = set()
    pending = [root]
    while pending:
        folder = pending.pop()
        facts = folder.stat()
        if (facts.st_dev, facts.st_ino) in seen:
            continue  # a symbolic link led back here
        seen.add((facts.st_dev, facts.st_ino))
        for path in folder.iterdir():
            if path.is_dir():
                pending.append(path)
            elif path.is_file() and not (folder == root and path.name in (CLOSED, OPTIONS)):
                yield path


def _hash(path: Path) -> Source:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Source(path, digest, stream.tell())


def _options(root: Path) -> DeliveryOptions:
    path = root / OPTIONS
    if not path.exists():
        return DeliveryOptions()
    try:
        return DeliveryOptions.model_validate_json(path.read_bytes())
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        )
        raise DeliveryError(f"{OPTIONS} of delivery {root.name} is not usable: {reasons}") from None
