"""Where well-known variants lie in each assembly, and what the records of a file say by that.

A header may name another assembly than the one the positions belong to; a common variant gives
that away, because no two assemblies have it at the same place.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medplatform.modalities.content import CONTENT_CHUNK
from medplatform.modalities.genomics.reference.build import (
    LENGTHS,
    build_of_accession,
    canonical_chromosome,
)
from medplatform.modalities.genomics.sources import open_content

BUILDS = ("GRCh37", "GRCh38")

POSITIONS: dict[bytes, tuple[int, int]] = {
    b"rs10012": (38302390, 38075247),
    b"rs1041983": (18257795, 18400285),
    b"rs1045642": (87138645, 87509329),
    b"rs1048943": (75012985, 74720644),
    b"rs1056827": (38302177, 38075034),
    b"rs1056836": (38298203, 38071060),
    b"rs1057868": (75615006, 75985688),
    b"rs11045819": (21329813, 21176879),
    b"rs1128503": (87179601, 87550285),
    b"rs1138272": (67353579, 67586108),
    b"rs1142345": (18130918, 18130687),
    b"rs1143671": (121647286, 121928439),
    b"rs1143672": (121648168, 121929321),
    b"rs116855232": (48619855, 48045719),
    b"rs1208": (18258316, 18400806),
    b"rs12979860": (39738787, 39248147),
    b"rs12980275": (39731783, 39241143),
    b"rs1329546": (135474420, 136392261),
    b"rs1695": (67352689, 67585218),
    b"rs1799929": (18257994, 18400484),
    b"rs1799930": (18258103, 18400593),
    b"rs1799931": (18258370, 18400860),
    b"rs1800440": (38298139, 38070996),
    b"rs1800460": (18139228, 18138997),
    b"rs1801265": (98348885, 97883329),
    b"rs1801280": (18257854, 18400344),
    b"rs1902023": (69536084, 68670366),
    b"rs2032582": (87160618, 87531302),
    b"rs2054675": (41495755, 40989850),
    b"rs2069514": (75038220, 74745879),
    b"rs2257212": (121643804, 121924957),
    b"rs2279343": (41515263, 41009358),
    b"rs2291075": (21331625, 21178691),
    b"rs2297595": (98165091, 97699535),
    b"rs2306168": (74907582, 75196537),
    b"rs2306283": (21329738, 21176804),
    b"rs2341354": (918573, 983193),
    b"rs2500347": (144938320, 148946169),
    b"rs3094315": (752566, 817186),
    b"rs316003": (160645832, 160224800),
    b"rs316019": (160670282, 160249250),
    b"rs3745274": (41512841, 41006936),
    b"rs3850290": (23245301, 22776092),
    b"rs4148269": (69512847, 68647129),
    b"rs4148323": (234669144, 233760498),
    b"rs4149015": (21283322, 21130388),
    b"rs4149056": (21331549, 21178615),
    b"rs4149057": (21331599, 21178665),
    b"rs4646422": (75015305, 74722964),
    b"rs4646903": (75011641, 74719300),
    b"rs4802101": (41496461, 40990556),
    b"rs5622": (48164401, 49547864),
    b"rs624249": (160679400, 160258368),
    b"rs7311358": (21015760, 20862826),
    b"rs7439366": (69964338, 69098620),
    b"rs762551": (75041917, 74749576),
    b"rs8099917": (39743165, 39252525),
    b"rs8192709": (41497274, 40991369),
    b"rs887829": (234668570, 233759924),
    b"rs964481": (27656823, 27638706),
    b"rs9923231": (31107689, 31096368),
    b"rs11928389": (50927009, 50889578),
}
"""dbSNP id -> position in GRCh37 and GRCh38: common variants of many chromosomes (dbSNP)."""

SCANNED_BYTES = 32 << 20
"""How much of a file is looked at: about 250,000 records without samples."""
FEW_BEYOND = 10
"""So many positions behind the end of their chromosome may be errors in single records."""

_RECORD = re.compile(rb"\n([^\t\n#]{1,64})\t([0-9]{1,10})\t([^\t\n]*)\t")


@dataclass(frozen=True, slots=True)
class Findings:
    """What the first records of a file say.

    `contigs` are the values of CHROM; `known` counts known variants at the position of each
    assembly; `beyond` counts records whose chromosome ends before their position in an assembly.
    """

    contigs: set[str] = field(default_factory=set[str])
    known: Counter[str] = field(default_factory=Counter[str])
    beyond: Counter[str] = field(default_factory=Counter[str])

    def evidence(self) -> Iterator[tuple[str, str]]:
        """Assemblies that the records speak for, each with the kind of evidence."""
        for build in self.known:
            yield build, "known positions"
        for contig in self.contigs:
            if build := build_of_accession(contig):
                yield build, "accessions"

    def excludes(self, build: str) -> bool:
        """Whether the positions cannot be of an assembly."""
        return self.beyond[build] >= FEW_BEYOND


def scan_positions(path: Path, most_bytes: int = SCANNED_BYTES) -> Findings:
    """Look at the first records of a VCF or BCF file."""
    findings = Findings()
    ends: dict[bytes, dict[str, int]] = {}
    with io.BufferedReader(open_content(path), CONTENT_CHUNK) as stream:
        rest = b"\n"
        while most_bytes > 0 and (chunk := stream.read(CONTENT_CHUNK)):
            most_bytes -= len(chunk)
            text, line_end, tail = (rest + chunk).rpartition(b"\n")
            for record in _RECORD.findall(text):
                _note(findings, record, ends)
            rest = line_end + tail
    return findings


def _note(
    findings: Findings, record: tuple[bytes, bytes, bytes], ends: dict[bytes, dict[str, int]]
) -> None:
    """Note one record; `ends` caches the length of its contig in each assembly."""
    contig, digits, ids = record
    if contig not in ends:
        name = contig.decode(errors="replace")
        findings.contigs.add(name)
        chromosome = canonical_chromosome(name)
        ends[contig] = {
            b: length[chromosome] for b, length in LENGTHS.items() if chromosome in length
        }
    position = int(digits)
    for build, end in ends[contig].items():
        if position > end + 1:  # one behind the last base is the telomere
            findings.beyond[build] += 1
    places = POSITIONS.get(ids)
    if places and position in places:
        findings.known[BUILDS[places.index(position)]] += 1
