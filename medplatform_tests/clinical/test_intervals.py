"""Intervals hold the truth about as often as they claim, also where patients have several rows."""

from collections.abc import Callable

import numpy as np
import pytest

from medplatform.clinical import Estimate, MismatchedRows, Predictions, TooFew
from medplatform.clinical.calibration import (
    brier,
    calibration_in_the_large,
    calibration_slope,
    observed_to_expected,
)
from medplatform.clinical.discrimination import (
    auroc,
    auroc_bootstrap,
    auroc_difference,
    auroc_interval,
)
from medplatform.clinical.operating_point import operating_point
from medplatform.clinical.overlap import dice, dice_difference, mean_dice
from medplatform_tests.clinical.cohorts import constant, overlaps, rescored, risks

COHORTS = 200


def coverage(figure: Callable[[Predictions], Estimate], truth: float, **cohort: int) -> float:
    """Share of simulated cohorts whose interval holds the truth."""
    held = 0
    for seed in range(COHORTS):
        estimate = figure(risks(150, seed=seed + 1, **cohort))
        held += estimate.low <= truth <= estimate.high
    return held / COHORTS


def truth(rows_per_patient: int) -> float:
    return auroc(*risks(40_000, seed=999, rows_per_patient=rows_per_patient).binary())


@pytest.mark.parametrize("rows_per_patient", [1, 4])
def test_auroc_interval_covers(rows_per_patient: int) -> None:
    expected = truth(rows_per_patient)
    share = coverage(auroc_interval, expected, rows_per_patient=rows_per_patient)
    assert 0.90 <= share <= 0.995


def test_interval_that_forgets_the_patients_covers_less() -> None:
    def unclustered(predictions: Predictions) -> Estimate:
        y, score = predictions.binary()
        return auroc_interval(
            Predictions(ids=predictions.ids, patient_ids=predictions.ids, y=y, score=score)
        )

    assert coverage(unclustered, truth(4), rows_per_patient=4) < 0.88


@pytest.mark.parametrize(
    ("figure", "expected"),
    [(calibration_slope, 1.0), (calibration_in_the_large, 0.0), (observed_to_expected, 1.0)],
)
def test_calibration_intervals_cover(
    figure: Callable[[Predictions], Estimate], expected: float
) -> None:
    assert 0.90 <= coverage(figure, expected, rows_per_patient=2) <= 0.995


def test_closed_form_and_bootstrap_agree() -> None:
    predictions = risks(300, rows_per_patient=2)
    closed, drawn = auroc_interval(predictions), auroc_bootstrap(predictions)
    assert drawn.value == pytest.approx(closed.value)
    assert drawn.low == pytest.approx(closed.low, abs=0.012)
    assert drawn.high == pytest.approx(closed.high, abs=0.012)


def test_perfect_separation_has_an_exact_limit() -> None:
    y = np.arange(40) >= 20
    predictions = Predictions(
        ids=np.arange(40).astype(str),
        patient_ids=np.arange(40).astype(str),
        y=y,
        score=y.astype(float),
    )
    estimate = auroc_interval(predictions)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.025 ** (1 / 20))


def test_model_does_not_differ_from_itself() -> None:
    predictions = risks()
    assert auroc_difference(predictions, predictions) == Estimate(0.0, 0.0, 0.0)


def test_difference_does_not_depend_on_the_order_of_the_rows() -> None:
    candidate = risks()
    other = rescored(candidate, candidate.binary()[1] * 0.5 + 0.1)
    shuffled = other.select(np.random.default_rng(0).permutation(len(other)))
    assert auroc_difference(candidate, shuffled) == auroc_difference(candidate, other)


def test_other_rows_are_refused() -> None:
    candidate = risks()
    with pytest.raises(MismatchedRows, match="same rows"):
        auroc_difference(candidate, candidate.select(np.arange(499)))


