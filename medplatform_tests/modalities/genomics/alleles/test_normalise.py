"""Alleles and whole files are normalised as bcftools normalises its own test files."""

import gzip
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pysam
import pytest

from medplatform.modalities.genomics.alleles.allele import list_alleles
from medplatform.modalities.genomics.alleles.normalise import NormaliseError, normalise_file
from medplatform.modalities.genomics.reference.build import canonical_chromosome
from medplatform.modalities.genomics.reference.genome import Genome, Standing
from medplatform_tests.modalities.genomics.conftest import vcf

BGZF = b"\x1f\x8b\x08\x04"
COLUMNS = ("chromosome", "position", "reference_allele", "alternate_allele")
Key = tuple[str, int, str, str]
OpenGenome = Callable[[str], Genome]


@pytest.fixture
def bcftools(public_vcf: Path) -> Path:
    """Folder of bcftools' test files."""
    return public_vcf / "bcftools" / "test"


@pytest.fixture
def open_genome(bcftools: Path, tmp_path: Path) -> Iterator[OpenGenome]:
    """Opens a copy of a FASTA of that folder, beside which an index can be made."""
    opened: list[Genome] = []

    def open_copy(name: str) -> Genome:
        opened.append(Genome(Path(shutil.copy(bcftools / name, tmp_path))))
        return opened[-1]

    yield open_copy
    for each in opened:
        each.close()


def records(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line[:1] not in ("", "#")]


def read_records(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    return records((gzip.decompress(content) if path.suffix == ".gz" else content).decode())


def read_info(rows: list[list[str]], key: str) -> list[str | None]:
    found = [re.search(rf"(?:^|;){key}=([^;]+)", row[7]) for row in rows]
    return [match[1] if match else None for match in found]


def normalised(rows: list[list[str]], genome: Genome | None) -> list[Key]:
    """One key per alternate allele, as this platform makes it."""
    frame = pl.DataFrame(
        {
            "variant_id": [f"-{row[0]}-{row[1]}-{row[3]}-{row[4]}" for row in rows],
            "genome_build": pl.Series([None] * len(rows), dtype=pl.String),
            "chromosome": [canonical_chromosome(row[0]) for row in rows],
            "position": pl.Series([row[1] for row in rows]).cast(pl.Int32),
            "end_position": pl.Series(read_info(rows, "END"), dtype=pl.String).cast(pl.Int32),
            "reference_allele": [row[3].upper() for row in rows],
            "alternate_alleles": [[a for a in row[4].split(",") if a != "."] for row in rows],
        }
    )
    lengths = pa.array(read_info(rows, "SVLEN"), pa.string()).cast(pa.int32())
    alleles = list_alleles(frame, {"SVLEN": lengths}, genome)
    return sorted(alleles.select(COLUMNS).iter_rows())


def keys(rows: list[list[str]]) -> list[Key]:
    """One key per alternate allele, as the records have it."""
    return sorted(
        (
            canonical_chromosome(row[0]),
            int(row[1]),
            row[3].upper(),
            alternate.upper() if alternate.isalpha() else alternate,
        )
        for row in rows
        for alternate in row[4].split(",")
        if alternate != "."
    )


SPLIT_AND_ALIGNED = [
    # file, reference, what bcftools norm -f makes of it
    ("norm.split", "norm", "norm.split.and.norm"),
    ("norm.filter", "norm", "norm.filter.1"),
    ("norm.telomere", "norm", "norm.telomere"),
    ("norm.symbolic", "norm.symbolic", "norm.symbolic.1"),
    ("norm.symbolic.3", "norm.symbolic.3", "norm.symbolic.3.1"),
    ("norm.breakend.1", "norm.breakend.1", "norm.breakend.1.1"),
    ("norm.right-align", "norm.right-align", "norm.right-align.1"),
    ("norm.atom-split-norm", "norm.atom-split-norm", "norm.atom-split-norm.1"),
    ("norm.6", "norm.2", "norm.6.1"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "fasta", "expected"), SPLIT_AND_ALIGNED)
def test_alleles_are_those_of_bcftools(
    bcftools: Path, open_genome: OpenGenome, name: str, fasta: str, expected: str
) -> None:
    rows = read_records(bcftools / f"{name}.vcf")
    made = normalised(rows, open_genome(f"{fasta}.fa"))
    assert made == keys(read_records(bcftools / f"{expected}.out"))


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "fasta", "expected"),
    [
        ("norm", "norm", "norm"),  # aligned without being split, mismatches left out
        ("norm.symbolic.2", "norm.symbolic", "norm.symbolic.2"),  # aligned without being split
        ("norm.rmdup.3", "norm.rmdup.3", "norm.rmdup.3.1"),  # duplicates left out
    ],
)
def test_an_allele_has_one_form_whichever_way_it_is_written(
    bcftools: Path, open_genome: OpenGenome, name: str, fasta: str, expected: str
) -> None:
    genome = open_genome(f"{fasta}.fa")
    rows = [row for row in read_records(bcftools / f"{name}.vcf") if matches(row, genome)]
    written = read_records(bcftools / f"{expected}.out")
    assert set(normalised(rows, genome)) == set(normalised(written, genome))
    assert set(normalised(rows, genome)) - set(normalised(rows, None))


