"""The declared gate sets: what is acceptable, and why. Thresholds change here, in review, only.

Subgroups need 40 events and 40 non-events: the standard error of an AUROC of 0.8 then is 0.05, a
quarter of what has to be excluded at worst. In simulated cohorts of 300 patients (about 105 events)
a model that knows the true risk passes in 294 of 300 and is INCONCLUSIVE else; of 500 patients in
282 where two sexes and four more groups are compared, of 1,000 in 299. A model that is 0.16 worse
for women passes in 88 of 300 cohorts of 300 patients, in 37 of 1,000 and in 18 of 2,000.

`overall` is FAIL if any gate fails, else INCONCLUSIVE if any is or none passes, else PASS; so a
cohort that is too small never passes.
"""

from medplatform.clinical import rules
from medplatform.clinical.gate import Gate, GateSet, Severity
from medplatform.clinical.subgroup_rule import subgroup_floor

_NO_SHARED_PATIENT = Gate(
    name="patient_overlap",
    title="No test patient was seen in training",
    why="A model that has seen the patient remembers instead of predicting.",
    thresholds={"patients": 0},
    rule=rules.patient_overlap,
)

_SAMPLE = ("sample_size",)

EHR_RISK = GateSet(
    name="ehr_risk",
    version=2,
    gates=(
        _NO_SHARED_PATIENT,
        Gate(
            name="feature_time",
            title="Features are older than the prediction",
            why="What is recorded after the prediction is not known when the model is used.",
            thresholds={"rows": 0},
            rule=rules.feature_time,
        ),
        Gate(
            name="known_ceiling",
            title="Not better than possible",
            why="Above the best AUROC that the data allow, the outcome has leaked.",
            thresholds={"margin": 0.0},
            rule=rules.known_ceiling,
        ),
        Gate(
            name="sample_size",
            title="Enough events",
            why="Below 100 events and 100 non-events external validation is unreliable "
            "(Collins 2016, Stat Med 35:214-226).",
            thresholds={"events": 100, "non_events": 100},
            rule=rules.sample_size,
            severity=Severity.WARN,
        ),
        Gate(
            name="single_feature",
            title="No feature gives the outcome away",
            why="One feature that separates the outcomes alone is the outcome in disguise.",
            thresholds={"auroc": 0.98},
            rule=rules.single_feature,
            requires=_SAMPLE,
        ),
        Gate(
            name="discrimination",
            title="Ranks patients well enough",
            why="Below this AUROC a risk score does not change what a clinician does.",
            thresholds={"floor": 0.70},
            rule=rules.discrimination_floor,
            requires=_SAMPLE,
        ),
        Gate(
            name="baseline",
            title="Better than the always-on baseline",
            why="A model that age and sex can replace is not worth its risks.",
            thresholds={"margin": 0.0},
            rule=rules.baseline_beaten,
            requires=_SAMPLE,
        ),
        Gate(
            name="non_inferiority",
            title="Not worse than the champion",
            why="A new model must not take away what the present one gives.",
            thresholds={"margin": 0.02},
            rule=rules.non_inferiority,
            requires=_SAMPLE,
        ),
        Gate(
            name="calibration_slope",
            title="Risks are neither too extreme nor too cautious",
            why="Clinicians act on the number: a slope off 1 over- or undertreats the extremes.",
            thresholds={"low": 0.8, "high": 1.25, "overlap_low": 0.9, "overlap_high": 1.1},
            rule=rules.calibration_slope,
            requires=_SAMPLE,
        ),
        Gate(
            name="calibration_in_the_large",
            title="As many events as predicted",
            why="Risks that are too high or too low on average mislead every decision.",
            thresholds={"low": 0.8, "high": 1.2},
            rule=rules.calibration_in_the_large,
            requires=_SAMPLE,
        ),
        Gate(
            name="subgroups",
            title="No group falls behind",
            why="An average hides the patients whom the model fails.",
            thresholds={
                "margin": 0.10,
                "worst": 0.20,
                "alpha": 0.05,
                "events": 40,
                "non_events": 40,
            },
            rule=subgroup_floor,
            requires=_SAMPLE,
        ),
    ),
)
"""Gates of a risk score from electronic health records."""

LESION_SEGMENTATION = GateSet(
    name="lesion_segmentation",
    version=2,
    gates=(
        _NO_SHARED_PATIENT,
        Gate(
            name="known_ceiling",
            title="Not better than possible",
            why="Above the best Dice that the masks allow, the truth has leaked.",
            thresholds={"margin": 0.0},
            rule=rules.known_ceiling,
        ),
        Gate(
            name="sample_size",
            title="Enough patients",
            why="With 30 patients and a standard deviation of 0.2 the mean Dice is known to 0.07.",
            thresholds={"patients": 30},
            rule=rules.sample_size,
            severity=Severity.WARN,
        ),
        Gate(
            name="overlap",
            title="Outlines lesions well enough",
            why="Below a Dice of 0.7 an outline costs more time to mend than to draw.",
            thresholds={"floor": 0.70},
            rule=rules.discrimination_floor,
            requires=_SAMPLE,
        ),
        Gate(
            name="baseline",
            title="Better than the always-on baseline",
            why="A network that a threshold can replace is not worth its risks.",
            thresholds={"margin": 0.0},
            rule=rules.baseline_beaten,
            requires=_SAMPLE,
        ),
        Gate(
            name="non_inferiority",
            title="Not worse than the champion",
            why="A new model must not take away what the present one gives.",
            thresholds={"margin": 0.02},
            rule=rules.non_inferiority,
            requires=_SAMPLE,
        ),
        Gate(
            name="subgroups",
            title="No group falls behind",
            why="An average hides the patients whom the model fails.",
            thresholds={"margin": 0.10, "worst": 0.15, "alpha": 0.05, "patients": 11},
            rule=subgroup_floor,
            requires=_SAMPLE,
        ),
    ),
)
"""Gates of a model that outlines lesions in images."""
