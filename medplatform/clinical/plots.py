"""Plots of predictions as PNG bytes: ROC, calibration, distribution of Dice.

A plot is drawn only where both outcomes have enough rows that no step of a curve shows a person.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from medplatform.clinical.disclosure import SMALLEST_CELL
from medplatform.clinical.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"model": "#1f6f8b", "baseline": "#999999", "champion": "#c06014"}


def roc_plot(models: Mapping[str, Predictions]) -> bytes | None:
    """ROC curves by model name, or None where an outcome has too few rows to be drawn."""
    figure, axes = _figure("1 - specificity", "sensitivity")
    axes.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
    for name, predictions in models.items():
        y, score = predictions.binary()
        if min(y.sum(), (~y).sum()) < SMALLEST_CELL:
            return None
        order = np.argsort(-score, kind="stable")
        last_of_tie = np.r_[np.diff(score[order]) != 0, True]
        sensitivity = np.cumsum(y[order])[last_of_tie] / y.sum()
        false_alarms = np.cumsum(~y[order])[last_of_tie] / (~y).sum()
        axes.plot(
            np.r_[0, false_alarms], np.r_[0, sensitivity], label=name, color=COLOURS.get(name)
        )
    axes.legend(loc="lower right", frameon=False)
    return _png(figure)


def calibration_plot(predictions: Predictions) -> bytes | None:
    """Observed against predicted risk in up to ten equal groups, or None for small cohorts."""
    y, score = predictions.binary()
    bins = min(10, y.size // (3 * SMALLEST_CELL))
    if bins < 2 or min(y.sum(), (~y).sum()) < SMALLEST_CELL:
        return None
    figure, axes = _figure("predicted risk", "observed share")
    parts = np.array_split(np.argsort(score, kind="stable"), bins)
    predicted = [score[part].mean() for part in parts]
    observed = [y[part].mean() for part in parts]
    upper = min(1.0, 1.1 * max(*predicted, *observed))
    axes.plot([0, upper], [0, upper], color="#cccccc", linewidth=1)
    axes.plot(predicted, observed, marker="o", color=COLOURS["model"])
    return _png(figure)


def dice_plot(models: Mapping[str, Predictions]) -> bytes | None:
    """Share of images by Dice and model name, or None where there are too few images."""
    figure, axes = _figure("Dice", "share of images")
    for name, predictions in models.items():
        values = predictions.overlap()
        if values.size < SMALLEST_CELL:
            return None
        axes.hist(
            values,
            bins=np.linspace(0, 1, 21).tolist(),
            weights=np.full(values.size, 1 / values.size),
            histtype="stepfilled" if name == "model" else "step",
            alpha=0.7,
            label=name,
            color=COLOURS.get(name),
        )
    axes.legend(loc="upper left", frameon=False)
    return _png(figure)


def _figure(x_label: str, y_label: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: "Figure") -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
