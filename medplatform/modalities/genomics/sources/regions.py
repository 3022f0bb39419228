"""Regions of the genome, and which records of a file overlap them.

A record reaches from POS over REF, or over what END or SVLEN say of a symbolic allele (VCF 4.5,
section 3). An index is not consulted: every byte of a delivered file is read for its checksums
anyway, and an index may belong to an older version of the file.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from medplatform.modalities.genomics.reference.build import canonical_chromosome
from medplatform.modalities.genomics.sources.lines import Lines

END_OF_CONTIG = 1 << 40
MAX_DIGITS = 10
"""Of a position: VCF has none above 2**31 - 1."""

BED_ENDINGS = (".bed", ".bed.gz")

# Browsers print thousands with commas. Contigs have none in their names (VCF 4.5, section 1.4.7).
_NUMBER = "[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
_REGION = re.compile(
    rf"(?P<contig>[^\s,]+?):(?P<start>{_NUMBER})(?:(?P<dash>-)(?P<end>{_NUMBER})?)?"
)
_CONTIG = re.compile(r"[^\s,]+")
_BOUND = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
_EXTENT = re.compile(rb"(?:^|;)(END|SVLEN)=-?([0-9,-]+)")
_BED_COMMENTS = ("#", "track", "browser")
_INFO = 7

Interval = tuple[str, int, int]


class RegionsError(ValueError):
    """The regions cannot be used; the message names the remedy."""


class Regions:
    """Parts of chromosomes, named in any way.

    Parameters
    ----------
    regions
        Of each the intervals that it may mean, most often one: chromosome, first and last base,
        from 1.

    Attributes
    ----------
    matched
        Regions that a record overlapped so far: chromosome, and place among its merged regions.
    """

    def __init__(self, *regions: Sequence[Interval]) -> None:
        self.matched: set[tuple[str, int]] = set()
        self._asked = [
            [(canonical_chromosome(contig), first, last) for contig, first, last in region]
            for region in regions
        ]
        merged: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for contig, first, last in sorted(chain.from_iterable(self._asked)):
            known = merged[contig]
            if known and first <= known[-1][1] + 1:
                known[-1] = known[-1][0], max(last, known[-1][1])
            else:
                known.append((first, last))
        self._lasts = {contig: [last for _, last in known] for contig, known in merged.items()}
        self._firsts = {contig: [first for first, _ in known] for contig, known in merged.items()}
        self._names: dict[bytes, str] = {}

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Regions":
        """Regions as `chr:start-end` (from 1, both ends within), `chr:start-`, `chr:base` or `chr`.

        Numbers may have commas between thousands. `HLA-A*01:01` may be the contig of that name or
        one base of another: it stands for both.

        Raises
        ------
        RegionsError
            A region is written in another way, or ends before it begins.
        """
        return cls(*map(_parse, texts))

    @classmethod
    def read(cls, path: Path) -> "Regions":
        """Regions of a BED file (from 0, the end without).

        Raises
        ------
        RegionsError
            The file is no BED.
        """
        regions: list[list[Interval]] = []
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1):
            if not line.strip() or line.startswith(_BED_COMMENTS):
                continue
            contig, *bounds = line.split()[:3]
            if len(bounds) < 2 or not all(_BOUND.fullmatch(bound) for bound in bounds):
                raise RegionsError(
                    f"Line {number} of the file of regions is no BED: it needs a chromosome, a "
                    f"start and an end of at most {MAX_DIGITS} digits, separated by tabs. Correct "
                    "it."
                )
            regions.append([(contig, int(bounds[0]) + 1, int(bounds[1]))])
        return cls(*regions)

    def overlap(self, lines: Lines) -> np.ndarray:
        """Which lines to read (bool): those that overlap, and those whose place is not clear."""
        return np.fromiter(map(self._overlaps, lines.texts), bool, len(lines))

    def find_unmatched(self) -> list[int]:
        """The numbers (from 1) of the regions that no record overlapped, as they were given.

        Regions that touch each other are one.
        """
        return [
            number
            for number, region in enumerate(self._asked, 1)
            if self.matched.isdisjoint(map(self._place, region))
        ]

    def _place(self, interval: Interval) -> tuple[str, int]:
        """The merged region that an interval is part of, as in `matched`."""
        contig, first, _ = interval
        return contig, bisect_left(self._lasts[contig], first)

    def _overlaps(self, text: bytes) -> bool:
        fields = text.split(b"\t", _INFO + 1)
        if len(fields) <= _INFO or not fields[1].isdigit() or len(fields[1]) > MAX_DIGITS:
            return True
        name = self._name(fields[0])
        lasts = self._lasts.get(name)
        if lasts is None:
            return False
        first = int(fields[1])
        place = bisect_left(lasts, first)  # the first region that does not end before the record
        if place == len(lasts):
            return False
        reached = bisect_right(self._firsts[name], _last(first, fields))
        self.matched.update((name, number) for number in range(place, reached))
        return place < reached

    def _name(self, contig: bytes) -> str:
        if contig not in self._names:
            self._names[contig] = canonical_chromosome(contig.decode(errors="replace"))
        return self._names[contig]


def _parse(text: str) -> list[Interval]:
    """What a region may mean; RegionsError where it is written in no known way."""
    if text.lower().endswith(BED_ENDINGS):
        raise RegionsError(
            "A file of regions is named alone and not in a list: give the name of one BED file of "
            'the delivery, in delivery.json as {"regions": "panel.bed"}.'
        )
    found = _REGION.fullmatch(text)
    if found is None:
        if not _CONTIG.fullmatch(text) or _has_broken_positions(text):
            raise RegionsError(f"{_FORM} Correct it.")
        return [(text, 1, END_OF_CONTIG)]
    start, end = (number.replace(",", "") for number in (found["start"], found["end"] or ""))
    if max(len(start), len(end)) > MAX_DIGITS:
        raise RegionsError(f"{_FORM} Correct it.")
    first = int(start)
    last = int(end or (END_OF_CONTIG if found["dash"] else first))
    if last < first:
        raise RegionsError(f"A region ends before it begins. {_FORM}")
    place = found["contig"], first, last
    # Names of HLA alleles end in a colon and digits, and so does one base of a contig.
    return [place] if found["dash"] else [place, (text, 1, END_OF_CONTIG)]


def _has_broken_positions(text: str) -> bool:
    """Whether digits behind a colon are meant as positions; names of HLA alleles have `*` there."""
    tail = text.partition(":")[2]
    return "*" not in text and any(map(str.isdigit, tail))


_FORM = (
    "A region is written as chr:start-end, e.g. chr17:43044295-43125483, as chr:start- to the end "
    "of the chromosome, as chr:base, or as chr alone; numbers may have commas between thousands, "
    f"and have at most {MAX_DIGITS} digits."
)


def _last(first: int, fields: list[bytes]) -> int:
    """The last base of a record."""
    last = first + len(fields[3]) - 1
    if b"<" not in fields[4] and b"END=" not in fields[_INFO]:
        return last
    for key, value in _EXTENT.findall(fields[_INFO]):
        numbers = [int(n) for n in re.findall(rb"[0-9]{1,10}", value)]
        last = max([last, *(n if key == b"END" else first + n for n in numbers)])
    return last
