"""The model card: a short Markdown text under the headings of TRIPOD+AI, for the registry.

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from medplatform.clinical.disclosure import shown, shown_events
from medplatform.clinical.estimate import Estimate
from medplatform.clinical.gate import State
from medplatform.clinical.verdict import Verdict

FIGURE_TITLES: Mapping[str, str] = {
    "auroc": "AUROC",
    "calibration_slope": "Calibration slope (1 is right)",
    "calibration_in_the_large": "Calibration in the large (0 is right)",
    "observed_to_expected": "Observed over expected events (1 is right)",
    "brier": "Brier score (0 is best)",
    "dice": "Mean Dice",
}
"""How figures are called before clinicians."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model besides its figures; shown on the card and in the report."""

    title: str
    intended_use: str
    trainer: str
    data: Mapping[str, str] = field(default_factory=dict)
    """Label -> text: rows and patients trained on, period, source."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Name -> value of the training configuration."""
    is_synthetic: bool = False
    """Whether the patients are made up."""
    sign_off: Mapping[str, str] = field(default_factory=dict)
    """Label -> text: who has approved the model, in what role, when, and why."""


SYNTHETIC = (
    "Made-up patients: this model was trained and tested on synthetic data. Its figures say "
    "nothing about real patients, and it is not for use with them."
)

PROMOTION = (
    "Only `medplatform promote` makes a champion. The aliases in MLflow show what the platform's "
    "log says; one that is set by hand is put right, and that is recorded."
)


def model_card(facts: ModelFacts, verdict: Verdict | None = None) -> str:
    """Markdown card; before the verdict it says that the model has not been judged."""
    sections = [
        f"# {facts.title}",
        *([f"**{SYNTHETIC}**"] if facts.is_synthetic else []),
        "## Intended use\n" + facts.intended_use,
        "## Data and participants\n" + _bullets({"Trained by": facts.trainer, **facts.data}),
        "## Model development\n" + (_bullets(facts.settings) or "Default settings."),
    ]
    if verdict is None:
        sections += ["## Performance\nNot judged yet. Not for use.", PROMOTION]
        return "\n\n".join(sections) + "\n"
    sections += [
        "## Performance\n" + _cohort(verdict) + "\n\n" + _figures(verdict.metrics),
        f"## Gates: {verdict.state.value}\n" + _gates(verdict),
        "## Limits\n" + "\n".join(f"- {limit}" for limit in limits(verdict, facts)),
        "## Sign-off\n" + (_bullets(facts.sign_off) or "Nobody has approved this verdict."),
        PROMOTION,
        f"Verdict {verdict.digest[:12]} under {verdict.gates}, "
        f"data set {verdict.dataset_digest[:16]}, model {verdict.model.digest[:16]}.",
    ]
    return "\n\n".join(sections) + "\n"


def limits(verdict: Verdict, facts: ModelFacts) -> list[str]:
    """What the figures do not show, in plain words."""
    found = [
        SYNTHETIC
        if facts.is_synthetic
        else "Measured on patients of this installation, kept apart from training; other "
        "hospitals, devices and times may differ.",
        "Measured on records of the past; what clinicians do with the output was not studied.",
    ]
    undecided = [r.title for r in verdict.results if r.state is State.INCONCLUSIVE]
    if undecided:
        found.append(f"Not shown, for want of data: {'; '.join(undecided)}.")
    found += [f"{r.title}: no. {r.reason}" for r in verdict.results if r.state is State.FAIL]
    if verdict.state is not State.PASS:
        found.append("Not for use with patients: the gates are not passed.")
    return found


def cohort_sizes(verdict: Verdict) -> dict[str, str]:
    """Label -> size of the test cohort, small cells suppressed."""
    cohort = verdict.cohort
    sizes = {"Patients": shown(cohort.patients), "Rows": shown(cohort.rows)}
    if cohort.events is not None:
        sizes["With the outcome"] = shown_events(cohort.rows, cohort.events)
    return sizes


def _cohort(verdict: Verdict) -> str:
    sizes = (f"{label.lower()} {size}" for label, size in cohort_sizes(verdict).items())
    return f"Locked test cohort: {', '.join(sizes)}."


def _figures(metrics: Mapping[str, Estimate]) -> str:
    lines = [f"| {FIGURE_TITLES.get(name, name)} | {figure} |" for name, figure in metrics.items()]
    return "\n".join(["| Figure | Value |", "|---|---|", *lines])


def _gates(verdict: Verdict) -> str:
    lines = [f"| {r.title} | {r.state.value} | {r.reason} |" for r in verdict.results]
    return "\n".join(["| Gate | State | Reason |", "|---|---|---|", *lines])


def _bullets(items: Mapping[str, str]) -> str:
    return "\n".join(f"- {label}: {text}" for label, text in items.items())
