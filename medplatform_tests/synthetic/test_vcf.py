"""The cohort VCF, its crosswalk, and the scoring file of its panel."""

import csv
import gzip
import re

import numpy as np
import pytest

from medplatform.synthetic import panel
from medplatform.synthetic.cohort import draw_histories
from medplatform.synthetic.draws import Draws
from medplatform.synthetic.people import identify
from medplatform_tests.synthetic.conftest import PATIENTS, SEED, SYSTEM, Written


@pytest.fixture(scope="module")
def lines(written: Written) -> list[str]:
    path = written.delivery("genomics") / "cohort.vcf.gz"
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def body(lines: list[str]) -> list[list[str]]:
    return [line.split("\t") for line in lines if not line.startswith("#")]


def test_the_crosswalk_links_every_sample_to_its_patient(
    written: Written, lines: list[str]
) -> None:
    columns = next(line for line in lines if line.startswith("#CHROM")).split("\t")
    with (written.delivery("genomics") / "crosswalk.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    people = [identify(SEED, history) for history in draw_histories(SEED, 0, PATIENTS)]
    assert columns[9:] == [row["sample_id"] for row in rows]
    assert [row["patient_id"] for row in rows] == [person.mrn for person in people]
    assert {row["system"] for row in rows} == {SYSTEM}


def test_lines_have_a_column_for_each_sample_and_valid_genotypes(body: list[list[str]]) -> None:
    assert len(body) == panel.VARIANTS
    assert {len(columns) for columns in body} == {9 + PATIENTS}
    calls = {call for columns in body for call in columns[9:]}
    assert all(re.fullmatch(r"[01][/|][01]|\./\.", call) for call in calls)
    assert {"./.", "0/1", "0|1", "1/1"} <= calls


def test_variants_are_sorted_and_within_their_chromosome(body: list[list[str]]) -> None:
    places = [(int(columns[0].removeprefix("chr")), int(columns[1])) for columns in body]
    assert places == sorted(set(places))
    assert all(position <= panel.CHROMOSOME_LENGTHS[str(name)] for name, position in places)


def test_the_header_states_build_and_contigs(lines: list[str]) -> None:
    assert lines[0] == "##fileformat=VCFv4.3"
    contigs = [line for line in lines if line.startswith("##contig=")]
    assert len(contigs) == 22
    assert "##contig=<ID=chr1,length=248956422,assembly=GRCh38>" in contigs


def test_frequencies_and_missing_calls_are_as_declared() -> None:
    draws = Draws(1, 0, 4_000)
    missing = []
    for variant in panel.panel()[:40]:
        genotypes = panel.draw_genotypes(variant, draws)
        frequency = genotypes.alternate_count.mean() / 2
        error = np.sqrt(variant.frequency * (1 - variant.frequency) / 8_000)
        assert abs(frequency - variant.frequency) < 5 * error
        missing.append(genotypes.is_missing.mean())
    assert abs(np.mean(missing) - panel.MISSING_SHARE) < 0.001


def test_the_delivered_genotypes_and_weights_give_the_planted_score(
    written: Written, body: list[list[str]]
) -> None:
    text = (written.reference / "pgs" / "cvd_demo.txt").read_text()
    table = [line for line in text.splitlines() if not line.startswith("#")]
    scores = {
        (row["chr_name"], row["chr_position"]): row for row in csv.DictReader(table, delimiter="\t")
    }
    total = np.zeros(PATIENTS)
    matched = 0
    for columns in body:
        row = scores.get((columns[0].removeprefix("chr"), columns[1]))
        if row is None:
            continue
        matched += 1
        assert {row["effect_allele"], row["other_allele"]} == {columns[3], columns[4]}
        effect = "1" if row["effect_allele"] == columns[4] else "0"
        copies = np.array([np.nan if call == "./." else call.count(effect) for call in columns[9:]])
        copies[np.isnan(copies)] = np.nanmean(copies)
        total += float(row["effect_weight"]) * copies
    assert (matched, len(scores)) == (panel.SCORED, panel.SCORED + panel.ABSENT)
    planted = panel.polygenic_z(Draws(SEED, 0, PATIENTS))
    assert np.corrcoef(total, planted)[0, 1] > 0.99


def test_the_scoring_file_is_of_the_catalogues_second_format(written: Written) -> None:
    text = (written.reference / "pgs" / "cvd_demo.txt").read_text()
    for line in ("#format_version=2.0", "#pgs_name=cvd_demo", "#genome_build=GRCh38"):
        assert line in text.splitlines()


def test_both_alleles_can_be_the_effect_allele() -> None:
    assert {variant.is_effect_alternate for variant in panel.scored()} == {True, False}


def test_no_variant_is_the_same_on_both_strands() -> None:
    pairs = {frozenset((v.reference, v.alternate)) for v in panel.panel()}
    assert not pairs & {frozenset("AT"), frozenset("CG")}
