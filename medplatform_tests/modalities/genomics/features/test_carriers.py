"""Carriers in small cohorts whose answers are worked out by hand, and panels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.carriers import compute_carriers
from medplatform.modalities.genomics.features.panel import PanelError, read_panels
from medplatform.modalities.genomics.features.zygosity import status
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish
from medplatform_tests.modalities.genomics.features.conftest import BLOCKS, cohort

CLINVAR = """\
##fileformat=VCFv4.1
##fileDate=2025-01-05
##reference=GRCh38
##INFO=<ID=CLNDN,Number=.,Type=String,Description="">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
1	100	11	A	G	.	.	CLNDN=D;CLNREVSTAT=practice_guideline;CLNSIG=Pathogenic;GENEINFO=AAA:1
1	200	12	CT	C	.	.	CLNDN=D;CLNSIG=Likely_pathogenic;GENEINFO=AAA:1
1	300	13	G	T	.	.	CLNDN=D;CLNREVSTAT=exp;CLNSIG=Pathogenic;GENEINFO=BBB:2|AAA:1
1	400	14	C	A	.	.	CLNDN=D;CLNSIG=Uncertain_significance;GENEINFO=AAA:1
X	500	15	C	A	.	.	CLNDN=D;CLNSIG=Pathogenic/Likely_pathogenic;GENEINFO=XGN:3
Y	600	16	C	A	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=XGN:3
1	700	17	A	G	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=TWO:4
1	700	18	A	T	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=TWO:4
MT	800	19	A	G	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=MT-T:5
MT	900	20	C	T	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=MT-T:5
"""
PHASED = HEADER.replace(
    "##contig",
    '##FORMAT=<ID=PID,Number=1,Type=String,Description="">\n'
    '##FORMAT=<ID=PGT,Number=1,Type=String,Description="">\n##contig',
    1,
)
Rows = dict[str, dict[str, Any]]


@pytest.fixture
def carriers(lake: Lake, tmp_path: Path, name_of: Callable[[str], str]) -> Callable[..., Rows]:
    """Patient -> row of one gene of a panel."""

    def compute(gene: str = "AAA", inheritance: str = "AR") -> Rows:
        path = tmp_path / "clinvar.vcf"
        path.write_text(CLINVAR)
        panel = tmp_path / "heart.csv"
        panel.write_text(f"gene,moi\n{gene},{inheritance}\n")
        rows = compute_carriers(lake, read_clinvar(path).lazy(), read_panels([panel]))
        assert rows["panel"].unique().to_list() == ["heart"]
        return {name_of(row["patient_id"]): row for row in rows.iter_rows(named=True)}

    return compute


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
    ("records", "zygosity"),
    [
        (["A G,T GT 1/2"], "compound_het"),
        (["A T,G GT 2/1"], "compound_het"),
        (["A C,G,T GT 2/3"], "compound_het"),
        (["A G,T GT:PS 1|2:7"], "compound_het"),
        (["A G,T GT:PS 1|2:."], "compound_het"),  # of no phase set, but one genotype
        (["A G,T GT 0/1/2"], "compound_het"),
        (["A G,T GT ./1/2"], "compound_het"),
        (["AC GC,TC GT 1/2"], "compound_het"),  # listed as A>G and A>T
        (["A G,T GT 1/1"], "hom"),
        (["A G,T GT 1/."], "unknown"),
        (["A G GT 0/1", "A T GT 0/1"], "possible_compound_het"),
        (["A G GT 1/.", "A T GT ./1"], "possible_compound_het"),
        (["A G,C GT 1/2", "A T,C GT 1/2"], "possible_compound_het"),  # each with another allele
        (["A G,T GT 1/2", "A G GT 0/1"], "compound_het"),  # the second says no more of G
        (["A G GT 0/1", "A G,T GT 1/2"], "compound_het"),
        # One genotype has both, whatever further records say of either.
        (["A G,T GT 1/2", "A G GT 0|1", "A T GT 0|1"], "compound_het"),
        (["A G,T GT 1|2", "A G GT 0|1", "A T GT 0|1"], "compound_het"),
        (["A G,T GT:PS 1|2:7", "A G GT:PS 0|1:7", "A T GT:PS 0|1:7"], "compound_het"),
        (["A G,T GT ./1/2", "A G GT 0|1", "A T GT 0|1"], "compound_het"),
        (["A G,T GT 1/2", "A G GT 0|1", "A T GT 0/0"], "compound_het"),
        # One chromosome has one base there.
        (["A G GT 1|0", "A T GT 1|0"], "possible_compound_het"),
        (["A G GT 1|0", "A T GT 0|1"], "compound_het"),
    ],
)
def test_two_alleles_of_one_genotype_are_on_different_chromosomes(
    publish: Publish, carriers: Callable[..., Rows], records: list[str], zygosity: str
) -> None:
    """Those of two records need not be, though their place is the same."""
    lines = ["chr1 700 . {} {} . . . {} {}".format(*record.split(" ")) for record in records]
    publish("d", cohort(*lines, header=PHASED, samples=("S1",)))
    row = carriers("TWO")["S1"]
    states = {"compound_het": "fits", "hom": "fits"}
    assert (row["zygosity"], row["status"]) == (zygosity, states.get(zygosity, "possibly_fits"))


@pytest.mark.parametrize(
    ("first", "second", "zygosity"),
    [
        ("A G", "A T", "possible_compound_het"),
        ("AC GT", "AC GA", "possible_compound_het"),
        ("A AT", "A AG", "possible_compound_het"),  # inserted at one place
        ("A G", "A AT", "het"),  # an insertion leaves the base before it
        ("A G", "AC A", "het"),
        ("AC GT", "A G", "het"),  # the one is part of the other
    ],
)
def test_alleles_that_replace_the_same_bases_are_not_on_one_chromosome(
    publish: Publish,
    lake: Lake,
    tmp_path: Path,
    first: str,
    second: str,
    zygosity: str,
) -> None:
    clinvar, panel = tmp_path / "clinvar.vcf", tmp_path / "heart.csv"
    columns = [alleles.replace(" ", "\t") for alleles in (first, second)]
    lines = [
        f"1\t700\t{number}\t{alleles}\t.\t.\tCLNDN=D;CLNSIG=Pathogenic;GENEINFO=TWO:4"
        for number, alleles in enumerate(columns)
    ]
    clinvar.write_text("\n".join([*CLINVAR.splitlines()[:5], *lines, ""]))
    panel.write_text("gene,moi\nTWO,AR\n")
    records = [f"chr1 700 . {alleles} . . . GT 1|0" for alleles in (first, second)]
    publish("d", cohort(*records, samples=("S1",)))
    rows = compute_carriers(lake, read_clinvar(clinvar).lazy(), read_panels([panel]))
    assert rows["zygosity"].to_list() == [zygosity]


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


def test_the_last_delivery_counts(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("2024", cohort("chr1 100 . A G . . . GT 0/1 0/1"))
    publish("2025", cohort("chr1 100 . A G . . . GT 0/0", samples=("S1",)))
    found = carriers()
    assert (found["S1"]["status"], found["S2"]["status"]) == ("none_found", "carrier")


@pytest.mark.parametrize("later", ["A ACCC . . . GT 0/0", "A C . . . GT ./.", "A C . . . GT 0/1"])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_record_of_the_allele_counts_before_those_of_its_place_in_any_delivery(
    publish: Publish, carriers: Callable[..., Rows], later: str, order: str
) -> None:
    for name, alleles in zip(order, ["A G . . . GT 1/1", later], strict=True):
        publish(name, cohort(f"chr1 100 . {alleles}", samples=("S1",)))
    row = carriers(inheritance="AD")["S1"]
    assert (row["status"], row["pathogenic_alleles"], row["zygosity"]) == ("fits", 1, "hom")
    assert (row["assessed_alleles"], row["uncalled_alleles"]) == (1, 0)


def test_other_alleles_of_the_place_count_for_patients_without_a_record_of_the_allele(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    """The last delivery of them, and in it a record that was called."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 100 . A C . . . GT 0/0 0/0 ./.", samples=("S1", "S2", "S3")))
    publish(
        "c",
        cohort(
            "chr1 100 . A C . . . GT ./. ./.",
            "chr1 100 . A T . . . GT ./. 0/0",
            samples=("S2", "S3"),
        ),
    )
    assert {name: row["status"] for name, row in carriers().items()} == {
        "S1": "carrier",
        "S2": "not_assessed",
        "S3": "none_found",
    }


