"""Verdicts survive the disk but no edit; reports stand alone and show no small cell."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from medplatform.clinical import (
    EHR_RISK,
    LESION_SEGMENTATION,
    Evidence,
    GateSet,
    ModelFacts,
    ModelReference,
    Predictions,
    State,
    Verdict,
    VerdictError,
    model_card,
    reach_verdict,
    read_verdict,
    write_verdict,
)
from medplatform.clinical.disclosure import HIDDEN, SUPPRESSED, shown, shown_events, subgroup_table
from medplatform.clinical.discrimination import auroc_bootstrap
from medplatform.clinical.operating_point import operating_point
from medplatform.clinical.report import render_report
from medplatform.clinical.subgroups import subgroups
from medplatform_tests.clinical.cohorts import overlap_evidence, overlaps, risk_evidence, risks

FACTS = ModelFacts(
    title="Risk of <something>",
    intended_use="For adults & no one else.",
    trainer="ada",
    data={"Data set": "0123"},
    settings={"epochs": "3"},
)


def verdict_on(gates: GateSet, evidence: Evidence) -> Verdict:
    return reach_verdict(
        gates,
        evidence,
        recipe=gates.name,
        model=ModelReference(name=gates.name, version=3, digest="a" * 64),
        dataset_digest="b" * 64,
        champion=ModelReference(name=gates.name, version=2, digest="c" * 64),
    )


def report_on(gates: GateSet, evidence: Evidence) -> str:
    groups = subgroups(evidence.candidate, gates.thresholds("subgroups"))
    return render_report(verdict_on(gates, evidence), evidence, FACTS, groups)


class Page(HTMLParser):
    """Collects the text and every attribute that could load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.sources += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_verdict_survives_the_disk(tmp_path: Path) -> None:
    for gates, evidence in (
        (EHR_RISK, risk_evidence(risks())),
        (EHR_RISK, risk_evidence(risks(20))),
        (LESION_SEGMENTATION, overlap_evidence(overlaps())),
    ):
        verdict = verdict_on(gates, evidence)
        path = write_verdict(verdict, tmp_path / "verdicts")
        assert path.name == f"v3-{verdict.digest[:12]}.json"
        assert read_verdict(path) == verdict
        assert read_verdict(path).digest == verdict.digest


def test_edited_verdict_is_refused(tmp_path: Path) -> None:
    path = write_verdict(verdict_on(EHR_RISK, risk_evidence(risks(20))), tmp_path)
    content = json.loads(path.read_text())
    edits = [
        {"state": "PASS"},
        {"dataset_digest": "d" * 64},
        {"cohort": {**content["cohort"], "rows": 9999}},
        {"digest": "e" * 64},
        {"results": []},
        {"note": "fine"},
    ]
    for edit in edits:
        path.write_text(json.dumps({**content, **edit}))
        with pytest.raises(VerdictError, match="Judge the model again"):
            read_verdict(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", b"\xff\xfe"])
def test_broken_verdict_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v1-0.json"
    path.write_bytes(content)
    with pytest.raises(VerdictError, match="no valid verdict"):
        read_verdict(path)
    path.unlink()
    with pytest.raises(VerdictError, match="missing"):
        read_verdict(path)


def test_state_must_follow_from_the_results() -> None:
    verdict = verdict_on(EHR_RISK, risk_evidence(risks(20)))
    with pytest.raises(ValidationError, match="does not follow"):
        Verdict.model_validate({**verdict.model_dump(), "state": State.PASS})


def test_reasons_name_every_gate_that_is_not_passed() -> None:
    verdict = verdict_on(EHR_RISK, risk_evidence(risks(20)))
    open_gates = [r for r in verdict.results if not r.state.is_met]
    assert len(verdict.reasons) == len(open_gates) > 0
    assert verdict_on(EHR_RISK, risk_evidence(risks())).reasons == []


@pytest.mark.parametrize(
    ("gates", "evidence", "plots"),
    [
        (EHR_RISK, risk_evidence(risks(), champion=risks()), 2),
        (EHR_RISK, risk_evidence(risks(20)), 0),
        (EHR_RISK, risk_evidence(risks(0)), 0),
        (LESION_SEGMENTATION, overlap_evidence(overlaps()), 1),
        (LESION_SEGMENTATION, overlap_evidence(overlaps(5)), 0),
    ],
)
def test_report_is_whole_and_loads_nothing(gates: GateSet, evidence: Evidence, plots: int) -> None:
    html = report_on(gates, evidence)
    page = Page(html)
    assert not page.open
    assert len(page.sources) == plots
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"https?://|@import|url\(|<script", html)
    verdict = verdict_on(gates, evidence)
    for part in (
        FACTS.title,
        FACTS.intended_use,
        verdict.state.value,
        verdict.dataset_digest,
        verdict.gates_digest,
        *(gate.title for gate in gates.gates),
        *(result.reason for result in verdict.results),
    ):
        assert part in page.text


