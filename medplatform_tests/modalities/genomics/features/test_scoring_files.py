"""Which scoring files can be used, what of them, and what is said of the others."""

import gzip
from pathlib import Path

import pytest

from medplatform.modalities.genomics.features.scoring_file import (
    ScoringFileError,
    find_unusable,
    read_scoring_file,
)
from medplatform_tests.modalities.genomics.features.scoring import COLUMNS, scoring_file


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


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (("1 99 TG TGCA 1", "1 100 G GCA 1"), 1),
        (("1 100 G GCA 1", "1 99 TG TGCA 1"), 1),
        (("1 2000 AT GT 1", "1 2000 A G 1"), 1),
        (("1 2000 AT GT 1", "1 2000 G A 1"), 2),
        (("1 99 TG TGCA 1", "1 100 GCA G 1"), 2),
        (("1 99 TG TGCA 1", "2 100 G GCA 1"), 2),
        (("1 100 G  1", "1 100 G  1"), 1),
        (("1 100 G  1", "1 100 G A 1"), 1),
        (("1 100 G A 1", "1 100 G  1"), 1),
        (("1 100 G A 1", "1 100 G T 1"), 2),
        (("1 100 G GCA 1", "1 100 G  1"), 2),  # a base, and what a deletion leaves
        (("1 100 G A 1", "1 100 A  1"), 2),
    ],
)
def test_rows_that_are_one_variant_when_trimmed_are_duplicates(
    tmp_path: Path, rows: tuple[str, ...], kept: int
) -> None:
    score = read_scoring_file(scoring_file(tmp_path, *rows))
    assert score.variants["row"].to_list() == [0, 1][:kept]
    assert dict(score.skipped) == ({"duplicate": 1} if kept == 1 else {})


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
    assert score.variants.drop("row").rows() == [("1", 200, "A", "G", "additive", 0.5, None)]


@pytest.mark.parametrize(
    ("columns", "row", "build", "message"),
    [
        ("rsID\teffect_allele\teffect_weight", "rs1 A 1", "GRCh38", "chr_name, chr_position"),
        (COLUMNS, None, "GRCh38", "no variant"),
        (COLUMNS, "1 100 A G 1", "NR", "genome_build"),
        (COLUMNS, "1 100 A G high", "GRCh38", "not a number"),
        (COLUMNS.replace("effect_weight", "dosage_0_weight"), "1 1 A G 1", "hg38", "effect_weight"),
    ],
)
def test_an_unusable_scoring_file_says_the_remedy(
    tmp_path: Path, columns: str, row: str | None, build: str, message: str
) -> None:
    rows = [] if row is None else [row]
    with pytest.raises(ScoringFileError, match=message):
        read_scoring_file(scoring_file(tmp_path, *rows, columns=columns, build=build))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bxx", b"\xff\xfe", b"#genome_build=hg38\n"])
def test_no_table_is_no_scoring_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes(content)
    with pytest.raises(ScoringFileError, match=r"pgscatalog\.org"):
        read_scoring_file(path)


def write(path: Path, columns: str, *rows: str) -> Path:
    path.write_text("\n".join(["#genome_build=GRCh38", columns, *rows]) + "\n")
    return path


def test_files_that_cannot_be_used_are_told_from_the_others(tmp_path: Path) -> None:
    good = write(tmp_path / "good.txt", COLUMNS, "1\t100\tA\tG\t0.5")
    several = write(
        tmp_path / "several.txt",
        COLUMNS.replace("effect_weight", "first\tsecond"),
        "1\t1\tA\tG\t1\t2",
    )
    reasons = find_unusable([good, several])
    assert list(reasons) == [several]
    assert "no column effect_weight" in reasons[several]
    assert "one score per file" in reasons[several]


HEADER = "#genome_build=GRCh38\n"
DECLARED = f"{HEADER}#variants_number=2\n"
ROWS = f"{COLUMNS}\n1\t100\tA\tG\t0.25\n1\t200\tA\tG\t0.25\n"


def test_a_file_that_breaks_off_within_a_row_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(DECLARED + ROWS[:-2])
    with pytest.raises(ScoringFileError, match=r"its last line has no line end, .* Transfer it"):
        read_scoring_file(path)


def test_a_file_of_fewer_rows_than_it_declares_is_known_to_be_a_part(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(f"{DECLARED}{COLUMNS}\n1\t100\tA\tG\t0.25\n\n\n")  # an empty line is no row
    score = read_scoring_file(path)
    assert (score.listed, score.declared) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        DECLARED + ROWS,
        HEADER + ROWS[:-1],  # written by hand, and no number says how many there are
        f"{HEADER}#variants_number=1\n{ROWS}",  # an interaction has several rows
        f"{HEADER}#variants_number=NR\n{ROWS}",
        f"{HEADER}#variants_number={'9' * 5000}\n{ROWS}",
    ],
)
def test_a_file_of_as_many_rows_as_it_declares_is_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.txt"
    path.write_text(text)
    assert read_scoring_file(path).listed == 2


def test_what_was_compressed_needs_no_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "s.txt.gz"
    path.write_bytes(gzip.compress((DECLARED + ROWS[:-1]).encode()))
    assert read_scoring_file(path).listed == 2


def test_rows_that_were_not_mapped_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(f"{DECLARED}{COLUMNS}\n1\t100\tA\tG\t0.25\n\t\tA\tG\t0.25\n")
    score = read_scoring_file(path)
    assert (score.listed, dict(score.skipped)) == (2, {"no_position": 1})


def test_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(HEADER + ROWS, encoding="utf-8-sig")
    score = read_scoring_file(path)
    assert (score.build, score.listed) == ("GRCh38", 2)