@pytest.mark.parametrize(
    ("first", "second", "zygosity"),
    [
        ("GT:PS 0|1:100", "GT:PS 1|0:100", "compound_het"),
        ("GT:PS 0|1:100", "GT:PS 0|1:100", "het"),
        ("GT:PS 0|1:100", "GT:PS 1|0:200", "possible_compound_het"),
        ("GT:PS 0|1:100", "GT:PS 0|1:200", "possible_compound_het"),
        ("GT:PS 0|1:100", "GT 0|1", "possible_compound_het"),
        ("GT:PS 0|1:.", "GT:PS 1|0:.", "possible_compound_het"),
        ("GT:PS 0/1:100", "GT:PS 1/0:100", "possible_compound_het"),
        ("GT:PSL 0|1:a,b", "GT:PSL 1|0:a,b", "compound_het"),
        ("GT:PSL 0|1:a,b", "GT:PSL 0|1:c,d", "possible_compound_het"),
        ("GT:PID 0|1:100_A_G", "GT:PID 1|0:100_A_G", "compound_het"),
        ("GT:PID 0|1:100_A_G", "GT:PID 1|0:200_C_T", "possible_compound_het"),
        ("GT:PGT:PID 0/1:0|1:100_A_G", "GT:PGT:PID 0/1:1|0:100_A_G", "compound_het"),
        ("GT:PGT:PID 0/1:0|1:100_A_G", "GT:PGT:PID 0/1:0|1:100_A_G", "het"),
        ("GT:PGT:PID 0/1:0|1:100_A_G", "GT:PGT:PID 0/1:1|0:200_C_T", "possible_compound_het"),
        ("GT:PGT:PID 0/1:.:.", "GT:PGT:PID 0/1:.:.", "possible_compound_het"),
        ("GT:PGT:PID 0/1:0|1:100_A_G", "GT:PGT:PID 0/1:.:100_A_G", "possible_compound_het"),
    ],
)
def test_haplotypes_are_compared_within_a_phase_set(
    publish: Publish, carriers: Callable[..., Rows], first: str, second: str, zygosity: str
) -> None:
    records = (f"chr1 100 . A G . . . {first}", f"chr1 200 . CT C . . . {second}")
    publish("d", cohort(*records, header=PHASED, samples=("S1",)))
    row = carriers()["S1"]
    expected = {"compound_het": "fits", "possible_compound_het": "possibly_fits", "het": "carrier"}
    assert (row["zygosity"], row["status"]) == (zygosity, expected[zygosity])


