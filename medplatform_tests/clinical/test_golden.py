"""The figures are those of R's pROC, rms and epiR, of statsmodels and of dcurves."""

import numpy as np
import pytest

from medplatform.clinical.calibration import (
    brier,
    calibration_in_the_large,
    calibration_slope,
)
from medplatform.clinical.discrimination import (
    auroc,
    auroc_bootstrap,
    auroc_difference,
    clustered_covariance,
)
from medplatform.clinical.operating_point import net_benefit, operating_point
from medplatform.clinical.overlap import dice
from medplatform.clinical.subgroup_rule import holm
from medplatform_tests.clinical.cohorts import (
    GOLDEN,
    golden,
    golden_predictions,
    golden_python,
)

pytestmark = pytest.mark.real


@pytest.mark.parametrize("model", ["champion", "candidate"])
def test_auroc(model: str) -> None:
    predictions = golden_predictions(model)
    assert auroc(*predictions.binary()) == pytest.approx(golden(f"auc_{model}"), abs=1e-9)


def test_one_row_per_patient_gives_delongs_covariance() -> None:
    champion, candidate = golden_predictions("champion"), golden_predictions("candidate")
    y, score = candidate.binary()
    _, covariance = clustered_covariance(y, candidate.ids, champion.binary()[1], score)
    assert np.diag(covariance) == pytest.approx(golden("delong_var"), abs=1e-10)
    assert covariance[0, 1] == pytest.approx(golden("delong_cov"), abs=1e-10)


def test_ties_count_half_in_delongs_covariance() -> None:
    golden("delong_tiny_ties")
    table = np.genfromtxt(GOLDEN / "tiny_ties.csv", delimiter=",", names=True)
    y = table["y"] == 1
    areas, covariance = clustered_covariance(
        y, np.arange(y.size).astype(str), table["a"], table["b"]
    )
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    champion, candidate, difference, expected_error, *_ = golden("delong_tiny_ties")
    assert areas == pytest.approx([champion, candidate], abs=1e-8)
    assert areas[1] - areas[0] == pytest.approx(difference, abs=1e-8)
    assert error == pytest.approx(expected_error, abs=1e-8)


def test_several_rows_per_patient_give_obuchowskis_covariance() -> None:
    champion, candidate = golden_predictions("champion"), golden_predictions("candidate")
    expected = golden("obuchowski_cluster")
    y, score = candidate.binary()
    _, covariance = clustered_covariance(y, candidate.patient_ids, champion.binary()[1], score)
    assert np.diag(covariance) == pytest.approx(expected["var"], abs=1e-8)
    assert covariance[0, 1] == pytest.approx(expected["cov"], abs=1e-8)
    lead = auroc_difference(candidate, champion)
    assert [lead.low, lead.high] == pytest.approx(expected["ci"], abs=1e-8)


def test_patient_bootstrap() -> None:
    champion, candidate = golden_predictions("champion"), golden_predictions("candidate")
    expected = golden("cluster_bootstrap_ci")
    alone = auroc_bootstrap(candidate, replicates=4000, seed=3)
    paired = auroc_bootstrap(candidate, champion, replicates=4000, seed=3)
    assert [alone.low, alone.high] == pytest.approx(expected["auc_candidate_ci"], abs=0.003)
    assert [paired.low, paired.high] == pytest.approx(expected["auc_diff_ci"], abs=0.003)


def test_brier_interval_agrees_with_the_bootstrap() -> None:
    estimate = brier(golden_predictions("candidate"))
    expected = golden("cluster_bootstrap_ci")["brier_candidate_ci"]
    assert [estimate.low, estimate.high] == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("model", ["champion", "candidate"])
def test_calibration(model: str) -> None:
    predictions, expected = golden_predictions(model), golden(f"calibration_{model}")
    assert calibration_slope(predictions).value == pytest.approx(expected["slope"], abs=1e-6)
    assert calibration_in_the_large(predictions).value == pytest.approx(expected["citl"], abs=1e-6)
    assert brier(predictions).value == pytest.approx(expected["brier"], abs=1e-6)


def test_calibration_slope_has_a_cluster_robust_interval() -> None:
    slope = calibration_slope(golden_predictions("candidate"))
    expected = golden_python("calibration_cluster_robust_candidate")["ci"]
    assert [slope.low, slope.high] == pytest.approx(expected, abs=1e-6)


def test_net_benefit() -> None:
    expected = golden("net_benefit")
    for model in ("champion", "candidate"):
        y, score = golden_predictions(model).binary()
        for threshold in (0.05, 0.1, 0.2, 0.4):
            assert net_benefit(y, score, threshold) == pytest.approx(
                expected[model][f"{threshold:.2f}"], abs=1e-9
            )


def test_operating_point_of_clustered_rows() -> None:
    point = operating_point(golden_predictions("candidate"), 0.2)
    counts = golden("exact_ci_t0.2")["counts"]
    assert point.sensitivity.value == pytest.approx(counts["tp"] / (counts["tp"] + counts["fn"]))
    assert point.specificity.value == pytest.approx(counts["tn"] / (counts["tn"] + counts["fp"]))
    assert point.net_benefit_of_treating_all == pytest.approx(
        golden("net_benefit")["all"]["0.20"], abs=1e-9
    )


def test_operating_point_of_independent_rows_is_exact() -> None:
    candidate = golden_predictions("candidate")
    independent = type(candidate)(
        ids=candidate.ids, patient_ids=candidate.ids, y=candidate.y, score=candidate.score
    )
    point = operating_point(independent, 0.2)
    expected = golden("exact_ci_t0.2")["beta"]
    assert [point.sensitivity.low, point.sensitivity.high] == pytest.approx(
        expected["sens"], abs=1e-6
    )
    assert [point.specificity.low, point.specificity.high] == pytest.approx(
        expected["spec"], abs=1e-6
    )


def test_holm() -> None:
    expected = golden_python("subgroup_site")
    assert holm(expected["one_sided_degradation_p"]) == pytest.approx(expected["holm"])


def test_dice() -> None:
    expected = golden("segmentation")["dice"]
    with np.load(GOLDEN / "seg3d.npz") as masks:
        assert dice(masks["gt"], masks["pred"]) == pytest.approx(expected, abs=1e-6)
