"""Small made-up rows with a known signal for the tests of this folder."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from medplatform.lake import Lake, Snapshot
from medplatform.training.data import freeze_dataset
from medplatform.training.recipe import Collected, Recipe
from medplatform.training.recipes import EHR_RISK, LESION_SEGMENTATION
from medplatform.training.recipes.ehr_risk import NUMBERS, collect

SLOPES = {"age_years": 0.9, "systolic_mmhg": 0.5, "ldl_mg_dl": 0.4, "polygenic_score": 0.7}


def patient_features(patients: int, *, seed: int = 0, missing: float = 0.1) -> pl.DataFrame:
    """The mart `patient_features` with a logistic signal; `risk` is the true probability."""
    random = np.random.default_rng(seed)
    standard = {name: random.normal(size=patients) for name in NUMBERS}
    smoker = random.random(patients) < 0.25
    male = random.random(patients) < 0.5
    logit = -1.4 + 0.6 * smoker + 0.4 * male
    for name, slope in SLOPES.items():
        logit = logit + slope * standard[name]
    risk = 1 / (1 + np.exp(-logit))
    columns: dict[str, object] = {
        "patient_id": [f"p{number:05d}" for number in range(patients)],
        "prediction_at": [datetime(2020, 1, 1, tzinfo=UTC)] * patients,
        "feature_at": [datetime(2019, 12, 1, tzinfo=UTC)] * patients,
    }
    for name in NUMBERS:
        values = 60 + 12 * standard[name]
        gaps = random.random(patients) < (missing if name == "hba1c_percent" else 0)
        columns[name] = [None if gap else float(v) for v, gap in zip(values, gaps, strict=True)]
    return pl.DataFrame(
        {
            **columns,
            "sex": np.where(male, "male", "female"),
            "is_smoker": smoker,
            "has_hypertension": random.random(patients) < 0.3,
            "has_diabetes": random.random(patients) < 0.1,
            "outcome": random.random(patients) < risk,
            "horizon_days": [365] * patients,
            "risk": risk,
        }
    )


def rows_of(mart: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """What `ehr_risk` collects from the mart."""
    folder.mkdir(exist_ok=True)
    mart.drop("risk").write_parquet(folder / "patient_features.parquet")
    return collect(None, folder).rows  # pyright: ignore[reportArgumentType] - reads no lake


def write_mart(marts: Path, patients: int, *, seed: int = 0) -> pl.DataFrame:
    """Write the mart where the recipe looks for it."""
    marts.mkdir(parents=True, exist_ok=True)
    mart = patient_features(patients, seed=seed)
    mart.drop("risk").write_parquet(marts / "patient_features.parquet")
    return mart


def freeze_ehr(tmp_path: Path, patients: int = 300) -> Snapshot:
    """A frozen data set of `ehr_risk`."""
    write_mart(tmp_path / "marts", patients)
    return freeze_dataset(
        EHR_RISK, Lake(tmp_path / "lake"), tmp_path / "marts", tmp_path / "datasets"
    )


def lesion_rows(images: int, *, size: int = 48, seed: int = 0) -> pl.DataFrame:
    """Rows of `lesion_segmentation`: bright ellipses on a noisy ground, some images without."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    rows = []
    for number in range(images):
        mask = np.zeros((size, size), np.uint8)
        if number % 8:
            (cy, cx), (ry, rx) = random.uniform(0.3, 0.7, 2), random.uniform(0.1, 0.25, 2)
            mask = (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1).astype(np.uint8)
        image = np.clip(90 + 60 * mask + random.normal(0, 25, mask.shape), 0, 255)
        rows.append(
            {
                "image_id": f"i{number:04d}:1",
                "instance_id": f"i{number:04d}",
                "frame_number": 1,
                "patient_id": f"p{number:04d}",
                "image": image.astype(np.uint8).tobytes(),
                "mask": mask.tobytes(),
                "height": size,
                "width": size,
                "channels": 1,
                "foreground_fraction": float(mask.mean()),
                "patient_sex": ("female", "male", None)[number % 3],
                "manufacturer": "maker",
            }
        )
    return pl.DataFrame(rows)


def freeze_lesions(tmp_path: Path, images: int = 60) -> Snapshot:
    """A frozen data set of `lesion_segmentation`, without a lake behind it."""
    return freeze_dataset(
        collecting(LESION_SEGMENTATION, lambda: lesion_rows(images)),
        Lake(tmp_path / "lake"),
        tmp_path / "marts",
        tmp_path / "datasets",
    )


def collecting(recipe: Recipe, rows: Callable[[], pl.DataFrame]) -> Recipe:
    """The recipe with other rows than those of the lake."""
    return replace(recipe, collect=lambda lake, marts: Collected(rows()))
