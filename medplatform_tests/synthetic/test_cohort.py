"""The latent patients: when things are recorded, what is plausible, and the planted signal."""

from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medplatform.synthetic.ceilings import compute_ceilings, expected_auroc
from medplatform.synthetic.cohort import Patients, draw_histories, draw_history, draw_patients
from medplatform.synthetic.people import identify
from medplatform.synthetic.risk import MEASURES, TERMS, event_probability

COUNT = 8_000


@pytest.fixture(scope="module")
def patients() -> Patients:
    return draw_patients(5, 0, COUNT)


def test_a_larger_cohort_extends_a_smaller_one() -> None:
    assert list(draw_histories(1, 0, 600))[:17] == list(draw_histories(1, 0, 17))
    assert draw_history(1, 599) == list(draw_histories(1, 590, 10))[-1]


def test_another_seed_is_another_cohort() -> None:
    assert draw_history(1, 0) != draw_history(2, 0)


def test_values_and_ages_are_plausible(patients: Patients) -> None:
    for name, measure in MEASURES.items():
        values = patients.measured[name][~np.isnan(patients.measured[name])]
        assert measure.minimum <= values.min() and values.max() <= measure.maximum
        assert np.array_equal(values, np.round(values, measure.decimals))
    ages = (patients.index_minute // 1440 - patients.birth_day) / 365.25
    assert ages.min() >= 30 and ages.max() <= 85


def test_some_measures_are_missing_and_blood_pressure_never(patients: Patients) -> None:
    missing = {n: np.isnan(v).all(axis=1).mean() for n, v in patients.measured.items()}
    assert missing["systolic"] == missing["diastolic"] == 0
    assert all(0.02 < missing[name] < 0.3 for name in ("body_mass_index", "hba1c", "ldl"))


def test_time_runs_in_order() -> None:
    for history in draw_histories(2, 0, 300):
        visits = history.visits_at
        assert 4 <= len(visits) <= 6
        assert visits == sorted(visits, reverse=True)
        assert timedelta(days=29) < history.index_at - visits[0] < timedelta(days=92)
        assert timedelta(days=379) < history.followup_at - history.index_at < timedelta(days=432)
        if history.event_at:
            ended_at = history.event_at + timedelta(days=5)
            assert history.index_at + timedelta(days=4) < history.event_at
            assert ended_at < history.index_at + timedelta(days=365)
        if history.death_at:
            assert history.death_at > history.followup_at


def test_the_event_rate_is_as_declared(patients: Patients) -> None:
    rate = compute_ceilings().event_rate
    assert 0.28 < rate < 0.37
    assert abs(patients.has_event.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / COUNT)


def test_the_true_probability_reaches_the_ceiling(patients: Patients) -> None:
    auroc = roc_auc_score(patients.has_event, patients.probability)
    # Hanley and McNeil (1982) give a standard error of 0.005 for 2,600 events among 8,000.
    assert abs(auroc - compute_ceilings().auroc) < 3 * 0.005
    assert 0.80 < compute_ceilings().auroc < 0.84


def test_the_true_probability_is_calibrated(patients: Patients) -> None:
    groups = np.array_split(np.argsort(patients.probability), 5)
    for group in groups:
        expected = patients.probability[group].mean()
        error = np.sqrt(expected * (1 - expected) / len(group))
        assert abs(patients.has_event[group].mean() - expected) < 4 * error


def test_what_is_measured_too_late_adds_nothing(patients: Patients) -> None:
    known = np.column_stack([np.log(patients.probability / (1 - patients.probability))])
    late = np.column_stack([known, *patients.at_index.values()])
    half = COUNT // 2
    scores = []
    for features in (known, (late - late.mean(axis=0)) / late.std(axis=0)):
        model = LogisticRegression().fit(features[:half], patients.has_event[:half])
        scores.append(
            roc_auc_score(patients.has_event[half:], model.decision_function(features[half:]))
        )
    assert scores[1] < scores[0] + 0.003


def test_a_value_that_is_missing_counts_as_the_mean() -> None:
    average = {name: np.array([term.mean]) for name, term in TERMS.items()}
    assert event_probability(average) == event_probability(
        average | {"ldl": np.array([np.nan]), "hba1c": np.array([np.nan])}
    )


def test_every_term_matters(patients: Patients) -> None:
    base = {name: np.array([term.mean]) for name, term in TERMS.items()}
    for name, term in TERMS.items():
        raised = event_probability(base | {name: np.array([term.mean + 1.0])})
        assert raised > event_probability(base)


def test_expected_auroc_is_the_mean_over_outcomes() -> None:
    random = np.random.default_rng(0)
    probability = random.uniform(0.05, 0.9, 3_000)
    drawn = [roc_auc_score(random.random(3_000) < probability, probability) for _ in range(40)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(expected_auroc(probability) - np.mean(drawn)) < 4 * error


def test_record_numbers_are_unique_and_not_the_sample_names() -> None:
    people = [identify(3, history) for history in draw_histories(3, 0, 2_000)]
    assert len({person.mrn for person in people}) == len(people)
    assert len({person.fhir_id for person in people}) == len(people)
    assert not any(person.mrn in person.sample_id for person in people)
