"""Reference assemblies: which one a file's positions belong to, from all that speaks for one.

Contig lengths are the strongest evidence: no two human assemblies agree in them. Accessions and
names in header text are evidence too, positions of known variants (`known_positions`), and what
the sender declares. All that speaks must agree.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

_CHROMOSOMES = [*map(str, range(1, 23)), "X", "Y"]


def _lengths(text: str) -> dict[str, int]:
    return dict(zip(_CHROMOSOMES, map(int, text.split()), strict=True))


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


_MITOCHONDRION = "MT"
OTHER_MITOCHONDRION = "NC_001807.4"
"""Not MT (NC_012920, 16,569 bases): chrM of UCSC's hg18 and hg19, MT of NCBI36 at 1000 Genomes."""
_OTHER_LENGTH = 16_571
# PLINK numbers sex chromosomes, the pseudo-autosomal region and mitochondria behind 22.
_CODES = {"M": _MITOCHONDRION, "MT": _MITOCHONDRION, "26": _MITOCHONDRION}
_CODES |= {"X": "X", "Y": "Y", "23": "X", "24": "Y", "25": "X", "XY": "X"}
# RefSeq NC_000001 to NC_000024 and GenBank CM000663 to CM000686; the version names the assembly.
_ACCESSION = re.compile(
    r"(?:NC_0000(?P<refseq>0[1-9]|1[0-9]|2[0-4])|CM000(?P<genbank>66[3-9]|67[0-9]|68[0-6])"
    r"|(?P<mt>NC_012920|J01415))\.(?P<version>[0-9]{1,2})"
)
_REFSEQ_VERSIONS_37 = (
    *(10, 11, 11, 11, 9, 11, 13, 10, 11, 10, 9, 11, 10, 8, 9, 9, 10, 9, 9, 10, 8, 10),
    *(10, 9),
)
"""Of chromosomes 1 to 22, X and Y of GRCh37; those of GRCh38 are one larger (NCBI)."""


class BuildConflict(ValueError):
    """What speaks for the assembly does not agree; the message names the kinds of evidence."""


@dataclass(frozen=True, slots=True)
class Build:
    """An assembly (None where nothing speaks for one) and the kinds of evidence for it.

    `mitochondria` are the contigs of the file that are called so, with their lengths, as far as the
    header states them: no assembly fixes which sequence that is.
    """

    name: str | None
    evidence: tuple[str, ...] = ()
    mitochondria: Mapping[str, int] = field(default_factory=dict[str, int])

    def length(self, chromosome: str) -> int | None:
        """Bases of a chromosome, None where it is not known."""
        return LENGTHS[self.name].get(chromosome) if self.name else None

    def chromosome(self, contig: str) -> str:
        """The canonical name of a contig of the file; see `name_contig`."""
        return name_contig(contig, self.mitochondria.get(contig))


def canonical_chromosome(name: str) -> str:
    """A chromosome name without the prefix chr, an accession or a PLINK code; MT for mitochondria.

    >>> [canonical_chromosome(name) for name in ("chr1", "NC_000023.11", "CM000663.2", "chrM")]
    ['1', 'X', '1', 'MT']
    >>> canonical_chromosome("HLA-DRB1*10:01:01")
    'HLA-DRB1*10:01:01'
    """
    if found := _ACCESSION.fullmatch(name):
        return _MITOCHONDRION if found["mt"] else _CHROMOSOMES[_accession_number(found) - 1]
    bare = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return _CODES.get(bare.upper(), bare)


def name_contig(contig: str, length: int | None) -> str:
    """The canonical name of a contig whose length (bases) may be known.

    Two human sequences are called chrM and MT, whose positions differ; the length tells them apart.

    >>> name_contig("chrM", 16569), name_contig("chrM", 16571)
    ('MT', 'NC_001807.4')
    """
    name = canonical_chromosome(contig)
    return OTHER_MITOCHONDRION if name == _MITOCHONDRION and length == _OTHER_LENGTH else name


def build_of_accession(name: str) -> str | None:
    """The assembly that the accession of a chromosome belongs to, None where it is none.

    >>> [build_of_accession(name) for name in ("NC_000001.10", "CM000663.2", "chr1")]
    ['GRCh37', 'GRCh38', None]
    """
    found = _ACCESSION.fullmatch(name)
    if not found or found["mt"]:
        return None
    newer = int(found["version"]) - (
        _REFSEQ_VERSIONS_37[_accession_number(found) - 1] if found["refseq"] else 1
    )
    return {-1: "NCBI36", 0: "GRCh37", 1: "GRCh38"}.get(newer)


def _accession_number(found: re.Match[str]) -> int:
    return int(found["refseq"] or int(found["genbank"]) - 662)


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
    evidence = [(declared, "delivery.json")]
    for contig, length in contigs.items():
        chromosome = canonical_chromosome(contig)
        evidence += [
            (build, "contig lengths")
            for build, lengths in LENGTHS.items()
            if lengths.get(chromosome) == length
        ]
    evidence += [(name_build(text), "header text") for text in texts]
    mitochondria = {
        name: length
        for name, length in contigs.items()
        if canonical_chromosome(name) == _MITOCHONDRION
    }
    return replace(combine_evidence(evidence), mitochondria=mitochondria)


def combine_evidence(evidence: Iterable[tuple[str | None, str]]) -> Build:
    """The assembly that all evidence agrees on.

    Parameters
    ----------
    evidence
        Assembly (None says nothing) and the kind of evidence for it.

    Raises
    ------
    BuildConflict
        Two pieces of evidence name different assemblies.
    """
    found: dict[str, set[str]] = {}
    for build, kind in evidence:
        if build:
            found.setdefault(build, set()).add(kind)
    if len(found) > 1:
        sides = "; ".join(
            f"{build}: {', '.join(sorted(kinds))}" for build, kinds in sorted(found.items())
        )
        raise BuildConflict(
            f"What speaks for the genome build does not agree ({sides}). Find out which assembly "
            f"the positions belong to, then correct the header, genome_build in delivery.json or "
            f"crosswalk.csv."
        )
    for build, kinds in found.items():
        return Build(build, tuple(sorted(kinds)))
    return Build(None)
