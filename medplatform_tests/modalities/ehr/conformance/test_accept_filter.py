"""What the filter accepts, the arbiter accepts: on real resources, and on mutants of them."""

from pathlib import Path

import orjson
import pytest

from medplatform.modalities.ehr.conformance.models import find_model
from medplatform.modalities.ehr.conformance.verdict import accepts, find_issues, judge
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.issue import REASONS

from .mutation import Mutator, try_mutants
from .samples import hl7_examples, synthea, synthetic

SMALL = 20_000
SEED = 20


def test_synthetic_resources_pass_the_filter() -> None:
    resources = synthetic(5)
    assert len(resources) > 100
    for raw in resources:
        assert judge(raw, Release.R4)[2:] == ((), False, "filter")


@pytest.mark.parametrize("release", [Release.R4, Release.R5])
def test_no_mutant_of_a_synthetic_resource_is_accepted_wrongly(release: Release) -> None:
    tally = try_mutants(synthetic(5), release, count=1_000, seed=SEED)
    assert tally.false_accepts == []
    assert tally.counts["accepted"] > 50
    assert tally.counts["left open"] > 200


def test_judging_never_raises_and_always_gives_a_reason() -> None:
    mutator = Mutator(synthetic(5), SEED)
    accepted = refused = 0
    for raw in (*map(orjson.dumps, mutator.mutants(1_500)), *mutator.texts(1_500)):
        verdict = judge(raw, Release.R4)
        assert (verdict.content is None) == bool(verdict.issues)
        assert all(issue.reason == REASONS[issue.code] for issue in verdict.issues)
        accepted += verdict.content is not None
        refused += verdict.content is None
    assert accepted > 300
    assert refused > 1_500


@pytest.mark.real
@pytest.mark.parametrize(("release", "share"), [(Release.R4, 0.99), (Release.R5, 0.99)])
def test_examples_of_the_specification(fhir_data: Path, release: Release, share: float) -> None:
    """Accepted by the filter, then by the models; nearly all that are valid pass the filter."""
    passed = checked = 0
    for raw in hl7_examples(fhir_data, release).values():
        content = orjson.loads(raw)
        model = find_model(release, content.get("resourceType", ""))
        if model is None or len(raw) > SMALL:
            continue
        is_accepted = accepts(content, release)
        if is_accepted and content["resourceType"] != "Evidence":  # R4's, not that of the models
            model.model_validate(content)
        if is_accepted or not find_issues(content, release):
            checked += 1
            passed += is_accepted
    assert checked > 600
    assert passed >= share * checked


@pytest.mark.real
def test_every_resource_of_a_bulk_export_passes_the_filter(fhir_data: Path) -> None:
    verdicts = [judge(raw, Release.R4) for raw in synthea(fhir_data, 300)]
    assert len(verdicts) > 3_000
    assert {(verdict.issues, verdict.by) for verdict in verdicts} == {((), "filter")}


@pytest.mark.real
@pytest.mark.parametrize("release", Release)
def test_no_mutant_of_a_real_resource_is_accepted_wrongly(
    fhir_data: Path, release: Release
) -> None:
    examples = hl7_examples(fhir_data, Release.R5 if release is Release.R5 else Release.R4)
    corpus = [raw for raw in examples.values() if len(raw) < SMALL and b'"resourceType"' in raw]
    tally = try_mutants(corpus, release, count=1_500, seed=SEED)
    assert tally.false_accepts == []
    assert tally.counts["accepted"] > 100
