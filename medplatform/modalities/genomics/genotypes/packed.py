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
from functools import cached_property
from typing import NamedTuple

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
_MOST_IN_PART = 100
"""Copies in a genotype that was not called as a whole that `known_copies` tells apart."""
HAPLOID = 7
"""In bits 3-1 of a packed genotype: there is no second allele."""

# What each of the 256 packed bytes means, as tables to look up whole matrices in.
_CODES = np.arange(256)
_A = (_CODES >> 4).astype(np.int16) - 1
_B = np.where((_CODES >> 1) & 7 == HAPLOID, ABSENT, ((_CODES >> 1) & 7) - 1).astype(np.int16)
PACKED_ALLELES: np.ndarray = np.stack([_A, _B])
"""First and second allele of each of the 256 packed bytes (int16, 2 x 256)."""
_IS_CALLED: np.ndarray = (_A >= 0) & (_B != MISSING)
_CALLED_ALLELES = np.count_nonzero(PACKED_ALLELES >= 0, axis=0).astype(np.uint8)
_PLOIDY = np.where((_A == MISSING) & (_B == ABSENT), MISSING, 1 + (_B != ABSENT)).astype(np.int64)
_IS_REFERENCE: np.ndarray = (_A == 0) & ((_B == 0) | (_B == ABSENT))
_IS_PLAIN: np.ndarray = _IS_REFERENCE | (_A == MISSING) & ((_B == MISSING) | (_B == ABSENT))
_LARGEST = PACKED_ALLELES.max(axis=0).astype(np.int8)
_COPIES = np.stack([np.sum(k == PACKED_ALLELES, axis=0, dtype=np.int8) for k in range(15)])
_KNOWN_COPIES = np.where(_IS_CALLED, _COPIES, MISSING - _COPIES).astype(np.int8)
_IS_HETEROZYGOUS: np.ndarray = _IS_CALLED & (_B >= 0) & (_A != _B)
_IS_HOMOZYGOUS_ALTERNATE: np.ndarray = _IS_CALLED & (_A > 0) & (_A == _B)


PHASED, UNPHASED = 0b0001_001_1, 0b0001_001_0
"""The packed bytes of 0|0 and 0/0."""


class PackedCells(NamedTuple):
    """Some packed genotypes: the index of their variant and of their sample, and their byte."""

    variants: np.ndarray
    samples: np.ndarray
    codes: np.ndarray

    @property
    def alleles(self) -> np.ndarray:
        """First and second allele of each genotype (int16, 2 x genotypes): or MISSING, ABSENT."""
        return PACKED_ALLELES[:, self.codes]


