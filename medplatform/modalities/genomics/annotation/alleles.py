"""Which alternate allele of a record an annotation is about, by the convention of its tool."""

import re
from collections.abc import Sequence

from medplatform.modalities.genomics.annotation.layout import Tool

# How VEP names symbolic alleles (Parser::VCF).
_VEP_CLASSES = {
    "DEL": "deletion",
    "INS": "insertion",
    "DUP": "duplication",
    "TDUP": "tandem_duplication",
    "INV": "inversion",
    "CNV": "copy_number_variation",
    "BND": "chromosome_breakpoint",
}
_SUBSTITUTION = re.compile(r"(\d+)([A-Z*]+)>([A-Z*]+)", re.IGNORECASE)


def allele_number(
    tool: Tool, allele: str | None, position: int, reference: str, alternates: Sequence[str]
) -> int | None:
    """The number of the alternate allele, from 1; None where the annotation does not tell.

    Parameters
    ----------
    allele
        Field Allele of VEP and SnpEff, dna_change of bcftools csq.

    >>> allele_number("vep", "-", 100, "CAG", ["CG", "C"])
    2
    >>> allele_number("snpeff", "T", 100, "C", ["A", "T"])
    2
    >>> allele_number("bcftools", "100C>T+103G>A", 100, "C", ["A", "T"])
    2
    """
    if tool == "bcftools":
        return _of_change(allele, position, reference, alternates)
    if allele is None:
        return None
    if tool == "snpeff":
        # In somatic calls ALT-REF, where the germline allele differs from the reference.
        return _only(allele, alternates) or _only(allele.partition("-")[0], alternates)
    for written in (
        _trim_first_base(reference, alternates),
        alternates,
        [_trim(reference, alternate) for alternate in alternates],
        [_class(alternate) for alternate in alternates],
    ):
        if number := _only(allele, written):
            return number
    return None


def _only(allele: str, written: Sequence[str]) -> int | None:
    """The number of the one allele that is written so."""
    matches = [number for number, text in enumerate(written, 1) if text.upper() == allele.upper()]
    return matches[0] if len(matches) == 1 else None


def _trim_first_base(reference: str, alternates: Sequence[str]) -> list[str]:
    """As VEP does: without the first base where an indel is among alleles that all begin so."""
    alleles = [text for text in alternates if "*" not in text]
    is_indel = any(len(text) != len(reference) for text in alternates)
    if not is_indel or any(text[:1] != reference[:1] for text in alleles):
        return list(alternates)
    return [text if "*" in text else text[1:] or "-" for text in alternates]


def _trim(reference: str, alternate: str) -> str:
    """As VEP does with --minimal: without the bases at both ends that equal the reference's."""
    while reference and alternate and reference[-1] == alternate[-1]:
        reference, alternate = reference[:-1], alternate[:-1]
    while reference and alternate and reference[0] == alternate[0]:
        reference, alternate = reference[1:], alternate[1:]
    return alternate or "-"


def _class(alternate: str) -> str:
    return _VEP_CLASSES.get(alternate.strip("<>").partition(":")[0], alternate)


def _of_change(
    change: str | None, position: int, reference: str, alternates: Sequence[str]
) -> int | None:
    """A change is 100C>T, with several joined by + where they act together."""
    for place, before, after in _SUBSTITUTION.findall(change or ""):
        if int(place) == position and before.upper() == reference.upper():
            return _only(after, alternates)
    return 1 if len(alternates) == 1 else None