def test_other_outcomes_are_refused() -> None:
    candidate = risks()
    y, score = candidate.binary()
    other = Predictions(ids=candidate.ids, patient_ids=candidate.patient_ids, y=~y, score=score)
    with pytest.raises(MismatchedRows, match="different outcomes"):
        auroc_difference(candidate, other)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"y": [True, False], "score": [0.1, 1.2]}, "from 0 to 1"),
        ({"y": [True, False], "score": [0.1, float("nan")]}, "from 0 to 1"),
        ({"y": [True, 2], "score": [0.1, 0.2]}, "true or false"),
        ({"y": [True], "score": [0.1, 0.2]}, "shape"),
        ({"y": [True, False]}, "Give y and score"),
        ({"dice": [0.1, 0.2], "y": [True, False], "score": [0.1, 0.2]}, "Give y and score"),
    ],
)
def test_malformed_predictions_are_refused(fields: dict[str, list], reason: str) -> None:
    with pytest.raises(MismatchedRows, match=reason):
        Predictions(ids=np.array(["a", "b"]), patient_ids=np.array(["a", "b"]), **fields)


def test_repeated_row_is_refused() -> None:
    with pytest.raises(MismatchedRows, match="repeats"):
        Predictions(
            ids=np.array(["a", "a"]), patient_ids=np.array(["a", "b"]), dice=np.array([1, 1.0])
        )


def test_missing_group_labels_are_unknown() -> None:
    predictions = Predictions(
        ids=np.array(["a", "b", "c"]),
        patient_ids=np.array(["a", "b", "c"]),
        dice=np.ones(3),
        groups={"sex": np.array([None, "", "male"], dtype=object)},
    )
    assert predictions.groups["sex"].tolist() == ["unknown", "unknown", "male"]


@pytest.mark.parametrize(
    "figure",
    [
        auroc_interval,
        auroc_bootstrap,
        calibration_slope,
        calibration_in_the_large,
        observed_to_expected,
    ],
)
def test_no_event_is_too_few(figure: Callable[[Predictions], Estimate]) -> None:
    cohort = risks(30)
    y, score = cohort.binary()
    quiet = Predictions(
        ids=cohort.ids, patient_ids=cohort.patient_ids, y=np.zeros_like(y), score=score
    )
    with pytest.raises(TooFew):
        figure(quiet)


@pytest.mark.parametrize(
    "figure",
    [auroc_interval, auroc_bootstrap, calibration_slope, observed_to_expected, brier],
)
def test_empty_cohort_is_too_few(figure: Callable[[Predictions], Estimate]) -> None:
    with pytest.raises(TooFew):
        figure(risks(30).select(np.array([], dtype=np.intp)))


def test_slope_of_equal_risks_or_separated_outcomes_is_too_few() -> None:
    cohort = risks(60)
    y, _ = cohort.binary()
    with pytest.raises(TooFew, match="all equal"):
        calibration_slope(constant(cohort))
    with pytest.raises(TooFew):
        calibration_slope(rescored(cohort, np.where(y, 0.9, 0.1)))


def test_operating_point_that_nobody_reaches_is_too_few() -> None:
    with pytest.raises(TooFew):
        operating_point(rescored(risks(50), np.full(50, 0.1)), 0.5)


def test_dice_counts_empty_masks() -> None:
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert dice(empty, empty) == 1
    assert dice(empty, full) == 0
    assert dice(full, full) == 1
    with pytest.raises(ValueError, match="shapes"):
        dice(empty, full[:2])


def test_mean_dice_covers() -> None:
    held = 0
    for seed in range(COHORTS):
        estimate = mean_dice(overlaps(60, seed=seed))
        held += estimate.low <= 0.85 <= estimate.high
    assert 0.89 <= held / COHORTS <= 0.995


def test_dice_interval_widens_where_images_share_a_patient() -> None:
    cohort = overlaps(40)
    values = np.repeat(cohort.overlap(), 5)
    ids = np.arange(200).astype(str)
    alone = Predictions(ids=ids, patient_ids=ids, dice=values)
    shared = Predictions(ids=ids, patient_ids=np.repeat(cohort.patient_ids, 5), dice=values)

    def width(estimate: Estimate) -> float:
        return estimate.high - estimate.low

    assert width(mean_dice(shared)) > 2 * width(mean_dice(alone))


def test_dice_difference_is_paired() -> None:
    cohort = overlaps(60)
    other = Predictions(
        ids=cohort.ids, patient_ids=cohort.patient_ids, dice=cohort.overlap() - 0.02
    )
    lead = dice_difference(cohort, other)
    assert lead.value == pytest.approx(0.02)
    assert lead.high - lead.low < 1e-9