@dataclass(frozen=True)
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
        is_whole = samples is None or len(samples) == self.codes.shape[1]
        if is_whole and len(rows) == len(self.codes) and not self.malformed:
            return self  # with what was found out about its genotypes
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

    @cached_property
    def uncommon(self) -> "PackedCells":
        """The genotypes that are not the reference twice, written as most of the variants have it.

        Those are nearly all, so what is counted is counted in these few. Wide ones are not here.
        """
        codes = self.codes.reshape(-1)
        cells = np.flatnonzero(codes != self.common)
        rows, samples = np.divmod(cells, max(1, self.codes.shape[1]))
        if self.wide:
            is_narrow = ~np.isin(rows, list(self.wide))
            cells, rows, samples = cells[is_narrow], rows[is_narrow], samples[is_narrow]
        return PackedCells(rows, samples, codes[cells])

    @cached_property
    def common(self) -> int:
        """The more frequent of the packed bytes of 0|0 and 0/0, judged by some of the variants."""
        some = self.codes[:: max(1, len(self.codes) // 8)]
        is_phased = np.count_nonzero(some == PHASED) > np.count_nonzero(some == UNPHASED)
        return PHASED if is_phased else UNPHASED

    def ploidy(self) -> np.ndarray:
        """Alleles of each genotype, variants x samples (int64); MISSING where it is only a dot."""
        ploidy = _PLOIDY[self.codes]
        for row, cell in self.wide.items():
            ploidy[row] = (cell != END_OF_VECTOR).sum(axis=1)
        return ploidy

    def are_plain(self) -> np.ndarray:
        """Variants whose genotypes all are the reference, or all missing, but not half (bool)."""
        rows, _, codes = self.uncommon
        plain = np.ones(len(self.codes), bool)
        plain[rows[~_IS_PLAIN[codes]]] = False
        plain[list({*self.wide, *self.malformed})] = False
        return plain

    def largest_alleles(self) -> np.ndarray:
        """The largest allele index of each variant (int64; negative where none is called)."""
        rows, _, codes = self.uncommon
        largest = np.full(len(self.codes), ABSENT, np.int64)
        counts = np.bincount(rows, minlength=len(largest))
        largest[counts < self.codes.shape[1]] = 0
        # The few come row by row: one piece of them for each row that has any.
        found = np.flatnonzero(counts)
        begins = np.cumsum(counts)[found] - counts[found]
        some = np.maximum.reduceat(_LARGEST[codes], begins) if len(found) else found
        largest[found] = np.maximum(largest[found], some)
        for row, cell in self.wide.items():
            largest[row] = wide_alleles(cell).max()
        return largest

    def called_alleles(self) -> np.ndarray:
        """Called alleles per variant (int32)."""
        rows, _, codes = self.uncommon
        absent = np.bincount(rows, 2 - _CALLED_ALLELES[codes], len(self.codes))
        called = (2 * self.codes.shape[1] - absent).astype(np.int32)
        for row, cell in self.wide.items():
            called[row] = (wide_alleles(cell) >= 0).sum()
        return called

    def allele_counts(self, allele: int) -> np.ndarray:
        """Copies of an allele per variant (int32)."""
        rows, _, codes = self.uncommon
        counts = np.zeros(len(self.codes), np.int32)
        if allele < len(_COPIES):
            common = int(_COPIES[allele][self.common])
            others = np.bincount(rows, _COPIES[allele][codes] - common, len(counts))
            counts += (common * self.codes.shape[1] + others).astype(np.int32)
        for row, cell in self.wide.items():
            counts[row] = (wide_alleles(cell) == allele).sum()
        return counts

    def sample_counts(self) -> np.ndarray:
        """Called, heterozygous and homozygous alternate genotypes: int64, 3 x samples."""
        _, samples, codes = self.uncommon
        tables = (~_IS_CALLED, _IS_HETEROZYGOUS, _IS_HOMOZYGOUS_ALTERNATE)
        size = self.codes.shape[1]
        counts = np.stack([np.bincount(samples[table[codes]], minlength=size) for table in tables])
        counts[0] = len(self.codes) - len(self.wide) - counts[0]
        for cell in self.wide.values():
            alleles = wide_alleles(cell)
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


def is_reference(codes: np.ndarray) -> np.ndarray:
    """Which packed bytes are genotypes of the reference allele alone (bool)."""
    return _IS_REFERENCE[codes]


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
    return wide_alleles(wide), (wide & 1).astype(bool) & (wide != END_OF_VECTOR)


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
    copies = known_copies(cells, alleles, samples)
    return np.maximum(copies, MISSING, out=copies)


def known_copies(cells: Sequence[bytes], alleles: Sequence[int], samples: int) -> np.ndarray:
    """As `dosage`, but MISSING less the copies that are known where not all alleles were called.

    So `./1` is MISSING - 1 of the allele 1, and MISSING of any other.
    """
    copies = np.empty((len(cells), samples), np.int8)
    narrow = [row for row, cell in enumerate(cells) if len(cell) == samples]
    if narrow:
        content = b"".join([cells[row] for row in narrow])
        codes = np.frombuffer(content, np.uint8).reshape(-1, samples)
        wanted = np.asarray([alleles[row] for row in narrow], np.intp)
        # A packed cell cannot hold an allele above 14: whoever is called has none of it.
        table = np.vstack([_KNOWN_COPIES, np.where(_IS_CALLED, 0, MISSING).astype(np.int8)])
        copies[narrow] = table[np.minimum(wanted, len(_KNOWN_COPIES))[:, None], codes]
    for row in sorted(set(range(len(cells))) - set(narrow)):
        found = wide_alleles(_wide_matrix(cells[row], samples))
        known = (found == alleles[row]).sum(axis=1)
        partial = MISSING - np.minimum(known, _MOST_IN_PART)
        copies[row] = np.where((found == MISSING).any(axis=1), partial, known)
    return copies


def rank_copies(copies: np.ndarray) -> np.ndarray:
    """Which of several genotypes of an allele in one sample counts: the one of the highest rank.

    That is one that tells whether the sample has the allele, then the one with most copies, then
    one all of whose alleles were called.

    Parameters
    ----------
    copies
        As `known_copies` gives them.

    Returns
    -------
    int16, of the shape of `copies`
    """
    wide = copies.astype(np.int16)
    is_whole = wide >= 0
    known = np.where(is_whole, wide, MISSING - wide)
    return np.where(is_whole | (known > 0), 2 * known + is_whole, MISSING).astype(np.int16)


def _wide_matrix(cell: bytes, samples: int) -> np.ndarray:
    return np.frombuffer(cell, np.dtype("<u2")).reshape(samples, -1)


def wide_alleles(wide: np.ndarray) -> np.ndarray:
    """Alleles of a wide matrix (int16, of its shape): index, MISSING or ABSENT."""
    return np.where(wide == END_OF_VECTOR, ABSENT, (wide >> 1).astype(np.int16) - 1)
