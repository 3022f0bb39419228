"""What a sequence consists of, by the codes of IUPAC.

Cornish-Bowden 1985, doi:10.1093/nar/13.9.3021.
"""

import hashlib
from typing import Any

MAX_BASES = 1 << 20
_BASES = b"ACGT"
_AMBIGUOUS = b"RYSWKMBDHV"
_GAP = b"-"
_ALLOWED = _BASES + b"N" + _AMBIGUOUS + _GAP
_AMINO_ACIDS = b"ACDEFGHIKLMNPQRSTVWYBXZJUO*-"
_COMPLEMENT = bytes.maketrans(b"ACGTRYSWKMBDHVN-", b"TGCAYRSWMKVHDBN-")
_LEAST_BASES = 0.5
"""Share of A, C, G, T and N below which letters that could all be bases are taken for residues."""
_SHORT = 10
"""Characters of a sequence that is too short to tell by shares."""


class NoDna(ValueError):
    """A sequence is none of DNA. `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def measure(text: bytes) -> dict[str, Any]:
    """The columns that follow from a sequence, as delivered without blanks.

    Raises
    ------
    NoDna
        It is empty, too long, a protein or RNA, or has other characters.
    """
    upper = text.upper().replace(b".", _GAP)  # both are gaps in alignments
    length = len(upper)
    if not upper.replace(_GAP, b""):
        raise NoDna("sequence.empty")
    if length > MAX_BASES:
        raise NoDna("sequence.too_long")
    if foreign := upper.translate(None, _ALLOWED):
        raise NoDna(_name_foreign(upper, foreign))
    counts = {base: upper.count(base) for base in b"ACGTN-"}
    bases = sum(counts[base] for base in _BASES)
    gaps, unknown = counts[ord("-")], counts[ord("N")]
    if length >= _SHORT and bases + unknown < _LEAST_BASES * (length - gaps):
        raise NoDna("sequence.protein")
    lower = len(text) - len(text.translate(None, b"acgtnryswkmbdhv"))
    masked = 0 if lower == length - gaps else lower
    reverse = upper.translate(_COMPLEMENT)[::-1]
    return {
        "sequence": upper.decode("ascii"),
        "length": length,
        "n_count": unknown,
        "ambiguous_count": length - bases - unknown - gaps,
        "gap_count": gaps,
        "gc_fraction": (counts[ord("G")] + counts[ord("C")]) / bases if bases else None,
        "has_soft_mask": masked > 0,
        "masked_count": masked,
        "content_id": hashlib.blake2b(min(upper, reverse), digest_size=16).hexdigest(),
    }


def is_dna(text: str) -> bool:
    """Whether a text can be nothing but a DNA sequence: enough bases and no other character."""
    upper = text.upper().encode("utf-8", "replace")
    return len(upper) >= 2 * _SHORT and not upper.translate(None, _ALLOWED)


def _name_foreign(upper: bytes, foreign: bytes) -> str:
    """What a sequence with foreign characters is."""
    if not foreign.strip(b"U"):
        return "sequence.alphabet" if b"T" in upper else "sequence.rna"
    if not upper.translate(None, _AMINO_ACIDS):
        return "sequence.protein"
    return "sequence.alphabet"
