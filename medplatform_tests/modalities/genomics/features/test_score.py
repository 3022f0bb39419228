"""Polygenic scores against values worked out by hand."""

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.score import compute_scores, describe_scores
from medplatform.modalities.genomics.features.scoring_file import (
    ScoringFile,
    ScoringFileError,
    read_scoring_file,
)
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish, crosswalk, vcf

COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
Scores = dict[str, tuple[object, int, int]]


def scoring_file(
    folder: Path, *rows: str, columns: str = COLUMNS, build: str = "GRCh38", name: str = "s.txt"
) -> Path:
    path = folder / name
    lines = ["###PGS CATALOG SCORING FILE", f"#genome_build={build}", columns]
    text = "\n".join([*lines, *(row.replace(" ", "\t") for row in rows)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


@pytest.fixture
def score(tmp_path: Path, lake: Lake, identity: Identity) -> Callable[..., Scores]:
    """Scores of the patients of samples S1 to S4: score, matched, listed."""

    def compute(*rows: str, **options: str) -> Scores:
        frame = compute_scores(lake, [scoring_file(tmp_path, *rows, **options)])
        names = {identity.subject(None, f"patient-S{n}").patient_id: f"S{n}" for n in range(1, 5)}
        return {
            names[row["patient_id"]]: (
                pytest.approx(row["score"]),
                row["matched_variants"],
                row["listed_variants"],
            )
            for row in frame.iter_rows(named=True)
        }

    return compute


def cohort(*records: str, samples: tuple[str, ...] = ("S1", "S2")) -> dict[str, bytes]:
    return {"calls.vcf": vcf(*records, samples=samples), "crosswalk.csv": crosswalk(*samples)}


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


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1 100 G A 1", 1),
        ("1 100 A G 1", 1),
        ("1 100 C T 1", 1),  # the other strand
        ("1 100 G . 1".replace(" .", " "), 1),  # no other allele stated
        ("1 100 G C 1", None),  # another variant at the same place
        ("1 100 T G 1", None),
        ("1 101 G A 1", None),
        ("2 100 G A 1", None),
        ("chr1 100 G A 1", 1),
        ("1 200 A T 1", 2),  # palindromic: as written, never flipped
        ("1 200 T A 1", 0),
        ("1 300 C A 1", None),  # split over two records, other allele unknown below
        ("1 300 G A 1", 1),
        ("1 300 A  1", None),
    ],
)
def test_matching_of_alleles(
    publish: Publish, score: Callable[..., Scores], row: str, expected: int | None
) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1",
            "chr1 200 . A T . . . GT 0/0",
            "chr1 300 . A G . . . GT 0/1",
            "chr1 300 . A T . . . GT 0/0",
            samples=("S1",),
        ),
    )
    assert score(row) == ({} if expected is None else {"S1": (expected, 1, 1)})


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


