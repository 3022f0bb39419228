"""Freeze the data set of a recipe, and read it back.

Patients are dealt into train, validation and test by a hash of their pseudonym and the recipe's
salt. Adding patients never moves one, so the test cohort stays locked, and no patient is ever in
two splits.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal

import polars as pl

from medplatform.lake import Lake, Snapshot, freeze, read_snapshot
from medplatform.lake.ledger import write_atomically
from medplatform.training.recipe import Recipe, TrainingError

Split = Literal["train", "validation", "test"]

SHARES: dict[Split, float] = {"train": 0.60, "validation": 0.15, "test": 0.25}
ROWS = "rows"
LATEST = "latest.json"
SHORTAGE = "shortage.json"
IMAGES = "images"
"""The fact that holds how images look, of a data set that names them without holding them."""


class DatasetTooSmall(TrainingError):
    """There are too few patients to train on; the message says what to deliver."""


class DatasetMissing(TrainingError):
    """No data set of the recipe has been frozen yet."""


def assign_split(patient_ids: Iterable[str], salt: str) -> list[Split]:
    """The split of each patient: the first 64 bits of SHA-256(salt:patient) as a fraction."""
    return [_split(patient_id, salt) for patient_id in patient_ids]


def freeze_dataset(
    recipe: Recipe, lake: Lake, marts: Path, datasets: Path, *, is_synthetic: bool = False
) -> Snapshot:
    """Collect the rows of a recipe, deal them into splits and freeze them.

    Equal rows give the same digest and the same folder, whichever deliveries they came in. One at
    a time per recipe, from collecting on, so that the latest data set is that of the latest lake.

    Parameters
    ----------
    is_synthetic
        Whether the patients are made up: a fact of the data set that its models carry on.

    Raises
    ------
    DatasetTooSmall
        There are fewer patients than the recipe needs, or a split has none.
    """
    with _lock(datasets / recipe.name):
        return _freeze(recipe, lake, marts, datasets, is_synthetic)


def _freeze(
    recipe: Recipe, lake: Lake, marts: Path, datasets: Path, is_synthetic: bool
) -> Snapshot:
    collected = recipe.collect(lake, marts)
    rows = collected.rows.sort(recipe.row_id)
    if rows[recipe.row_id].n_unique() != rows.height:
        raise ValueError(f"{recipe.name}: {recipe.row_id} repeats in the collected rows")
    rows = rows.with_columns(
        split=pl.Series(assign_split(rows["patient_id"], recipe.split_salt), dtype=pl.String)
    )
    counts = _counts(rows, recipe)
    origin = lineage(recipe, lake)
    shortage = datasets / recipe.name / SHORTAGE
    try:
        _require_patients(recipe, counts)
    except DatasetTooSmall:
        write_atomically(shortage, json.dumps(origin).encode())
        raise
    shortage.unlink(missing_ok=True)
    facts = {
        **collected.facts,
        "recipe": recipe.name,
        "split": {"rule": "sha256(salt:patient_id)", "salt": recipe.split_salt, "shares": SHARES},
        "counts": counts,
        "is_synthetic": is_synthetic,
    }
    snapshot = freeze(datasets, recipe.name, {ROWS: rows}, facts, lineage=origin)
    latest = {"digest": snapshot.digest, "lineage": origin}
    write_atomically(datasets / recipe.name / LATEST, json.dumps(latest).encode())
    if IMAGES in collected.facts:
        from medplatform.training.images.materialise import cache_images

        cache_images(snapshot, lake)
    return snapshot


def latest_snapshot(datasets: Path, recipe: Recipe) -> Snapshot:
    """The data set that was frozen last.

    Raises
    ------
    DatasetMissing
        There is none yet.
    """
    pointer = datasets / recipe.name / LATEST
    if not pointer.exists():
        raise DatasetMissing(
            f"No data set of {recipe.name} is frozen yet. Materialize datasets/{recipe.name} "
            f"after ingesting {', '.join(recipe.modalities)}."
        )
    digest = json.loads(pointer.read_bytes())["digest"]
    return read_snapshot(datasets / recipe.name / digest[:16])


def latest_lineage(datasets: Path, recipe: Recipe) -> dict[str, str]:
    """The lineage when a data set was frozen last; its rows may have been there before."""
    pointer = datasets / recipe.name / LATEST
    return json.loads(pointer.read_bytes()).get("lineage", {}) if pointer.exists() else {}


def is_synthetic(snapshot: Snapshot) -> bool:
    """Whether the patients of a data set are made up."""
    return bool(snapshot.manifest["facts"].get("is_synthetic", False))


def lineage(recipe: Recipe, lake: Lake) -> dict[str, str]:
    """Every published delivery that gave rows to the recipe's modalities, with its generation."""
    return {
        f"{entry.modality}/{entry.delivery}": entry.generation
        for modality in sorted(recipe.modalities)
        for entry in lake.ledger.entries(modality)
        if entry.status == "published" and any(entry.rows(table) for table in entry.tables)
    }


def known_shortage(datasets: Path, recipe: Recipe) -> dict[str, str] | None:
    """The lineage that was last found too small to train on; None where it is large enough."""
    path = datasets / recipe.name / SHORTAGE
    return json.loads(path.read_bytes()) if path.exists() else None


def load_rows(snapshot: Snapshot, split: Split | None = None) -> pl.DataFrame:
    """Rows of a frozen data set, all or those of one split, in their frozen order."""
    rows = pl.read_parquet(snapshot.file(ROWS))
    return rows if split is None else rows.filter(pl.col("split") == split)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _split(patient_id: str, salt: str) -> Split:
    digest = sha256(f"{salt}:{patient_id}".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    if fraction < SHARES["train"]:
        return "train"
    return "validation" if fraction < SHARES["train"] + SHARES["validation"] else "test"


def _counts(rows: pl.DataFrame, recipe: Recipe) -> dict[str, dict[str, int]]:
    counts = {}
    for split in SHARES:
        part = rows.filter(pl.col("split") == split)
        counts[split] = {"rows": part.height, "patients": part["patient_id"].n_unique()}
        if recipe.outcome:
            counts[split]["events"] = int(part[recipe.outcome].sum())
    return counts


def _require_patients(recipe: Recipe, counts: dict[str, dict[str, int]]) -> None:
    patients = sum(part["patients"] for part in counts.values())
    empty = [split for split, part in counts.items() if not part["patients"]]
    if patients >= recipe.minimum_patients and not empty:
        return
    shortage = (
        f"only {patients} of the {recipe.minimum_patients} patients it needs at least"
        if patients < recipe.minimum_patients
        else f"no patient in {' and '.join(empty)} among {patients}"
    )
    raise DatasetTooSmall(
        f"{recipe.name}: {shortage}. It reads {', '.join(recipe.depends_on)}; ingest more "
        f"deliveries of {' and '.join(recipe.modalities)}, materialize these assets, then freeze "
        f"again."
    )
