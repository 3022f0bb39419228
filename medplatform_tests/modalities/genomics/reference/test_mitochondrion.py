"""The chrM of hg18 and hg19 (NC_001807) is not MT (NC_012920): positions in it differ."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from medplatform.cli import cli
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.reference.build import (
    LENGTHS,
    OTHER_MITOCHONDRION,
    Build,
    canonical_chromosome,
    resolve_build,
)
from medplatform.modalities.genomics.reference.catalogue import Genomes, add_genome
from medplatform.modalities.genomics.reference.check import refuse_other_build
from medplatform.modalities.genomics.reference.genome import Genome, Standing
from medplatform.modalities.genomics.reference.mitochondrion import (
    OTHER,
    UNCLEAR,
    remark_on_mitochondria,
)
from medplatform.settings import get_settings
from medplatform_tests.modalities.genomics.conftest import vcf

HG19 = {"chr1": 249250621, "chrM": 16571}
BASES = "".join(np.random.default_rng(7).choice(list("ACGT"), 16571))


@pytest.fixture
def short_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """GRCh37 of which chromosome 1 has 40 bases."""
    monkeypatch.setitem(LENGTHS, "GRCh37", {**LENGTHS["GRCh37"], "1": 40})


@pytest.fixture
def hg19(tmp_path: Path) -> Path:
    path = tmp_path / "hg19.fa"
    path.write_text(f">chrM\n{BASES}\n>chr1\n{'ACGT' * 10}\n")
    return path


@pytest.mark.parametrize(
    ("contigs", "name", "expected"),
    [
        (HG19, "chrM", OTHER_MITOCHONDRION),
        ({"M": 16571}, "M", OTHER_MITOCHONDRION),
        ({"MT": 16571}, "MT", OTHER_MITOCHONDRION),  # NCBI36 of 1000 Genomes
        ({"chrM": 16569}, "chrM", "MT"),
        ({"MT": 16569}, "MT", "MT"),
        ({}, "chrM", "MT"),
        (HG19 | {"chrMT": 16569}, "chrMT", "MT"),  # hg19.p13.plusMT has both
        (HG19 | {"chrMT": 16569}, "chrM", OTHER_MITOCHONDRION),
        ({"chrUn_1": 16571}, "chrUn_1", "Un_1"),
    ],
)
def test_the_length_in_the_header_tells_which_mitochondrion_a_file_has(
    contigs: dict[str, int], name: str, expected: str
) -> None:
    build = resolve_build(contigs, [], None)
    assert build.chromosome(name) == expected
    assert canonical_chromosome(build.chromosome(name)) == expected


@pytest.mark.parametrize(
    ("build", "contig", "expected"),
    [
        (resolve_build(HG19, [], None), "chrM", [OTHER]),
        (resolve_build({"chrM": 16571}, [], None), "chrM", [OTHER]),
        (resolve_build({"chr1": 249250621}, [], None), "chrM", [UNCLEAR]),
        (resolve_build({}, ["hg19.fa"], None), "chrM", [UNCLEAR]),
        (resolve_build({"chr1": 249250621, "chrM": 16569}, [], None), "chrM", []),
        (resolve_build({}, ["hs37d5"], None), "MT", []),
        (resolve_build(HG19, [], None), "chrMT", []),
        (Build("GRCh38"), "chrM", []),
        (Build(None), "chrM", []),
    ],
)
def test_what_is_not_or_may_not_be_mt_has_a_remark(
    build: Build, contig: str, expected: list
) -> None:
    remarks = remark_on_mitochondria(["chr1", contig, "chr2"], build)
    assert [rule for rule, _ in remarks] == expected
    assert all(mask.to_list() == [False, True, False] for _, mask in remarks)


def test_a_reference_has_its_mitochondrion_by_its_length(
    tmp_path: Path, hg19: Path, short_build: None
) -> None:
    add_genome(hg19, "GRCh37", tmp_path / "genomes")
    genome = Genomes(tmp_path / "genomes").get("GRCh37")
    assert genome is not None
    assert genome.contig("MT") is None
    assert genome.contig(OTHER_MITOCHONDRION) == "chrM"
    contigs = np.array(["MT", OTHER_MITOCHONDRION])
    found = genome.compare(contigs, np.array([5, 5]), [BASES[4:8]] * 2)
    assert found.tolist() == [Standing.UNKNOWN, Standing.EQUAL]


def test_who_adds_a_reference_of_the_other_mitochondrion_is_told(
    tmp_path: Path, hg19: Path, short_build: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDPLATFORM_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    added = CliRunner().invoke(cli, ["genome", "add", str(hg19), "--build", "GRCh37"])
    get_settings.cache_clear()
    assert added.exit_code == 0
    assert "Its chrM is NC_001807.4 (16,571 bases) and not MT" in added.output


def test_records_of_the_other_mitochondrion_do_not_speak_against_the_build(tmp_path: Path) -> None:
    """hg19 has chrM first, so that they may be most of the first records."""
    (tmp_path / "b37.fa").write_text(f">MT\n{BASES[2:]}\n")
    path = tmp_path / "calls.vcf"
    places = range(1000, 1100)
    records = [f"chrM {place} . {BASES[place - 1]} <DEL> . . ." for place in places]
    path.write_bytes(vcf(*records, samples=()))
    build = resolve_build(HG19, [], None)
    header = Header((), has_format=False, has_version=True, build=build)
    with closing(Genome(tmp_path / "b37.fa")) as genome:
        refuse_other_build(path, header, genome)
