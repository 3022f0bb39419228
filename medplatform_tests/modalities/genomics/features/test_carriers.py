"""Carriers in small cohorts whose answers are worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.carriers import compute_carriers
from medplatform.modalities.genomics.features.panel import read_panels
from medplatform.modalities.genomics.features.zygosity import status
from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import CLINVAR, Rows, cohort


def test_a_carrier_is_told_from_who_was_not_looked_at(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 0/0 ./. .", samples=("S1", "S2", "S3", "S4")))
    found = carriers()
    assert {name: row["status"] for name, row in found.items()} == {
        "S1": "carrier",
        "S2": "none_found",
        "S3": "not_assessed",
        "S4": "not_assessed",
    }
    assert found["S1"]["zygosity"] == "het"
    assert found["S1"]["allele_ids"] == ["GRCh38-1-100-A-G"]
    assert (found["S1"]["pathogenic_alleles"], found["S1"]["review_stars"]) == (1, 4)
    counts = ["listed_alleles", "assessed_alleles", "uncalled_alleles", "pathogenic_alleles"]
    assert [found["S2"][name] for name in counts] == [3, 1, 0, 0]
    assert [found["S3"][name] for name in counts] == [3, 0, 1, None]


def test_a_gene_without_data_has_no_result(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("d", cohort("chr1 999 . A G . . . GT 0/1 0/0"))
    assert {row["status"] for row in carriers().values()} == {"not_assessed"}
    assert {row["listed_alleles"] for row in carriers("NONE").values()} == {0}


def test_a_called_reference_at_the_place_is_an_assessment(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    """A site without alternate allele, or with another one, says that the listed one is absent."""
    publish("d", cohort("chr1 100 . A . . . . GT 0/0 ./.", "chr1 300 . G C . . . GT 0/1 ./."))
    found = carriers()
    assert (found["S1"]["status"], found["S1"]["assessed_alleles"]) == ("none_found", 2)
    assert (found["S2"]["status"], found["S2"]["uncalled_alleles"]) == ("not_assessed", 2)


@pytest.mark.parametrize(
    ("first", "second", "zygosity", "expected"),
    [
        ("1/1", "0/0", "hom", "fits"),
        ("0/1", "0/1", "possible_compound_het", "possibly_fits"),
        ("0|1", "1|0", "compound_het", "fits"),
        ("0|1", "0|1", "het", "carrier"),
        ("0|1", "1/0", "possible_compound_het", "possibly_fits"),
        ("./1", "0/0", "unknown", "possibly_fits"),
        ("./1", "0/1", "possible_compound_het", "possibly_fits"),
        ("./1", "./1", "possible_compound_het", "possibly_fits"),
        (".|1", "1|.", "compound_het", "fits"),
        (".|1", "1|0", "compound_het", "fits"),
        (".|1", "0|1", "possible_compound_het", "possibly_fits"),  # `.` may be the allele too
        ("1", "0/0", "hemi", "fits"),
    ],
)
def test_zygosity_of_a_gene(
    publish: Publish,
    carriers: Callable[..., Rows],
    first: str,
    second: str,
    zygosity: str,
    expected: str,
) -> None:
    publish(
        "d",
        cohort(
            f"chr1 100 . A G . . . GT {first}",
            f"chr1 200 . CTT CT . . . GT {second}",  # the listed CT>C, written longer
            samples=("S1",),
        ),
    )
    row = carriers()["S1"]
    assert (row["zygosity"], row["status"]) == (zygosity, expected)


@pytest.mark.parametrize(
    ("first", "second", "zygosity", "expected"),
    [
        ("0", "0", None, "none_found"),
        (".", ".", None, "not_assessed"),
        ("1", "0", "hemi", "fits"),
        ("1/1", "0/0", "hom", "fits"),
        ("0/1", "0/0", "het", "fits"),  # in some of the mitochondria
        ("./1", "0/0", "unknown", "fits"),
        ("0/1", "0/1", "het", "fits"),  # there is no pair of chromosomes
    ],
)
def test_an_allele_of_mitochondria_fits_in_whatever_share_of_them(
    publish: Publish,
    carriers: Callable[..., Rows],
    first: str,
    second: str,
    zygosity: str | None,
    expected: str,
) -> None:
    records = (f"chrM 800 . A G . . . GT {first}", f"chrM 900 . C T . . . GT {second}")
    publish("d", cohort(*records, samples=("S1",)))
    row = carriers("MT-T", "MT")["S1"]
    assert (row["zygosity"], row["status"]) == (zygosity, expected)


def test_an_allele_of_two_genes_and_a_class_that_is_no_finding(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort("chr1 300 . G T . . . GT 0/1 0/0", "chr1 400 . C A . . . GT 1/1 1/1"))
    for gene in ("AAA", "BBB"):
        found = carriers(gene, "AD")
        assert (found["S1"]["status"], found["S1"]["review_stars"]) == ("fits", 3)
        assert found["S2"]["status"] == "none_found"


@pytest.mark.parametrize("gene", ["aaa", "Aaa"])
def test_a_gene_is_found_however_a_panel_writes_its_symbol(
    publish: Publish, carriers: Callable[..., Rows], gene: str
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    row = carriers(gene)["S1"]
    assert (row["gene_symbol"], row["status"], row["listed_alleles"]) == ("AAA", "carrier", 3)


@pytest.mark.parametrize("written", ["C1ORF9", "c1orf9"])
def test_a_gene_is_found_however_clinvar_writes_its_symbol(
    publish: Publish, lake: Lake, tmp_path: Path, written: str
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    path = tmp_path / "clinvar.vcf"
    path.write_text(CLINVAR.replace("AAA", written))
    panel = tmp_path / "heart.csv"
    panel.write_text("gene,moi\nC1orf9,AR\n")
    (row,) = compute_carriers(lake, read_clinvar(path).lazy(), read_panels([panel])).rows(
        named=True
    )
    assert (row["gene_symbol"], row["status"]) == ("C1orf9", "carrier")


@pytest.mark.parametrize("inheritance", ["AD/AR", "AR/AD"])
def test_one_allele_fits_a_gene_with_both_modes(
    publish: Publish, carriers: Callable[..., Rows], inheritance: str
) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    row = carriers(inheritance=inheritance)["S1"]
    assert (row["inheritance"], row["status"]) == ("AD", "fits")


@pytest.mark.parametrize(
    ("zygosity", "inheritance", "expected"),
    [
        ("het", "AD", "fits"),
        ("het", "AR", "carrier"),
        ("het", "XL", "carrier"),
        ("hemi", "XL", "fits"),
        ("het", "MT", "fits"),
        ("unknown", "MT", "fits"),
        ("hom", None, "carrier"),
    ],
)
def test_what_a_zygosity_means(zygosity: str, inheritance: str | None, expected: str) -> None:
    assert status(zygosity, inheritance, is_assessed=True) == expected


def test_without_panels_the_result_is_empty_with_its_columns(lake: Lake) -> None:
    clinvar = pl.LazyFrame({"allele_id": []})
    assert compute_carriers(lake, clinvar, read_panels([])).columns[:2] == ["patient_id", "panel"]
