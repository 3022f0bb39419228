"""A lake of genotypes, and files whose genotypes are known."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.genomics.qc.assess import Quality, assess
from medplatform.modalities.genomics.tables import SAMPLE
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

RESOURCES = "opencga/opencga-storage/opencga-storage-core/src/test/resources"
GENOTYPES = np.array(["./.", "0/0", "0/1", "1/1"])
"""Texts of dosages from -1 to 2."""


class Clinic:
    """Reads deliveries of VCF files into a lake."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = Lake(root / "lake")
        self.identity = Identity(KeyRing(bytes(32)), root / "vault")

    def deliver(
        self, name: str, files: Mapping[str, bytes | Path], crosswalk: str | None = None
    ) -> None:
        """Read files, of which each sample is a person of its own where there is no crosswalk."""
        folder = self.root / "landing" / "genomics" / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            if isinstance(content, Path):
                (folder / file).symlink_to(content)
            else:
                (folder / file).write_bytes(content)
        if crosswalk is None:
            (folder / "delivery.json").write_text(json.dumps({"subjects": "per_record"}))
        else:
            (folder / "crosswalk.csv").write_text(crosswalk)
        delivery = open_delivery(self.root / "landing", "genomics", name)
        with self.lake.stage("genomics", name, "g") as stage:
            GENOMICS.read(delivery, stage, self.identity, silent)
            self.lake.publish(
                stage,
                modality="genomics",
                delivery=name,
                status="published",
                content_digest=name,
                sources=[],
                started_at=datetime.now(UTC),
            )

    def assess(self, sexes: Mapping[str, str] | None = None) -> Quality:
        """Assess the lake; `sexes` is by sample name."""
        of_patients = pl.DataFrame(
            {
                "patient_id": [self.patient(name) for name in sexes or {}],
                "patient_sex": list((sexes or {}).values()),
            },
            schema={"patient_id": pl.String, "patient_sex": pl.String},
        )
        return assess(self.lake, sexes=of_patients)

    def token(self, sample: str) -> str:
        """What the lake calls a sample."""
        return self.identity.token("sample", sample)

    def patient(self, sample: str) -> str:
        """What the lake calls the person whom a sample is from."""
        rows = self.lake.scan(SAMPLE).collect()
        return rows.filter(pl.col("sample_id") == self.token(sample))["patient_id"][0]

    def by_sample(self, quality: Quality, names: Sequence[str]) -> pl.DataFrame:
        """The rows of samples, in the order of names."""
        order = pl.DataFrame({"name": names, "sample_id": [self.token(name) for name in names]})
        return order.join(quality.samples, on="sample_id", how="left", maintain_order="left")


def write_vcf(
    texts: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    chromosomes: Sequence[str] = ("1",),
    spacing: int = 20_000,
    alternates: str = "G",
) -> bytes:
    """A VCF file of GRCh37; `texts` are genotypes, variants x samples.

    Variants are dealt evenly to the chromosomes, from position 5,000,000 on.
    """
    variants, samples = texts.shape
    header = [
        "##fileformat=VCFv4.2",
        "##reference=GRCh37",
        *(f"##contig=<ID={name}>" for name in dict.fromkeys(chromosomes)),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    names = names or [f"S{number}" for number in range(samples)]
    columns = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines = [*header, "#" + "\t".join([*columns, *names])]
    per_chromosome = -(-variants // len(chromosomes))
    for row in range(variants):
        chromosome, number = divmod(row, per_chromosome)
        place = 5_000_000 + number * spacing
        fixed = [chromosomes[chromosome], str(place), ".", "A", alternates, ".", ".", ".", "GT"]
        lines.append("\t".join([*fixed, *texts[row]]))
    return ("\n".join(lines) + "\n").encode()


def write_dosages(dosages: np.ndarray, **options: object) -> bytes:
    """A VCF file of diploid genotypes, variants x samples, -1 where not called."""
    return write_vcf(GENOTYPES[dosages + 1], **options)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


@pytest.fixture(scope="session")
def thousand_genomes(public_vcf: Path) -> Path:
    """9,713 variants of chromosome 22 in 2,504 people."""
    (path,) = (public_vcf / RESOURCES).glob("filtered.10k.chr22.*.vcf.gz")
    return path
