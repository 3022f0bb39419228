"""The records of one VCF file: batch by batch into variants and packed genotypes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.garbage import collected_once
from medplatform.modalities.genomics.genotypes.calls import CallReader, Calls
from medplatform.modalities.genomics.genotypes.rare_alleles import carrier_rows
from medplatform.modalities.genomics.genotypes.rows import count_alleles, genotype_rows
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.info.columns import ColumnNames
from medplatform.modalities.genomics.info.reader import InfoReader
from medplatform.modalities.genomics.records.blocks import block_rows, find_blocks
from medplatform.modalities.genomics.records.fixed import FixedReader
from medplatform.modalities.genomics.records.order import RepeatedIds, SeenAlleles, SeenRecords
from medplatform.modalities.genomics.records.sites import Rows, SiteRule, Sites, SiteTable
from medplatform.modalities.genomics.records.variant import parse_sites
from medplatform.modalities.genomics.rules import (
    ALLELE_REPEATED,
    CUT,
    DUPLICATE,
    UNSORTED,
    Fault,
    Rule,
)
from medplatform.modalities.genomics.sources.lines import LineReader, Lines
from medplatform.modalities.genomics.tables import VARIANT
from medplatform.modalities.genomics.tables.allele import ALLELE
from medplatform.modalities.report import FileReport

BATCH_BYTES = 1 << 24
BATCH_LINES = 1 << 15


def read_body(
    lines: LineReader,
    header: Header,
    calls: CallReader,
    report: FileReport,
    info: InfoReader,
    rules: Sequence[SiteRule] = (),
    tables: Sequence[SiteTable] = (),
) -> None:
    """Read all records behind the line #CHROM.

    `rules` are applied to what satisfies the rules on fixed fields, INFO and genotypes; `tables`
    are written of the variants that are accepted, beside those of `calls`.
    """
    body = _Body(header, calls, report, info, rules, tables)
    report.count("variant", delivered=0)
    while (batch := lines.read_batch(BATCH_BYTES, BATCH_LINES)) is not None:
        with collected_once():
            body.read(batch, is_cut=lines.is_cut)


class _Body:
    def __init__(
        self,
        header: Header,
        calls: CallReader,
        report: FileReport,
        info: InfoReader,
        rules: Sequence[SiteRule],
        tables: Sequence[SiteTable],
    ) -> None:
        self._header = header
        self._calls = calls
        self._cohort = calls.cohort
        self._report = report
        self._rules = rules
        self._tables = tables
        self._info = info
        self._fixed = FixedReader(header, info.names)
        self._columns = ColumnNames(header.info)
        self._seen = SeenRecords()
        self._repeated = RepeatedIds()
        self._alleles: SeenAlleles | None = SeenAlleles()

    def read(self, lines: Lines, *, is_cut: bool) -> None:
        """Read one batch; `is_cut` says that its last line is not whole."""
        whole = lines.head(len(lines) - 1) if is_cut else lines
        sites, faults, empty, remarks = parse_sites(whole, self._header, self._fixed, self._info)
        if is_cut:
            faults.append(Fault(len(whole), CUT))
        for rule, row in remarks:
            self._warn(rule, lines.first_number + row)

        calls = self._calls.read(sites)
        is_good = np.ones(len(sites), bool)
        for rule, broken in [
            *calls.broken,
            *(found for check in self._rules for found in check(sites)),
        ]:
            faults += [Fault(int(row), rule) for row in sites.rows[broken & is_good]]
            is_good &= ~broken
        good = np.flatnonzero(is_good)
        is_new = self._new(lines.first_number, sites, good)
        repeated = good[~is_new & sites.frame["is_vague"].to_numpy()[good]]
        sites = self._number(sites, repeated)
        is_new |= np.isin(good, repeated)
        faults += [Fault(int(row), DUPLICATE) for row in sites.rows[good[~is_new]]]

        accepted = good[is_new]
        is_block = find_blocks(sites, calls)[accepted] & bool(len(self._cohort.columns))
        for chosen, write in (
            (accepted[~is_block], self._write_variants),
            (accepted[is_block], self._write_blocks),
        ):
            if len(chosen):
                kept = self._calls.keep(calls, sites, chosen)
                write(lines.first_number, sites.take(chosen), kept)
        self._report.count("variant", delivered=len(lines), accepted=len(accepted))
        self._report.count("variant", blank=empty - lines.outside)
        self._report.keep("variant", "record outside the regions", lines.outside)
        self._refuse(lines, faults)

    def _write_variants(self, first_number: int, sites: Sites, calls: Calls) -> None:
        """Write accepted records that are variants."""
        numbers = first_number + sites.rows
        self._cohort.add(calls.packed)
        called, counts = count_alleles(sites.alternate_count, calls)
        arrow = sites.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        declared = {column.name for column in VARIANT.columns}
        variants = {name: arrow[name] for name in arrow.column_names if name in declared}
        counted = {"called_count": called, "alternate_counts": counts}
        info = dict(self._columns.place(key, cells) for key, cells in sites.info.items())
        self._stage(Rows(VARIANT, np.arange(len(sites)), variants | counted | info), numbers)
        variant_ids = arrow["variant_id"]
        self._stage(genotype_rows(calls, variant_ids, self._cohort), numbers)
        carriers = carrier_rows(calls, variant_ids, sites.alternate_count, self._cohort)
        self._stage(carriers, numbers)
        for make_rows in self._tables:
            for rows in make_rows(sites):
                self._stage(rows, numbers)
                if rows.table is ALLELE and self._alleles is not None:
                    self._warn_of_repeated(rows, numbers, self._alleles)

    def _write_blocks(self, first_number: int, sites: Sites, calls: Calls) -> None:
        """Write accepted records that are reference blocks."""
        self._stage(block_rows(sites, calls, self._cohort), first_number + sites.rows)

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

    def _warn_of_repeated(self, rows: Rows, numbers: np.ndarray, seen: SeenAlleles) -> None:
        """Say once from where on alleles come again."""
        place = seen.first_repeated(pl.Series(rows.columns["allele_id"]))
        if place is not None:
            self._alleles = None
            self._warn(ALLELE_REPEATED, int(numbers[rows.sites[place]]))

    def _number(self, sites: Sites, repeated: np.ndarray) -> Sites:
        """Tell records apart that may differ in what no field says."""
        if not len(repeated):
            return sites
        ids = self._repeated.number(sites.frame["variant_id"], repeated)
        return replace(sites, frame=sites.frame.with_columns(ids))

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
