"""How well predicted masks overlap the true ones: Dice, averaged over images."""

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.bootstrap import REPLICATES, percentile_interval, resampled_patients
from medplatform.clinical.estimate import Estimate, cluster_codes, cluster_totals
from medplatform.clinical.predictions import Predictions


def dice(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> float:
    """Dice of two masks of one shape; two empty masks agree (1), one empty mask does not (0).

    An image without a lesion counts, so that a model which invents lesions is penalised.

    Raises
    ------
    ValueError
        The masks differ in shape.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"The masks have shapes {truth.shape} and {prediction.shape}.")
    size = int(np.count_nonzero(truth)) + int(np.count_nonzero(prediction))
    return 2 * int(np.count_nonzero(truth & prediction)) / size if size else 1.0


def mean_dice(predictions: Predictions, *, seed: int = 0) -> Estimate:
    """Mean Dice over images with a patient-bootstrap interval.

    Raises
    ------
    TooFew
        There are fewer than two patients.
    """
    return _mean(predictions.patient_ids, predictions.overlap(), seed)


def dice_difference(candidate: Predictions, other: Predictions, *, seed: int = 0) -> Estimate:
    """Mean paired difference of Dice to another model on the same images, bootstrapped.

    Raises
    ------
    MismatchedRows
        The models were evaluated on different images.
    TooFew
        There are fewer than two patients.
    """
    differences = candidate.overlap() - other.aligned_to(candidate).overlap()
    return _mean(candidate.patient_ids, differences, seed)


def _mean(patient_ids: NDArray[np.str_], values: NDArray[np.float64], seed: int) -> Estimate:
    codes, count = cluster_codes(patient_ids)
    totals = cluster_totals(codes, values, count)
    rows = np.bincount(codes, minlength=count)
    weights = resampled_patients(count, REPLICATES, np.random.default_rng(seed))
    return percentile_interval(float(values.mean()), (weights @ totals) / (weights @ rows))
