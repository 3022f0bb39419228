"""Every gate passes, fails and cannot decide where it should; too little data never passes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medplatform.clinical import (
    EHR_RISK,
    LESION_SEGMENTATION,
    Evidence,
    Gate,
    GateResult,
    GateSet,
    Predictions,
    State,
)
from medplatform.clinical.gate import Finding, overall
from medplatform_tests.clinical.cohorts import (
    constant,
    golden_predictions,
    overlap_evidence,
    overlaps,
    rescored,
    risk_evidence,
    risks,
)

PASS, FAIL, INCONCLUSIVE = State.PASS, State.FAIL, State.INCONCLUSIVE
NOT_APPLICABLE = State.NOT_APPLICABLE


def states(gates: GateSet, evidence: Evidence) -> dict[str, State]:
    return {result.gate: result.state for result in gates.evaluate(evidence)}


def test_good_model_on_a_solid_cohort_passes_every_gate() -> None:
    risk = risk_evidence(risks(), ceiling=0.9, champion=risks())
    assert set(states(EHR_RISK, risk).values()) == {PASS}
    outline = overlap_evidence(overlaps(), ceiling=0.95, champion=overlaps())
    assert set(states(LESION_SEGMENTATION, outline).values()) == {PASS}


@pytest.mark.parametrize(
    ("gates", "evidence"),
    [(EHR_RISK, risk_evidence(risks())), (LESION_SEGMENTATION, overlap_evidence(overlaps()))],
)
def test_without_champion_and_ceiling_two_gates_do_not_apply(
    gates: GateSet, evidence: Evidence
) -> None:
    found = states(gates, evidence)
    apart = {name for name, state in found.items() if state is not PASS}
    assert apart == {"known_ceiling", "non_inferiority"}
    assert {found[name] for name in apart} == {NOT_APPLICABLE}
    assert overall(gates.evaluate(evidence)) is PASS


@pytest.mark.parametrize(
    ("gates", "evidence"),
    [
        (EHR_RISK, risk_evidence(risks(25))),
        (LESION_SEGMENTATION, overlap_evidence(overlaps(25))),
    ],
)
def test_twenty_five_patients_are_inconclusive(gates: GateSet, evidence: Evidence) -> None:
    results = gates.evaluate(evidence)
    assert overall(results) is INCONCLUSIVE
    assert not [r for r in results if r.state is FAIL]


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("gates", [EHR_RISK, LESION_SEGMENTATION])
def test_hardly_any_row_is_inconclusive_and_no_crash(gates: GateSet, rows: int) -> None:
    keep = np.arange(rows)
    evidence = (
        risk_evidence(risks(10).select(keep))
        if gates is EHR_RISK
        else overlap_evidence(overlaps(10).select(keep))
    )
    assert overall(gates.evaluate(evidence)) is INCONCLUSIVE


def test_no_event_in_the_cohort_is_inconclusive() -> None:
    cohort = risks(400)
    y, score = cohort.binary()
    quiet = Predictions(
        ids=cohort.ids, patient_ids=cohort.patient_ids, y=np.zeros_like(y), score=score
    )
    found = states(EHR_RISK, risk_evidence(quiet))
    assert FAIL not in found.values()
    assert found["discrimination"] is INCONCLUSIVE
    assert found["calibration_slope"] is INCONCLUSIVE


def risk_case(change: str) -> tuple[Evidence, dict[str, State]]:
    good = risks()
    y, score = good.binary()
    logit = np.log(score / (1 - score))

    def sigmoid(values: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-values))

    noise = np.random.default_rng(5).normal(size=score.size)
    female = good.groups["sex"] == "female"
    blind = rescored(good, np.where(female, np.random.default_rng(2).permutation(score), score))
    times = np.full(500, np.datetime64("2024-01-01"))
    cases: dict[str, tuple[Evidence, dict[str, State]]] = {
        "shared patient": (
            risk_evidence(good, training_patient_ids=frozenset({"p7"})),
            {"patient_overlap": FAIL},
        ),
        "training patients unknown": (
            risk_evidence(good, training_patient_ids=None),
            {"patient_overlap": INCONCLUSIVE},
        ),
        "late feature": (
            risk_evidence(good, feature_at=times + np.timedelta64(1, "D"), prediction_at=times),
            {"feature_time": FAIL},
        ),
        "feature at the very moment": (
            risk_evidence(good, feature_at=times, prediction_at=times),
            {"feature_time": FAIL},
        ),
        "feature times unknown": (
            risk_evidence(good, feature_at=None),
            {"feature_time": INCONCLUSIVE},
        ),
        "feature in time": (
            risk_evidence(good, feature_at=times - np.timedelta64(1, "s"), prediction_at=times),
            {"feature_time": PASS},
        ),
        "better than possible": (
            risk_evidence(rescored(good, np.where(y, 0.95, 0.05)), ceiling=0.85),
            {"known_ceiling": FAIL},
        ),
        "within the ceiling": (risk_evidence(good, ceiling=0.84), {"known_ceiling": PASS}),
        "outcome among the features": (
            risk_evidence(good, features={"code": y.astype(float), "noise": noise}),
            {"single_feature": FAIL},
        ),
        "outcome in what is missing": (
            risk_evidence(good, features={"test": np.where(y, 1.0, np.nan)}),
            {"single_feature": FAIL},
        ),
        "features unknown": (risk_evidence(good, features={}), {"single_feature": INCONCLUSIVE}),
        "poor ranking": (
            risk_evidence(rescored(good, sigmoid(0.1 * logit + noise))),
            {"discrimination": FAIL},
        ),
        "no better than the baseline": (
            risk_evidence(good, baseline=good),
            {"baseline": FAIL},
        ),
        "baseline unknown": (risk_evidence(good, baseline=None), {"baseline": INCONCLUSIVE}),
        "as good as the champion": (
            risk_evidence(good, champion=rescored(good, sigmoid(logit * 0.9))),
            {"non_inferiority": PASS},
        ),
        "worse than the champion": (
            risk_evidence(rescored(good, sigmoid(logit + 2 * noise)), champion=good),
            {"non_inferiority": FAIL},
        ),
        "champion on other rows": (
            risk_evidence(good, champion=good.select(np.arange(400))),
            {"non_inferiority": INCONCLUSIVE},
        ),
        "overconfident": (
            risk_evidence(rescored(good, sigmoid(2 * logit))),
            {"calibration_slope": FAIL},
        ),
        "timid": (risk_evidence(rescored(good, sigmoid(0.5 * logit))), {"calibration_slope": FAIL}),
        "risks too low": (
            risk_evidence(rescored(good, sigmoid(logit - 1))),
            {"calibration_in_the_large": FAIL, "calibration_slope": PASS},
        ),
        "risks too high": (
            risk_evidence(rescored(good, sigmoid(logit + 1))),
            {"calibration_in_the_large": FAIL},
        ),
        "blind for women": (risk_evidence(blind), {"subgroups": FAIL}),
        "no group known": (
            risk_evidence(
                Predictions(ids=good.ids, patient_ids=good.patient_ids, y=y, score=score)
            ),
            {"subgroups": INCONCLUSIVE},
        ),
    }
    return cases[change]


@pytest.mark.parametrize(
    "change",
    [
        "shared patient",
        "training patients unknown",
        "late feature",
        "feature in time",
        "better than possible",
        "within the ceiling",
        "outcome among the features",
        "outcome in what is missing",
        "features unknown",
        "poor ranking",
        "no better than the baseline",
        "baseline unknown",
        "as good as the champion",
        "worse than the champion",
        "champion on other rows",
        "overconfident",
        "timid",
        "risks too low",
        "risks too high",
        "blind for women",
        "no group known",
    ],
)
def test_risk_gate_finds(change: str) -> None:
    evidence, expected = risk_case(change)
    found = states(EHR_RISK, evidence)
    assert {name: found[name] for name in expected} == expected


def worse(cohort: Predictions, rows: np.ndarray, by: float) -> Predictions:
    return Predictions(
        ids=cohort.ids,
        patient_ids=cohort.patient_ids,
        dice=np.clip(np.where(rows, cohort.overlap() - by, cohort.overlap()), 0, 1),
        groups=cohort.groups,
    )


def test_segmentation_gates_find() -> None:
    good = overlaps()
    everyone = np.ones(60, bool)
    women = good.groups["patient_sex"] == "female"
    found = states(LESION_SEGMENTATION, overlap_evidence(worse(good, everyone, 0.15)))
    assert found["overlap"] is FAIL
    found = states(
        LESION_SEGMENTATION, overlap_evidence(worse(good, everyone, 0.05), champion=good)
    )
    assert (found["overlap"], found["non_inferiority"]) == (PASS, FAIL)
    found = states(LESION_SEGMENTATION, overlap_evidence(worse(good, women, 0.18)))
    assert found["subgroups"] is FAIL
    found = states(LESION_SEGMENTATION, overlap_evidence(worse(good, women, 0.11)))
    assert found["subgroups"] is INCONCLUSIVE
    found = states(LESION_SEGMENTATION, overlap_evidence(good, ceiling=0.75))
    assert found["known_ceiling"] is FAIL
    found = states(LESION_SEGMENTATION, overlap_evidence(good, baseline=good))
    assert found["baseline"] is FAIL


def test_small_group_that_seems_worse_is_for_a_person_to_look_at() -> None:
    cohort = overlaps(48)
    labels = np.array(["A"] * 12 + ["B"] * 36)
    rng = np.random.default_rng(0)
    values = np.where(labels == "A", rng.choice([0.3, 1.0], 48, p=[0.36, 0.64]), 0.88)
    evidence = overlap_evidence(
        Predictions(
            ids=cohort.ids,
            patient_ids=cohort.patient_ids,
            dice=values,
            groups={"manufacturer": labels},
        )
    )
    result = next(r for r in LESION_SEGMENTATION.evaluate(evidence) if r.gate == "subgroups")
    assert result.value is not None and result.value < -0.1
    assert result.state is INCONCLUSIVE
    assert "manufacturer A" in result.reason


def risks_of_groups(**sizes: int) -> Predictions:
    """Risks of a good model for age bands of these sizes."""
    cohort = risks(sum(sizes.values()))
    return Predictions(
        ids=cohort.ids,
        patient_ids=cohort.patient_ids,
        y=cohort.y,
        score=cohort.score,
        groups={"age_band": np.repeat(list(sizes), list(sizes.values()))},
    )


def subgroup_result(cohort: Predictions) -> GateResult:
    return next(r for r in EHR_RISK.evaluate(risk_evidence(cohort)) if r.gate == "subgroups")


@pytest.mark.parametrize(("size", "state"), [(12, INCONCLUSIVE), (120, PASS)])
def test_a_group_is_judged_by_the_limit_of_its_lead_as_well(size: int, state: State) -> None:
    """A measured lead of -0.07 is within the margin, but of few patients it says too little."""
    ids = np.arange(4 * size).astype(str)
    cohort = Predictions(
        ids=ids,
        patient_ids=ids,
        dice=np.concatenate([np.tile([0.56, 1.0], size // 2), np.full(3 * size, 0.85)]),
        groups={"manufacturer": np.repeat(["A", "B"], [size, 3 * size])},
    )
    results = LESION_SEGMENTATION.evaluate(overlap_evidence(cohort))
    result = next(r for r in results if r.gate == "subgroups")
    assert result.value == pytest.approx(-0.07)
    assert result.state is state
    assert "manufacturer A" in result.reason


def test_the_reason_names_the_least_sure_group_and_those_not_compared() -> None:
    result = subgroup_result(risks_of_groups(young=300, middle=300, old=68, unknown=40))
    assert result.state is PASS
    assert "Least sure: age_band" in result.reason and ", 300 patients, lead" in result.reason
    assert "one-sided 95 % limit" in result.reason
    assert "too small: age_band old (68 patients), age_band unknown (40 patients)." in result.reason


def test_the_reason_gives_no_small_cell_away() -> None:
    result = subgroup_result(risks_of_groups(young=300, middle=200, old=7))
    assert "age_band old (<11 patients)" in result.reason
    assert "200" not in result.reason
    assert result.n == 507


@pytest.mark.parametrize(
    ("strength", "sentence"),
    [
        (0.003, "all patients get nearly the same risk"),
        (0.5, "risks are too cautious"),
        (2.0, "risks are too extreme"),
        (-1.0, "patients at higher predicted risk had no more events"),
    ],
)
def test_a_slope_is_said_in_words_of_the_clinic(strength: float, sentence: str) -> None:
    good = risks()
    _, score = good.binary()
    logit = np.log(score / (1 - score))
    candidate = rescored(good, 1 / (1 + np.exp(-strength * logit)))
    results = EHR_RISK.evaluate(risk_evidence(candidate))
    slope = next(r for r in results if r.gate == "calibration_slope")
    assert slope.state is FAIL
    assert sentence in slope.reason


def test_candidate_that_a_point_estimate_would_promote_is_refused() -> None:
    evidence = risk_evidence(
        golden_predictions("candidate"), champion=golden_predictions("champion")
    )
    found = states(EHR_RISK, evidence)
    assert found["non_inferiority"] is PASS
    assert found["discrimination"] is FAIL
    assert found["calibration_slope"] is FAIL


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    patients=st.integers(0, 60),
    seed=st.integers(0, 10_000),
    noise=st.floats(0, 1),
    share=st.floats(0, 1),
)
def test_no_small_cohort_ever_passes_or_crashes(
    patients: int, seed: int, noise: float, share: float
) -> None:
    cohort = risks(60, seed=seed).select(np.arange(patients))
    rng = np.random.default_rng(seed)
    score = (1 - noise) * cohort.binary()[1] + noise * rng.random(patients)
    candidate = Predictions(
        ids=cohort.ids,
        patient_ids=cohort.patient_ids,
        y=rng.random(patients) < share,
        score=np.round(score, 1),
        groups=cohort.groups,
    )
    assert overall(EHR_RISK.evaluate(risk_evidence(candidate))) is not PASS


def fixed(name: str, state: State, **fields: Any) -> Gate:
    return Gate(
        name=name,
        title=name,
        why="",
        thresholds={"limit": 1.0},
        rule=lambda evidence, thresholds: Finding(state=state, reason=name),
        **fields,
    )


@given(st.lists(st.sampled_from(State), max_size=5))
def test_overall_state(found: list[State]) -> None:
    gates = GateSet(
        name="any", version=1, gates=tuple(fixed(str(i), state) for i, state in enumerate(found))
    )
    state = overall(gates.evaluate(risk_evidence(risks(4))))
    if FAIL in found:
        assert state is FAIL
    elif PASS in found and set(found) <= {PASS, NOT_APPLICABLE}:
        assert state is PASS
    else:
        assert state is INCONCLUSIVE


@pytest.mark.parametrize("state", State)
def test_gate_decides_nothing_without_the_gates_it_requires(state: State) -> None:
    gates = GateSet(
        name="any",
        version=1,
        gates=(
            fixed("size", INCONCLUSIVE),
            fixed("figure", state, requires=("size",)),
        ),
    )
    expected = state if state is NOT_APPLICABLE else INCONCLUSIVE
    assert states(gates, risk_evidence(risks(4)))["figure"] is expected


def test_gate_set_refuses_unclear_declarations() -> None:
    with pytest.raises(ValueError, match="twice"):
        GateSet(name="any", version=1, gates=(fixed("a", PASS), fixed("a", PASS)))
    with pytest.raises(ValueError, match="requires"):
        GateSet(name="any", version=1, gates=(fixed("a", PASS, requires=("b",)),))


def test_digest_changes_with_every_threshold() -> None:
    def changed(gate: Gate, name: str) -> Gate:
        return Gate(
            **{**vars(gate), "thresholds": {**gate.thresholds, name: gate.thresholds[name] + 0.01}}
        )

    digests = {EHR_RISK.digest}
    for i, gate in enumerate(EHR_RISK.gates):
        for name in gate.thresholds:
            gates = (*EHR_RISK.gates[:i], changed(gate, name), *EHR_RISK.gates[i + 1 :])
            digests.add(GateSet(name="ehr_risk", version=EHR_RISK.version, gates=gates).digest)
    thresholds = sum(len(gate.thresholds) for gate in EHR_RISK.gates)
    assert len(digests) == thresholds + 1
    same = GateSet(name="ehr_risk", version=EHR_RISK.version, gates=EHR_RISK.gates)
    assert same.digest == EHR_RISK.digest
    assert GateSet(name="ehr_risk", version=1, gates=EHR_RISK.gates).digest not in digests


@pytest.mark.parametrize("gates", [EHR_RISK, LESION_SEGMENTATION])
def test_every_gate_says_why_it_matters(gates: GateSet) -> None:
    for gate in gates.gates:
        assert gate.title and gate.why.endswith(".") and gate.rule.__doc__


def test_constant_model_fails() -> None:
    candidate = constant(risks())
    found = states(EHR_RISK, risk_evidence(candidate))
    assert (found["discrimination"], found["baseline"]) == (FAIL, FAIL)
