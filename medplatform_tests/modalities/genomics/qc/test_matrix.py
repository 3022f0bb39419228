"""One matrix of several files: samples are added without touching what was there."""

import gzip
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medplatform.modalities.genomics.features.matrix import find_alleles, iter_dosages, read_dosages
from medplatform_tests.modalities.genomics.qc.conftest import (
    Clinic,
    write_dosages,
    write_vcf,
)

SAMPLES = 2504


def digests(lake: Path) -> dict[Path, str]:
    return {path: sha256(path.read_bytes()).hexdigest() for path in lake.glob("*/*/*.parquet")}


def read_all(clinic: Clinic) -> pl.DataFrame:
    """Dosages by allele_id, a column per sample token."""
    matrix = read_dosages(clinic.lake, find_alleles(clinic.lake))
    return pl.DataFrame(matrix.dosages, schema=matrix.samples["sample_id"].to_list()).insert_column(
        0, matrix.alleles["allele_id"]
    )


@pytest.mark.real
def test_the_union_of_five_batches_is_the_merged_file(
    thousand_genomes: Path, tmp_path: Path
) -> None:
    """Each batch has only the records that one of its samples carries."""
    merged, batched = Clinic(tmp_path / "merged"), Clinic(tmp_path / "batched")
    merged.deliver("all", {"calls.vcf.gz": thousand_genomes})
    paths = sorted((thousand_genomes.parent / "1000g_batches").glob("*.vcf.gz"))
    assert len(paths) == 5
    before: dict[Path, str] = {}
    for number, path in enumerate(paths):
        batched.deliver(f"batch-{number}", {"calls.vcf.gz": path})
        after = digests(batched.root / "lake")
        assert before.items() <= after.items()
        before = after
    alleles = find_alleles(merged.lake)
    assert sorted(alleles["allele_id"]) == sorted(find_alleles(batched.lake)["allele_id"])
    matrices = [read_dosages(clinic.lake, alleles) for clinic in (merged, batched)]
    orders = [matrix.samples["sample_id"].arg_sort().to_numpy() for matrix in matrices]
    names = [matrix.samples["sample_id"].sort().to_list() for matrix in matrices]
    assert names[0] == names[1]
    known, copies = (m.dosages[:, order] for m, order in zip(matrices, orders, strict=True))
    assert copies.shape == (len(alleles), SAMPLES)
    is_assessed = copies >= 0
    assert np.array_equal(copies[is_assessed], known[is_assessed])
    # What a batch left out is not known, and by the merged file nobody in it carries it.
    assert 0.4 < is_assessed.mean() < 0.6
    assert not known[~is_assessed].any()


@pytest.mark.real
def test_files_cut_by_samples_alone_have_the_same_genotypes(
    thousand_genomes: Path, tmp_path: Path
) -> None:
    lines = gzip.decompress(thousand_genomes.read_bytes()).decode().splitlines()
    head = [line for line in lines if line.startswith("##")]
    rows = [line.split("\t") for line in lines[len(head) : len(head) + 601]]
    cuts = {"whole": [range(9, 300)], "parts": [range(200, 300), range(9, 120), range(120, 200)]}
    matrices = []
    for name, columns in cuts.items():
        clinic = Clinic(tmp_path / name)
        for number, some in enumerate(columns):
            table = ["\t".join([*row[:9], *(row[i] for i in some)]) for row in rows]
            text = "\n".join([*head, *table, ""]).encode()
            clinic.deliver(f"part-{number}", {"calls.vcf": text})
        found = read_all(clinic)
        matrices.append(found.select(sorted(found.columns)).sort("allele_id"))
    assert matrices[0].shape[1] == 292
    assert matrices[0].equals(matrices[1])


def test_chunks_are_the_parts_of_the_whole(clinic: Clinic) -> None:
    dosages = np.random.default_rng(0).integers(-1, 3, (90, 7)).astype(np.int8)
    clinic.deliver("a", {"a.vcf": write_dosages(dosages[:, :4])})
    clinic.deliver("b", {"b.vcf": write_dosages(dosages[:, 4:], names=["T1", "T2", "T3"])})
    alleles = find_alleles(clinic.lake).sample(fraction=0.7, shuffle=True, seed=1)
    whole = read_dosages(clinic.lake, alleles)
    chunks = list(iter_dosages(clinic.lake, alleles, chunk_bytes=70))
    assert [len(chunk.dosages) for chunk in chunks] == [10] * 6 + [2]
    assert np.array_equal(np.concatenate([chunk.dosages for chunk in chunks]), whole.dosages)
    place = alleles["position"].to_numpy() // 20_000 - 250
    order = [whole.samples["sample_id"].to_list().index(clinic.token(f"S{n}")) for n in range(4)]
    assert np.array_equal(whole.dosages[:, order], dosages[place][:, :4])


