"""Public VCF files: no input crashes the reader, and every record is accounted for."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.genomics.genotypes.packed import unpack
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import Read, Reading

pytestmark = pytest.mark.real
RESOURCES = "opencga/opencga-storage/opencga-storage-core/src/test/resources"


@pytest.fixture
def thousand_genomes(public_vcf: Path, read: Read) -> Iterator[tuple[Path, Reading]]:
    """9,750 variants of chromosome 22 in 2,504 people; plain gzip, not BGZF."""
    (path,) = (public_vcf / RESOURCES).glob("10k.chr22.*.vcf.gz")
    yield path, read({"calls.vcf.gz": path}, subjects="per_record")


def test_a_cohort_of_2504_people(thousand_genomes: tuple[Path, Reading]) -> None:
    path, reading = thousand_genomes
    assert reading.refusals() == []
    assert reading.counts("calls.vcf.gz") == {
        "variant": (9750, 9750, 0, 0, 0),
        "sample": (2504, 2504, 0, 0, 0),
    }
    samples = reading.stage.read("genomics_sample")
    assert set(samples["genome_build"].to_pylist()) == {"GRCh37"}
    variants = reading.stage.read("genomics_variant").to_pylist()
    cells = reading.stage.read("genomics_genotype")
    assert cells["variant_id"].to_pylist() == [row["variant_id"] for row in variants]
    text = gzip.decompress(path.read_bytes()).decode()
    records = [line for line in text.splitlines() if line[0] != "#"]
    multiallelic = [row for row, text in enumerate(records) if "," in text.split("\t", 5)[4]]
    assert multiallelic
    for row in [*range(0, 9750, 487), *multiallelic[::5]]:
        fields, variant = records[row].split("\t"), variants[row]
        texts = [text.replace("|", "/").split("/") for text in fields[9:]]
        expected = np.array([[int(a) for a in text] for text in texts])
        alleles, phased = unpack(cells["genotypes"][row].as_py(), 2504)
        assert np.array_equal(alleles, expected)
        assert phased[:, 1].tolist() == ["|" in text for text in fields[9:]]
        assert variant["position"] == int(fields[1])
        assert variant["alternate_alleles"] == fields[4].split(",")
        items = [item.partition("=") for item in fields[7].split(";")]
        info = {key: value for key, _, value in items}
        assert variant["called_count"] == int(info["AN"])
        assert variant["alternate_counts"] == [int(count) for count in info["AC"].split(",")]


def test_no_public_file_crashes_the_reader(
    public_vcf: Path, tmp_path: Path, identity: Identity
) -> None:
    """Files of the test suites of bcftools, htslib, glow and others, many of them broken."""
    paths = [
        path
        for folder in (public_vcf, public_vcf.parent / "hts-specs-vcf")
        for path in sorted(folder.rglob("*.vcf*"))
        if path.is_file() and path.stat().st_size < 200_000 and path.suffix in (".vcf", ".gz")
    ]
    folder = tmp_path / "landing" / "genomics" / "all"
    folder.mkdir(parents=True)
    for number, path in enumerate(paths[::3]):
        (folder / f"{number}{''.join(path.suffixes[-2:])}").symlink_to(path)
    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    delivery = open_delivery(tmp_path / "landing", "genomics", "all")
    stage = Stage(tmp_path / "stage", "g0")
    GENOMICS.read(delivery, stage, identity, silent)
    stage.close()
    reading = Reading(delivery, stage, identity)
    reading.assert_counts_add_up()
    assert len(delivery.sources) > 200


def test_valid_files_of_the_specification_are_accepted(public_vcf: Path, read: Read) -> None:
    folder = public_vcf.parent / "hts-specs-vcf"
    paths = sorted(folder.glob("4.*/passed/*.vcf"))
    assert paths
    reading = read(
        {f"{number}.vcf": path for number, path in enumerate(paths)}, subjects="per_record"
    )
    names = {s.source_id: paths[int(s.path.stem)].name for s in reading.delivery.sources}
    refused = {
        (names[row["source_id"]], row["code"])
        for row in reading.refusals()
        if row["severity"] == "error"
    }
    assert refused == set()
