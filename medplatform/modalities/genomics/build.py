"""Reference assemblies: which one a file's positions belong to, from all that speaks for one.

Contig lengths are the strongest evidence: no two human assemblies agree in them. Names in header
text are evidence too, and a declaration in `delivery.json`. All that speaks must agree.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NAMES = [*map(str, range(1, 23)), "X", "Y"]


def _lengths(text: str) -> dict[str, int]:
    return dict(zip(_NAMES, map(int, text.split()), strict=True))


LENGTHS: dict[str, dict[str, int]] = {
    "GRCh37": _lengths(
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 "
        "141213431 135534747 135006516 133851895 115169878 107349540 102531392 90354753 81195210 "
        "78077248 59128983 63025520 48129895 51304566 155270560 59373566"
    ),
    "GRCh38": _lengths(
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 "
        "138394717 133797422 135086622 133275309 114364328 107043718 101991189 90338345 83257441 "
        "80373285 58617616 64444167 46709983 50818468 156040895 57227415"
    ),
    "NCBI36": _lengths(
        "247249719 242951149 199501827 191273063 180857866 170899992 158821424 146274826 "
        "140273252 135374737 134452384 132349534 114142980 106368585 100338915 88827254 78774742 "
        "76117153 63811651 62435964 46944323 49691432 154913754 57772954"
    ),
}
"""Bases per chromosome of each assembly (NCBI assembly reports, primary assembly unit)."""

_SYNONYMS = {
    "GRCh37": re.compile(r"GRCh37|hg19|hs37|NCBI37|(?<![a-z])b37|v37|assembly19", re.IGNORECASE),
    "GRCh38": re.compile(r"GRCh38|hg38|hs38|(?<![a-z])b38|assembly38", re.IGNORECASE),
    "NCBI36": re.compile(r"NCBI36|hg18|(?<![a-z])b36|v36|assembly18", re.IGNORECASE),
}


class BuildConflict(ValueError):
    """What speaks for the assembly does not agree; the message names the kinds of evidence."""


@dataclass(frozen=True, slots=True)
class Build:
    """An assembly (None where nothing speaks for one) and the kinds of evidence for it."""

    name: str | None
    evidence: tuple[str, ...] = ()

    def length(self, chromosome: str) -> int | None:
        """Bases of a chromosome, None where it is not known."""
        return LENGTHS[self.name].get(chromosome) if self.name else None


def canonical_chromosome(name: str) -> str:
    """A chromosome name without the prefix chr; MT for the mitochondrion.

    >>> [canonical_chromosome(name) for name in ("chr1", "chrM", "MT", "HLA-DRB1*10:01:01")]
    ['1', 'MT', 'MT', 'HLA-DRB1*10:01:01']
    """
    bare = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return "MT" if bare.upper() in ("M", "MT") else bare


def name_build(text: str) -> str | None:
    """The assembly that a text names, None where it names none or several.

    >>> name_build("file:///reference/hs37d5.fa.gz")
    'GRCh37'
    """
    named = [build for build, pattern in _SYNONYMS.items() if pattern.search(text)]
    return named[0] if len(named) == 1 else None


def resolve_build(contigs: Mapping[str, int], texts: Sequence[str], declared: str | None) -> Build:
    """The assembly of a file.

    Parameters
    ----------
    contigs
        Contig name as delivered -> length, as far as the header states it.
    texts
        What the header says about the reference: `##reference`, `assembly=` of contigs.
    declared
        What `delivery.json` says.

    Raises
    ------
    BuildConflict
        Two pieces of evidence name different assemblies.
    """
    found: dict[str, list[str]] = {}

    def note(build: str | None, kind: str) -> None:
        if build and kind not in found.setdefault(build, []):
            found[build].append(kind)

    note(declared, "delivery.json")
    for contig, length in contigs.items():
        chromosome = canonical_chromosome(contig)
        for build, lengths in LENGTHS.items():
            if lengths.get(chromosome) == length:
                note(build, "contig lengths")
    for text in texts:
        note(name_build(text), "header text")
    if len(found) > 1:
        sides = "; ".join(f"{build}: {', '.join(kinds)}" for build, kinds in sorted(found.items()))
        raise BuildConflict(
            f"What speaks for the genome build does not agree ({sides}). Find out which assembly "
            f"the positions belong to, then correct the header or genome_build in delivery.json."
        )
    for build, kinds in found.items():
        return Build(build, tuple(sorted(kinds)))
    return Build(None)
