"""Which INFO keys of a file hold annotations, by which tool, and what their fields are called."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Tool = Literal["vep", "snpeff", "bcftools"]

_USUAL: Mapping[str, Tool] = {"CSQ": "vep", "ANN": "snpeff", "BCSQ": "bcftools"}

KEYS = tuple(_USUAL)
"""The keys that hold annotations by convention; a header may give any other the same format."""

_FORMAT = re.compile(r"Format:\s*(?P<fields>[^\s'\"]*\|[^\s'\"]*)", re.IGNORECASE)
_QUOTED = re.compile(r"'(?P<fields>[^']*\|[^']*)'")
_TOOLS: tuple[tuple[Tool, frozenset[str]], ...] = (
    ("snpeff", frozenset({"Allele", "Annotation", "Annotation_Impact"})),
    # All others may be left out with `vep --fields`.
    ("vep", frozenset({"Allele", "Consequence"})),
    ("bcftools", frozenset({"Consequence", "gene", "transcript"})),
)
# Variant annotations in VCF format, version 1.0 (2015), and bcftools csq: always these fields.
_STANDARD: dict[str, tuple[Tool, tuple[str, ...]]] = {
    "ANN": (
        "snpeff",
        (
            *("Allele", "Annotation", "Annotation_Impact", "Gene_Name", "Gene_ID", "Feature_Type"),
            *("Feature_ID", "Transcript_BioType", "Rank", "HGVS.c", "HGVS.p"),
            *("cDNA.pos / cDNA.length", "CDS.pos / CDS.length", "AA.pos / AA.length"),
            *("Distance", "ERRORS / WARNINGS / INFO"),
        ),
    ),
    "BCSQ": (
        "bcftools",
        (
            *("Consequence", "gene", "transcript", "biotype", "strand"),
            *("amino_acid_change", "dna_change"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of the annotations under one INFO key."""

    key: str
    tool: Tool
    fields: tuple[str, ...]


def find_layouts(descriptions: Mapping[str, str]) -> dict[str, Layout]:
    """The keys that hold annotations.

    Parameters
    ----------
    descriptions
        INFO key -> Description of its header line.

    Returns
    -------
    Key -> layout. ANN and BCSQ whose description states no format have that of their standard.
    """
    found = {key: _layout(key, text) for key, text in descriptions.items()}
    return {key: layout for key, layout in found.items() if layout is not None}


def find_missing(key: str, description: str) -> tuple[str, ...]:
    """The fields that a stated format lacks, so that its annotations cannot be read, sorted.

    Empty where it can be read, or states no format at all. Where formats of several tools are
    equally near, it is that of the tool that uses the key by convention.

    >>> find_missing("CSQ", "Consequence annotations. Format: Allele|IMPACT|SYMBOL")
    ('Consequence',)
    """
    fields = set(_stated_fields(description))
    if not fields or _layout(key, description):
        return ()
    lacks = [(wanted - fields, _USUAL.get(key) != tool) for tool, wanted in _TOOLS]
    nearest, _ = min(lacks, key=lambda lack: (len(lack[0]), lack[1]))
    return tuple(sorted(nearest))


def _stated_fields(description: str) -> tuple[str, ...]:
    """The fields of the format that a description states; empty where it states none."""
    stated = _FORMAT.search(description) or _QUOTED.search(description)
    return _unique(name.strip() for name in stated["fields"].split("|")) if stated else ()


def _layout(key: str, description: str) -> Layout | None:
    if fields := _stated_fields(description):
        for tool, wanted in _TOOLS:
            if wanted <= set(fields):
                return Layout(key, tool, fields)
        return None
    standard = _STANDARD.get(key)
    return Layout(key, *standard) if standard else None


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    """Names without repetition: the second X is X_2, as a nameless one is field_N."""
    unique: dict[str, None] = {}
    for place, given in enumerate(names, 1):
        name = stem = given or f"field_{place}"
        number = 1
        while name in unique:
            number += 1
            name = f"{stem}_{number}"
        unique[name] = None
    return tuple(unique)