def test_a_sample_of_several_files_of_a_delivery_is_one(clinic: Clinic) -> None:
    first, second = np.array([[0, 1]], np.int8), np.array([[2, -1]], np.int8)
    clinic.deliver(
        "genomes",
        {
            "1.vcf": write_dosages(first, chromosomes=("1",)),
            "2.vcf": write_dosages(second, chromosomes=("2",)),
        },
    )
    found = read_all(clinic)
    columns = [clinic.token("S0"), clinic.token("S1")]
    assert found.sort("allele_id").select(columns).rows() == [(0, 1), (2, -1)]


def test_alleles_are_matched_whatever_else_a_record_lists(clinic: Clinic) -> None:
    clinic.deliver("a", {"a.vcf": write_vcf(np.array([["1/2", "0|2"]]), alternates="G,T")})
    clinic.deliver(
        "b", {"b.vcf": write_vcf(np.array([["0/1", "./1"]]), alternates="T", names="UV")}
    )
    found = read_all(clinic)
    columns = [clinic.token(name) for name in ("S0", "S1", "U", "V")]
    assert found.select("allele_id", *columns).rows() == [
        ("GRCh37-1-5000000-A-G", 1, 0, -1, -1),
        ("GRCh37-1-5000000-A-T", 1, 1, 1, -1),
    ]


def test_records_without_genotypes_are_missing(clinic: Clinic) -> None:
    text = write_dosages(np.array([[1], [2]], np.int8)).replace(b"GT\t0/1", b"DP\t7")
    clinic.deliver("a", {"a.vcf": text})
    assert read_all(clinic)[clinic.token("S0")].to_list() == [-1, 2]


def test_a_block_of_a_gvcf_file_says_that_a_sample_is_the_reference(clinic: Clinic) -> None:
    called = write_vcf(np.array([["0/1"]] * 4), names=["CALLED"], spacing=1000)
    clinic.deliver("a", {"a.vcf": called})
    clinic.deliver("b", {"b.vcf": GVCF.replace(" ", "\t").encode()})
    found = read_all(clinic).sort("allele_id")
    alone = found.filter(pl.col("allele_id").str.ends_with("A-G"))
    # Covered, called otherwise, in a block without a call, and behind the last block.
    assert alone[clinic.token("BLOCKS")].to_list() == [0, 2, -1, -1]


def test_a_block_says_nothing_of_a_deletion_that_reaches_beyond_it(clinic: Clinic) -> None:
    text = write_vcf(np.array([["0/1"]] * 2), names=["CALLED"], spacing=999).decode()
    clinic.deliver("a", {"a.vcf": text.replace("\tA\tG\t", "\tATC\tA\t").encode()})
    clinic.deliver("b", {"b.vcf": GVCF.replace(" ", "\t").encode()})
    found = read_all(clinic).sort("allele_id").filter(pl.col("allele_id").str.ends_with("ATC-A"))
    # 5000000 lies within, 5000999 is the last base of the block.
    assert found[clinic.token("BLOCKS")].to_list() == [0, -1]


def test_a_record_without_a_call_counts_before_a_block(clinic: Clinic) -> None:
    """A sample of two files of a delivery is one."""
    uncalled = write_vcf(np.array([["./.", "0/1"]]), names=["BLOCKS", "OTHER"])
    blocks = GVCF.replace(" ", "\t").encode()
    clinic.deliver("a", {"a.vcf": uncalled, "b.g.vcf": blocks})
    row = read_all(clinic).filter(pl.col("allele_id").str.ends_with("5000000-A-G"))
    assert row.select(clinic.token("BLOCKS"), clinic.token("OTHER")).row(0) == (-1, 1)


def test_a_record_without_genotypes_leaves_it_to_the_block(clinic: Clinic) -> None:
    bare = write_vcf(np.array([["0/1"]]), names=["BLOCKS"]).replace(b"GT\t0/1", b"DP\t7")
    clinic.deliver("a", {"a.vcf": bare, "b.g.vcf": GVCF.replace(" ", "\t").encode()})
    row = read_all(clinic).filter(pl.col("allele_id").str.ends_with("5000000-A-G"))
    assert row[clinic.token("BLOCKS")].to_list() == [0]


GVCF = """\
##fileformat=VCFv4.2
##reference=GRCh37
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least depth">
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT BLOCKS
1 4999000 . T <NON_REF> . . END=5000999 GT:MIN_DP 0/0:20
1 5001000 . A G,<NON_REF> . . . GT 1/1
1 5001001 . T <NON_REF> . . END=5002999 GT:MIN_DP ./.:0
"""
