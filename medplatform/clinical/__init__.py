"""Whether a model is good enough for patients: figures with intervals, gates, verdict, report.

Everything here is a pure function of predictions. It knows neither torch nor MLflow nor Dagster.
"""

from medplatform.clinical.card import ModelFacts, model_card
from medplatform.clinical.estimate import Estimate, TooFew
from medplatform.clinical.evaluate import Evidence, evaluate
from medplatform.clinical.gate import Gate, GateResult, GateSet, Severity, State
from medplatform.clinical.gates import EHR_RISK, LESION_SEGMENTATION
from medplatform.clinical.predictions import MismatchedRows, Predictions
from medplatform.clinical.verdict import (
    ModelReference,
    Verdict,
    VerdictError,
    reach_verdict,
    read_verdict,
    write_verdict,
)

__all__ = [
    "EHR_RISK",
    "LESION_SEGMENTATION",
    "Estimate",
    "Evidence",
    "Gate",
    "GateResult",
    "GateSet",
    "MismatchedRows",
    "ModelFacts",
    "ModelReference",
    "Predictions",
    "Severity",
    "State",
    "TooFew",
    "Verdict",
    "VerdictError",
    "evaluate",
    "model_card",
    "reach_verdict",
    "read_verdict",
    "write_verdict",
]
