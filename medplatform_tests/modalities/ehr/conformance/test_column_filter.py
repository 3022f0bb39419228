"""What whole columns accept, a judge of single lines accepts, and finds the same facts."""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import orjson
import pytest

from medplatform.modalities.ehr.batch import peek
from medplatform.modalities.ehr.columns.parse import parse_unjudged
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.conformance.verdict import find_suspect_rows, judge
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.facts import read_all_facts, read_facts
from medplatform.modalities.ehr.judging import NOT_STORED

from .mutation import Mutator, Tally
from .samples import hl7_examples, synthea, synthetic

SMALL = 20_000
SEED = 20


def shapes_of(corpus: Iterable[bytes], release: Release) -> dict[str, Shape]:
    """What the valid resources of a corpus have, by type; those in others are left out."""
    shapes: dict[str, Shape] = {}
    for raw in corpus:
        content = judge(raw, release).content
        if content is not None and content["resourceType"] not in NOT_STORED:
            content.pop("contained", None)
            kind = content["resourceType"]
            shapes.setdefault(kind, Shape.root(kind)).grow(content, release)
    return shapes


def is_accepted(raw: bytes, shapes: dict[str, Shape], release: Release) -> bool:
    """Whether columns say that a line is certainly valid; their facts have to be right then."""
    kind = peek(raw).resource_type
    shape = shapes.get(kind or "")
    content = parse_unjudged([raw], shape) if shape else None
    if kind is None or content is None or find_suspect_rows(content, kind, release)[0]:
        return False
    verdict = judge(raw, release)
    if verdict.content is not None:
        assert list(read_all_facts(content)) == [read_facts(verdict.content)]
    return True


def try_mutants(corpus: list[bytes], release: Release, count: int, seed: int = SEED) -> Tally:
    """Let columns judge mutants of content and of text, and the judge those that they accept."""
    shapes = shapes_of(corpus, release)
    mutator = Mutator(corpus, seed)
    tally = Tally()
    for raw in (*map(orjson.dumps, mutator.mutants(count)), *mutator.texts(count)):
        if not is_accepted(raw, shapes, release):
            tally.counts["left open"] += 1
            continue
        content, *_, is_modified, _ = judge(raw, release)
        if content is None or is_modified or "contained" in content:
            tally.false_accepts.append(raw)
        else:
            tally.counts["accepted"] += 1
    return tally


def test_resources_without_a_flaw_are_accepted_by_their_columns() -> None:
    corpus = synthetic(5)
    shapes = shapes_of(corpus, Release.R4)
    for kind, shape in shapes.items():
        lines = [raw for raw in corpus if peek(raw).resource_type == kind]
        content = parse_unjudged(lines, shape)
        assert content is not None
        assert not find_suspect_rows(content, kind, Release.R4).any()
        assert list(read_all_facts(content)) == [read_facts(orjson.loads(x)) for x in lines]


def test_one_flaw_is_found_in_its_row() -> None:
    lines = [raw for raw in synthetic(5) if peek(raw).resource_type == "Observation"]
    shape = shapes_of(lines, Release.R4)["Observation"]
    for old, new in [
        (b'"status":"final"', b'"status":"finished"'),
        (b'"status":"final",', b""),
        (b'"id":"', b'"id":"_'),
        (b'"value":', b'"value":0'),
    ]:
        number = next(n for n, line in enumerate(lines) if old in line)
        broken = [*lines]
        broken[number] = lines[number].replace(old, new, 1)
        content = parse_unjudged(broken, shape)
        assert content is not None
        assert np.flatnonzero(find_suspect_rows(content, "Observation", Release.R4)) == [number]


@pytest.mark.parametrize("release", [Release.R4, Release.R5])
def test_no_mutant_of_a_synthetic_resource_is_accepted_wrongly(release: Release) -> None:
    tally = try_mutants(synthetic(5), release, 1_000)
    assert tally.false_accepts == []
    assert tally.counts["accepted"] > 50
    assert tally.counts["left open"] > 200


@pytest.mark.real
@pytest.mark.parametrize("release", [Release.R4, Release.R5])
def test_no_mutant_of_a_real_resource_is_accepted_wrongly(
    fhir_data: Path, release: Release
) -> None:
    tally = try_mutants(_public(fhir_data, release, 5), release, 1_500)
    assert tally.false_accepts == []
    assert tally.counts["accepted"] > 100


def _public(fhir_data: Path, release: Release, exported: int) -> list[bytes]:
    examples = hl7_examples(fhir_data, release).values()
    corpus = [raw for raw in examples if len(raw) < SMALL and b'"resourceType"' in raw]
    return corpus + (list(synthea(fhir_data, exported)) if release is Release.R4 else [])


if __name__ == "__main__":  # python -m … FHIR_DATA MUTANTS SEED: more than a test has time for
    for each in (Release.R4, Release.R5):
        result = try_mutants(
            _public(Path(sys.argv[1]), each, 100), each, int(sys.argv[2]), int(sys.argv[3])
        )
        print(each.name, dict(result.counts), "wrongly accepted:", result.false_accepts[:5])
