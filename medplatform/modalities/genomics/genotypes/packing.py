"""From the sample columns of VCF records to packed genotypes.

Whole batches are packed by looking bytes up in tables; only genotypes that are written with more
than one digit, or have other than one or two alleles, are parsed one by one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medplatform.modalities.genomics.genotypes.packed import (
    END_OF_VECTOR,
    HAPLOID,
    MAX_ALLELE,
    MISSING,
    PHASED,
    UNPHASED,
    Packed,
)
from medplatform.modalities.genomics.genotypes.texts import SampleTexts

MAX_PLOIDY = 64
"""Alleles of the longest genotype that is read: each costs all samples of its record two bytes."""
_INVALID = 0x100


def _byte_table(values: dict[bytes, int]) -> np.ndarray:
    table = np.full(256, _INVALID, np.uint16)
    for byte, value in values.items():
        table[byte[0]] = value
    return table


_DIGITS = {str(allele).encode(): allele + 1 for allele in range(10)}
_FIRST = _byte_table({b".": 0} | {byte: code << 4 for byte, code in _DIGITS.items()})
_SEPARATOR = _byte_table({b"/": 0, b"|": 1})
_SECOND = _byte_table({b".": 0} | {byte: code << 1 for byte, code in _DIGITS.items() if code < 7})
_TAB = _byte_table({b"\t": 0})
_END = _byte_table({b":": 0, b"\t": 0})

# The halves of a word such as "0|1\t"; no code of alleles up to 9 reaches _INVALID_CODE.
_INVALID_CODE = 0xF0
_LOW, _HIGH = np.arange(1 << 16) & 0xFF, np.arange(1 << 16) >> 8
_FIRST_HALF = np.minimum(_FIRST[_LOW] | _SEPARATOR[_HIGH], _INVALID_CODE).astype(np.uint8)
_SECOND_HALF = np.minimum(_SECOND[_LOW] | _TAB[_HIGH], _INVALID_CODE).astype(np.uint8)
_WORD = np.dtype("<u4")
_WORD_BYTES = _WORD.itemsize
_WORD_PHASED, _WORD_UNPHASED = np.frombuffer(b"0|0\t0/0\t", _WORD)
_SLICE_CELLS = 1 << 17
"""Genotypes that are looked up at once: what fits the cache of a core."""


class Genotype(NamedTuple):
    """One genotype: alleles (MISSING where not called) and the phase of each."""

    alleles: tuple[int, ...]
    phased: tuple[bool, ...]


def parse_genotype(text: bytes) -> Genotype | None:
    """Read a GT value of up to `MAX_PLOIDY` alleles; None where it is malformed."""
    separators = bytes(byte for byte in text if byte in b"/|")
    names = text.replace(b"|", b"/").split(b"/")
    prefix = None
    if len(names) > 1 and not names[0]:
        prefix, separators, names = separators[:1], separators[1:], names[1:]
    if len(names) > MAX_PLOIDY:
        return None
    if not all(name == b"." or (name.isdigit() and len(name) < 6) for name in names):
        return None
    alleles = tuple(MISSING if name == b"." else int(name) for name in names)
    if max(alleles) > MAX_ALLELE:
        return None
    rest = tuple(separator == ord("|") for separator in separators)
    return Genotype(alleles, (prefix == b"|" if prefix else all(rest), *rest))


def _pack_one(genotype: Genotype) -> int | None:
    """The packed byte of a genotype, None where only the wide form holds it."""
    first, *rest = genotype.alleles
    is_phased, *phases = genotype.phased
    if len(rest) > 1 or first > 14 or is_phased != all(phases):
        return None
    if not rest:
        return (first + 1) << 4 | HAPLOID << 1
    return (first + 1) << 4 | (rest[0] + 1) << 1 | phases[0] if rest[0] < 6 else None


def _widen(genotypes: Sequence[Genotype]) -> np.ndarray:
    ploidy = max(len(genotype.alleles) for genotype in genotypes)
    wide = np.full((len(genotypes), ploidy), END_OF_VECTOR, "<u2")
    for row, (alleles, phased) in zip(wide, genotypes, strict=True):
        row[: len(alleles)] = [(a + 1) << 1 | p for a, p in zip(alleles, phased, strict=True)]
    return wide


def pack(columns: SampleTexts, samples: int) -> Packed:
    """Pack the sample columns of several VCF records.

    Parameters
    ----------
    columns
        Per record exactly `samples` (at least one) of them; GT is the first subfield of each.
    """
    codes = np.empty((len(columns), samples), np.uint8)
    is_packed = columns.lengths == _WORD_BYTES * samples - 1
    aligned = np.flatnonzero(is_packed)
    step = max(1, _SLICE_CELLS // max(1, samples))
    for rows in (aligned[start : start + step] for start in range(0, len(aligned), step)):
        found = _pack_aligned(columns.take(rows), samples)
        codes[rows] = found
        is_packed[rows] = found.max(axis=1) < _INVALID_CODE
    others = np.flatnonzero(~is_packed)
    wide: dict[int, np.ndarray] = {}
    malformed: set[int] = set()
    for part in columns.take(others).slices():
        rows = others[part].tolist()
        codes[rows], odd = _pack_any([columns[row] for row in rows], samples)
        for row, cell in odd.items():
            if cell is None:
                malformed.add(rows[row])
            else:
                wide[rows[row]] = cell
    return Packed(codes, wide, frozenset(malformed))


def _pack_aligned(columns: SampleTexts, samples: int) -> np.ndarray:
    """Codes of records whose columns are all a diploid GT of three characters and nothing else.

    With the tab behind it such a genotype is a word of four bytes. Nearly all words of a cohort
    are equal; only the others are looked up.
    """
    words = np.empty((len(columns), samples), _WORD)
    for row, start in zip(words, columns.starts.tolist(), strict=True):
        row[:] = np.frombuffer(columns.content, _WORD, samples, start)
    words[:, -1] = words[:, -1] & 0x00FFFFFF | ord("\t") << 24  # what stood there ends the line
    words = words.reshape(-1)
    is_phased = words[:1] >> 8 & 0xFF == ord("|")
    common, code = (_WORD_PHASED, PHASED) if is_phased else (_WORD_UNPHASED, UNPHASED)
    codes = np.full(len(words), code, np.uint8)
    others = np.flatnonzero(words != common)
    found = words[others]
    codes[others] = _FIRST_HALF[found & 0xFFFF] | _SECOND_HALF[found >> 16]
    return codes.reshape(-1, samples)


def _pack_any(
    columns: Sequence[bytes], samples: int
) -> tuple[np.ndarray, dict[int, np.ndarray | None]]:
    """Codes of records with columns of any length.

    The second value holds the wide cell of each record that needs one, None for a malformed one.
    """
    text = b"\t".join(columns) + b"\t"
    content = np.frombuffer(text + b"\t\t\t", np.uint8)
    ends = np.flatnonzero(content[: len(text)] == ord("\t"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    codes = _FIRST[content[starts]]
    haploid = _END[content[starts + 1]] == 0
    second = _SEPARATOR[content[starts + 1]] | _SECOND[content[starts + 2]]
    second |= _END[content[starts + 3]]
    codes |= np.where(haploid, np.uint16(HAPLOID << 1), second)
    codes = codes.reshape(-1, samples)
    odd: dict[int, np.ndarray | None] = {}
    known: dict[bytes, Genotype | None] = {}

    def genotype(row: int, sample: int) -> Genotype | None:
        cell = row * samples + sample
        name = text[starts[cell] : ends[cell]].partition(b":")[0]
        if name not in known:
            known[name] = parse_genotype(name)
        return known[name]

    for row in np.flatnonzero((codes >= _INVALID).any(axis=1)).tolist():
        for sample in np.flatnonzero(codes[row] >= _INVALID).tolist():
            found = genotype(row, sample)
            code = None if found is None else _pack_one(found)
            if code is None:
                everyone = [genotype(row, each) for each in range(samples)]
                whole = [each for each in everyone if each is not None]
                odd[row] = _widen(whole) if len(whole) == samples else None
                break
            codes[row, sample] = code
    return codes, odd
