"""Two alleles of a gene: on one chromosome, on two, or nobody knows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.carriers import compute_carriers
from medplatform.modalities.genomics.features.panel import read_panels
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish
from medplatform_tests.modalities.genomics.features.conftest import CLINVAR, Rows, cohort

PHASED = HEADER.replace(
    "##contig",
    '##FORMAT=<ID=PID,Number=1,Type=String,Description="">\n'
    '##FORMAT=<ID=PGT,Number=1,Type=String,Description="">\n##contig',
    1,
)


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
