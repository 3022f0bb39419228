"""Gene burden and carriers, of small cohorts whose answers are worked out by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.burden import Thresholds, compute_burden
from medplatform.modalities.genomics.features.carriers import compute_carriers, status
from medplatform.modalities.genomics.features.panel import PanelError, read_panels
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish, crosswalk, vcf

CSQ = (
    "##INFO=<ID=CSQ,Number=.,Type=String,Description="
    '"Format: Allele|Consequence|IMPACT|SYMBOL|Feature|gnomADe_AF">\n'
)
ANNOTATED = HEADER.replace("##contig", CSQ + "##contig", 1)
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
X	500	15	C	A	.	.	CLNDN=D;CLNSIG=Pathogenic/Likely_pathogenic;GENEINFO=XXX:3
"""
Rows = dict[str, dict[str, Any]]


def cohort(
    *records: str, header: str = HEADER, samples: tuple[str, ...] = ("S1", "S2")
) -> dict[str, bytes]:
    return {
        "calls.vcf": vcf(*records, samples=samples, header=header),
        "crosswalk.csv": crosswalk(*samples),
    }


@pytest.fixture
def name_of(identity: Identity) -> Callable[[str], str]:
    known = {identity.subject(None, f"patient-S{n}").patient_id: f"S{n}" for n in range(1, 5)}
    return known.__getitem__


@pytest.fixture
def burden(lake: Lake, name_of: Callable[[str], str]) -> Callable[..., dict]:
    """Patient and gene -> alleles, of high impact, variants, assessed, uncalled."""

    def compute(**thresholds: Any) -> dict:
        rows = compute_burden(lake, Thresholds(**thresholds)).rows()
        return {(name_of(patient), gene): tuple(counts) for patient, gene, *counts in rows}

    return compute


def annotated(position: int, alleles: str, annotation: str, genotypes: str) -> str:
    reference, alternates = alleles.split(">")
    return f"chr1 {position} . {reference} {alternates} . . CSQ={annotation} GT {genotypes}"


def test_burden_counts_rare_damaging_alleles_per_gene(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "d",
        cohort(
            annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|0.0001", "0/1 1|1"),
            annotated(200, "A>G", "G|missense_variant|MODERATE|AAA|T1|", "./. 0/1"),
            annotated(300, "A>G", "G|missense_variant|MODERATE|AAA|T1|0.02", "1/1 1/1"),
            annotated(400, "A>G", "G|synonymous_variant|LOW|AAA|T1|", "1/1 1/1"),
            annotated(
                500,
                "A>G,T",
                "T|missense_variant|MODERATE|AAA|T1|,G|stop_lost|HIGH|BBB|T2|0.001&0.002",
                "1/2 ./2",
            ),
            header=ANNOTATED,
        ),
    )
    assert burden() == {
        ("S1", "AAA"): (1 + 1, 1, 2, 2, 1),
        ("S2", "AAA"): (2 + 1 + 1, 2, 3, 3, 0),
        ("S1", "BBB"): (1, 1, 1, 1, 0),
        ("S2", "BBB"): (0, 0, 0, 0, 1),
    }
    assert burden(frequency=0.5)["S1", "AAA"] == (4, 1, 3, 3, 1)
    assert burden(impacts=("HIGH",))["S1", "AAA"] == (1, 1, 1, 1, 0)


