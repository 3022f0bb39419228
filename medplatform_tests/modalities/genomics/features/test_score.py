"""Polygenic scores against values worked out by hand, and against PLINK."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.matrix import find_alleles, read_dosages
from medplatform.modalities.genomics.features.score import compute_scores, describe_scores
from medplatform.modalities.genomics.features.scoring_file import (
    ScoringFile,
    ScoringFileError,
    read_scoring_file,
)
from medplatform.modalities.genomics.genotypes.packed import MISSING
from medplatform.modalities.genomics.tables import SAMPLE
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import Publish, crosswalk, vcf
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import (
    COLUMNS,
    Scores,
    score_with,
    scoring_file,
)


@pytest.fixture
def score(tmp_path: Path, lake: Lake, identity: Identity) -> Callable[..., Scores]:
    """Scores of the patients of samples S1 to S4: score, matched, listed."""
    return score_with(lake, identity, tmp_path)


def test_weights_times_copies(publish: Publish, score: Callable[..., Scores]) -> None:
    """The effect allele may be the reference, an alternate one, or one of several."""
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1 1|1",
            "chr1 200 . C T . . . GT 0/0 0/1",
            "chr1 300 . G A,GT . . . GT 0/2 1/2",
        ),
    )
    found = score("1 100 G A 0.5", "1 200 C T -0.25", "1 300 gt g 2", "1 999 A C 9")
    assert found == {
        "S1": (0.5 * 1 - 0.25 * 2 + 2 * 1, 3, 4),
        "S2": (0.5 * 2 - 0.25 * 1 + 2 * 1, 3, 4),
    }


def test_a_missing_genotype_counts_as_the_mean_of_the_cohort(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1 1/1 ./. 0/0",
            "chr1 200 . A G . . . GT ./. ./. ./. ./.",
            samples=("S1", "S2", "S3", "S4"),
        ),
    )
    found = score("1 100 G A 1", "1 200 G A 1")
    assert found == {"S1": (1, 1, 2), "S2": (2, 1, 2), "S3": (1, 1, 2), "S4": (0, 1, 2)}


def test_a_genotype_called_in_part_is_missing_in_scores_and_in_the_matrix(
    publish: Publish, lake: Lake, score: Callable[..., Scores]
) -> None:
    """As PLINK has it; burden and carriers count the allele that `./1` names."""
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 ./1 1|.", samples=("S1", "S2", "S3")))
    assert score("1 100 G A 1") == dict.fromkeys(("S1", "S2", "S3"), (1, 1, 1))
    matrix = read_dosages(lake, find_alleles(lake))
    assert sorted(matrix.dosages[0].tolist()) == [MISSING, MISSING, 1]
    called = matrix.samples["sample_id"].to_list()[matrix.dosages[0].argmax()]
    assert called == lake.scan(SAMPLE).filter(sample_index=0).collect()["sample_id"].item()


def test_dominant_and_recessive_weights(publish: Publish, score: Callable[..., Scores]) -> None:
    genotypes = "GT 0/1 1/1 0/0 ./."
    samples = ("S1", "S2", "S3", "S4")
    records = [f"chr1 {position} . A G . . . {genotypes}" for position in (100, 200)]
    publish("d", cohort(*records, samples=samples))
    columns = COLUMNS + "\tis_dominant\tis_recessive\tis_haplotype"
    found = score(
        "1 100 G A 1 True False False",
        "1 200 G A 10 False TRUE False",
        "1 200 G A 100 False False True",
        columns=columns,
    )
    assert found == {
        "S1": (1, 2, 3),
        "S2": (11, 2, 3),
        "S3": (0, 2, 3),
        "S4": (2 / 3 + 10 / 3, 2, 3),
    }


def test_weights_of_dosages(publish: Publish, score: Callable[..., Scores]) -> None:
    samples = ("S1", "S2", "S3", "S4")
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1 0/0 ./.", samples=samples))
    columns = "chr_name\tchr_position\teffect_allele\tother_allele\t" + "\t".join(
        f"dosage_{copies}_weight" for copies in range(3)
    )
    found = score("1 100 G A 0.5 -1 3", columns=columns)
    mean = (0.5 - 1 + 3) / 3
    assert found == {"S1": (-1, 1, 1), "S2": (3, 1, 1), "S3": (0.5, 1, 1), "S4": (mean, 1, 1)}


def test_scores_are_described_before_they_are_computed(
    publish: Publish, lake: Lake, tmp_path: Path
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    files = [
        scoring_file(tmp_path, "1 100 G A 1", "1  G A 1", name="here.txt"),
        scoring_file(tmp_path, "1 100 G A 1", build="GRCh37", name="there.txt"),
    ]
    assert describe_scores(lake, files).rows() == [
        ("here", "GRCh38", None, 2, 1, "1 no_position", 0, 2, 0),
        ("there", "GRCh37", None, 1, 1, None, 0, 0, 2),
    ]


def test_a_patient_of_whom_no_variant_matched_has_a_row_without_a_score(
    publish: Publish, lake: Lake, tmp_path: Path, name_of: Callable[[str], str]
) -> None:
    """No score is not a score of 0: S2 has no copies, S3 was not looked at, S4 has no call."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 0/0"))
    publish("b", cohort("chr1 200 . A G . . . GT 0/1", samples=("S3",)))
    publish("c", cohort("chr1 100 . A G . . . GT ./.", samples=("S4",)))
    files = [
        scoring_file(tmp_path, "1 100 G A 1", "1 300 G A 1", name="here.txt"),
        scoring_file(tmp_path, "1 100 G A 1", build="GRCh37", name="there.txt"),
    ]
    frame = compute_scores(lake, files)
    found = {(name, name_of(patient)): row for patient, name, *row in frame.iter_rows()}
    here = {"S1": [1, 1, 2], "S2": [0, 1, 2], "S3": [None, 0, 2], "S4": [None, 0, 2]}
    expected = {("here", name): row for name, row in here.items()}
    assert found == expected | {("there", name): [None, 0, 1] for name in here}


