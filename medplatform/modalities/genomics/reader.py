"""Reads one VCF or BCF file into variants, samples and genotypes.

A line that breaks a rule is refused and the next is read. Memory is bounded by the batch, not by
the file.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from medplatform.modalities.content import Failure, lacks_end_block
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.genomics.alleles.allele import AlleleTable
from medplatform.modalities.genomics.annotation.table import AnnotationTable
from medplatform.modalities.genomics.deidentify.record_ids import RecordIds
from medplatform.modalities.genomics.deidentify.texts import TextPolicy
from medplatform.modalities.genomics.genotypes.calls import CallReader
from medplatform.modalities.genomics.header.header import Header, HeaderError, read_header
from medplatform.modalities.genomics.info.reader import InfoReader
from medplatform.modalities.genomics.records.body import read_body
from medplatform.modalities.genomics.recount import survey
from medplatform.modalities.genomics.reference.build import (
    Build,
    BuildConflict,
    build_of_accession,
    combine_evidence,
)
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.reference.check import ReferenceRule, refuse_other_build
from medplatform.modalities.genomics.reference.known_positions import scan_positions
from medplatform.modalities.genomics.samples.cohort import Cohort
from medplatform.modalities.genomics.samples.crosswalk import CROSSWALK
from medplatform.modalities.genomics.samples.linkage import Linkage
from medplatform.modalities.genomics.selection import Selection
from medplatform.modalities.genomics.sources.bcf import is_bcf, measure
from medplatform.modalities.genomics.sources.lines import LineReader
from medplatform.modalities.report import FileReport
from medplatform.privacy import Identity

INDEX_MAGICS = (b"TBI\x01", b"CSI\x01")

FAILURES: dict[Failure, str] = {
    Failure.TRUNCATED: "The compressed file ends before its end; only whole lines up to there "
    "were read. Transfer it again from the source and deliver it under a new name.",
    Failure.CORRUPT: "The compressed file is damaged (a checksum does not fit), so none of it was "
    "read. Transfer it again from the source.",
    Failure.LINE_TOO_LONG: "A line is longer than 256 MiB, so this is no VCF from there on. "
    "Export the file again.",
    Failure.BCF: "The BCF file cannot be decoded from some record on: it is damaged, or breaks the "
    "specification. Write it again from the source, or deliver it as VCF.",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files of a delivery are read with."""

    delivery: Delivery
    identity: Identity
    linkage: Linkage
    genomes: Genomes
    selection: Selection
    policy: TextPolicy


def read_file(report: FileReport, reading: Reading, copy: int) -> None:
    """Read one file; it is the `copy`-th of the delivery that has this content, from 1."""
    path = report.source.path
    linkage, selection = reading.linkage, reading.selection
    if survey(report.source).is_corrupt:
        report.refuse_file(Failure.CORRUPT, FAILURES[Failure.CORRUPT])
        return
    with LineReader(path, selection.overlap) as lines:
        if lines.peek(4) in INDEX_MAGICS:
            _keep_index(report)
            return
        try:
            header = read_header(lines, reading.delivery.options.genome_build)
            _refuse_unusable(header, lines, selection, copy)
            header = replace(header, build=_corroborate(header, path, linkage))
            genome = reading.genomes.get(header.build.name)
            if genome is not None:
                refuse_other_build(path, header, genome)
        except HeaderError as error:
            _refuse_file(report, lines, error)
            return
        _report_header(report, header, is_text=not is_bcf(path))
        _warn_of_oddities(report, header)
        cohort = Cohort(header, report, reading.identity, linkage)
        names = linkage.pseudonyms(header.samples)
        annotations = AnnotationTable(header, report, reading.policy, names)
        alleles = AlleleTable(genome, report.warn)
        rules = [ReferenceRule(genome)] if genome else []
        info = InfoReader(header, reading.policy, names, RecordIds(reading.identity))
        calls = CallReader(header, cohort, report, reading.policy, names)
        read_body(lines, header, calls, report, info, rules, [alleles, annotations])
        cohort.close()
        _refuse_rest(report, lines)


