"""Frozen data sets: Parquet files in a folder that is named by the digest of all their bytes.

Training reads only frozen data sets, so a model can always name exactly what it has seen.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from medplatform.lake.ledger import write_atomically


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen data set: its folder, its digest (64 hex digits) and its manifest."""

    folder: Path
    digest: str
    manifest: dict[str, Any]

    def file(self, name: str) -> Path:
        """Path of one of its Parquet files, by name without the ending."""
        return self.folder / f"{name}.parquet"


def freeze(
    root: Path,
    name: str,
    frames: Mapping[str, pl.DataFrame],
    facts: Mapping[str, Any],
    *,
    lineage: Mapping[str, str] | None = None,
) -> Snapshot:
    """Write frames as `<root>/<name>/<digest[:16]>/` unless that very content is there already.

    Parameters
    ----------
    facts
        Split rule, horizon, counts, …: part of the manifest and, with the bytes of every file, of
        the digest; JSON values.
    lineage
        Where the rows came from when they were first frozen: in the manifest, but no part of the
        digest, because the same rows are the same data set wherever they came from.
    """
    draft = root / name / f".draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    files: dict[str, dict[str, Any]] = {}
    for file_name, frame in sorted(frames.items()):
        path = draft / f"{file_name}.parquet"
        frame.write_parquet(path, compression="zstd", row_group_size=1 << 16)
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        files[path.name] = {"sha256": sha256, "rows": frame.height, "bytes": path.stat().st_size}
    digest = content_digest(files, facts)
    folder = root / name / digest[:16]
    if folder.exists():
        shutil.rmtree(draft)
        return read_snapshot(folder)
    manifest = {
        "name": name,
        "digest": digest,
        "facts": dict(facts),
        "lineage": dict(lineage or {}),
        "files": files,
        "frozen_at": datetime.now(UTC).isoformat(),
    }
    write_atomically(draft / "manifest.json", json.dumps(manifest, indent=1).encode())
    draft.rename(folder)
    return Snapshot(folder, digest, manifest)


def read_snapshot(folder: Path, *, verify: bool = False) -> Snapshot:
    """Open a frozen data set; with `verify`, hash every file and compare.

    Raises
    ------
    ValueError
        A file is missing or was changed since it was frozen.
    """
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, facts in manifest["files"].items() if verify else ():
        path = folder / name
        if not path.exists():
            raise ValueError(f"{folder}: {name} is missing. Freeze the data set again.")
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != facts["sha256"]:
                raise ValueError(f"{folder}: {name} was changed. Delete the folder, freeze again.")
    return Snapshot(folder, manifest["digest"], manifest)


def content_digest(files: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """SHA-256 over the facts and the sorted digests of the files."""
    lines = [f"{name} {files[name]['sha256']}" for name in sorted(files)]
    lines.append(json.dumps(dict(facts), sort_keys=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
