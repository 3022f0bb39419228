"""Small cohorts of patients whose samples are S1 to S4."""

from collections.abc import Callable

import pytest

from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, crosswalk, vcf

CSQ = (
    "##INFO=<ID=CSQ,Number=.,Type=String,Description="
    '"Format: Allele|Consequence|IMPACT|SYMBOL|Feature|gnomADe_AF">\n'
)
ANNOTATED = HEADER.replace("##contig", CSQ + "##contig", 1)
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
