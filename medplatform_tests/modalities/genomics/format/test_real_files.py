"""FORMAT values and genotypes of public files are those that htslib reads."""

import gzip
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.genomics.genotypes.packed import ABSENT, MISSING, unpack
from medplatform_tests.modalities.genomics.conftest import Read, Reading

pytestmark = pytest.mark.real
pysam = pytest.importorskip("pysam")

OPENCGA = "opencga/opencga-storage/opencga-storage-core/src/test/resources"
FILES = [
    "cyvcf2/cyvcf2/tests/o.vcf.gz",
    "cyvcf2/cyvcf2/tests/test-haploidX.vcf",
    "cyvcf2/cyvcf2/tests/test.vcf.gz",
    "bio2zarr/tests/data/vcf/chr22.vcf.gz",
    "bio2zarr/tests/data/vcf/chr_m_indels.vcf.gz",
    "bio2zarr/tests/data/vcf/1kg_2020_chrM.vcf.gz",
    "bio2zarr/tests/data/vcf/NA12878.prod.chr20snippet.g.vcf.gz",
    "bio2zarr/tests/data/vcf/CEUTrio.20.21.gatk3.4.g.vcf.bgz",
    "glow/test-data/combined.chr20_18210071_18210093.g.vcf",
    "oxbow/fixtures/sample.vcf",
    f"{OPENCGA}/quartet.variants.annotated.partial.vcf.gz",
    f"{OPENCGA}/platinum",
]
MOST_RECORDS = 250


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_htslib(
    public_vcf: Path, tmp_path: Path, read: Read, name: str
) -> None:
    path = public_vcf / name
    if path.is_dir():
        path = sorted(path.glob("*.vcf*"))[0]
    head = tmp_path / "head.vcf"
    first_record = write_head(path, head)
    reading = read({"head.vcf": head}, subjects="per_record")
    genotypes = rows_by_record(reading, "genomics_genotype")
    blocks = rows_by_record(reading, "genomics_block")
    refused = {number for unit, number, _ in reading.errors() if unit == "variant"}
    compared = 0
    for number, record in enumerate(pysam.VariantFile(str(head)), first_record):
        if number in refused:
            continue
        if number in blocks:
            compare_block(record, blocks[number])
        else:
            compare_record(record, *genotypes[number])
        compared += 1
    assert compared > len(refused)


def write_head(path: Path, head: Path) -> int:
    """Copy the first records as plain text; the number of the line that the first one is on."""
    is_compressed = path.suffix in (".gz", ".bgz")
    with gzip.open(path, "rt") if is_compressed else path.open() as lines, head.open("w") as out:
        size = 0
        for line in lines:
            size += 1
            out.write(line)
            if line.startswith("#CHROM"):
                break
        out.writelines(islice(lines, MOST_RECORDS))
    return size + 1


def rows_by_record(reading: Reading, table: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in reading.rows(table):
        found.setdefault(row["record_number"], []).append(row)
    return found


def compare_record(record: Any, row: dict[str, Any]) -> None:
    samples = list(record.samples.values())
    if row["genotypes"] is not None:
        alleles, _ = unpack(row["genotypes"], len(samples))
        for sample, found in zip(samples, alleles.tolist(), strict=True):
            called = [None if a == MISSING else a for a in found if a != ABSENT]
            assert tuple(called) == sample.allele_indices
    for key in record.format:
        column = column_of(key, row)
        if column is None:
            continue
        for sample, value in zip(samples, row[column], strict=True):
            assert is_same(value, sample.get(key)), key
    present = {f"format_{key}" for key in record.format}
    for name in row:
        if name.startswith("format_") and not {name, name.removesuffix("_list")} & present:
            assert row[name] is None


def compare_block(record: Any, rows: list[dict[str, Any]]) -> None:
    for sample, row in zip(record.samples.values(), rows, strict=True):
        assert (row["start_position"], row["end_position"]) == (record.pos, record.stop)
        assert row["is_called"] == (set(sample.allele_indices) == {0})
        assert row["ploidy"] == len(sample.allele_indices)
        for key, name in (("DP", "depth"), ("MIN_DP", "min_depth"), ("GQ", "genotype_quality")):
            assert row[name] == (sample.get(key) if key in record.format else None)
        for key in record.format:
            if (column := column_of(key, row)) is not None:
                assert is_same(row[column], sample.get(key)), key


def column_of(key: str, row: dict[str, Any]) -> str | None:
    """The column of a key; texts that are not kept have none."""
    names = (f"format_{key}", f"format_{key}_list")
    return next((name for name in names if name in row), None)


def is_same(found: Any, expected: Any) -> bool:
    """Whether values agree: floats to the precision of BCF, a missing list in any of its forms."""
    if isinstance(expected, tuple) or isinstance(found, list):
        return all(
            is_same(a, b)
            for a, b in zip_values(found, expected if isinstance(expected, tuple) else (expected,))
        )
    if isinstance(found, float) and expected is not None:
        return math.isclose(found, expected, rel_tol=1e-6) or found == expected
    return found == (None if expected == "." else expected)


def zip_values(found: Any, expected: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    if found is None:
        return ((None, value) for value in expected)
    values = found if isinstance(found, list) else [found]
    return iter(zip(values, expected, strict=True))
