"""The rules behind the gates, except the one on subgroups. Each measures, compares and says why.

A rule returns PASS only where the data show the demand to be met. What a small cohort means is
decided once, by `sample_size`, which the statistical gates require.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical import calibration, discrimination
from medplatform.clinical.disclosure import is_small, shown
from medplatform.clinical.estimate import Estimate, TooFew
from medplatform.clinical.evaluate import Evidence, headline, headline_difference, headline_name
from medplatform.clinical.gate import Finding, State

ALIKE = 5.0
"""Calibration slope from which the risks of all patients are nearly the same."""


def sample_size(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """Enough events and non-events (binary) or patients (segmentation) in the test cohort."""
    cohort = evidence.candidate
    if cohort.dice is not None:
        return _enough({"patients": cohort.patients}, thresholds, len(cohort))
    counts = {"events": cohort.events, "non_events": len(cohort) - cohort.events}
    return _enough(counts, thresholds, len(cohort))


def patient_overlap(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """No patient of the test cohort was seen in training."""
    cohort = evidence.candidate
    if evidence.training_patient_ids is None:
        return Finding(
            state=State.INCONCLUSIVE,
            reason="The patients seen in training are not known.",
            n=len(cohort),
        )
    shared = len(evidence.training_patient_ids.intersection(cohort.patient_ids.tolist()))
    allowed = thresholds["patients"]
    return Finding(
        state=State.PASS if shared <= allowed else State.FAIL,
        reason=f"{shared} of {cohort.patients} test patients were also seen in training.",
        value=float(shared),
        threshold=allowed,
        n=cohort.patients,
    )


def feature_time(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """Every feature was known strictly before the moment of the prediction."""
    if evidence.feature_at is None or evidence.prediction_at is None:
        return Finding(
            state=State.INCONCLUSIVE,
            reason="The rows carry no feature times, so nothing can be compared.",
            n=len(evidence.candidate),
        )
    late = int((evidence.feature_at >= evidence.prediction_at).sum())
    allowed = thresholds["rows"]
    return Finding(
        state=State.PASS if late <= allowed else State.FAIL,
        reason=f"{late} rows hold a feature that was not known before the prediction.",
        value=float(late),
        threshold=allowed,
        n=len(evidence.candidate),
    )


def single_feature(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """No single feature, present or missing, gives the outcome away."""
    y, _ = evidence.candidate.binary()
    strengths = {name: _strength(y, column) for name, column in evidence.features.items()}
    limit = thresholds["auroc"]
    if not strengths:
        return Finding(
            state=State.INCONCLUSIVE, reason="The features are not known.", threshold=limit
        )
    strongest = max(strengths, key=lambda name: strengths[name])
    strength = strengths[strongest]
    return Finding(
        state=State.PASS if strength < limit else State.FAIL,
        reason=f"The strongest single feature is {strongest} (AUROC {strength:.3f}).",
        value=strength,
        threshold=limit,
        n=y.size,
    )


def known_ceiling(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """The model is not better than any honest model can be."""
    if evidence.ceiling is None:
        return Finding(
            state=State.NOT_APPLICABLE,
            reason="The best reachable figure is not known; it is for synthetic data only.",
            n=len(evidence.candidate),
        )
    figure = headline(evidence.candidate)
    limit = evidence.ceiling + thresholds["margin"]
    honest = figure.low <= limit
    return _finding(
        figure,
        State.PASS if honest else State.FAIL,
        limit,
        f"{_named(evidence, figure)} against a known ceiling of {evidence.ceiling:.3f}"
        + ("." if honest else ": the outcome has leaked into the features."),
        len(evidence.candidate),
    )


def discrimination_floor(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """The lower 95 % limit of the headline figure reaches the floor of the use case."""
    figure, floor = headline(evidence.candidate), thresholds["floor"]
    return _finding(
        figure,
        State.PASS if figure.low >= floor else State.FAIL,
        floor,
        f"{_named(evidence, figure)}; the lower limit has to reach {floor:.2f}.",
        len(evidence.candidate),
    )


def baseline_beaten(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """The model is better than the always-on baseline on the same rows."""
    if evidence.baseline is None:
        return Finding(
            state=State.INCONCLUSIVE,
            reason="There are no predictions of the baseline.",
            n=len(evidence.candidate),
        )
    lead, margin = headline_difference(evidence.candidate, evidence.baseline), thresholds["margin"]
    return _finding(
        lead,
        State.PASS if lead.low > margin else State.FAIL,
        margin,
        f"Lead over the baseline {lead}; the lower limit has to be above {margin:g}.",
        len(evidence.candidate),
    )


def non_inferiority(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """The model is not worse than the champion by more than the margin, on the same rows."""
    margin = thresholds["margin"]
    if evidence.champion is None:
        return Finding(
            state=State.NOT_APPLICABLE,
            reason="No other version is champion, so there is nothing to compare with.",
            threshold=-margin,
            n=len(evidence.candidate),
        )
    lead = headline_difference(evidence.candidate, evidence.champion)
    return _finding(
        lead,
        State.PASS if lead.low > -margin else State.FAIL,
        -margin,
        f"Lead over the champion {lead}; the lower limit has to be above {-margin:g}.",
        len(evidence.candidate),
    )


def calibration_slope(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """The calibration slope lies in its range and its interval touches the narrow one."""
    slope = calibration.calibration_slope(evidence.candidate)
    near = slope.high >= thresholds["overlap_low"] and slope.low <= thresholds["overlap_high"]
    inside = thresholds["low"] <= slope.value <= thresholds["high"]
    verdict = _miscalibration(slope.value)
    return _finding(
        slope,
        State.PASS if inside and near else State.FAIL,
        thresholds["low"] if slope.value < 1 else thresholds["high"],
        f"Slope {slope}; allowed {thresholds['low']:g} to {thresholds['high']:g}"
        + ("." if inside and near else f": {verdict}."),
        len(evidence.candidate),
    )


def calibration_in_the_large(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """Observed events over expected ones lie in their range."""
    ratio = calibration.observed_to_expected(evidence.candidate)
    inside = thresholds["low"] <= ratio.value <= thresholds["high"]
    verdict = "risks are too high" if ratio.value < 1 else "risks are too low"
    return _finding(
        ratio,
        State.PASS if inside else State.FAIL,
        thresholds["low"] if ratio.value < 1 else thresholds["high"],
        f"Observed over expected {ratio}; allowed {thresholds['low']:g} to {thresholds['high']:g}"
        + ("." if inside else f": {verdict}."),
        len(evidence.candidate),
    )


def _miscalibration(slope: float) -> str:
    """What a slope outside its range means for those who act on the risks."""
    if slope <= 0:
        return "patients at higher predicted risk had no more events"
    if slope < 1:
        return "risks are too extreme: high ones are too high, low ones too low"
    if slope >= ALIKE:
        return "all patients get nearly the same risk, whatever becomes of them"
    return "risks are too cautious: high ones are too low, low ones too high"


def _enough(counts: Mapping[str, int], needed: Mapping[str, float], rows: int) -> Finding:
    # A count beside a suppressed one would reveal it, since the report tells the total.
    scarcest = min(counts, key=lambda name: counts[name] - needed[name])
    count = counts[scarcest]
    told = [name for name in counts if is_small(counts[name])] or list(counts)
    found = ", ".join(f"{shown(counts[name])} {name.replace('_', '-')}" for name in told)
    demand = ", ".join(f"{needed[name]:g} {name.replace('_', '-')}" for name in counts)
    return Finding(
        state=State.PASS if count >= needed[scarcest] else State.INCONCLUSIVE,
        reason=f"The test cohort has {found}; {demand} are needed.",
        value=None if is_small(count) else float(count),
        threshold=needed[scarcest],
        n=rows,
    )


def _strength(y: NDArray[np.bool_], column: NDArray[np.float64]) -> float:
    """AUROC of a feature in its better direction, or of its being missing if that is more."""
    missing = np.isnan(column)
    candidates = [(y[~missing], column[~missing]), (y, missing.astype(np.float64))]
    areas = [0.5]
    for outcome, values in candidates:
        try:
            areas.append(discrimination.auroc(outcome, values))
        except TooFew:
            continue
    return max(max(area, 1 - area) for area in areas)


def _named(evidence: Evidence, figure: Estimate) -> str:
    return f"{'AUROC' if headline_name(evidence.candidate) == 'auroc' else 'Dice'} {figure}"


def _finding(figure: Estimate, state: State, threshold: float, reason: str, rows: int) -> Finding:
    return Finding(
        state=state,
        reason=reason,
        value=figure.value,
        threshold=threshold,
        interval=(figure.low, figure.high),
        n=rows,
    )
