"""What is counted of samples and alleles, in files small enough to count by hand."""

import numpy as np
import polars as pl

from medplatform.modalities.genomics.qc.assess import assess
from medplatform_tests.modalities.genomics.qc.conftest import Clinic, write_vcf

HEADER = """\
##fileformat=VCFv4.2
##reference=GRCh37
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT A B C
1 100 . A G . . . GT:DP:GQ 0/1:10:90 0/0:20:80 ./.:.:.
1 200 . A C . . . GT:DP:GQ 1/1:30:70 0|1:10:60 0/0:10:50
1 300 . A C,G . . . GT 1/2 0/2 .|2
1 400 . AT A . . . GT 0/0 1/1 0/1
1 500 . C <DEL> . . END=600 GT 0/0 0/0 0/1
1 700 . C . . . . GT 0/0 0/0 ./.
X 5000000 . A G . . . GT 1 0/1 0
X 100000 . A G . . . GT 0/1 0/1 0/1
Y 5000000 . A G . . . GT 1 . 0
MT 50 . A G . . . GT 0/1/1 1 0
"""
FILE = "\n".join(
    line if line.startswith("##") else line.replace(" ", "\t") for line in HEADER.split("\n")
).encode()


def test_counts_of_samples(clinic: Clinic) -> None:
    clinic.deliver("d", {"a.vcf": FILE})
    rows = clinic.by_sample(clinic.assess(), ["A", "B", "C"])
    expected = {
        "called": [10, 9, 7],
        "missing": [0, 1, 3],
        "homozygous_reference": [3, 3, 1],
        "heterozygous": [4, 4, 3],
        "homozygous_alternate": [1, 1, 0],
        "haploid": [2, 1, 3],
        "het_hom_ratio": [3.0, 3.0, None],
        # Of the third record A carries both alleles; C's genotype there is not whole.
        "transitions": [6, 4, 1],
        "transversions": [2, 1, 0],
        "snvs": [8, 5, 1],
        "indels": [0, 1, 1],
        "other_alleles": [0, 0, 1],
        "multiallelic": [1, 1, 0],
        "singletons": [3, 0, 1],
        "x_called": [1, 1, 1],
        "y_called": [1, 0, 1],
        "y_carried": [1, 0, 0],
    }
    found = {name: rows[name].to_list() for name in expected}
    assert found == expected
    assert rows["mean_depth"].to_list() == [20, 15, 10]
    assert rows["mean_genotype_quality"].to_list() == [80, 70, 50]


def test_counts_of_alleles(clinic: Clinic) -> None:
    clinic.deliver("d", {"a.vcf": FILE})
    variants = clinic.assess().variants
    columns = ["kind", "region", "called_samples", "allele_copies", "called_alleles", "carriers"]
    assert {row[0]: row[1:] for row in variants.select("allele_id", *columns).rows()} == {
        "GRCh37-1-100-A-G": ("transition", "autosome", 2, 1, 4, 1),
        "GRCh37-1-200-A-C": ("transversion", "autosome", 3, 3, 6, 2),
        "GRCh37-1-300-A-C": ("transversion", "autosome", 2, 1, 4, 1),
        "GRCh37-1-300-A-G": ("transition", "autosome", 2, 2, 4, 2),
        "GRCh37-1-400-AT-A": ("indel", "autosome", 3, 3, 6, 2),
        variants.filter(pl.col("position") == 500)["allele_id"][0]: (
            *("other", "autosome", 3, 1, 6, 1),
        ),
        "GRCh37-X-5000000-A-G": ("transition", "x", 3, 2, 4, 2),
        "GRCh37-X-100000-A-G": ("transition", "autosome", 3, 3, 6, 3),
        "GRCh37-Y-5000000-A-G": ("transition", "y", 2, 1, 2, 1),
        "GRCh37-MT-50-A-G": ("transition", "other", 3, 2, 4, 2),
    }
    assert variants.filter(pl.col("region") != "autosome")["hardy_weinberg_p"].null_count() == 3


def test_what_was_delivered_again_counts_once(clinic: Clinic) -> None:
    clinic.deliver("1", {"a.vcf": write_vcf(np.array([["0/0", "0/1"]]))})
    clinic.deliver("2", {"a.vcf": write_vcf(np.array([["1/1"]]), names=["S1"])})
    quality = clinic.assess()
    (row,) = quality.variants.iter_rows(named=True)
    assert (row["called_samples"], row["allele_copies"]) == (2, 2)
    assert quality.samples.height == 3
    other = {"a.vcf": write_vcf(np.array([["1/1"]]), names=["S1"], chromosomes=("2",))}
    clinic.deliver("3", other)
    assert clinic.assess().variants["called_samples"].to_list() == [2, 1]


def test_patients_who_were_deleted_are_in_no_figure(clinic: Clinic) -> None:
    clinic.deliver("1", {"a.vcf": write_vcf(np.array([["0/1", "1/1"]]))})
    quality = assess(clinic.lake, without=[clinic.patient("S1")])
    assert quality.samples["sample_id"].to_list() == [clinic.token("S0")]
    assert quality.variants["allele_copies"].to_list() == [1]
    assert quality.samples["singletons"].to_list() == [1]


def test_a_lake_without_genotypes_has_no_figures(clinic: Clinic) -> None:
    quality = clinic.assess()
    assert [quality.samples.height, quality.variants.height] == [0, 0]
    assert quality.relatedness.pairs.height == 0


def test_sex_is_that_of_the_sample_sheet_or_of_the_patient(clinic: Clinic) -> None:
    draw = np.random.default_rng(5)
    women = np.array(["0/0", "0/1", "1/1"])[draw.binomial(2, 0.4, (200, 6))]
    men = draw.binomial(1, 0.4, (200, 6)).astype(str)
    sheet = "sample_id,patient_id,sex\n" + "".join(
        f"S{number},P{number},{sex}\n"
        for number, sex in enumerate(["female", "male", *[""] * 4, "male", *["unknown"] * 5])
    )
    texts = np.concatenate([women, men], axis=1)
    clinic.deliver("d", {"a.vcf": write_vcf(texts, chromosomes=("X",))}, sheet)
    quality = clinic.assess({"S2": "male", "S1": "female", "S7": "male"})
    rows = clinic.by_sample(quality, [f"S{number}" for number in range(12)])
    assert rows["inferred_sex"].to_list() == ["female"] * 6 + ["male"] * 6
    assert (rows["x_inbreeding"][6:] == 1).all()
    wrong = dict(zip(rows["name"], rows["is_sex_mismatch"], strict=True))
    known = {name: is_wrong for name, is_wrong in wrong.items() if is_wrong is not None}
    assert known == {"S0": False, "S1": True, "S2": True, "S6": False, "S7": False}
    assert rows["sexes_disagree"].to_list() == [None, True, *[None] * 10]
