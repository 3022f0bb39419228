"""An allele that stands in several records of a sample has one genotype, whoever asks."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.genotyped import Genotyped
from medplatform.modalities.genomics.features.matrix import find_alleles, read_dosages
from medplatform.modalities.genomics.genotypes.packed import MISSING, rank_copies
from medplatform.modalities.genomics.tables.allele import ALLELE
from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort

GENOTYPES = [
    # first record, second record, copies of the allele, whether all of the genotype is known
    ("0/1", "0/0", 1, True),
    ("1/1", "0/1", 2, True),
    ("0/1", "./.", 1, True),
    ("0/0", "./.", 0, True),
    ("./1", "0/0", 1, False),  # one copy at least
    ("./1", "0/1", 1, True),
    ("./1", "1/1", 2, True),
    ("./0", "0/0", 0, True),
    ("./0", "./.", None, False),
    ("0/1/1", "0/1", 2, True),
    ("./1/1", "0/1", 2, False),
]


def test_what_was_called_ranks_by_copies_then_by_being_called_as_a_whole() -> None:
    ascending = np.array([MISSING, 0, MISSING - 1, 1, MISSING - 2, 2, MISSING - 90, 90], np.int8)
    ranks = rank_copies(ascending)
    assert all(low < high for low, high in pairwise(ranks.tolist()))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(("first", "second", "copies", "is_whole"), GENOTYPES)
def test_the_matrix_has_the_genotype_that_burden_and_carriers_count(
    publish: Publish,
    lake: Lake,
    first: str,
    second: str,
    copies: int | None,
    is_whole: bool,
    order: tuple[int, int],
) -> None:
    genotypes = (first, second)
    one, other = (genotypes[which] for which in order)
    publish(
        "d",
        cohort(
            f"chr1 100 . A G . . . GT {one} 0/1",
            f"chr1 100 . A T,G . . . GT {other.replace('1', '2')} 0/2",
        ),
    )
    alleles = find_alleles(lake).filter(pl.col("allele_id").str.ends_with("A-G"))
    matrix = read_dosages(lake, alleles)
    matches = (
        lake.scan(ALLELE)
        .filter(pl.col("allele_id").str.ends_with("A-G"))
        .select(
            pl.lit(0).alias("number"),
            "delivery",
            pl.col("source_id").alias("cohort_id"),
            "variant_id",
            pl.col("allele_number").alias("allele"),
        )
    )
    genotyped = Genotyped(lake)
    (call,) = genotyped.calls(matches.collect())
    samples = genotyped.samples.sort("sample_index")["patient_id"].to_list()
    row = call.patients.tolist().index(genotyped.patients.index(samples[0]))
    found = (int(call.copies[row]) if call.is_called[row] else None, bool(call.is_whole[row]))
    assert found == (copies, is_whole)
    column = matrix.samples["patient_id"].to_list().index(samples[0])
    dosage = matrix.dosages[0].tolist()
    assert dosage.pop(column) == (copies if is_whole else MISSING)
    assert dosage == [1]


def test_a_sample_in_two_files_of_a_delivery_has_the_same_rule(
    publish: Publish, lake: Lake
) -> None:
    files = {"crosswalk.csv": b"sample_id,patient_id\nS1,patient-S1\n"}
    for name, genotype in (("a", "0/0"), ("b", "0/1"), ("c", "0/0")):
        files[f"{name}.vcf"] = cohort(f"chr1 100 . A G . . . GT {genotype}", samples=("S1",))[
            "calls.vcf"
        ] + (
            b""
            if name == "a"
            else f"chr2 1{ord(name)} . A G . . . GT 0/0\n".replace(" ", "\t").encode()
        )
    publish("d", files)
    alleles = find_alleles(lake).filter(pl.col("allele_id").str.ends_with("1-100-A-G"))
    assert read_dosages(lake, alleles).dosages.tolist() == [[1]]
