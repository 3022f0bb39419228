"""The report that a clinician reads before signing: one HTML file without outside resources."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from medplatform.clinical.card import (
    FIGURE_TITLES,
    SYNTHETIC,
    ModelFacts,
    cohort_sizes,
    limits,
)
from medplatform.clinical.disclosure import is_small, subgroup_table
from medplatform.clinical.discrimination import auroc_bootstrap
from medplatform.clinical.estimate import TooFew
from medplatform.clinical.evaluate import Evidence
from medplatform.clinical.gate import GateResult, State
from medplatform.clinical.operating_point import operating_point
from medplatform.clinical.plots import calibration_plot, dice_plot, roc_plot
from medplatform.clinical.predictions import Predictions
from medplatform.clinical.subgroups import Subgroup
from medplatform.clinical.verdict import Verdict

STATE_SENTENCES: Mapping[State, str] = {
    State.PASS: "All gates are passed. The model may be signed off by a person who did not "
    "train it.",
    State.FAIL: "At least one gate failed. The model must not be used.",
    State.INCONCLUSIVE: "The data cannot decide at least one gate. The model must not be used.",
}

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Risks at which a clinician may act; the report shows what each would do."""

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:.2rem}h2{margin-top:2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e5e5e5;vertical-align:top}
.state{padding:.1rem .5rem;border-radius:.3rem;color:#fff;font-weight:600;white-space:nowrap}
.PASS{background:#2e7d32}.FAIL{background:#b3261e}.INCONCLUSIVE{background:#8a6100}
.NOT_APPLICABLE{background:#5f6368}.synthetic{background:#6a1b9a}
.banner{padding:.8rem 1rem;border-radius:.4rem;color:#fff;font-size:1.1rem}
.small{color:#666;font-size:.85rem;overflow-wrap:anywhere}
.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}
"""


def render_report(
    verdict: Verdict, evidence: Evidence, facts: ModelFacts, groups: Sequence[Subgroup]
) -> str:
    """The report as HTML; counts below 11 are suppressed in it.

    `groups` are those of `subgroups(evidence.candidate, …)` under the thresholds of the gate.
    """
    name = escape(f"{facts.title}, version {verdict.model.version}")
    sections = [
        f"<h1>{name}</h1>",
        f'<p class="banner synthetic">{escape(SYNTHETIC)}</p>' if facts.is_synthetic else "",
        f'<p class="banner {verdict.state.name}"><b>{verdict.state.value}</b>. '
        f"{STATE_SENTENCES[verdict.state]}</p>",
        _section("Intended use", f"<p>{escape(facts.intended_use)}</p>"),
        _section("Gates", _gates(verdict.results)),
        _section("Test cohort", _pairs(cohort_sizes(verdict))),
        _section("Figures with 95 % intervals", _figures(verdict, evidence)),
        _section("At a threshold", _thresholds(evidence.candidate)),
        _section("Plots", _plots(evidence)),
        _section("Groups of patients", _subgroups(groups)),
        _section("Limits", _list(limits(verdict, facts))),
        _section("Training data and settings", _pairs({**facts.data, **facts.settings})),
        _provenance(verdict, facts),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _pairs(items: Mapping[str, str]) -> str:
    return _table(("", ""), ((escape(label), escape(text)) for label, text in items.items()))


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _gates(results: Iterable[GateResult]) -> str:
    rows = (
        (
            f'<span class="state {r.state.name}">{r.state.value}</span>',
            escape(r.title),
            escape(r.reason),
        )
        for r in results
    )
    return _table(("State", "Gate", "What was found"), rows)


def _figures(verdict: Verdict, evidence: Evidence) -> str:
    metrics = {
        "Model": verdict.metrics,
        "Baseline": verdict.baseline_metrics,
        "Champion": verdict.champion_metrics,
    }
    models = {
        "Model": evidence.candidate,
        "Baseline": evidence.baseline,
        "Champion": evidence.champion,
    }
    used = [title for title in metrics if metrics[title]]
    rows = [
        (FIGURE_TITLES[name], *(str(metrics[title].get(name, "")) for title in used))
        for name in FIGURE_TITLES
        if any(name in metrics[title] for title in used)
    ]
    if evidence.candidate.dice is None:
        drawn = (_bootstrapped(models[title]) for title in used)
        rows.append(("AUROC, interval by resampling patients", *drawn))
    return _table(("Figure", *used), rows)


def _bootstrapped(predictions: Predictions | None) -> str:
    if predictions is None:
        return ""
    try:
        return str(auroc_bootstrap(predictions))
    except TooFew:
        return ""


def _thresholds(predictions: Predictions) -> str:
    """What acting at a risk would do; rules that few patients fall under are left out."""
    if predictions.dice is not None:
        return "<p>Outlines are drawn at a probability of one half.</p>"
    _, score = predictions.binary()
    rows: list[tuple[str, ...]] = []
    for threshold in THRESHOLDS:
        flagged = int((score >= threshold).sum())
        if is_small(flagged) or is_small(score.size - flagged):
            continue
        try:
            point = operating_point(predictions, threshold)
        except TooFew:
            continue
        rows.append(
            (
                f"{threshold:.0%}",
                f"{point.flagged:.0%}",
                str(point.sensitivity),
                str(point.specificity),
                str(point.positive_predictive_value),
                f"{point.net_benefit:.3f}",
                f"{point.net_benefit_of_treating_all:.3f}",
            )
        )
    if not rows:
        return "<p>Too few patients.</p>"
    header = (
        "Act at a risk of",
        "Acted on",
        "Sensitivity",
        "Specificity",
        "Positive predictive value",
        "Net benefit",
        "Net benefit of acting on all",
    )
    note = "Reported, not judged: the clinic decides at which risk it acts, before it sees this."
    return _table(header, rows) + f'<p class="small">{note}</p>'


def _subgroups(groups: Sequence[Subgroup]) -> str:
    table = subgroup_table(groups)
    if not table:
        return "<p>No attribute of the patients is known.</p>"
    rows = [[escape(cell) for cell in row.values()] for row in table]
    header = ("Attribute", "Group", "Patients", "Events", "Figure", "Lead over the other groups")
    note = '<p class="small">Counts below 11 are suppressed, and those that would reveal them.</p>'
    return _table(header, rows) + note


def _plots(evidence: Evidence) -> str:
    named = {
        "model": evidence.candidate,
        "baseline": evidence.baseline,
        "champion": evidence.champion,
    }
    models = {name: predictions for name, predictions in named.items() if predictions is not None}
    if evidence.candidate.dice is None:
        plots = {
            "ROC curve": roc_plot(models),
            "Calibration": calibration_plot(evidence.candidate),
        }
    else:
        plots = {"Dice per image": dice_plot(models)}
    drawn = [_image(title, png) for title, png in plots.items() if png is not None]
    if not drawn:
        return "<p>Too few patients to be drawn.</p>"
    return f'<div class="plots">{"".join(drawn)}</div>'


def _image(title: str, png: bytes) -> str:
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    caption = escape(title)
    return (
        f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )


def _provenance(verdict: Verdict, facts: ModelFacts) -> str:
    champion = f"version {verdict.champion.version}" if verdict.champion else "none"
    lines = [
        f"Verdict {verdict.digest}",
        f"Model {verdict.model.name} version {verdict.model.version}, files {verdict.model.digest}",
        f"Data set {verdict.dataset_digest}",
        f"Gates {verdict.gates}, {verdict.gates_digest}",
        f"Compared with champion: {champion}",
        f"Trained by {facts.trainer}, judged at {verdict.created_at:%Y-%m-%d %H:%M} UTC",
        "Sign-off: after this report was written; it is in the model card and in the log that "
        "`medplatform audit` shows",
    ]
    return f'<p class="small">{"<br>".join(escape(line) for line in lines)}</p>'
