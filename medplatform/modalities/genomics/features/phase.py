"""On which of a patient's chromosomes an allele is, and with which others that can be compared.

A phased genotype tells the chromosomes apart only within its phase set: FORMAT/PS (VCF 4.5,
section 1.6.2), the list PSL of VCF 4.4, or PID of GATK. All phased genotypes of a chromosome
without any of these keys are one set, as the specification says. GATK before 4.1 leaves GT
unphased and writes the phased genotype of the reference and one allele into PGT.

Whatever is known beyond it, a genotype has its alleles on as many chromosomes: those of 1/2 are on
different ones. So one with several alternate alleles is a set of its own, too.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.genotypes.packed import ABSENT

PhaseSet = tuple[str, str]
"""Column of the key, and its value as text."""

WHOLE: PhaseSet = ("", "")
"""The set of phased genotypes whose record has no key of phase sets."""

_OWN = "genotypes"

_PHYSICAL_SET, _PHYSICAL_GENOTYPE = "format_PID", "format_PGT"
_SETS = (
    *("format_PS", "format_PS_text", "format_PS_list", "format_PS_text_list"),
    *("format_PSL", _PHYSICAL_SET),
)
PHASE_COLUMNS = (*_SETS, _PHYSICAL_GENOTYPE)
"""Columns of genomics_genotype, where a file has them; PS is named after its type in the header."""

_PHYSICAL_PLACE = {"1|0": 0, "0|1": 1}
"""Which chromosome of PGT has the allele."""


class Phase(NamedTuple):
    """The places in a genotype that an allele has, and the phase set of the genotype."""

    phase_set: PhaseSet
    places: frozenset[int]

    @property
    def is_own(self) -> bool:
        """Whether the set is of this genotype alone, so that it says nothing of other records."""
        return self.phase_set[0] == _OWN


class Genotype(NamedTuple):
    """One sample in one record: its alleles and their phases as `genotypes.unpack` gives them."""

    variant_id: str
    sample: int
    alleles: np.ndarray
    phased: np.ndarray


def find_phases(
    cells: Mapping[str, pa.ListScalar], genotype: Genotype, allele: int
) -> frozenset[Phase]:
    """The phases of an allele that a sample carries, one per set that its genotype belongs to.

    Parameters
    ----------
    cells
        The cells of the record in PHASE_COLUMNS, of the keys that it has: a list over all samples.
    genotype
        That of the sample.
    allele
        Its index in the record.

    Returns
    -------
    None where the phase is not known, or not within which set, and the genotype has no other
    alternate allele.
    """
    alleles = genotype.alleles
    is_there = alleles != ABSENT
    places = frozenset(np.flatnonzero(alleles == allele).tolist())
    known, own = None, None
    if genotype.phased[is_there].all():
        phase_set = _phase_set(cells, genotype.sample)
        known = phase_set and Phase(phase_set, places)
    elif sorted(alleles[is_there]) == [0, allele]:
        known = _physical_phase(cells, genotype.sample)
    if len(np.unique(alleles[alleles > 0])) > 1:
        own = Phase((_OWN, genotype.variant_id), places)
    return frozenset(phase for phase in (known, own) if phase is not None)


def _physical_phase(cells: Mapping[str, pa.ListScalar], sample: int) -> Phase | None:
    """What PID and PGT say of the allele in a genotype of the reference and one allele."""
    physical_set = _text(cells, _PHYSICAL_SET, sample)
    place = _PHYSICAL_PLACE.get(_text(cells, _PHYSICAL_GENOTYPE, sample) or "")
    if physical_set is None or place is None:
        return None
    return Phase((_PHYSICAL_SET, physical_set), frozenset([place]))


def _phase_set(cells: Mapping[str, pa.ListScalar], sample: int) -> PhaseSet | None:
    """The phase set of a phased genotype; None where keys are there, but not their values."""
    keys = [key for key in _SETS if key in cells]
    values = ((key, _text(cells, key, sample)) for key in keys)
    known = ((key, value) for key, value in values if value is not None)
    return next(known, None if keys else WHOLE)


def _text(cells: Mapping[str, pa.ListScalar], key: str, sample: int) -> str | None:
    value = cells[key].values[sample].as_py() if key in cells else None
    return None if value is None else str(value)
