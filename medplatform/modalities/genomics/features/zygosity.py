"""What the pathogenic alleles of a gene in one patient are together, and what they mean for it.

Not here: which alleles a patient has, see `carriers`, and on which chromosomes, see `phase`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from medplatform.modalities.genomics.features.phase import PhaseSet

ZYGOSITIES = ("hom", "hemi", "compound_het", "possible_compound_het", "het", "unknown")
STATUSES = ("not_assessed", "none_found", "carrier", "possibly_fits", "fits")

Haplotype = tuple[str, str, str, PhaseSet, int]
"""Delivery, cohort, chromosome, phase set, and which of the two.

Those that differ in the last alone are different chromosomes of a pair; of others that differ,
nothing is known.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One listed allele in one patient.

    Attributes
    ----------
    allele
        Its row in the list.
    zygosity
        That of the allele alone: hom, hemi, het, or unknown where its genotype was called in part.
    haplotypes
        Places of the allele in genotypes, none where phase is not known. Of a genotype that was
        called in part, further places may have it.
    replaced
        The bases that the allele replaces: from the first to before the last. Equal ones are those
        of an insertion between two bases.
    is_paired
        Whether its chromosome is one of a pair: all but those of mitochondria.
    """

    allele: int
    zygosity: str
    haplotypes: frozenset[Haplotype] = frozenset()
    replaced: tuple[int, int] | None = None
    is_paired: bool = True


def zygosity(findings: Sequence[Finding]) -> str:
    """The zygosity of a gene: of the alleles together, the strongest of ZYGOSITIES.

    Two alleles of one gene are a compound where they are on different chromosomes; where the
    phase is not known, or not of one phase set of a file, that is possible only. So it is where
    phases put two alleles on one chromosome that replace the same bases of it.
    """
    found = {finding.zygosity for finding in findings}
    single = [f for f in findings if f.is_paired and f.zygosity in ("het", "unknown")]
    compounds = (_compound(one, other) for one, other in combinations(single, 2))
    found.update(kind for kind in compounds if kind is not None)
    return next(name for name in ZYGOSITIES if name in found)


def _compound(one: Finding, other: Finding) -> str | None:
    """What two alleles are together of which neither is known to be on both chromosomes.

    None where both are on the same one, which has room for either.
    """
    a, b = _by_set(one.haplotypes), _by_set(other.haplotypes)
    shared = a.keys() & b.keys()
    if any(a[phase_set].isdisjoint(b[phase_set]) for phase_set in shared):
        return "compound_het"
    are_whole = one.zygosity == other.zygosity == "het"
    has_room = one.replaced is None or one.replaced != other.replaced
    return None if shared and are_whole and has_room else "possible_compound_het"


def _by_set(haplotypes: frozenset[Haplotype]) -> dict[tuple, set[int]]:
    """The places of each set of haplotypes that can be compared."""
    places: dict[tuple, set[int]] = {}
    for *phase_set, place in haplotypes:
        places.setdefault(tuple(phase_set), set()).add(place)
    return places


def status(zygosity: str | None, inheritance: str | None, *, is_assessed: bool) -> str:
    """What the alleles mean for the way the gene's disease is inherited: one of STATUSES.

    `fits`: the genotype is one that the inheritance asks for. It is no diagnosis. An allele of
    mitochondria has no healthy copy on another chromosome, so that it fits as a dominant one does,
    in whatever share of them it is.
    """
    if zygosity is None:
        return "none_found" if is_assessed else "not_assessed"
    if inheritance in ("AD", "MT"):
        return "fits"
    if inheritance in ("AR", "XL") and zygosity in ("hom", "hemi", "compound_het"):
        return "fits"
    if inheritance in ("AR", "XL") and zygosity in ("possible_compound_het", "unknown"):
        return "possibly_fits"
    return "carrier"