def test_an_allele_that_is_common_in_the_lake_does_not_qualify(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "d",
        cohort(annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1 0/0"), header=ANNOTATED),
    )
    assert burden(called_alleles=4, frequency=0.2) == {}
    assert burden(called_alleles=5, frequency=0.2)["S1", "AAA"] == (1, 1, 1, 1, 0)


def test_an_annotation_holds_for_the_allele_in_every_delivery_and_the_last_one_counts(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "2024",
        cohort(annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1 0/1"), header=ANNOTATED),
    )
    publish("2025", cohort("chr1 100 . A G . . . GT 1/1 0/0", samples=("S1", "S3")))
    assert burden() == {
        ("S1", "AAA"): (2, 2, 1, 1, 0),
        ("S2", "AAA"): (1, 1, 1, 1, 0),
        ("S3", "AAA"): (0, 0, 0, 1, 0),
    }


def test_without_annotations_there_is_no_burden(lake: Lake, publish: Publish) -> None:
    assert compute_burden(lake).is_empty()
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    assert compute_burden(lake).is_empty()


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


def test_an_allele_of_two_genes_and_a_class_that_is_no_finding(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort("chr1 300 . G T . . . GT 0/1 0/0", "chr1 400 . C A . . . GT 1/1 1/1"))
    for gene in ("AAA", "BBB"):
        found = carriers(gene, "AD")
        assert (found["S1"]["status"], found["S1"]["review_stars"]) == ("fits", 3)
        assert found["S2"]["status"] == "none_found"


def test_the_last_delivery_counts(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("2024", cohort("chr1 100 . A G . . . GT 0/1 0/1"))
    publish("2025", cohort("chr1 100 . A G . . . GT 0/0", samples=("S1",)))
    found = carriers()
    assert (found["S1"]["status"], found["S2"]["status"]) == ("none_found", "carrier")


BLOCKS = (
    "chr1 90 . A <NON_REF> . . END=250 GT:DP 0/0:30 0/0:9",
    "chr1 300 . G <NON_REF> . . END=300 GT:DP ./.:0 0/0:9",
)


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


def test_burden_knows_the_reference_from_blocks(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    record = annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(record, header=ANNOTATED, samples=("S3",)))
    publish("b", cohort(*BLOCKS))
    assert burden() == {
        ("S1", "AAA"): (0, 0, 0, 1, 0),
        ("S2", "AAA"): (0, 0, 0, 1, 0),
        ("S3", "AAA"): (1, 1, 1, 1, 0),
    }


@pytest.mark.parametrize(("end", "assessed"), [(200, 0), (201, 1)])
def test_a_deletion_was_assessed_where_a_block_covers_all_its_bases(
    publish: Publish, carriers: Callable[..., Rows], end: int, assessed: int
) -> None:
    publish("d", cohort(f"chr1 150 . A <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    assert carriers()["S1"]["assessed_alleles"] == assessed  # of the listed 200 CT>C


@pytest.mark.parametrize(("end", "rows"), [(128, 1), (129, 2)])
def test_burden_takes_a_deletion_for_assessed_where_a_block_covers_all_its_bases(
    publish: Publish, burden: Callable[..., dict], end: int, rows: int
) -> None:
    deletion = annotated(100, f"{'ACGTTGCATG' * 3}>A", "-|frameshift_variant|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(deletion, header=ANNOTATED, samples=("S3",)))
    publish("b", cohort(f"chr1 90 . A <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    assert len(burden()) == rows


def test_a_record_without_genotypes_does_not_count(
    publish: Publish, carriers: Callable[..., Rows], burden: Callable[..., dict]
) -> None:
    """Not even where it comes last: a called record and a block say more."""
    genotypes = annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(genotypes, header=ANNOTATED, samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=150 GT 0/0", samples=("S2",)))
    publish("c", cohort("chr1 100 . A G . . . DP 7 8"))
    found = carriers()
    assert {name: row["status"] for name, row in found.items()} == {
        "S1": "carrier",
        "S2": "none_found",
    }
    assert {row["uncalled_alleles"] for row in found.values()} == {0}
    assert burden() == {("S1", "AAA"): (1, 1, 1, 1, 0), ("S2", "AAA"): (0, 0, 0, 1, 0)}


@pytest.mark.parametrize(
    ("zygosity", "inheritance", "expected"),
    [
        ("het", "AD", "fits"),
        ("het", "AR", "carrier"),
        ("het", "XL", "carrier"),
        ("hemi", "XL", "fits"),
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
