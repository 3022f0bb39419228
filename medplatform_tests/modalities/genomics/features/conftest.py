"""Small cohorts of patients whose samples are S1 to S4."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.table import read_clinvar
from medplatform.modalities.genomics.features.carriers import compute_carriers
from medplatform.modalities.genomics.features.panel import read_panels
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, crosswalk, vcf

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
X	500	15	C	A	.	.	CLNDN=D;CLNSIG=Pathogenic/Likely_pathogenic;GENEINFO=XGN:3
Y	600	16	C	A	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=XGN:3
1	700	17	A	G	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=TWO:4
1	700	18	A	T	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=TWO:4
MT	800	19	A	G	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=MT-T:5
MT	900	20	C	T	.	.	CLNDN=D;CLNSIG=Pathogenic;GENEINFO=MT-T:5
"""
Rows = dict[str, dict[str, Any]]
# S2 has the reference in both blocks, S1 in the first one.
BLOCKS = (
    "chr1 90 . A <NON_REF> . . END=250 GT:DP 0/0:30 0/0:9",
    "chr1 300 . G <NON_REF> . . END=300 GT:DP ./.:0 0/0:9",
)


def cohort(
    *records: str, header: str = HEADER, samples: tuple[str, ...] = ("S1", "S2")
) -> dict[str, bytes]:
    """The files of a delivery: a VCF file, and whose its samples are."""
    return {
        "calls.vcf": vcf(*records, samples=samples, header=header),
        "crosswalk.csv": crosswalk(*samples),
    }


def annotated(position: int, alleles: str, annotation: str, genotypes: str) -> str:
    """A record with an annotation of VEP; alleles as `A>G,T`."""
    reference, alternates = alleles.split(">")
    return f"chr1 {position} . {reference} {alternates} . . CSQ={annotation} GT {genotypes}"


@pytest.fixture
def name_of(identity: Identity) -> Callable[[str], str]:
    """The sample of a patient_id."""
    known = {identity.subject(None, f"patient-S{n}").patient_id: f"S{n}" for n in range(1, 5)}
    return known.__getitem__


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