@pytest.mark.parametrize(
    ("kind", "other", "zygosity"),
    [
        ("Type=String,Number=1", "200", "possible_compound_het"),
        ("Type=String,Number=1", "100", "compound_het"),
        ("Type=Integer,Number=.", "200", "possible_compound_het"),
        ("Type=Integer,Number=.", "100", "compound_het"),
    ],
)
def test_phase_sets_are_read_however_the_header_types_them(
    publish: Publish, carriers: Callable[..., Rows], kind: str, other: str, zygosity: str
) -> None:
    line = f'##FORMAT=<ID=PS,{kind},Description="">\n##contig'
    records = (
        "chr1 100 . A G . . . GT:PS 0|1:100",
        f"chr1 200 . CT C . . . GT:PS 1|0:{other}",
    )
    header = HEADER.replace("##contig", line, 1)
    publish("d", cohort(*records, header=header, samples=("S1",)))
    assert carriers()["S1"]["zygosity"] == zygosity


def test_a_phase_set_is_that_of_the_sample(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT:PS 0|1:100 0|1:100",
            "chr1 200 . CT C . . . GT:PS 1|0:200 1|0:100",
        ),
    )
    found = carriers()
    assert (found["S1"]["status"], found["S2"]["status"]) == ("possibly_fits", "fits")


def test_haplotypes_of_two_chromosomes_or_two_files_are_not_compared(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort("chrX 500 . C A . . . GT 0|1 0|1", "chrY 600 . C A . . . GT 1|0 ./."))
    publish("e", cohort("chrY 600 . C A . . . GT 1|0", samples=("S2",)))
    found = carriers("XGN")
    assert {row["zygosity"] for row in found.values()} == {"possible_compound_het"}