def test_report_tells_what_acting_at_a_risk_does() -> None:
    good = risks()
    text = Page(report_on(EHR_RISK, risk_evidence(good))).text
    point = operating_point(good, 0.2)
    for figure in (point.sensitivity, point.specificity, auroc_bootstrap(good)):
        assert str(figure) in text
    assert f"{point.net_benefit:.3f}" in text
    assert "Acted on" not in Page(report_on(EHR_RISK, risk_evidence(risks(15)))).text


def test_card_has_the_headings_of_tripod() -> None:
    before = model_card(FACTS)
    assert "Not judged yet" in before
    after = model_card(FACTS, verdict_on(EHR_RISK, risk_evidence(risks())))
    for heading in (
        "Intended use",
        "Data and participants",
        "Model development",
        "Performance",
        "Gates: PASS",
        "Limits",
    ):
        assert f"## {heading}" in after


def test_made_up_patients_are_said_to_be_made_up() -> None:
    evidence = risk_evidence(risks())
    groups = subgroups(evidence.candidate, EHR_RISK.thresholds("subgroups"))
    verdict, real = verdict_on(EHR_RISK, evidence), "Measured on patients of this installation"
    facts = replace(FACTS, is_synthetic=True)
    for text in (
        Page(render_report(verdict, evidence, facts, groups)).text,
        model_card(facts, verdict),
    ):
        assert text.count("Made-up patients") == 2
        assert real not in text
    assert "Made-up patients" in model_card(facts)
    for text in (report_on(EHR_RISK, evidence), model_card(FACTS, verdict)):
        assert "Made-up patients" not in text
        assert real in text


def test_card_says_who_signed_and_that_aliases_decide_nothing() -> None:
    verdict = verdict_on(EHR_RISK, risk_evidence(risks()))
    assert "Nobody has approved this verdict." in model_card(FACTS, verdict)
    signed = model_card(replace(FACTS, sign_off={"Approved by": "grace (cardiologist)"}), verdict)
    assert "- Approved by: grace (cardiologist)" in signed
    for card in (model_card(FACTS), signed):
        assert "Only `medplatform promote` makes a champion." in card


def grouped(*sizes: int) -> Predictions:
    labels = np.repeat([f"group {i}" for i in range(len(sizes))], sizes)
    cohort = risks(sum(sizes))
    return Predictions(
        ids=cohort.ids,
        patient_ids=cohort.patient_ids,
        y=cohort.y,
        score=cohort.score,
        groups={"site": labels},
    )


def test_small_groups_are_suppressed_with_what_would_reveal_them() -> None:
    table = subgroup_table(subgroups(grouped(300, 7, 60), EHR_RISK.thresholds("subgroups")))
    assert [row["patients"] for row in table] == ["300", SUPPRESSED, HIDDEN]
    assert table[1]["figure"] == "" and table[1]["events"] == SUPPRESSED
    table = subgroup_table(subgroups(grouped(300, 7, 9), EHR_RISK.thresholds("subgroups")))
    assert [row["patients"] for row in table] == ["300", SUPPRESSED, SUPPRESSED]


@pytest.mark.parametrize("count", range(1, 11))
def test_small_counts_are_never_shown(count: int) -> None:
    assert shown(count) == SUPPRESSED
    assert shown_events(100, count) == SUPPRESSED
    assert shown_events(100, 100 - count) == HIDDEN


def test_counts_that_may_be_shown() -> None:
    assert (shown(0), shown(11), shown(12_345)) == ("0", "11", "12,345")
    assert shown_events(100, 50) == "50"


@pytest.mark.parametrize("patients", [12, 20, 30])
def test_report_of_few_events_shows_neither_them_nor_their_complement(patients: int) -> None:
    cohort = risks(patients)
    y = np.arange(patients) < 3
    rare = Predictions(
        ids=cohort.ids,
        patient_ids=cohort.patient_ids,
        y=y,
        score=cohort.score,
        groups={"ward": np.full(patients, "one")},
    )
    text = Page(report_on(EHR_RISK, risk_evidence(rare))).text
    assert "<11 events" in text
    assert f"{patients - 3} non-events" not in text
    assert not re.search(r"\b3 events", text)


def test_import_is_light() -> None:
    code = (
        "import sys, medplatform.clinical, medplatform.registry;"
        "print([m for m in ('mlflow','torch','sklearn','scipy','matplotlib') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
