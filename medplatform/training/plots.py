"""Plots of a training run. Figures are drawn without a display and hold no ids."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 90
TRUTH, PREDICTION = "#1b9e77", "#d95f02"


def plot_history(history: Sequence[dict[str, float]], best_epoch: int) -> "Figure":
    """Training loss and validation metrics over the epochs, with the best epoch marked."""
    names = [name for name in history[0] if name.startswith("validation_")] if history else []
    figure, (left, right) = _panels(2)
    epochs = np.arange(1, len(history) + 1)
    left.plot(epochs, [row["train_loss"] for row in history], label="training")
    for name in names:
        axes = left if name.endswith("loss") else right
        axes.plot(epochs, [row[name] for row in history], label=name.replace("_", " "))
    left.set(title="Loss", xlabel="epoch")
    right.set(title="Validation", xlabel="epoch")
    for axes in (left, right):
        axes.axvline(best_epoch, color="grey", linestyle=":", label=f"best epoch ({best_epoch})")
        axes.legend(fontsize=8)
    return figure


def plot_roc(outcome: NDArray[np.bool_], score: NDArray[np.float64]) -> "Figure":
    """Receiver operating characteristic on validation data."""
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, (axes,) = _panels(1)
    false_positive, true_positive, _ = roc_curve(outcome, score)
    axes.plot(false_positive, true_positive, color=PREDICTION)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.set(
        title=f"ROC, validation: AUROC {roc_auc_score(outcome, score):.3f}",
        xlabel="1 - specificity",
        ylabel="sensitivity",
    )
    return figure


def plot_calibration(outcome: NDArray[np.bool_], score: NDArray[np.float64]) -> "Figure":
    """Observed event rate against predicted risk in up to ten groups of equal size."""
    figure, (axes,) = _panels(1)
    groups = np.array_split(np.argsort(score), min(10, len(score)))
    predicted = [float(score[group].mean()) for group in groups]
    observed = [float(outcome[group].mean()) for group in groups]
    top = max(*predicted, *observed, 0.05) * 1.05
    axes.plot([0, top], [0, top], color="grey", linestyle=":")
    axes.plot(predicted, observed, marker="o", color=PREDICTION)
    axes.set(title="Calibration, validation", xlabel="predicted risk", ylabel="observed rate")
    return figure


def plot_overlays(
    images: NDArray[np.uint8], masks: NDArray[np.uint8], probability: NDArray[np.floating]
) -> "Figure":
    """Outlines of truth and prediction on images (N, H, W, C), masks and probability (N, H, W)."""
    columns = min(3, len(images))
    rows = -(-len(images) // columns)
    figure = _figure(2.6 * columns, 2.7 * rows)
    for number, (image, mask, found) in enumerate(zip(images, masks, probability, strict=True), 1):
        axes = figure.add_subplot(rows, columns, number)
        axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
        for field, color in ((mask.astype(float), TRUTH), (found, PREDICTION)):
            if field.min() < 0.5 < field.max():
                axes.contour(field, levels=[0.5], colors=color, linewidths=0.8)
        axes.set_axis_off()
    figure.suptitle("Validation: truth green, prediction orange", fontsize=9)
    return figure


def plot_distribution(values: NDArray[np.float64], title: str) -> "Figure":
    """Histogram of values in 0 … 1."""
    figure, (axes,) = _panels(1)
    axes.hist(values, bins=20, range=(0, 1), color=PREDICTION)
    axes.set(title=f"{title}: mean {values.mean():.3f}", xlabel="value", ylabel="count")
    return figure


def _panels(count: int) -> "tuple[Figure, list[Axes]]":
    figure = _figure(4.2 * count, 3.2)
    return figure, [figure.add_subplot(1, count, number) for number in range(1, count + 1)]


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")
