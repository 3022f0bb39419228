"""Polygenic scores against values worked out by hand."""

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.score import compute_scores
from medplatform.modalities.genomics.scoring_file import ScoringFileError, read_scoring_file
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


@pytest.mark.real
def test_the_score_of_the_synthetic_cineca_cohort_is_that_of_plink(
    public_vcf: Path, publish: Publish, lake: Lake, identity: Identity
) -> None:
    """plink1.9 --score sum gives 0.331803 and 0.255963 for the first two samples."""
    examples = public_vcf / "pgsc_calc" / "assets" / "examples"
    calls = examples / "target_genomes" / "cineca_synthetic_subset.vcf.gz"
    publish(
        "cineca", {"calls.vcf.gz": calls.read_bytes()}, subjects="per_record", genome_build="GRCh37"
    )
    frame = compute_scores(lake, [examples / "scorefiles" / "PGS001229_22.txt"])
    scores = {row["patient_id"]: row for row in frame.iter_rows(named=True)}
    assert len(scores) == 2504
    for sample, expected in (("HG00096_HG00096", 0.331803), ("HG00097_HG00097", 0.255963)):
        row = scores[identity.subject("urn:medplatform:per-record", sample).patient_id]
        assert row["score"] == pytest.approx(expected, abs=5e-7)
        assert (row["matched_variants"], row["listed_variants"]) == (829, 835)
