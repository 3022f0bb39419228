"""Genotypes of one variant over all samples of a cohort, packed into one cell of bytes.

Two forms, told apart by their length:

- Packed, one byte per sample, for haploid and diploid genotypes: bits 7-4 the first allele plus 1,
  bits 3-1 the second allele plus 1, bit 0 set where they are phased. 0 is a missing allele, 7 in
  bits 3-1 means haploid. So alleles up to 14 (first) and 5 (second) fit.
- Wide, for all others: a little-endian uint16 matrix samples x ploidy in the coding of BCF (VCF
  specification, section 6.3.3): (allele + 1) << 1 | phased, 0xFFFF after the last allele.

Both are lossless. The phase of the first allele is that of VCF 4.4, section 1.6.2: where no
prefix states it, it is phased if no other allele is unphased.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

MISSING = -1
"""An allele that was not called, `.` in VCF."""
ABSENT = -2
"""Fills up genotypes of fewer alleles than others in the same cell."""

MAX_ALLELE = (0xFFFF >> 1) - 2
"""The largest allele index that the wide form holds."""
END_OF_VECTOR = 0xFFFF
"""In the wide form: there is no further allele."""
HAPLOID = 7
"""In bits 3-1 of a packed genotype: there is no second allele."""

# What each of the 256 packed bytes means, as tables to look up whole matrices in.
_CODES = np.arange(256)
_A = (_CODES >> 4).astype(np.int16) - 1
_B = np.where((_CODES >> 1) & 7 == HAPLOID, ABSENT, ((_CODES >> 1) & 7) - 1).astype(np.int16)
_ALLELES: np.ndarray = np.stack([_A, _B])
_IS_CALLED: np.ndarray = (_A >= 0) & (_B != MISSING)
_CALLED_ALLELES = np.count_nonzero(_ALLELES >= 0, axis=0).astype(np.uint8)
_LARGEST = _ALLELES.max(axis=0).astype(np.int8)
_COPIES = np.stack([np.sum(k == _ALLELES, axis=0, dtype=np.int8) for k in range(15)])
_DOSAGE = np.where(_IS_CALLED, _COPIES, MISSING).astype(np.int8)
_IS_HETEROZYGOUS: np.ndarray = _IS_CALLED & (_B >= 0) & (_A != _B)
_IS_HOMOZYGOUS_ALTERNATE: np.ndarray = _IS_CALLED & (_A > 0) & (_A == _B)


@dataclass(frozen=True, slots=True)
class Packed:
    """Genotypes of several variants, as `packing.pack` makes them.

    `codes` is uint8, variants x samples; the rows that are in `wide` (uint16, samples x ploidy)
    or in `malformed` hold nothing of use there.
    """

    codes: np.ndarray
    wide: dict[int, np.ndarray] = field(default_factory=dict)
    malformed: frozenset[int] = frozenset()

    def take(self, rows: np.ndarray, samples: np.ndarray | None = None) -> "Packed":
        """Some variants, by index in ascending order, and all samples or some."""
        codes = self.codes if len(rows) == len(self.codes) else self.codes[rows]
        if samples is None:
            samples = np.arange(codes.shape[1])
        elif len(samples) != codes.shape[1]:
            codes = codes[:, samples]
        place = {int(old): new for new, old in enumerate(rows)} if self.wide else {}
        wide = {place[old]: cell[samples] for old, cell in self.wide.items() if old in place}
        return Packed(codes, wide)

    def cells(self) -> pa.Array:
        """The cells as Arrow binary, one per variant."""
        variants, samples = self.codes.shape
        if self.wide:
            rows = [*self.codes]
            for row, cell in self.wide.items():
                rows[row] = cell
            return pa.array([row.tobytes() for row in rows], pa.binary())
        offsets = np.arange(variants + 1, dtype=np.int32) * np.int32(samples)
        data = np.ascontiguousarray(self.codes)
        return pa.Array.from_buffers(
            pa.binary(), variants, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        )

    def largest_alleles(self) -> np.ndarray:
        """The largest allele index of each variant (int64; negative where none is called)."""
        largest = _LARGEST[self.codes].max(axis=1, initial=ABSENT).astype(np.int64)
        for row, cell in self.wide.items():
            largest[row] = _wide_alleles(cell).max()
        return largest

    def called_alleles(self) -> np.ndarray:
        """Called alleles per variant (int32)."""
        called = _CALLED_ALLELES[self.codes].sum(axis=1, dtype=np.int32)
        for row, cell in self.wide.items():
            called[row] = (_wide_alleles(cell) >= 0).sum()
        return called

    def allele_counts(self, allele: int) -> np.ndarray:
        """Copies of an allele per variant (int32)."""
        if allele < len(_COPIES):
            counts = _COPIES[allele][self.codes].sum(axis=1, dtype=np.int32)
        else:
            counts = np.zeros(len(self.codes), np.int32)
        for row, cell in self.wide.items():
            counts[row] = (_wide_alleles(cell) == allele).sum()
        return counts

    def sample_counts(self) -> np.ndarray:
        """Called, heterozygous and homozygous alternate genotypes: int64, 3 x samples."""
        is_narrow = np.ones(len(self.codes), bool)
        is_narrow[list(self.wide)] = False
        narrow = self.codes[is_narrow] if self.wide else self.codes
        tables = (_IS_CALLED, _IS_HETEROZYGOUS, _IS_HOMOZYGOUS_ALTERNATE)
        counts = np.stack([table[narrow].sum(axis=0, dtype=np.int64) for table in tables])
        for cell in self.wide.values():
            alleles = _wide_alleles(cell)
            present = alleles != ABSENT
            called = (alleles != MISSING).all(axis=1)
            same = (~present | (alleles == alleles[:, :1])).all(axis=1)
            several = present.sum(axis=1) > 1
            counts += [
                called,
                called & several & ~same,
                called & several & same & (alleles[:, 0] > 0),
            ]
        return counts


def unpack(cell: bytes, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Alleles and phases of a cell.

    Returns
    -------
    alleles : int16, samples x ploidy
        Allele index (0 is the reference), MISSING or ABSENT.
    phased : bool, samples x ploidy
        Whether each allele is phased, False where it is ABSENT.
    """
    if len(cell) == samples:
        codes = np.frombuffer(cell, np.uint8)
        alleles = np.stack([_A[codes], _B[codes]], axis=1)
        second = (codes & 1).astype(bool)
        haploid = alleles[:, 1] == ABSENT
        return alleles, np.stack([second | haploid, second], axis=1)
    wide = _wide_matrix(cell, samples)
    return _wide_alleles(wide), (wide & 1).astype(bool) & (wide != END_OF_VECTOR)