def matches(row: list[str], genome: Genome) -> bool:
    """Whether the reader would accept REF and ALT; one record has an allele I, which is no base."""
    if row[4] == "I":
        return False
    chromosomes, positions = np.array([canonical_chromosome(row[0])]), np.array([int(row[1])])
    return genome.compare(chromosomes, positions, [row[3]])[0] != Standing.MISMATCH


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "fasta"),
    [
        ("01_IN_altered_biallelic", "20_altered"),
        ("01_IN_altered_multiallelic", "20_altered"),
        ("test_left_align_hg38_altered", "Homo_sapiens_assembly38.20.21_altered"),
        ("test_left_align_hg38_altered_symbolic", "Homo_sapiens_assembly38.20.21_altered"),
    ],
)
def test_alleles_are_those_of_bcftools_after_a_split_by_vt(
    public_vcf: Path, tmp_path: Path, name: str, fasta: str
) -> None:
    """Files of Glow's test suite."""
    folder = public_vcf / "glow/test-data/variantsplitternormalizer-test"
    rows = read_records(folder / f"{name}.vcf")
    expected = read_records(folder / f"{name}_vtdecompose_bcftoolsnormalized.vcf")
    genome = Genome(Path(shutil.copy(folder / f"{fasta}.fasta", tmp_path)))
    assert set(normalised(rows, genome)) == set(keys(expected))
    genome.close()


SPLIT = [
    # file, what bcftools norm -m - makes of it, whether it was told the same of overlaps and sums
    ("norm.5", "norm.5.2", True),
    ("norm.split.5", "norm.split.5.1", True),
    ("norm.split.4", "norm.split.4.2", False),
    ("norm.split", "norm.split", False),
    ("norm.split.2", "norm.split.2", False),
    ("norm.m-any", "norm.m-any.1", False),
    ("norm.phased-split", "norm.phased-split.1", False),
    ("norm.string-tags", "norm.string-tags.1", False),
    ("norm.sort", "norm.sort.1", False),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "expected", "has_same_genotypes"), SPLIT)
def test_values_are_split_by_their_number(
    bcftools: Path, tmp_path: Path, name: str, expected: str, has_same_genotypes: bool
) -> None:
    target = tmp_path / "split.vcf.gz"
    normalise_file(bcftools / f"{name}.vcf", target, None)
    made, given = read_records(target), read_records(bcftools / f"{expected}.out")
    if not has_same_genotypes:
        made, given = ([without_genotypes(row) for row in rows] for rows in (made, given))
    assert made == given


def without_genotypes(row: list[str]) -> list[str]:
    if len(row) < 9 or row[8].split(":")[0] != "GT":
        return row
    return [*row[:8], *(field.partition(":")[2] for field in row[8:])]


@pytest.mark.real
def test_a_file_is_aligned_against_a_reference(
    bcftools: Path, open_genome: OpenGenome, tmp_path: Path
) -> None:
    genome = open_genome("norm.fa")
    normalise_file(bcftools / "norm.split.vcf", tmp_path / "out.vcf.gz", genome.path)
    made = [without_genotypes(row) for row in read_records(tmp_path / "out.vcf.gz")]
    given = [without_genotypes(row) for row in read_records(bcftools / "norm.split.and.norm.out")]
    assert made == given


def test_a_file_that_bcftools_cannot_read_leaves_nothing_and_is_not_quoted(tmp_path: Path) -> None:
    source = tmp_path / "anna_smith.vcf"
    source.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tAnna Smith\n")
    with pytest.raises(NormaliseError, match="bcftools view FILE") as raised:
        normalise_file(source, tmp_path / "out.vcf.gz", None)
    assert "smith" not in str(raised.value).casefold()
    assert [path.name for path in tmp_path.iterdir()] == ["anna_smith.vcf"]


@pytest.fixture
def multiallelic(tmp_path: Path) -> Path:
    source = tmp_path / "calls.vcf"
    source.write_bytes(vcf("chr1 5 . A C,G . . .", samples=()))
    return source


@pytest.mark.parametrize(
    ("name", "magic"),
    [
        ("out.vcf", b"##fileformat"),
        ("out.VCF", b"##fileformat"),
        ("out.vcf.gz", BGZF),
        ("out.vcf.bgz", BGZF),
        ("out.bcf", BGZF),
    ],
)
def test_what_is_written_is_what_its_name_says(
    multiallelic: Path, tmp_path: Path, name: str, magic: bytes
) -> None:
    target = tmp_path / name
    normalise_file(multiallelic, target, None)
    assert target.read_bytes().startswith(magic)
    with pysam.VariantFile(str(target)) as made:
        assert (made.format, made.is_bcf) == (
            "BCF" if name == "out.bcf" else "VCF",
            name == "out.bcf",
        )
        assert [record.alts for record in made] == [("C",), ("G",)]


@pytest.mark.parametrize("name", ["out", "out.gz", "out.txt", "out.vcf.zip"])
def test_an_ending_that_says_nothing_is_refused(
    multiallelic: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(NormaliseError, match=r"\.vcf, \.vcf\.gz"):
        normalise_file(multiallelic, tmp_path / name, None)
    assert [path.name for path in tmp_path.iterdir()] == ["calls.vcf"]


@pytest.mark.parametrize("folder", ["nodir", "calls.vcf"])
def test_a_folder_that_nothing_can_be_written_to_is_named(
    multiallelic: Path, tmp_path: Path, folder: str
) -> None:
    with pytest.raises(NormaliseError, match=rf"{folder} \(N.*\)\. Make the folder"):
        normalise_file(multiallelic, tmp_path / folder / "out.vcf.gz", None)
