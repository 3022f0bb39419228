"""Reads a delivery of molecules: SMILES, table and SDF files, into molecules and assay values.

A record that cannot be read or standardised is refused and the next is read. Memory is bounded by
the batch, but for about a hundred bytes per molecule and 40 per value of a file, which tell
repeated ones.
"""

from collections import Counter
from typing import Any

import pyarrow as pa
from rdkit import rdBase

from medplatform.lake import Stage, Table
from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.modality import Progress
from medplatform.modalities.molecules.columns import ColumnsError
from medplatform.modalities.molecules.describe import describe
from medplatform.modalities.molecules.layout import Kind, kind_of
from medplatform.modalities.molecules.lined import SmilesFile, TableFile
from medplatform.modalities.molecules.records import Record, Remark
from medplatform.modalities.molecules.refusals import REASONS
from medplatform.modalities.molecules.repeats import Repeats
from medplatform.modalities.molecules.sdf import SdfFile
from medplatform.modalities.molecules.standard import Unusable
from medplatform.modalities.molecules.tables import ASSAY, MOLECULE
from medplatform.modalities.molecules.texts import Texts
from medplatform.modalities.options import DeliveryOptions
from medplatform.modalities.report import FileReport
from medplatform.modalities.text import Bad, Blank, TextLines

UNIT = "molecule"
BATCH_ROWS = 4096


def read(delivery: Delivery, stage: Stage, progress: Progress, /) -> None:
    """Read a whole delivery into a stage; see `medplatform.modalities.modality.Reader`."""
    copies: Counter[str] = Counter()
    with rdBase.BlockLogs():  # RDKit writes what it finds wrong to stderr, with the structure
        for number, source in enumerate(delivery.sources, 1):
            copies[source.source_id] += 1
            report = FileReport(stage, source)
            _read_file(report, delivery.options, is_copy=copies[source.source_id] > 1)
            progress(source.label, number, len(delivery.sources))


def _read_file(report: FileReport, options: DeliveryOptions, *, is_copy: bool) -> None:
    path = report.source.path
    kind = kind_of(path)
    if kind is Kind.OTHER:
        report.count("file", delivered=1)
        report.stage.keep(report.source.source_id, "file", kind.value)
        return
    if find_failure(path) is Failure.CORRUPT:
        report.refuse_file(Failure.CORRUPT, REASONS[Failure.CORRUPT])
        return
    with TextLines(path) as lines:
        try:
            file = _open(kind, lines, options)
        except ColumnsError as error:
            report.count(UNIT, delivered=0)
            rest = sum(1 for _ in lines)
            report.refuse_all(error.code, REASONS[error.code], molecule=rest)
        else:
            _FileReading(report, file.place, is_copy=is_copy).read(file)
        if lines.failure is not None:
            report.refuse_file(lines.failure, REASONS[lines.failure])


def _open(
    kind: Kind, lines: TextLines, options: DeliveryOptions
) -> SmilesFile | TableFile | SdfFile:
    if kind is Kind.TABLE:
        return TableFile(lines, options)
    return SdfFile(lines, options) if kind is Kind.SDF else SmilesFile(lines)


class _FileReading:
    """The records of one file on their way into the stage."""

    def __init__(self, report: FileReport, place: str, *, is_copy: bool) -> None:
        self._report = report
        self._place = place
        self._is_copy = is_copy
        self._repeats = Repeats()
        self._texts = Texts()
        self._molecules: list[dict[str, Any]] = []
        self._values: list[dict[str, Any]] = []

    def read(self, file: SmilesFile | TableFile | SdfFile) -> None:
        """Read all records."""
        for remark in file.remarks:
            self._warn(0, remark)
        delivered = blank = accepted = 0
        for record in file.records():
            delivered += 1
            if isinstance(record, Blank):
                blank += 1
            elif isinstance(record, Bad):
                self._refuse(record)
            else:
                accepted += self._accept(record)
        self._flush(most=0)
        self._report.count(UNIT, delivered=delivered, blank=blank, accepted=accepted)
        if self._is_copy:
            return
        for number, place in self._repeats.conflicts():
            self._warn(number, ("assay.conflict", place))
        for number, place in self._texts.among_numbers():
            self._warn(number, ("assay.text", place))

    def _accept(self, record: Record) -> bool:
        if self._is_copy:
            self._refuse(Bad(record.number, record.offset, "file.duplicate"))
            return False
        try:
            columns = describe(record.structure)
        except Unusable as error:
            self._refuse(Bad(record.number, record.offset, error.code))
            return False
        for remark in (*record.remarks, *self._texts.add(record)):
            self._warn(record.number, remark)
        lineage = {"source_id": self._report.source.source_id, "record_number": record.number}
        self._molecules.append(
            {
                **columns,
                **lineage,
                "compound_name": record.name,
                "delivered_split": record.split,
                "duplicate_of": self._repeats.add(columns["molecule_id"], record),
            }
        )
        for assay, value, unit, _ in record.values:
            self._values.append(
                {
                    **lineage,
                    "molecule_id": columns["molecule_id"],
                    "assay_name": assay,
                    "value_number": value.number,
                    "value_relation": value.relation,
                    "value_unit": unit,
                    "value_text": value.text,
                }
            )
        self._flush(most=BATCH_ROWS)
        return True

    def _refuse(self, bad: Bad) -> None:
        reason = REASONS[bad.code]
        self._report.refuse(UNIT, bad.number, bad.code, reason, byte_offset=bad.offset)

    def _warn(self, record_number: int, remark: Remark) -> None:
        code, place = remark
        element = None if place is None else f"{self._place} {place}"
        self._report.warn(code, REASONS[code], record_number, element)

    def _flush(self, most: int) -> None:
        if len(self._molecules) > most or len(self._values) > most:
            self._write(MOLECULE, self._molecules)
            self._write(ASSAY, self._values)

    def _write(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._report.stage.write(table, pa.Table.from_pylist(rows, schema=table.schema()))
            rows.clear()