def dosage(cells: Sequence[bytes], alleles: Sequence[int], samples: int) -> np.ndarray:
    """Copies of one allele per variant and sample, for cells of the same cohort.

    Parameters
    ----------
    alleles
        For each cell the index of the allele to count.

    Returns
    -------
    int8, len(cells) x samples
        MISSING where any allele of the genotype was not called.
    """
    copies = np.empty((len(cells), samples), np.int8)
    narrow = [row for row, cell in enumerate(cells) if len(cell) == samples]
    if narrow:
        content = b"".join([cells[row] for row in narrow])
        codes = np.frombuffer(content, np.uint8).reshape(-1, samples)
        wanted = np.asarray([alleles[row] for row in narrow], np.intp)
        # A packed cell cannot hold an allele above 14: whoever is called has none of it.
        table = np.vstack([_DOSAGE, np.where(_IS_CALLED, 0, MISSING).astype(np.int8)])
        copies[narrow] = table[np.minimum(wanted, len(_DOSAGE))[:, None], codes]
    for row in sorted(set(range(len(cells))) - set(narrow)):
        found = _wide_alleles(_wide_matrix(cells[row], samples))
        copies[row] = (found == alleles[row]).sum(axis=1)
        copies[row, (found == MISSING).any(axis=1)] = MISSING
    return copies


def _wide_matrix(cell: bytes, samples: int) -> np.ndarray:
    return np.frombuffer(cell, np.dtype("<u2")).reshape(samples, -1)


def _wide_alleles(wide: np.ndarray) -> np.ndarray:
    return np.where(wide == END_OF_VECTOR, ABSENT, (wide >> 1).astype(np.int16) - 1)