def test_files_of_a_patient_add_up_and_the_last_delivery_wins(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish(
        "2024",
        {
            "one.vcf": vcf("chr1 100 . A G . . . GT 0/1 1/1"),
            "two.vcf": vcf("chr2 100 . A G . . . GT 1/1 0/1"),
            "crosswalk.csv": crosswalk("S1", "S2"),
        },
    )
    assert score("1 100 G A 1", "2 100 G A 10") == {"S1": (21, 2, 2), "S2": (12, 2, 2)}
    publish("2025", cohort("chr1 100 . A G . . . GT 0/0 1/1", samples=("S1", "S3")))
    assert score("1 100 G A 1", "2 100 G A 10") == {
        "S1": (20, 2, 2),
        "S2": (12, 2, 2),
        "S3": (2, 1, 2),
    }


def test_a_corrected_crosswalk_moves_the_score(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """The same file again, with the two patients exchanged: a swap of samples was put right."""
    content = vcf("chr1 100 . A G . . . GT 0/1 1/1")
    publish("a", {"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert score("1 100 G A 1") == {"S1": (1, 1, 1), "S2": (2, 1, 1)}
    swapped = b"sample_id,patient_id\nS1,patient-S2\nS2,patient-S1\n"
    publish("b", {"calls.vcf": content, "crosswalk.csv": swapped})
    assert score("1 100 G A 1") == {"S1": (2, 1, 1), "S2": (1, 1, 1)}


def test_several_scores_are_named_by_their_files(
    publish: Publish, lake: Lake, tmp_path: Path
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    files = [
        scoring_file(tmp_path, "1 100 G A 1", name="cvd_demo.txt"),
        scoring_file(tmp_path, "1 100 G A 3", name="PGS000018_hmPOS_GRCh38.txt.gz"),
    ]
    frame = compute_scores(lake, files)
    assert frame["score_name"].to_list() == ["PGS000018"] * 2 + ["cvd_demo"] * 2
    assert sorted(frame["score"].to_list()) == [1, 2, 3, 6]
    again = scoring_file(tmp_path, "1 1 G A 1", name="cvd_demo.txt.gz")
    with pytest.raises(ScoringFileError, match=r"cvd_demo\.txt: cvd_demo\.txt\.gz is of the same"):
        compute_scores(lake, [*files, again])


def test_without_genotypes_or_scores_the_result_is_empty(lake: Lake, tmp_path: Path) -> None:
    empty = compute_scores(lake, [])
    assert empty.is_empty()
    assert empty.schema == compute_scores(lake, [scoring_file(tmp_path, "1 100 G A 1")]).schema
    assert empty.schema["score"] == pl.Float64


@pytest.fixture
def cineca(public_vcf: Path, publish: Publish) -> Path:
    """829 variants of chromosome 22 in 2,504 people, published; the folder of their score files."""
    examples = public_vcf / "pgsc_calc" / "assets" / "examples"
    calls = examples / "target_genomes" / "cineca_synthetic_subset.vcf.gz"
    publish(
        "cineca", {"calls.vcf.gz": calls.read_bytes()}, subjects="per_record", genome_build="GRCh37"
    )
    return examples / "scorefiles"


@pytest.mark.real
def test_the_score_of_the_synthetic_cineca_cohort_is_that_of_plink(
    cineca: Path, lake: Lake, identity: Identity, tmp_path: Path
) -> None:
    """plink1.9 --score sum gives 0.331803 and 0.255963 for the first two samples."""
    frame = compute_scores(lake, [as_catalog(cineca / "PGS001229_22.txt", tmp_path)])
    scores = {row["patient_id"]: row for row in frame.iter_rows(named=True)}
    assert len(scores) == 2504
    for sample, expected in (("HG00096_HG00096", 0.331803), ("HG00097_HG00097", 0.255963)):
        row = scores[identity.subject("urn:medplatform:per-record", sample).patient_id]
        assert row["score"] == pytest.approx(expected, abs=5e-7)
        assert (row["matched_variants"], row["listed_variants"]) == (829, 835)


@pytest.mark.real
def test_every_public_score_file_scores_as_plink_does(
    cineca: Path, lake: Lake, identity: Identity, tmp_path: Path
) -> None:
    """Of the additive rows: plink1.9 has no others."""
    plink = shutil.which("plink1.9")
    if plink is None:
        pytest.skip("plink1.9 is not installed")
    files = [as_catalog(path, tmp_path) for path in sorted(cineca.iterdir())]
    frame = compute_scores(lake, files)
    people = {
        identity.subject("urn:medplatform:per-record", f"{name}_{name}").patient_id: name
        for name in sample_names(cineca)
    }
    compared = []
    for score in map(read_scoring_file, files):
        found = frame.filter(score_name=score.name).drop_nulls("score")
        expected = plink_scores(plink, cineca, score, tmp_path)
        assert found.is_empty() == (not expected)
        wanted = [expected[people[patient]] for patient in found["patient_id"]]
        assert found["score"].to_list() == pytest.approx(wanted, rel=1e-5, abs=2e-6), score.name
        compared.append(found.height)
    assert sorted(compared) == [0, 0, *[2504] * 6]


def as_catalog(path: Path, folder: Path) -> Path:
    """The additive rows of an example, under the columns of the PGS Catalog."""
    text = path.read_text()
    if text.startswith("ID\t"):
        rows = [line.split("\t") for line in text.splitlines()[1:]]
        lines = ["#genome_build=GRCh37", COLUMNS]
        for variant, effect, weight, *_ in rows:
            chromosome, position, *alleles = variant.split(":")
            alleles.remove(effect)
            lines.append("\t".join((chromosome, position, effect, *alleles, weight)))
        text = "\n".join([*lines, ""])
    additive = [line for line in text.splitlines() if "TRUE" not in line]
    target = folder / f"{path.name.replace('.', '_')}.txt"
    target.write_text("\n".join([*additive, ""]))
    return target


def sample_names(cineca: Path) -> list[str]:
    text = (cineca.parent / "target_genomes" / "cineca_synthetic_subset.fam").read_text()
    return [line.split()[1] for line in text.splitlines()]


def plink_scores(plink: str, cineca: Path, score: ScoringFile, folder: Path) -> dict[str, float]:
    """Sums of plink1.9 by sample; none where it has no variant of the score."""
    data = cineca.parent / "target_genomes" / "cineca_synthetic_subset"
    places = {}
    for line in data.with_suffix(".bim").read_text().splitlines():
        chromosome, name, _, position, *_ = line.split()
        places[chromosome, int(position)] = name
    weights = [
        f"{places[place]} {effect} {weight!r}"
        for *place_, effect, weight in score.variants.select(
            "chromosome", "position", "effect_allele", "effect_weight"
        ).iter_rows()
        if (place := tuple(place_)) in places
    ]
    if not weights:
        return {}
    (folder / "weights").write_text("\n".join([*weights, ""]))
    command = [plink, "--bfile", str(data), "--out", str(folder / "plink"), "--threads", "1"]
    subprocess.run(
        [*command, "--score", str(folder / "weights"), "1", "2", "3", "sum"],
        check=True,
        capture_output=True,
    )
    rows = [line.split() for line in (folder / "plink.profile").read_text().splitlines()[1:]]
    return {row[1]: float(row[-1]) for row in rows}
