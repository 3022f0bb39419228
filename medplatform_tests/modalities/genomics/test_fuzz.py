"""Whatever is done to a call set, its lines are accounted for and no good one is lost."""

from pathlib import Path

from benchmarks.fuzz_genomics import Result, find_loss, fuzz, read_corpus
from benchmarks.genomics.vandal import CallSet, Line

HEADER = b"#CHROM\n"


def test_damaged_call_sets_are_accounted_for(tmp_path: Path) -> None:
    broken, outcomes = fuzz(100, 7, read_corpus(None), tmp_path)
    assert not broken
    assert outcomes["accepted"] > 400
    assert len(outcomes) > 15


def test_a_good_line_that_is_lost_or_changed_is_noticed() -> None:
    one, two = Line(b"1", 1), Line(b"2", 2)
    whole = CallSet(HEADER, [one, two])
    known = Result("", {2: ["a"], 3: ["b"]}, {})
    touched = CallSet(HEADER, [Line(b"x", None), two])
    assert find_loss(whole, known, touched, Result("", {3: ["b"]}, {2: {"line.spaces"}})) == ""
    assert "lost" in find_loss(whole, known, touched, Result("", {}, {3: {"line.spaces"}}))
    assert "other rows" in find_loss(whole, known, touched, Result("", {3: ["a"]}, {}))
    duplicate = Result("", {}, {3: {"record.duplicate"}})
    assert find_loss(whole, known, touched, duplicate) == ""
    untouched = CallSet(HEADER, [one, two])
    missing = Result("", {2: ["a"]}, {3: {"record.duplicate"}})
    assert "lost" in find_loss(whole, known, untouched, missing)