def _corroborate(header: Header, path: Path, linkage: Linkage) -> Build:
    """The build that the header, the crosswalk and the records agree on."""
    findings = scan_positions(path)
    try:
        build = combine_evidence(
            [
                *((header.build.name, kind) for kind in header.build.evidence),
                *((build_of_accession(contig), "accessions") for contig in header.contigs),
                *((build, CROSSWALK) for build in linkage.builds(header.samples)),
                *findings.evidence(),
            ]
        )
    except BuildConflict as error:
        raise HeaderError("build.conflict", str(error), len(header.samples)) from None
    if build.name and findings.excludes(build.name):
        raise HeaderError(
            "build.conflict",
            f"Chromosomes of {build.name} end before the positions of many records, though "
            f"{', '.join(build.evidence)} name it. Find out which assembly the positions belong "
            f"to, and correct what names another.",
            len(header.samples),
        )
    return replace(build, mitochondria=header.build.mitochondria)


def _keep_index(report: FileReport) -> None:
    report.count("file", delivered=1)
    report.keep("file", "index of a VCF file")
    index = report.source.path
    data = index.with_suffix("")
    if data.is_file() and index.stat().st_mtime_ns < data.stat().st_mtime_ns:
        report.warn(
            "index.outdated",
            "The index is older than the file it belongs to, so tools that use it may miss "
            "records. It was not needed here; write it again: bcftools index",
        )


def _refuse_unusable(header: Header, lines: LineReader, selection: Selection, copy: int) -> None:
    if selection.problem is not None:
        raise HeaderError("regions.unusable", selection.problem, len(header.samples))
    if copy > 1:
        raise HeaderError(
            "file.duplicate",
            "The delivery has another file of the same content, and that was read. Remove one.",
            len(header.samples),
        )
    if lines.is_cut:
        raise HeaderError(
            "header.truncated",
            "The file ends within the line #CHROM. Transfer it again from the source.",
            len(header.samples),
        )


def _refuse_file(report: FileReport, lines: LineReader, error: HeaderError) -> None:
    """Refuse all records of a file where they can be told apart, otherwise the file as one."""
    if error.samples is None:
        if lines.failure is Failure.BCF:
            _refuse_undecoded(report)
        else:
            report.refuse_file(error.code, error.reason)
        return
    header = {} if is_bcf(report.source.path) else {"header": lines.number}
    variants = lines.count_rest()
    report.refuse_all(error.code, error.reason, variant=variants, sample=error.samples, **header)
    _refuse_rest(report, lines)


def _refuse_rest(report: FileReport, lines: LineReader) -> None:
    """Refuse what could not be read, because the file is damaged there."""
    if lines.failure is Failure.BCF:
        _refuse_undecoded(report)
    elif lines.failure is not None:
        report.refuse_file(lines.failure, FAILURES[lines.failure])


def _refuse_undecoded(report: FileReport) -> None:
    """Refuse the records of a BCF file that its lengths tell of, but that were not decoded."""
    extent = measure(report.source.path)
    if extent.samples is None:
        report.refuse_file(Failure.BCF, FAILURES[Failure.BCF])
        return
    report.refuse_all(
        Failure.BCF,
        FAILURES[Failure.BCF],
        variant=max(0, extent.records - report.delivered("variant")),
        sample=max(0, extent.samples - report.delivered("sample")),
    )
    if not extent.is_whole:
        report.count("file", delivered=1, quarantined=1)


def _report_header(report: FileReport, header: Header, *, is_text: bool) -> None:
    """Refuse the header lines that break a rule; of BCF, whose header has no lines, say so."""
    if not is_text:
        for rule in {rule for _, rule in header.faults}:
            report.warn(rule.code, rule.reason, element=rule.element)
        return
    good = header.line_count - header.blank_count - len(header.faults)
    report.count("header", delivered=header.line_count, blank=header.blank_count, accepted=good)
    for row, rule in header.faults:
        report.refuse("header", row + 1, rule.code, rule.reason, element=rule.element)


def _warn_of_oddities(report: FileReport, header: Header) -> None:
    if not header.has_version:
        report.warn(
            "header.no_version",
            "The file does not begin with ##fileformat (VCF specification, section 1.4.1); it was "
            "read as VCF 4.",
        )
    if header.build.name is None:
        report.warn(
            "build.unknown",
            "Nothing says which genome build the positions belong to, so no score can use them. "
            'Declare it in delivery.json, e.g. {"genome_build": "GRCh38"}.',
        )
    if lacks_end_block(report.source.path):
        report.warn(
            "file.no_end_block",
            "The bgzip file lacks its end block, so whole blocks may be missing. Compare it with "
            "the source.",
        )
