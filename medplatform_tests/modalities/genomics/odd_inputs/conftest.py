from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform_tests.modalities.genomics.conftest import Read, Reading, crosswalk
from medplatform_tests.modalities.molecules import conftest as molecules

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=chr1,length=248956422>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Count">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: Allele|Consequence|SYMBOL">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In dbSNP">
##FILTER=<ID=q10,Description="Quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
ODD_LINE = HEADER.count("\n") + 3
"""The line of the odd record in a file of three."""

Files = dict[str, bytes | Path]
ReadFile = Callable[..., Reading]

read_molecules = molecules.read


def good(position: int) -> str:
    """A record of two samples in which nothing is odd."""
    return f"chr1 {position} . A G 50 PASS DP=10;AF=0.5;AC=1 GT:AD:GQ 0/1:5,5:40 0/0:9,0:30"


@pytest.fixture
def read(read: Read) -> Read:
    """As in the folder above; and what was accepted and refused is what was delivered."""

    def read_files(files: Files, **options: str) -> Reading:
        reading = read(files, **options)
        reading.assert_counts_add_up()
        return reading

    return read_files


@pytest.fixture
def read_file(read: Read) -> ReadFile:
    """Read a file whose samples S1 and S2 are linked to patients."""

    def read_one(content: bytes | Path, name: str = "calls.vcf", **options: str) -> Reading:
        return read({name: content, "crosswalk.csv": crosswalk("S1", "S2")}, **options)

    return read_one
