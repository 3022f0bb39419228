"""Reference sequences: adding them, and records that do not match them."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest
from click.testing import CliRunner

from medplatform.cli import cli
from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.genomics import Configuration, configure
from medplatform.modalities.genomics.reference.build import LENGTHS
from medplatform.modalities.genomics.reference.catalogue import (
    GenomeError,
    Genomes,
    add_genome,
    find_genome,
)
from medplatform.modalities.genomics.reference.genome import GAP_BASES, Genome, Standing
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform.settings import get_settings
from medplatform_tests.modalities.genomics.conftest import SAMPLES, Reading, crosswalk, vcf

#           1234567890123456789012345678901234567890
SEQUENCE = "ACGTNacgtRCAAAAAAAAGTCTCTCTCTGGGCATTTTAC"
ReadWith = Callable[..., Reading]


def fasta(**contigs: str) -> str:
    return "".join(f">{name} described\n{bases}\n" for name, bases in contigs.items())


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    path = tmp_path / "genome.fa"
    path.write_text(fasta(chr1=SEQUENCE, chrM="ACGT"))
    return Genome(path)


@pytest.fixture
def short_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """GRCh38 of which chromosome 1 is as long as SEQUENCE."""
    lengths = {**LENGTHS["GRCh38"], "1": len(SEQUENCE)}
    monkeypatch.setitem(LENGTHS, "GRCh38", lengths)


@pytest.fixture
def read_with(tmp_path: Path, identity: Identity, short_build: None) -> ReadWith:
    """Read records of two samples where GRCh38 is SEQUENCE."""

    def read_records(*records: str, genomes: Path | None = None) -> Reading:
        if genomes is None:
            genomes = tmp_path / "genomes"
            genomes.mkdir()
            (genomes / "GRCh38.fa").write_text(fasta(chr1=SEQUENCE))
        folder = tmp_path / "landing" / "genomics" / "delivery"
        folder.mkdir(parents=True)
        header = "##fileformat=VCFv4.2\n##reference=GRCh38\n"
        header += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
        (folder / "calls.vcf").write_bytes(vcf(*records, header=header))
        (folder / "crosswalk.csv").write_bytes(crosswalk(*SAMPLES))
        delivery = open_delivery(tmp_path / "landing", "genomics", "delivery")
        stage = Stage(tmp_path / "stage", "g0")
        configure(Configuration(genomes=genomes)).read(delivery, stage, identity, silent)
        stage.close()
        return Reading(delivery, stage, identity)

    return read_records


@pytest.mark.parametrize(
    ("position", "reference", "standing"),
    [
        (1, "A", Standing.EQUAL),
        (1, "acgt", Standing.EQUAL),
        (6, "ACG", Standing.EQUAL),  # lower case: masked repeats
        (2, "A", Standing.MISMATCH),
        (3, "GTA", Standing.COMPATIBLE),  # N of the sequence may be A
        (4, "TN", Standing.EQUAL),
        (10, "A", Standing.COMPATIBLE),  # R is A or G: VCF writes A (4.3, section 1.6.1)
        (10, "C", Standing.MISMATCH),
        (11, "Y", Standing.COMPATIBLE),
        (40, "C", Standing.EQUAL),
        (40, "CA", Standing.MISMATCH),  # ends behind the contig
        (90, "C", Standing.MISMATCH),
        (0, "N", Standing.UNKNOWN),  # a telomere
    ],
)
def test_how_an_allele_stands_to_the_sequence(
    genome: Genome, position: int, reference: str, standing: Standing
) -> None:
    assert genome.compare(np.array(["1"]), np.array([position]), [reference])[0] == standing


def test_alleles_of_many_contigs_in_any_order(genome: Genome) -> None:
    contigs = np.array(["MT", "1", "2", "1", "MT"])
    found = genome.compare(contigs, np.array([2, 11, 1, 1, 1]), ["CGT", "C", "A", "G", "T"])
    S = Standing
    assert found.tolist() == [S.EQUAL, S.EQUAL, S.UNKNOWN, S.MISMATCH, S.MISMATCH]


def test_alleles_far_from_each_other(tmp_path: Path) -> None:
    """They are fetched apart, whatever their order."""
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 3 * GAP_BASES))
    (tmp_path / "far.fa").write_text(fasta(chr1=bases))
    positions = rng.permutation(np.array([1, 2, 70_000, 70_003, 190_000, 196_600]))
    references = [bases[position - 1 : position + 2] for position in positions]
    references[2] = references[2].translate(str.maketrans("ACGT", "CGTA"))
    found = Genome(tmp_path / "far.fa").compare(np.full(6, "1"), positions, references)
    assert found.tolist() == [3, 3, 1, 3, 3, 3]


def test_records_that_do_not_match_are_refused(read_with: ReadWith) -> None:
    reading = read_with("chr1 1 . A C . . . GT 0/1 0/0", "chr1 2 . A C . . . GT 0/1 0/0")
    (refusal,) = [row for row in reading.refusals() if row["severity"] == "error"]
    assert (refusal["code"], refusal["element"]) == ("reference.mismatch", "REF")
    assert refusal["record_number"] == 5
    assert len(reading.rows("genomics_variant")) == 1
    reading.assert_counts_add_up()


def test_alleles_are_left_aligned_against_the_reference(read_with: ReadWith) -> None:
    reading = read_with("chr1 18 . AA A,AAA . . . GT 0/1 0/2")
    rows = {row["allele_id"]: row for row in reading.rows("genomics_allele")}
    deletion, insertion = rows["GRCh38-1-11-CA-C"], rows["GRCh38-1-11-C-CA"]
    assert (deletion["allele_number"], deletion["allele_type"]) == (1, "deletion")
    assert (insertion["allele_number"], insertion["allele_type"]) == (2, "insertion")
    assert deletion["is_left_aligned"] and insertion["is_left_aligned"]
    assert deletion["variant_id"] == insertion["variant_id"]
    assert deletion["record_number"] == 4


def test_without_a_reference_alleles_are_trimmed(read_with: ReadWith, tmp_path: Path) -> None:
    reading = read_with("chr1 17 . AAA AA,TAA . . . GT 0/1 0/2", genomes=tmp_path / "none")
    deletion, change = reading.rows("genomics_allele")
    assert deletion["allele_id"] == "GRCh38-1-17-AA-A"
    assert deletion["is_left_aligned"] is False
    assert change["allele_id"] == "GRCh38-1-17-A-T"
    assert change["is_left_aligned"] is True


def test_a_file_of_another_build_is_refused_whole(read_with: ReadWith) -> None:
    shifted = [
        f"chr1 {place + 1} . {base.upper()} <DEL> . . . GT 0/1 0/0"
        for place, base in enumerate(SEQUENCE[3:])
        if base.upper() in "ACGT"
    ]
    reading = read_with(*shifted)
    assert {row["code"] for row in reading.refusals()} >= {"build.conflict"}
    assert reading.rows("genomics_variant") == []
    assert reading.counts("calls.vcf")["variant"][:3] == (len(shifted), 0, len(shifted))


def test_a_few_mismatches_do_not_make_another_build(read_with: ReadWith) -> None:
    records = [f"chr1 {n} . {SEQUENCE[n - 1]} <DEL> . . . GT 0/1 0/0" for n in range(11, 40)]
    reading = read_with(*records, "chr1 40 . A <DEL> . . . GT 0/1 0/0")
    assert [code for *_, code in reading.errors()] == ["reference.mismatch"]


@pytest.mark.parametrize("form", ["plain", "gzip", "bgzip"])
def test_adding_a_reference(tmp_path: Path, short_build: None, form: str) -> None:
    text = fasta(NC_000001=SEQUENCE).replace("NC_000001", "NC_000001.11").encode()
    source = tmp_path / "genome.fa"
    if form == "bgzip":
        with pysam.BGZFile(str(source), "wb", None) as out:
            out.write(text)
    else:
        source.write_bytes(gzip.compress(text) if form == "gzip" else text)
    path = add_genome(source, "GRCh38", tmp_path / "genomes")
    names = {"GRCh38.fa.gz", "GRCh38.fa.gz.fai", "GRCh38.fa.gz.gzi"}
    assert {file.name for file in path.resolve().parent.iterdir()} == names
    genome = Genomes(path.parent).get("GRCh38")
    assert genome is not None
    assert genome.fetch("1", 0, 40) == SEQUENCE


def test_a_reference_is_replaced_with_its_index_at_once(tmp_path: Path, short_build: None) -> None:
    folder = tmp_path / "genomes"
    paths: list[Path] = []
    for bases in ("ACGT", "CCCC", "GGGG"):
        (tmp_path / "genome.fa").write_text(fasta(chr2_alt=bases, chr1=SEQUENCE))
        add_genome(tmp_path / "genome.fa", "GRCh38", folder)
        path = find_genome(folder, "GRCh38")
        assert path is not None
        paths.append(path)
        if len(paths) == 2:
            former = Genome(paths[0])  # whoever reads the former one goes on with its own index
            assert former.fetch("2_alt", 0, 4) == "ACGT"
        assert Genome(path).fetch("2_alt", 0, 4) == bases
    assert [path.exists() for path in paths] == [False, True, True]


def test_a_file_that_was_put_there_by_hand_gives_way_to_what_is_added(
    tmp_path: Path, short_build: None
) -> None:
    folder = tmp_path / "genomes"
    folder.mkdir()
    with pysam.BGZFile(str(folder / "GRCh38.fa.gz"), "wb", None) as out:
        out.write(fasta(chr1="A" * len(SEQUENCE)).encode())
    by_hand = Genomes(folder).get("GRCh38")
    assert by_hand is not None
    assert by_hand.fetch("1", 0, 2) == "AA"
    (tmp_path / "genome.fa").write_text(fasta(chr1=SEQUENCE))
    add_genome(tmp_path / "genome.fa", "GRCh38", folder)
    added = Genomes(folder).get("GRCh38")
    assert added is not None
    assert added.fetch("1", 0, 40) == SEQUENCE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no FASTA", "no FASTA file"),
        (fasta(chr1=SEQUENCE + "A").encode(), "another length"),
        (fasta(scaffold=SEQUENCE).encode(), "none of the chromosomes"),
        (gzip.compress(fasta(chr1=SEQUENCE).encode())[:-12], "damaged"),
    ],
)
def test_what_is_no_reference_of_the_build_changes_nothing(
    tmp_path: Path, short_build: None, content: bytes, reason: str
) -> None:
    (tmp_path / "bad.fa").write_bytes(content)
    with pytest.raises(GenomeError, match=reason):
        add_genome(tmp_path / "bad.fa", "GRCh38", tmp_path / "genomes")
    assert list((tmp_path / "genomes").iterdir()) == []


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MEDPLATFORM_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield tmp_path / "data"
    get_settings.cache_clear()


def test_the_command_line(data: Path, tmp_path: Path, short_build: None) -> None:
    run = CliRunner().invoke
    assert "There is none" in run(cli, ["genome", "list"]).output
    (tmp_path / "genome.fa").write_text(fasta(chr1=SEQUENCE))
    calls = tmp_path / "calls.vcf"
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    )
    calls.write_bytes(vcf("chr1 18 . AA A,AAA . . .", samples=(), header=header))
    normalise = ["genome", "normalise", str(calls), str(tmp_path / "out.vcf.gz")]
    assert "genome add FILE" in run(cli, [*normalise, "--build", "GRCh38"]).output
    added = run(cli, ["genome", "add", str(tmp_path / "genome.fa"), "--build", "GRCh38"])
    assert added.exit_code == 0, added.output
    assert str(len(SEQUENCE)) in run(cli, ["genome", "list"]).output
    assert run(cli, [*normalise, "--build", "GRCh38"]).exit_code == 0
    lines = gzip.decompress((tmp_path / "out.vcf.gz").read_bytes()).decode().splitlines()
    assert [line.split("\t")[1:5] for line in lines if line[0] != "#"] == [
        ["11", ".", "CA", "C"],
        ["11", ".", "C", "CA"],
    ]
