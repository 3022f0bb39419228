"""Risk of a cardiovascular event within a year, from the health record and a polygenic score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
from pydantic import Field

from medplatform.clinical import gates
from medplatform.lake import Lake
from medplatform.training.recipe import Collected, Recipe, TrainingConfig, TrainingError

if TYPE_CHECKING:
    from medplatform.training.learner import Learner

NUMBERS = (
    "age_years",
    "body_mass_index",
    "systolic_mmhg",
    "diastolic_mmhg",
    "hba1c_percent",
    "ldl_mg_dl",
    "creatinine_mg_dl",
    "medication_count",
    "encounter_count",
    "polygenic_score",
)
FLAGS = ("is_smoker", "has_hypertension", "has_diabetes")
FEATURES = (*NUMBERS, *FLAGS, "is_male")
AGE_BANDS = {"18-44": 45, "45-64": 65, "65-74": 75}


class EhrRiskConfig(TrainingConfig):
    """A linear model plus, where `hidden_sizes` are given, a small network beside it."""

    epochs: Annotated[int, Field(ge=1, description="Passes over the patients, at most.")] = 60
    batch_size: Annotated[int, Field(ge=1, description="Patients per optimiser step.")] = 64
    learning_rate: Annotated[
        float, Field(gt=0, description="Peak learning rate of AdamW; warms up, then falls to 0.")
    ] = 1e-2
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW.")] = (
        1e-2
    )
    hidden_sizes: Annotated[
        tuple[int, ...],
        Field(description="Widths of the hidden layers; none gives a logistic regression."),
    ] = ()
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="Share of hidden units left out in training.")
    ] = 0.1


def collect(lake: Lake, marts: Path) -> Collected:
    """One row per patient with a prediction time, from the mart `patient_features`.

    Raises
    ------
    TrainingError
        The mart has not been built.
    """
    mart = marts / "patient_features.parquet"
    if not mart.exists():
        raise TrainingError(
            "The mart patient_features has not been built. Materialize marts/patient_features."
        )
    patients = pl.read_parquet(mart)
    rows = patients.select(
        "patient_id",
        "prediction_at",
        "feature_at",
        *(pl.col(name).cast(pl.Float64) for name in NUMBERS),
        *(pl.col(name).cast(pl.Boolean) for name in FLAGS),
        # 1 male, 0 female, null for all else: an unknown sex is a missing value.
        is_male=pl.col("sex").replace_strict({"male": True, "female": False}, default=None),
        outcome=pl.col("outcome").cast(pl.Boolean),
        age_band=_age_band(),
        sex=pl.col("sex"),
    )
    horizons = patients["horizon_days"].unique().sort().to_list()
    return Collected(rows, {"horizon_days": horizons})


def _age_band() -> pl.Expr:
    band = pl.lit("75+")
    for label, below in reversed(AGE_BANDS.items()):
        band = pl.when(pl.col("age_years") < below).then(pl.lit(label)).otherwise(band)
    return pl.when(pl.col("age_years").is_null()).then(None).otherwise(band)


def _load_learner() -> "type[Learner]":
    from medplatform.training.recipes.ehr_risk_model import EhrRiskLearner

    return EhrRiskLearner


EHR_RISK = Recipe(
    name="ehr_risk",
    title="Cardiovascular risk within one year",
    intended_use="Estimates the probability that an adult without a previous cardiovascular "
    "event has one within 365 days after an encounter, to support a clinician who plans "
    "prevention. Not for emergencies, minors, or patients with a previous event. Learnt from "
    "encounters that have a year of records after them, so patients who were lost to follow-up "
    "are not represented.",
    task="binary",
    metric="auroc",
    depends_on=("marts/patient_features",),
    modalities=("ehr", "genomics"),
    split_salt="ehr_risk",
    row_id="patient_id",
    outcome="outcome",
    features=FEATURES,
    minimum_patients=20,
    config=EhrRiskConfig,
    debug=EhrRiskConfig(epochs=3, batch_size=256),
    gates=gates.EHR_RISK,
    collect=collect,
    load_learner=_load_learner,
)
