"""How a model does in every group of patients, and how far each is behind the others.

A group is compared with the other groups of the same attribute, not with the whole cohort: age
predicts most outcomes, so that within every age band any model has a lower AUROC than overall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from medplatform.clinical.discrimination import auroc_interval, clustered_covariance
from medplatform.clinical.estimate import (
    Estimate,
    TooFew,
    clustered_standard_error,
    normal_interval,
)
from medplatform.clinical.overlap import mean_dice
from medplatform.clinical.predictions import Predictions

UNKNOWN = "unknown"
"""The label of rows without a value; they are shown, never compared."""


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One group of one attribute: its size, its figure, and its lead over the other groups.

    `figure` is None where it cannot be computed, `difference` where the group is too small, is
    unknown or has no other group to be compared with.
    """

    attribute: str
    group: str
    rows: int
    patients: int
    events: int | None
    figure: Estimate | None
    difference: Estimate | None = None


def subgroups(predictions: Predictions, minimum: Mapping[str, float]) -> list[Subgroup]:
    """All groups of all attributes; those of at least the `minimum` size are compared.

    `minimum` holds `events` and `non_events` for a binary task, `patients` for a segmentation.
    """
    found: list[Subgroup] = []
    for attribute, labels in predictions.groups.items():
        members = {str(g): predictions.select(labels == g) for g in np.unique(labels)}
        comparable = {
            group: rows
            for group, rows in members.items()
            if group != UNKNOWN and _is_large_enough(rows, minimum)
        }
        for group, rows in members.items():
            others = [r for other, r in comparable.items() if other != group]
            difference = _lead(rows, others) if group in comparable and others else None
            found.append(replace(_describe(attribute, group, rows), difference=difference))
    return found


def _is_large_enough(rows: Predictions, minimum: Mapping[str, float]) -> bool:
    if rows.dice is not None:
        return rows.patients >= minimum["patients"]
    non_events = len(rows) - rows.events
    return rows.events >= minimum["events"] and non_events >= minimum["non_events"]


def _describe(attribute: str, group: str, rows: Predictions) -> Subgroup:
    try:
        figure = auroc_interval(rows) if rows.dice is None else mean_dice(rows)
    except TooFew:
        figure = None
    events = None if rows.y is None else rows.events
    return Subgroup(attribute, group, len(rows), rows.patients, events, figure)


def _lead(group: Predictions, others: Sequence[Predictions]) -> Estimate:
    """Figure of the group minus the mean of the others', weighted by their size."""
    value, error = _figure_and_error(group)
    figures = [_figure_and_error(other) for other in others]
    sizes = np.array([other.events or len(other) for other in others], dtype=np.float64)
    weights = sizes / sizes.sum()
    mean = sum(w * v for w, (v, _) in zip(weights, figures, strict=True))
    variance = sum((w * e) ** 2 for w, (_, e) in zip(weights, figures, strict=True))
    return normal_interval(float(value - mean), sqrt(error**2 + variance))


def _figure_and_error(rows: Predictions) -> tuple[float, float]:
    if rows.dice is not None:
        influence = (rows.dice - rows.dice.mean()) / rows.dice.size
        return float(rows.dice.mean()), clustered_standard_error(rows.patient_ids, influence)
    y, score = rows.binary()
    areas, covariance = clustered_covariance(y, rows.patient_ids, score)
    return float(areas[0]), sqrt(float(covariance[0, 0]))
