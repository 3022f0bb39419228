"""The torch side of `ehr_risk`: a calibrated risk model over features that may be missing."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from medplatform.clinical.predictions import Predictions
from medplatform.training.learner import Learner
from medplatform.training.recipes.ehr_risk import FEATURES, EhrRiskConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPS = ("sex", "age_band")
BASELINE_FEATURES = ("age_years", "is_male")


class RiskModel(nn.Module):
    """From raw features (N, F), NaN where missing, to the probability of the outcome (N,).

    Features are standardised, missing ones stand at their mean and raise an indicator. A network
    beside the linear part starts at zero, so that training starts from a logistic regression.
    """

    mean: Tensor
    scale: Tensor
    temperature: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, prior: float, config: EhrRiskConfig) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("temperature", torch.ones(()))
        width = 2 * len(mean)
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.linear.bias, prior)
        layers: list[nn.Module] = []
        for size in config.hidden_sizes:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(config.dropout)]
            width = size
        self.network = nn.Sequential(*layers, nn.Linear(width, 1)) if layers else None
        if self.network is not None:
            nn.init.zeros_(self.network[-1].weight)  # pyright: ignore[reportArgumentType]
            nn.init.zeros_(self.network[-1].bias)  # pyright: ignore[reportArgumentType]

    def logits(self, x: Tensor) -> Tensor:
        """Log odds (N,) before calibration."""
        missing = x.isnan()
        standard = torch.where(missing, torch.zeros_like(x), (x - self.mean) / self.scale)
        inputs = torch.cat([standard.clamp(-5, 5), missing.to(x.dtype)], dim=1)
        logits = self.linear(inputs)
        if self.network is not None:
            logits = logits + self.network(inputs)
        return logits.squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """Calibrated probability (N,)."""
        return torch.sigmoid(self.logits(x) / self.temperature)


class EhrRiskLearner(Learner[EhrRiskConfig]):
    """Trains `RiskModel`; the best epoch is the one with the least validation log loss.

    Log loss, unlike AUROC, is defined where a small validation split holds no event.
    """

    objective = "loss"
    maximise = False

    def tensors(self, rows: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Features (N, F) float32 with NaN, outcomes (N,) float32."""
        outcomes = rows["outcome"].to_numpy().astype(np.float32)
        return torch.from_numpy(_matrix(rows)), torch.from_numpy(outcomes)

    def build_model(self, x: Tensor, y: Tensor) -> RiskModel:
        """Standardises by the training rows and starts at their event rate."""
        present = x.isfinite()
        count = present.sum(0).clamp(min=1)
        mean = torch.where(present, x, 0).sum(0) / count
        variance = torch.where(present, (x - mean) ** 2, 0).sum(0) / count
        scale = torch.where(variance > 0, variance.sqrt(), 1)
        rate = (y.sum() + 0.5) / (len(y) + 1)
        return RiskModel(mean, scale, float(torch.logit(rate)), self.config)

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Mean log loss."""
        return functional.binary_cross_entropy_with_logits(_risk_model(model).logits(x), y)

    def validate(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
        """Log loss and AUROC."""
        logits = _risk_model(model).logits(x).float()
        loss = functional.binary_cross_entropy_with_logits(logits, y)
        return {"loss": float(loss), "auroc": _auroc(y.cpu().numpy(), logits.cpu().numpy())}

    def calibrate(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
        """Temperature with the least validation log loss (Guo et al. 2017), if events allow it."""
        risk = _risk_model(model)
        events = int(y.sum())
        if min(events, len(y) - events) < 20:
            return {"temperature": 1.0}
        logits = risk.logits(x).detach()
        candidates = torch.logspace(-0.7, 0.7, 141)
        losses = torch.stack(
            [functional.binary_cross_entropy_with_logits(logits / t, y) for t in candidates]
        )
        risk.temperature.copy_(candidates[losses.argmin()])
        return {"temperature": float(risk.temperature)}

    def predict(self, model: nn.Module, rows: pl.DataFrame) -> Predictions:
        """Calibrated risk of each patient."""
        with torch.no_grad():
            score = model(torch.from_numpy(_matrix(rows))).double().numpy()
        return _predictions(rows, score)

    def baseline(self, train: pl.DataFrame, rows: pl.DataFrame) -> Predictions:
        """Logistic regression on age and sex alone."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        outcome = train["outcome"].to_numpy()
        if outcome.all() or not outcome.any():
            rate = (outcome.sum() + 0.5) / (len(outcome) + 1)
            return _predictions(rows, np.full(rows.height, rate))
        method = make_pipeline(
            SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
        )
        method.fit(_matrix(train, BASELINE_FEATURES), outcome)
        return _predictions(rows, method.predict_proba(_matrix(rows, BASELINE_FEATURES))[:, 1])

    def input_example(self, x: Tensor) -> NDArray[np.float32]:
        """(2, F) zeros."""
        return np.zeros((2, x.shape[1]), np.float32)

    def input_shape(self, x: Tensor) -> tuple[int, ...]:
        """(-1, F)."""
        return (-1, x.shape[1])

    def figures(self, model: nn.Module, rows: pl.DataFrame) -> "dict[str, Figure]":
        """ROC and calibration curve, where both outcomes are present."""
        from medplatform.training.plots import plot_calibration, plot_roc

        outcome, score = self.predict(model, rows).binary()
        if outcome.all() or not outcome.any():
            return {}
        return {"roc": plot_roc(outcome, score), "calibration": plot_calibration(outcome, score)}


def _risk_model(model: nn.Module) -> RiskModel:
    if not isinstance(model, RiskModel):
        raise TypeError("only a RiskModel in training has log odds; an exported model has not")
    return model


def _matrix(rows: pl.DataFrame, names: tuple[str, ...] = FEATURES) -> NDArray[np.float32]:
    columns = [pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in names]
    return np.ascontiguousarray(rows.select(columns).to_numpy(), dtype=np.float32)


def _predictions(rows: pl.DataFrame, score: NDArray[np.float64]) -> Predictions:
    return Predictions(
        ids=rows["patient_id"].to_numpy(),
        patient_ids=rows["patient_id"].to_numpy(),
        y=rows["outcome"].to_numpy(),
        score=score,
        groups={name: rows[name].to_numpy() for name in GROUPS},
    )


def _auroc(outcome: NDArray[np.float32], score: NDArray[np.float32]) -> float:
    from sklearn.metrics import roc_auc_score

    if len(np.unique(outcome)) < 2:
        return float("nan")
    return float(roc_auc_score(outcome, score))
