"""Which scoring files can be used, and what is said of the others."""

from pathlib import Path

from medplatform.modalities.genomics.features.scoring_file import find_unusable

COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"


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
