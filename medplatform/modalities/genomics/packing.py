"""From the sample columns of VCF records to packed genotypes.

Whole batches are packed by looking bytes up in tables; only genotypes that are written with more
than one digit, or have other than one or two alleles, are parsed one by one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medplatform.modalities.genomics.genotypes import (
    END_OF_VECTOR,
    HAPLOID,
    MAX_ALLELE,
    MISSING,
    Packed,
)

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
_END = _byte_table({b":": 0, b"\t": 0})


class Genotype(NamedTuple):
    """One genotype: alleles (MISSING where not called) and the phase of each."""

    alleles: tuple[int, ...]
    phased: tuple[bool, ...]


def parse_genotype(text: bytes) -> Genotype | None:
    """Read a GT value of any ploidy; None where it is malformed."""
    separators = bytes(byte for byte in text if byte in b"/|")
    names = text.replace(b"|", b"/").split(b"/")
    prefix = None
    if len(names) > 1 and not names[0]:
        prefix, separators, names = separators[:1], separators[1:], names[1:]
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


def pack(columns: Sequence[bytes], samples: int) -> Packed:
    """Pack the sample columns of several VCF records.

    Parameters
    ----------
    columns
        Per record its sample columns, tab-separated, exactly `samples` (at least one) of them; GT
        is the first subfield of each.
    """
    codes = np.empty((len(columns), samples), np.uint16)
    aligned = [row for row, text in enumerate(columns) if len(text) == 4 * samples - 1]
    if aligned:
        codes[aligned] = _pack_aligned([columns[row] for row in aligned], samples)
        failed = (codes[aligned] >= _INVALID).any(axis=1)
        aligned = [aligned[index] for index in np.flatnonzero(~failed)]
    others = sorted(set(range(len(columns))) - set(aligned))
    wide: dict[int, np.ndarray] = {}
    malformed: set[int] = set()
    if others:
        texts = [columns[row] for row in others]
        codes[others], odd = _pack_any(texts, samples)
        for row, cell in odd.items():
            if cell is None:
                malformed.add(others[row])
            else:
                wide[others[row]] = cell
    return Packed(codes.astype(np.uint8), wide, frozenset(malformed))


def _pack_aligned(columns: Sequence[bytes], samples: int) -> np.ndarray:
    """Codes of records whose columns are all a diploid GT of three characters and nothing else."""
    content = np.frombuffer(b"\t".join(columns) + b"\t", np.uint8).reshape(-1, samples, 4)
    codes = _FIRST[content[..., 0]]
    codes |= _SEPARATOR[content[..., 1]]
    codes |= _SECOND[content[..., 2]]
    codes[content[..., 3] != ord("\t")] = _INVALID
    return codes


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
