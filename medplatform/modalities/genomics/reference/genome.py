"""The sequence of one genome build, read from an indexed FASTA file.

Contigs are found by their canonical name, so `chr1`, `1` and `NC_000001.11` are one; the `chrM` of
hg19 is not `MT`.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np
import pysam

from medplatform.modalities.genomics.reference.build import name_contig

GAP_BASES = 1 << 16
"""Positions that are further apart are fetched apart: a block of BGZF holds as much."""
FETCH_BITS = 23
"""No fetch is longer than 2**23 bases (and the longest reference allele in it)."""


class Standing(IntEnum):
    """How a reference allele stands to the reference sequence."""

    UNKNOWN = 0
    """The sequence has no such contig, or the position is a telomere (0)."""
    MISMATCH = 1
    """A base is not the base of the sequence, or lies behind its end."""
    COMPATIBLE = 2
    """Equal but for ambiguity codes, which may stand for the same base."""
    EQUAL = 3
    """The same bases or N; case does not count."""


def _base_sets() -> np.ndarray:
    """Which of A, C, G, T (bits 0-3) a letter stands for (IUPAC), 0 for what is no base."""
    sets = {"A": 1, "C": 2, "G": 4, "T": 8, "U": 8, "R": 5, "Y": 10, "S": 6, "W": 9, "K": 12}
    sets |= {"M": 3, "B": 14, "D": 13, "H": 11, "V": 7, "N": 15}
    table = np.zeros(256, np.uint8)
    for letter, bits in sets.items():
        table[[ord(letter), ord(letter.lower())]] = bits
    return table


_BASES = _base_sets()
# Letters that bcftools compares as they are: of the others it makes N.
_IS_PLAIN = np.isin(np.arange(16), (1, 2, 4, 8, 15))


class Genome:
    """A reference sequence. Not thread-safe; each process opens its own.

    Parameters
    ----------
    path
        FASTA, plain or bgzip; its index (`.fai`, `.gzi`) is made beside it where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = pysam.FastaFile(str(path))
        names = self._file.references
        self.lengths: dict[str, int] = dict(zip(names, self._file.lengths, strict=True))
        self._contigs = {name_contig(name, self.lengths[name]): name for name in reversed(names)}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def contig(self, chromosome: str) -> str | None:
        """The name in the file of a chromosome, None where the file lacks it."""
        return self._contigs.get(chromosome)

    def fetch(self, chromosome: str, start: int, end: int) -> str:
        """Bases from `start` to before `end`, both from 0, as far as the contig goes."""
        return self._file.fetch(self._contigs[chromosome], start, end)

    def compare(
        self, chromosomes: np.ndarray, positions: np.ndarray, references: list[str]
    ) -> np.ndarray:
        """The standing (int8, `Standing`) of each reference allele.

        Parameters
        ----------
        chromosomes
            Canonical name of each, as objects or strings.
        positions
            First base of each, from 1.
        references
            The alleles, in ASCII.
        """
        standing = np.full(len(positions), Standing.UNKNOWN, np.int8)
        lengths = np.fromiter(map(len, references), np.int64, len(references))
        for chromosome in np.unique(chromosomes):
            if chromosome not in self._contigs:
                continue
            rows = np.flatnonzero((chromosomes == chromosome) & (positions > 0))
            rows = rows[np.argsort(positions[rows], kind="stable")]
            for near in _neighbours(rows, positions[rows]):
                text = "".join([references[row] for row in near]).encode()
                standing[near] = self._compare(chromosome, positions[near], lengths[near], text)
        return standing

    def _compare(
        self, chromosome: str, positions: np.ndarray, lengths: np.ndarray, text: bytes
    ) -> np.ndarray:
        """The standing of alleles that lie near each other; `text` is all of them joined."""
        start, end = int(positions[0]) - 1, int((positions + lengths).max()) - 1
        sequence = np.zeros(end - start, np.uint8)
        length = self.lengths[self._contigs[chromosome]]
        fetched = self.fetch(chromosome, min(start, length), min(end, length)).encode()
        sequence[: len(fetched)] = _BASES[np.frombuffer(fetched, np.uint8)]
        firsts = np.cumsum(lengths) - lengths
        # The place in the sequence of each base of each allele.
        places = np.repeat(positions - 1 - start - firsts, lengths) + np.arange(len(text))
        given, there = _BASES[np.frombuffer(text, np.uint8)], sequence[places]
        is_compatible = np.logical_and.reduceat((given & there) != 0, firsts)
        is_equal = np.logical_and.reduceat((given == there) & _IS_PLAIN[given], firsts)
        return Standing.MISMATCH + is_compatible.astype(np.int8) + is_equal.astype(np.int8)


def _neighbours(rows: np.ndarray, positions: np.ndarray) -> Iterator[np.ndarray]:
    """Split sorted rows where fetching what lies between costs more than fetching twice."""
    steps = (np.diff(positions) > GAP_BASES) | (np.diff(positions >> FETCH_BITS) > 0)
    yield from (part for part in np.split(rows, np.flatnonzero(steps) + 1) if len(part))