@pytest.mark.parametrize(
    ("first", "second", "zygosity"),
    [
        ("./.", "1/1", "hom"),
        ("1/1", "./.", "hom"),
        ("0/0", "0/1", "het"),
        ("1/1", "0/1", "hom"),
        ("./1", "0/1", "het"),
        ("0/0", "./.", None),
    ],
)
@pytest.mark.parametrize("others", ["0/0", "0/0/0"])  # the records need not be of equal ploidy
def test_of_two_records_of_an_allele_the_called_one_with_most_copies_counts(
    publish: Publish,
    carriers: Callable[..., Rows],
    first: str,
    second: str,
    zygosity: str | None,
    others: str,
) -> None:
    publish(
        "d",
        cohort(
            f"chr1 100 . A G . . . GT {first} 0/0",
            f"chr1 100 . A T,G . . . GT {second.replace('1', '2')} {others}",
        ),
    )
    row = carriers()["S1"]
    assert row["zygosity"] == zygosity
    assert (row["assessed_alleles"], row["uncalled_alleles"]) == (1, 0)
    assert len(row["allele_ids"] or []) == (zygosity is not None)


def test_of_two_equal_calls_of_an_allele_the_phased_one_counts(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1 0|1",
            "chr1 100 . A T,G . . . GT 0|2 0/2",
            "chr1 200 . CT C . . . GT 1|0 0|1",
        ),
    )
    found = carriers()
    assert (found["S1"]["zygosity"], found["S2"]["zygosity"]) == ("compound_het", "het")


def test_what_a_reference_block_covers_was_assessed(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort(*BLOCKS))
    found = carriers()
    counts = ("status", "assessed_alleles")
    assert [found["S1"][name] for name in counts] == ["none_found", 2]
    assert [found["S2"][name] for name in counts] == ["none_found", 3]


def test_a_record_counts_before_a_block(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 ./."))
    publish("b", cohort(*BLOCKS))
    found = carriers()
    assert (found["S1"]["status"], found["S1"]["assessed_alleles"]) == ("carrier", 2)
    assert (found["S2"]["assessed_alleles"], found["S2"]["uncalled_alleles"]) == (2, 1)


@pytest.mark.parametrize(("end", "assessed"), [(200, 0), (201, 1)])
def test_a_deletion_was_assessed_where_a_block_covers_all_its_bases(
    publish: Publish, carriers: Callable[..., Rows], end: int, assessed: int
) -> None:
    publish("d", cohort(f"chr1 150 . A <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    assert carriers()["S1"]["assessed_alleles"] == assessed  # of the listed 200 CT>C


def test_a_record_without_genotypes_does_not_count(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    """Not even where it comes last: a called record and a block say more."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=150 GT 0/0", samples=("S2",)))
    publish("c", cohort("chr1 100 . A G . . . DP 7 8"))
    found = carriers()
    assert {name: row["status"] for name, row in found.items()} == {
        "S1": "carrier",
        "S2": "none_found",
    }
    assert {row["uncalled_alleles"] for row in found.values()} == {0}


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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("gene_symbol\nAAA\nBBB\n", [("p", "AAA", None), ("p", "BBB", None)]),
        ("Gene Symbol,Mode of inheritance\nAAA,BIALLELIC\n", [("p", "AAA", "AR")]),
        ("gene,moi\nAAA,Autosomal dominant\nBBB,x-linked\nCCC,\n",
         [("p", "AAA", "AD"), ("p", "BBB", "XL"), ("p", "CCC", None)]),
    ],
)  # fmt: skip
def test_panels(tmp_path: Path, content: str, expected: list) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    assert read_panels([path]).rows() == expected


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("name\nAAA\n", "gene_symbol"),
        ("gene,moi\nAAA,sometimes\n", "inheritance"),
        ("gene\nAAA\nAAA\n", "listed twice"),
        ("", "CSV"),
    ],
)
def test_a_panel_that_cannot_be_used_says_the_remedy(
    tmp_path: Path, content: str, remedy: str
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(PanelError, match=remedy):
        read_panels([path])


def test_without_panels_the_result_is_empty_with_its_columns(lake: Lake) -> None:
    clinvar = pl.LazyFrame({"allele_id": []})
    assert compute_carriers(lake, clinvar, read_panels([])).columns[:2] == ["patient_id", "panel"]
