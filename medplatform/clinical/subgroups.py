"""Whether a model serves every group of patients: figures per group, and who falls behind.

A group is compared with the other groups of the same attribute, not with the whole cohort: age
predicts most outcomes, so that within every age band any model has a lower AUROC than overall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np

from medplatform.clinical.discrimination import auroc_interval, clustered_covariance
from medplatform.clinical.estimate import (
    Estimate,
    TooFew,
    clustered_standard_error,
    normal_interval,
    standard_error_of,
)
from medplatform.clinical.evaluate import Evidence
from medplatform.clinical.gate import Finding, State
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


def subgroup_floor(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """No group falls behind the others of its attribute by more than the margin.

    A group that does fails the gate where Holm's test over all groups shows that the deficit is
    no chance finding; else the gate is INCONCLUSIVE, because a person has to look at it.
    """
    margin = thresholds["margin"]
    groups = subgroups(evidence.candidate, thresholds)
    compared = [(g, g.difference) for g in groups if g.difference is not None]
    if not compared:
        return Finding(
            state=State.INCONCLUSIVE,
            reason="No attribute has two known groups that are large enough to be compared.",
            threshold=-margin,
            n=len(evidence.candidate),
        )
    p_values = holm([p_behind(lead) for _, lead in compared])
    behind = [
        (f"{group.attribute} {group.group}", p_value)
        for (group, lead), p_value in zip(compared, p_values, strict=True)
        if lead.value < -margin
    ]
    shown = [name for name, p_value in behind if p_value < thresholds["alpha"]]
    if shown:
        state, reason = State.FAIL, f"Worse for {', '.join(shown)} than for the other groups."
    elif behind:
        names = ", ".join(name for name, _ in behind)
        state, reason = State.INCONCLUSIVE, f"Seems worse for {names}; too few to be sure."
    else:
        state = State.PASS
        reason = f"None of {len(compared)} groups falls behind the others by more than {margin:g}."
    left_out = len(groups) - len(compared)
    worst, lead = min(compared, key=lambda pair: pair[1].value)
    return Finding(
        state=state,
        reason=reason + (f" Not compared, too small or unknown: {left_out}." if left_out else ""),
        value=lead.value,
        threshold=-margin,
        interval=(lead.low, lead.high),
        n=worst.rows,
    )


def p_behind(lead: Estimate) -> float:
    """One-sided p-value against "this group is not behind the others"."""
    error = standard_error_of(lead)
    if error == 0:
        return 1.0 if lead.value >= 0 else 0.0
    return NormalDist().cdf(lead.value / error)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values, in the order given."""
    order = np.argsort(p_values)
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


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
