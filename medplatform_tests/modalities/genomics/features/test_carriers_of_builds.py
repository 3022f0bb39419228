"""Who was sequenced by the coordinates of two genome builds has each allele once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.carriers import compute_carriers
from medplatform.modalities.genomics.features.panel import read_panels
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort

CLINVAR = """\
##fileformat=VCFv4.1
##reference={build}
##INFO=<ID=CLNDN,Number=.,Type=String,Description="">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
1	{shift}00	{ids[0]}	A	G	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=AAA:1
1	{shift}50	{ids[1]}	C	T	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=AAA:1
"""
HEADERS = {"GRCh37": HEADER.replace("248956422", "249250621"), "GRCh38": HEADER}
SHIFTS = {"GRCh37": 1, "GRCh38": 2}


@pytest.fixture
def carrier(lake: Lake, publish: Publish, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The row of the patient with records of `A G` in GRCh37, and of `A G` and `C T` in GRCh38."""

    def compute(
        former: str, latter: str, *, name: str = "b", ids: tuple[str, str] = ("11", "12")
    ) -> dict[str, Any]:
        files = []
        for build, shift in SHIFTS.items():
            files.append(tmp_path / f"{build}.vcf")
            files[-1].write_text(CLINVAR.format(build=build, shift=shift, ids=ids))
        first, second = latter.split(" ")
        records = [f"chr1 200 . A G . . . GT {first}", f"chr1 250 . C T . . . GT {second}"]
        for delivery, build, lines in (
            ("a", "GRCh37", [f"chr1 100 . A G . . . GT {former}"]),
            (name, "GRCh38", records),
        ):
            publish(delivery, cohort(*lines, header=HEADERS[build], samples=("S1",)))
        (tmp_path / "p.csv").write_text("gene,moi\nAAA,AR\n")
        clinvar = pl.concat([read_clinvar(path) for path in files]).lazy()
        rows = compute_carriers(lake, clinvar, read_panels([tmp_path / "p.csv"]))
        return rows.row(0, named=True)

    return compute


@pytest.mark.parametrize(
    ("former", "latter", "zygosity", "allele_ids"),
    [
        ("0/1", "0/1 0/0", "het", ["GRCh38-1-200-A-G"]),
        ("0/1", "1/1 0/0", "hom", ["GRCh38-1-200-A-G"]),
        ("1/1", "0/0 0/0", None, None),  # the last delivery counts
        ("0/1", "0/1 0/1", "possible_compound_het", ["GRCh38-1-200-A-G", "GRCh38-1-250-C-T"]),
        ("0/1", "0|1 1|0", "compound_het", ["GRCh38-1-200-A-G", "GRCh38-1-250-C-T"]),
    ],
)
def test_an_allele_of_two_builds_is_one(
    carrier: Callable[..., dict[str, Any]],
    former: str,
    latter: str,
    zygosity: str | None,
    allele_ids: list[str] | None,
) -> None:
    row = carrier(former, latter)
    assert (row["zygosity"], row["allele_ids"]) == (zygosity, allele_ids)
    assert row["pathogenic_alleles"] == len(allele_ids or [])
    counts = ("listed_alleles", "assessed_alleles", "uncalled_alleles")
    assert [row[name] for name in counts] == [2, 2, 0]


def test_the_delivery_that_comes_last_counts_whatever_its_build(
    carrier: Callable[..., dict[str, Any]],
) -> None:
    row = carrier("1/1", "0/1 0/0", name="0")
    assert (row["zygosity"], row["allele_ids"]) == ("hom", ["GRCh37-1-100-A-G"])


def test_several_alleles_under_one_number_of_clinvar_are_each_their_own(
    carrier: Callable[..., dict[str, Any]],
) -> None:
    """Which of them is which in the other build, nothing tells."""
    row = carrier("0/0", "1/1 0/1", ids=("11", "11"))
    assert (row["zygosity"], row["pathogenic_alleles"], row["listed_alleles"]) == ("hom", 2, 4)