def test_a_reference_block_is_the_reference(publish: Publish, score: Callable[..., Scores]) -> None:
    """Which allele that is, is known where a block begins or any record is."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S3",)))
    blocks = (
        "chr1 90 . A <NON_REF> . . END=150 GT:DP 0/0:30 ./.:0",
        "chr1 200 . C <NON_REF> . . END=400 GT:DP 0/0:30 0/0:30",
        "chr1 500 . T <NON_REF> . . END=600 GT:DP 0:30 0/0:30",
    )
    publish("b", cohort(*blocks))
    assert score(
        "1 100 A G 1",  # the effect allele is the reference
        "1 200 G C 10",
        "1 300 G C 100",  # within a block, and no record says which allele is the reference
        "1 500 A G 1000",  # the other strand
    ) == {"S1": (2 + 1000, 3, 4), "S2": (2000, 2, 4), "S3": (1, 1, 4)}


INSERTION = "1 100 AT A 1", "1 100 A AT 10"
"""Copies of the longer allele, and ten times those of the shorter one."""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, None),
        ("chr1 100 . A G", None),  # tells the base only
        ("chr1 100 . A ATT", None),
        ("chr1 100 . A AT", (20, 2)),
        ("chr1 100 . AT A", (2, 2)),
        ("chr1 100 . A G,AT", (20, 2)),
    ],
)
def test_an_indel_in_a_block_needs_a_record_that_says_which_allele_is_the_reference(
    publish: Publish,
    score: Callable[..., Scores],
    record: str | None,
    expected: tuple[int, int] | None,
) -> None:
    """The base at which a block begins is the first of both alleles."""
    if record:
        publish("a", cohort(f"{record} . . . GT 0/0", samples=("S2",)))
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    found = score(*INSERTION).get("S1")
    assert found == (expected and (*expected, 2))


def test_an_indel_that_is_written_both_ways_at_a_place_matches_no_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    records = ("chr1 100 . A AT . . . GT 0/0", "chr1 100 . AT A . . . GT 0/0")
    publish("a", cohort(*records, samples=("S2",)))
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert "S1" not in score(*INSERTION)


@pytest.mark.parametrize(("end", "expected"), [(103, {}), (104, {"S1": (10, 1, 1)})])
def test_a_deletion_lies_in_a_block_that_covers_all_its_bases(
    publish: Publish, score: Callable[..., Scores], end: int, expected: Scores
) -> None:
    publish("a", cohort("chr1 102 . ACG A . . . GT 0/0", samples=("S2",)))
    publish("b", cohort(f"chr1 90 . T <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    found = score("1 102 ACG A 5")
    assert found.pop("S2") == (10, 1, 1)
    assert found == expected


def test_an_effect_allele_without_its_other_allele_matches_no_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """A may be the base, or what a deletion leaves."""
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert score("1 100 A  1") == {}


def test_a_record_without_a_call_counts_before_a_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT ./.", samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=200 GT 0/0 0/0"))
    assert score("1 100 A G 1") == {"S2": (2, 1, 1)}


def test_a_record_without_genotypes_does_not_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    publish("b", cohort("chr1 100 . A G . . . DP 7 8", "chr1 200 . A G . . . DP 7 8"))
    assert score("1 100 G A 1", "1 200 G A 1") == {"S1": (1, 1, 2), "S2": (2, 1, 2)}


def test_rows_that_no_genotype_can_answer_are_counted_by_reason(tmp_path: Path) -> None:
    columns = f"{COLUMNS}\tis_haplotype\tis_diplotype\tis_interaction\tis_dominant\tis_recessive"
    rows = (
        "1 100 G A 1 False False False False False",
        "1 100 G A 1 False False False False False",
        "1 100 G A 1 True False False False False",
        "1 100 G A 1 False True False False False",
        "1 100 G A x False False True False False",
        "1 100 G A 1 False False False True True",
        "1  G A 1 False False False False False",
        "6 100 P N 1 False False False False False",
        "1 200 A T 1 False False False False False",
    )
    score = read_scoring_file(scoring_file(tmp_path, *rows, columns=columns))
    assert dict(score.skipped) == dict.fromkeys(
        (
            *("contradiction", "diplotype", "duplicate", "haplotype", "interaction"),
            *("no_bases", "no_position"),
        ),
        1,
    )
    assert (score.listed, score.variants.height, score.strand_ambiguous) == (9, 2, 1)


def test_scores_are_described_before_they_are_computed(
    publish: Publish, lake: Lake, tmp_path: Path
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    files = [
        scoring_file(tmp_path, "1 100 G A 1", "1  G A 1", name="here.txt"),
        scoring_file(tmp_path, "1 100 G A 1", build="GRCh37", name="there.txt"),
    ]
    assert describe_scores(lake, files).rows() == [
        ("here", "GRCh38", 2, 1, "1 no_position", 0, 2, 0),
        ("there", "GRCh37", 1, 1, None, 0, 0, 2),
    ]


def test_another_build_never_matches(publish: Publish, score: Callable[..., Scores]) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    assert score("1 100 G A 1", build="hg19") == {}
    assert len(score("1 100 G A 1", build="hg38")) == 2


def test_an_unknown_build_never_matches(publish: Publish, score: Callable[..., Scores]) -> None:
    header = HEADER.replace("248956422", "1000")
    content = vcf("chr1 100 . A G . . . GT 0/1 1/1", header=header)
    publish("d", {"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert score("1 100 G A 1") == {}


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
    with pytest.raises(ScoringFileError, match="same name"):
        compute_scores(lake, [*files, scoring_file(tmp_path, "1 1 G A 1", name="cvd_demo.txt.gz")])


def test_without_genotypes_or_scores_the_result_is_empty(lake: Lake, tmp_path: Path) -> None:
    empty = compute_scores(lake, [])
    assert empty.is_empty()
    assert empty.schema == compute_scores(lake, [scoring_file(tmp_path, "1 100 G A 1")]).schema
    assert empty.schema["score"] == pl.Float64


def test_harmonized_positions_are_preferred(tmp_path: Path) -> None:
    path = tmp_path / "PGS1.txt"
    path.write_text(
        "#genome_build=GRCh37\n#HmPOS_build=GRCh38\n"
        "rsID\tchr_name\tchr_position\teffect_allele\teffect_weight\thm_inferOtherAllele\t"
        "hm_chr\thm_pos\n"
        "rs1\t1\t100\tA\t0.5\tG\t1\t200\nrs2\t1\t101\tA\t0.5\t\t\t\n"
    )
    score = read_scoring_file(path)
    assert (score.build, score.listed) == ("GRCh38", 2)
    assert score.variants.rows() == [("1", 200, "A", "G", "additive", 0.5, None)]


@pytest.mark.parametrize(
    ("columns", "row", "build", "message"),
    [
        ("rsID\teffect_allele\teffect_weight", "rs1 A 1", "GRCh38", "chr_name, chr_position"),
        (COLUMNS, "1 100 A G 1", "NR", "genome_build"),
        (COLUMNS, "1 100 A G high", "GRCh38", "not a number"),
        (COLUMNS.replace("effect_weight", "dosage_0_weight"), "1 1 A G 1", "hg38", "effect_weight"),
    ],
)
def test_an_unusable_scoring_file_says_the_remedy(
    tmp_path: Path, columns: str, row: str, build: str, message: str
) -> None:
    with pytest.raises(ScoringFileError, match=message):
        read_scoring_file(scoring_file(tmp_path, row, columns=columns, build=build))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bxx", b"\xff\xfe", b"#genome_build=hg38\n"])
def test_no_table_is_no_scoring_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes(content)
    with pytest.raises(ScoringFileError, match=r"pgscatalog\.org"):
        read_scoring_file(path)


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
    cineca: Path, lake: Lake, identity: Identity
) -> None:
    """plink1.9 --score sum gives 0.331803 and 0.255963 for the first two samples."""
    frame = compute_scores(lake, [cineca / "PGS001229_22.txt"])
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
        found = frame.filter(score_name=score.name)
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
