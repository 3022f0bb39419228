"""The same figures as PLINK 1.9, PLINK 2 and bcftools give, on the same files."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medplatform.modalities.genomics.qc.kinship import find_relatives
from medplatform_tests.modalities.genomics.qc.conftest import (
    RESOURCES,
    Clinic,
    write_dosages,
    write_vcf,
)

ROUNDED = 5.1e-4
"""Relative: PLINK writes four digits."""
CINECA = "pgsc_calc/assets/examples/target_genomes/cineca_synthetic_subset.vcf.gz"


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def read_table(path: Path) -> pl.DataFrame:
    """A table of PLINK: columns apart by spaces."""
    header, *rows = (line.split() for line in path.read_text().splitlines())
    return pl.DataFrame(rows, schema=header, orient="row")


def numbers(values: pl.Series) -> np.ndarray:
    return values.cast(pl.Float64, strict=False).to_numpy()


class Plink:
    """What PLINK computes of a file."""

    def __init__(self, vcf: Path, folder: Path, *arguments: str) -> None:
        self.prefix = folder / "plink"
        command = [tool("plink1.9"), "--vcf", str(vcf), "--double-id", "--out", str(self.prefix)]
        subprocess.run([*command, *arguments], check=True, capture_output=True)

    def __getitem__(self, suffix: str) -> pl.DataFrame:
        return read_table(self.prefix.with_suffix(f".{suffix}"))


@pytest.mark.real
def test_plink_on_a_cohort_with_missing_genotypes(
    public_vcf: Path, tmp_path: Path, clinic: Clinic
) -> None:
    source = public_vcf / CINECA
    text = subprocess.run(["gzip", "-dc", str(source)], check=True, capture_output=True).stdout
    head, _, body = text.decode().partition("#CHROM")
    table = np.array([line.split("\t") for line in body.splitlines()])[:, : 9 + 600]
    genotypes = table[1:, 9:]
    draw = np.random.default_rng(4)
    genotypes[draw.random(genotypes.shape) < 0.03] = "./."
    vcf = tmp_path / "cohort.vcf"
    vcf.write_text(head + "#CHROM" + "\n".join(["\t".join(row) for row in table]) + "\n")
    clinic.deliver("d", {"cohort.vcf": vcf})
    quality = clinic.assess()
    plink = Plink(vcf, tmp_path, "--missing", "--hardy", "--het", "--freq")

    variants = quality.variants.sort("position")
    by_place = dict(zip(table[1:, 2], table[1:, 1].astype(int), strict=True))
    for suffix, column, figure in (
        ("frq", "MAF", variants["minor_allele_frequency"]),
        ("hwe", "P", variants["hardy_weinberg_p"]),
        ("lmiss", "F_MISS", 1 - variants["call_rate"]),
    ):
        rows = plink[suffix]
        order = np.argsort([by_place[name] for name in rows["SNP"]], kind="stable")
        assert numbers(rows[column])[order] == pytest.approx(figure.to_numpy(), rel=ROUNDED)
    midp = Plink(vcf, tmp_path, "--hardy", "midp")["hwe"]
    order = np.argsort([by_place[name] for name in midp["SNP"]], kind="stable")
    found = variants["hardy_weinberg_mid_p"].to_numpy()
    assert numbers(midp["P"])[order] == pytest.approx(found, rel=ROUNDED)

    people = clinic.by_sample(quality, table[0, 9:].tolist())
    het, missing = plink["het"], plink["imiss"]
    assert people["name"].to_list() == het["IID"].to_list() == missing["IID"].to_list()
    assert numbers(het["F"]) == pytest.approx(people["inbreeding"].to_numpy(), abs=5.1e-5)
    assert numbers(missing["N_MISS"]).tolist() == people["missing"].to_list()


def test_plink_on_chromosome_x(tmp_path: Path, clinic: Clinic) -> None:
    draw = np.random.default_rng(9)
    frequency = draw.uniform(0.05, 0.95, (400, 1))
    women = np.array(["0/0", "0/1", "1/1"])[draw.binomial(2, frequency, (400, 15))]
    men = draw.binomial(1, frequency, (400, 15)).astype(str)
    texts = np.concatenate([women, men], axis=1)
    texts[draw.random(texts.shape) < 0.02] = "."
    vcf = tmp_path / "x.vcf"
    vcf.write_bytes(write_vcf(texts, chromosomes=("X",)))
    clinic.deliver("d", {"x.vcf": vcf})
    names = [f"S{number}" for number in range(30)]
    people = clinic.by_sample(clinic.assess(), names)
    sexes = tmp_path / "sexes.txt"
    sexes.write_text("".join(f"{n} {n} {1 + (i < 15)}\n" for i, n in enumerate(names)))
    plink = Plink(vcf, tmp_path, "--update-sex", str(sexes), "--check-sex")["sexcheck"]
    assert numbers(plink["F"]) == pytest.approx(
        people["x_inbreeding"].to_numpy(), rel=ROUNDED, abs=5e-5
    )
    inferred = [{"1": "male", "2": "female", "0": None}[sex] for sex in plink["SNPSEX"]]
    assert people["inferred_sex"].to_list() == inferred
    assert {"male", "female"} <= set(inferred)


@pytest.mark.real
def test_plink2_on_kinship(thousand_genomes: Path, tmp_path: Path) -> None:
    query = [tool("bcftools"), "query", "-f", "[\\t%GT]\\n", "-i", 'N_ALT=1 && TYPE="snp"']
    found = subprocess.run([*query, str(thousand_genomes)], check=True, capture_output=True)
    lines = found.stdout.decode().splitlines()
    texts = [line.split("\t")[1:121] for line in lines]
    copies = np.array([[text.count("1") for text in row] for row in texts], np.int8)
    copies = np.concatenate([copies, copies[:, :3]], axis=1)  # three people twice
    copies[np.random.default_rng(1).random(copies.shape) < 0.03] = -1
    vcf = tmp_path / "people.vcf"
    vcf.write_bytes(write_dosages(copies, chromosomes=("22",), spacing=5))
    prefix = tmp_path / "king"
    command = [tool("plink2"), "--vcf", str(vcf), "--make-king-table", "counts", "--out"]
    subprocess.run([*command, str(prefix)], check=True, capture_output=True)

    theirs = read_table(prefix.with_suffix(".kin0")).with_columns(
        first=pl.col("IID2").str.slice(1).cast(pl.Int64),
        second=pl.col("#IID1").str.slice(1).cast(pl.Int64),
    )
    both = theirs.join(find_relatives(copies, -np.inf), on=["first", "second"])
    assert both.height == theirs.height == 123 * 122 // 2
    # NSNP is not compared: of two pairs this PLINK counts one marker more than there are.
    opposite = both["opposite_homozygotes"] * both["shared_markers"]
    assert numbers(both["IBS0"]) == pytest.approx(opposite.to_numpy())
    assert numbers(both["KINSHIP"]) == pytest.approx(both["kinship"].to_numpy(), abs=5.1e-6)


@pytest.fixture
def exomes(public_vcf: Path, tmp_path: Path) -> Iterator[Path]:
    """Records of one alternate allele of four people, of whom many genotypes are missing."""
    (source,) = (public_vcf / RESOURCES).glob("quartet.*.vcf.gz")
    vcf = tmp_path / "exomes.vcf"
    subset = [tool("bcftools"), "view", "-m2", "-M2", "-o", str(vcf), str(source)]
    subprocess.run(subset, check=True, capture_output=True)
    yield vcf


@pytest.mark.real
def test_bcftools_on_exomes(exomes: Path, clinic: Clinic) -> None:
    clinic.deliver("d", {"exomes.vcf": exomes})
    quality = clinic.assess()
    output = subprocess.run(
        [tool("bcftools"), "stats", "-s", "-", str(exomes)], check=True, capture_output=True
    )
    lines = [line.split("\t") for line in output.stdout.decode().splitlines()]
    (ratio,) = (line[2:4] for line in lines if line[0] == "TSTV")
    kinds = dict(quality.variants.group_by("kind").len().rows())
    assert [kinds["transition"], kinds["transversion"]] == list(map(int, ratio))
    counts = {line[2]: list(map(float, line[3:])) for line in lines if line[0] == "PSC"}
    people = clinic.by_sample(quality, list(counts))
    assert len(counts) == 4
    for person, figures in zip(people.iter_rows(named=True), counts.values(), strict=True):
        reference, homozygous, heterozygous, ts, tv, indels, depth, alone, *_, missing = figures
        assert [
            person["homozygous_reference"],
            person["snvs"],
            person["transitions"],
            person["transversions"],
            person["indels"],
            person["singletons"],
            person["missing"],
        ] == [reference, homozygous + heterozygous, ts, tv, indels, alone, missing]
        if person["mean_depth"] is not None:
            assert person["mean_depth"] == pytest.approx(depth, abs=0.051)
