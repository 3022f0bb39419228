"""The records of one VCF file: batch by batch into variants and packed genotypes."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.cohort import Cohort
from medplatform.modalities.genomics.genotypes import Packed
from medplatform.modalities.genomics.header import Header
from medplatform.modalities.genomics.info.columns import ColumnNames
from medplatform.modalities.genomics.info.reader import InfoReader
from medplatform.modalities.genomics.lines import LineReader, Lines
from medplatform.modalities.genomics.order import SeenRecords
from medplatform.modalities.genomics.packing import pack
from medplatform.modalities.genomics.report import FileReport
from medplatform.modalities.genomics.rules import (
    CUT,
    DUPLICATE,
    GT_ALLELE,
    GT_MALFORMED,
    UNSORTED,
    Fault,
    Rule,
)
from medplatform.modalities.genomics.sites import Rows, SiteRule, Sites, SiteTable
from medplatform.modalities.genomics.tables import GENOTYPE, VARIANT
from medplatform.modalities.genomics.variant import parse_sites

BATCH_BYTES = 8 << 20


def read_body(
    lines: LineReader,
    header: Header,
    cohort: Cohort,
    report: FileReport,
    info: InfoReader,
    rules: Sequence[SiteRule] = (),
    tables: Sequence[SiteTable] = (),
) -> None:
    """Read all records behind the line #CHROM.

    `rules` are applied to what satisfies the rules on fixed fields, INFO and genotypes; `tables`
    are written of what is accepted, beside genomics_variant and genomics_genotype.
    """
    body = _Body(header, cohort, report, info, rules, tables)
    report.count("variant", delivered=0)
    while (batch := lines.read_batch(BATCH_BYTES)) is not None:
        body.read(batch, is_cut=lines.is_cut)


class _Body:
    def __init__(
        self,
        header: Header,
        cohort: Cohort,
        report: FileReport,
        info: InfoReader,
        rules: Sequence[SiteRule],
        tables: Sequence[SiteTable],
    ) -> None:
        self._header = header
        self._cohort = cohort
        self._report = report
        self._rules = rules
        self._tables = tables
        self._samples = len(header.samples)
        self._info = info
        self._columns = ColumnNames(header.info)
        self._seen = SeenRecords()

    def read(self, lines: Lines, *, is_cut: bool) -> None:
        """Read one batch; `is_cut` says that its last line is not whole."""
        whole = lines.head(len(lines) - 1) if is_cut else lines
        sites, faults, empty, remarks = parse_sites(whole, self._header, self._info)
        if is_cut:
            faults.append(Fault(len(whole), CUT))
        for rule, row in remarks:
            self._warn(rule, lines.first_number + row)

        genotyped = sites.genotyped
        packed = pack([sites.samples[site] or b"" for site in genotyped], self._samples)
        is_good = np.ones(len(sites), bool)
        for rule, broken in [
            *_broken_genotypes(packed, genotyped, sites.alternate_count),
            *(found for check in self._rules for found in check(sites)),
        ]:
            faults += [Fault(int(row), rule) for row in sites.rows[broken & is_good]]
            is_good &= ~broken
        good = np.flatnonzero(is_good)
        is_new = self._new(lines.first_number, sites, good)
        faults += [Fault(int(row), DUPLICATE) for row in sites.rows[good[~is_new]]]

        accepted = good[is_new]
        place = np.flatnonzero(np.isin(genotyped, accepted))
        self._write(
            lines.first_number,
            sites.take(accepted),
            np.searchsorted(accepted, genotyped[place]),
            packed.take(place, self._cohort.columns),
        )
        self._report.count("variant", delivered=len(lines), accepted=len(accepted))
        self._report.count("variant", blank=empty - lines.outside)
        self._report.keep("variant", "record outside the regions", lines.outside)
        self._refuse(lines, faults)

    def _write(
        self, first_number: int, sites: Sites, genotyped: np.ndarray, packed: Packed
    ) -> None:
        """Write accepted records; `genotyped` are the sites that the rows of `packed` belong to."""
        numbers = first_number + sites.rows
        if not len(self._cohort.columns):
            genotyped, packed = genotyped[:0], packed.take(genotyped[:0])
        self._cohort.add(packed)
        called, counts = _count_alleles(sites.alternate_count, genotyped, packed)
        arrow = sites.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        declared = {column.name for column in VARIANT.columns}
        variants = {name: arrow[name] for name in arrow.column_names if name in declared}
        counted = {"called_count": called, "alternate_counts": counts}
        info = dict(self._columns.place(key, cells) for key, cells in sites.info.items())
        self._stage(Rows(VARIANT, np.arange(len(sites)), variants | counted | info), numbers)
        genotypes = {
            "variant_id": arrow["variant_id"].take(pa.array(genotyped)),
            "cohort_id": pa.repeat(self._report.source.source_id, len(genotyped)),
            "genotypes": packed.cells(),
            "sample_count": pa.repeat(len(self._cohort.columns), len(genotyped)),
        }
        self._stage(Rows(GENOTYPE, genotyped, genotypes), numbers)
        for make_rows in self._tables:
            for rows in make_rows(sites):
                self._stage(rows, numbers)

    def _stage(self, rows: Rows, numbers: np.ndarray) -> None:
        """Write rows with their lineage; `numbers` are the line numbers of the records."""
        if not len(rows.sites):
            return
        lineage = {
            "source_id": pa.repeat(self._report.source.source_id, len(rows.sites)),
            "record_number": pa.array(numbers[rows.sites]),
        }
        known = {**rows.columns, **lineage}
        declared = {column.name: known.pop(column.name) for column in rows.table.all_columns}
        content = pa.table(declared).cast(rows.table.schema())
        for name, cells in known.items() if rows.table.is_open else ():
            content = content.append_column(name, cells)
        self._report.stage.write(rows.table, content)

    def _new(self, first_number: int, sites: Sites, good: np.ndarray) -> np.ndarray:
        """Which of some records no earlier one equals (bool)."""
        frame = sites.frame if len(good) == len(sites) else sites.frame[good]
        is_new, unsorted = self._seen.add(
            frame["chromosome"], frame["position"].to_numpy(), frame["key"].to_numpy()
        )
        if unsorted is not None:
            self._warn(UNSORTED, first_number + int(sites.rows[good[unsorted]]))
        return is_new

    def _warn(self, rule: Rule, number: int) -> None:
        self._report.warn(rule.code, rule.reason, number, rule.element)

    def _refuse(self, lines: Lines, faults: list[Fault]) -> None:
        for row, rule in sorted(faults):
            self._report.refuse(
                "variant",
                lines.first_number + row,
                rule.code,
                rule.reason,
                element=rule.element,
                byte_offset=int(lines.offsets[row]),
            )


def _broken_genotypes(
    packed: Packed, genotyped: np.ndarray, alternate_count: np.ndarray
) -> list[tuple[Rule, np.ndarray]]:
    """Rules on genotypes, each with a mask of the records that break it."""
    is_malformed, is_unknown = np.zeros((2, len(alternate_count)), bool)
    is_malformed[genotyped[list(packed.malformed)]] = True
    is_unknown[genotyped] = packed.largest_alleles() > alternate_count[genotyped]
    return [(GT_MALFORMED, is_malformed), (GT_ALLELE, is_unknown)]


def _count_alleles(
    alternate_count: np.ndarray, genotyped: np.ndarray, packed: Packed
) -> tuple[pa.Array, pa.Array]:
    """Called alleles, and copies of each alternate allele, per site; null without genotypes."""
    is_null = np.ones(len(alternate_count), bool)
    is_null[genotyped] = False
    called = np.zeros(len(alternate_count), np.int32)
    called[genotyped] = packed.called_alleles()
    listed = np.where(is_null, 0, alternate_count)
    offsets = np.concatenate([[0], np.cumsum(listed)]).astype(np.int32)
    counts = np.zeros(offsets[-1], np.int32)
    for allele in range(1, int(listed.max(initial=0)) + 1):
        rows = np.flatnonzero(listed[genotyped] >= allele)
        counts[offsets[genotyped[rows]] + allele - 1] = packed.take(rows).allele_counts(allele)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(counts), mask=pa.array(is_null))
    return pa.array(called, mask=is_null), lists
