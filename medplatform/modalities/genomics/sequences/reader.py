"""Reads the sets of sequences of a genomics delivery. A record that is no DNA is refused.

Memory is bounded by the batch, but for the names of the sequences of a file.
"""

from collections import Counter
from typing import Any

import pyarrow as pa

from medplatform.lake import Stage
from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.sequences.alphabet import NoDna, measure
from medplatform.modalities.genomics.sequences.fasta import FastaFile
from medplatform.modalities.genomics.sequences.labels import Labels, LabelsError, read_labels
from medplatform.modalities.genomics.sequences.layout import Kind, kind_of
from medplatform.modalities.genomics.sequences.records import (
    MAX_CLASS_CHARACTERS,
    Label,
    Record,
)
from medplatform.modalities.genomics.sequences.refusals import REASONS
from medplatform.modalities.genomics.sequences.tabular import TableFile
from medplatform.modalities.genomics.tables.sequence import SEQUENCE
from medplatform.modalities.report import FileReport
from medplatform.modalities.text import Bad, Blank, TextLines
from medplatform.privacy import Identity

UNIT = "sequence"
BATCH_ROWS = 4096
BATCH_BASES = 8 << 20


class Sequences:
    """The files of sequences of one delivery."""

    def __init__(self, delivery: Delivery, stage: Stage, identity: Identity) -> None:
        self._stage = stage
        self._identity = identity
        self._copies: Counter[str] = Counter()
        self._labels = Labels()
        self._labels_source: Source | None = None
        self._used: set[str] = set()
        for source in delivery.sources:
            if kind_of(source.path) is Kind.LABELS:
                self._open_labels(source)

    def read(self, source: Source) -> bool:
        """Read a file, if it is one of sequences or of labels, and say whether it is."""
        kind = kind_of(source.path)
        if kind is Kind.FASTA or kind is Kind.TABLE:
            self._copies[source.source_id] += 1
            self._read_file(FileReport(self._stage, source), kind)
        return kind is not None

    def warn_of_unused(self) -> None:
        """Note the labels that no sequence has."""
        if self._labels_source is None:
            return
        report = FileReport(self._stage, self._labels_source)
        for name, (_, line) in self._labels.rows.items():
            if name not in self._used:
                code = "labels.unknown_sequence"
                report.warn(code, REASONS[code], line, "sequence_id")

    def _open_labels(self, source: Source) -> None:
        report = FileReport(self._stage, source)
        if self._labels_source is not None:
            report.refuse_file("labels.several", REASONS["labels.several"])
            return
        try:
            self._labels = read_labels(source.path)
        except LabelsError as error:
            report.refuse_file(error.code, REASONS[error.code])
            return
        self._labels_source = source
        report.count("file", delivered=1, accepted=1)
        for line, code in self._labels.remarks:
            report.warn(code, REASONS[code], line)

    def _read_file(self, report: FileReport, kind: Kind) -> None:
        path = report.source.path
        if find_failure(path) is Failure.CORRUPT:
            report.refuse_file(Failure.CORRUPT, REASONS[Failure.CORRUPT])
            return
        report.count(UNIT, delivered=0)
        with TextLines(path) as lines:
            file = FastaFile(lines) if kind is Kind.FASTA else TableFile(lines)
            if self._copies[report.source.source_id] == 1:
                _FileReading(report, self).read(file)
            else:
                code, records = "file.duplicate", sum(1 for _ in file.records())
                report.refuse_all(code, REASONS[code], sequence=records)
            if lines.failure is not None:
                report.refuse_file(lines.failure, REASONS[lines.failure])

    def token(self, report: FileReport, record: Record) -> str:
        """The pseudonym of a sequence: names can be those of people."""
        place = f"{report.source.source_id}:{record.number}"
        return self._identity.token("sequence", record.name or place)

    def label(self, record: Record) -> tuple[Label, str | None]:
        """The label of a sequence of a FASTA file, and the code of what is odd about it."""
        found = self._labels.rows.get(record.name)
        if found is None:
            return record.label, None
        self._used.add(record.name)
        said = found[0]
        is_other = record.label.label not in (None, said.label)
        return said, "labels.conflict" if is_other else None


def _is_too_long(text: str | None) -> bool:
    return len(text or "") > MAX_CLASS_CHARACTERS


class _FileReading:
    """The records of one file on their way into the stage."""

    def __init__(self, report: FileReport, sequences: Sequences) -> None:
        self._report = report
        self._sequences = sequences
        self._names: set[str] = set()
        self._rows: list[dict[str, Any]] = []
        self._bases = 0

    def read(self, file: FastaFile | TableFile) -> None:
        """Read all records."""
        delivered = blank = accepted = 0
        for record in file.records():
            delivered += 1
            if isinstance(record, Blank):
                blank += 1
            elif isinstance(record, Bad):
                self._refuse(record)
            else:
                accepted += self._accept(record, is_named=isinstance(file, FastaFile))
        self._flush()
        self._report.count(UNIT, delivered=delivered, blank=blank, accepted=accepted)

    def _accept(self, record: Record, *, is_named: bool) -> bool:
        """Stage a record; `is_named` where its name is to be its own."""
        try:
            columns = measure(record.text)
        except NoDna as error:
            self._refuse(Bad(record.number, record.offset, error.code))
            return False
        label, remark = record.label, None
        if is_named:
            if record.name and record.name in self._names:
                self._refuse(Bad(record.number, record.offset, "sequence.duplicate_name"))
                return False
            self._names.add(record.name)
            label, remark = self._sequences.label(record)
        if any(map(_is_too_long, label)):
            label = Label(*(None if _is_too_long(text) else text for text in label))
            self._warn(record, "sequence.label_too_long")
        if remark is not None:
            self._warn(record, remark)
        self._rows.append(
            {
                **columns,
                "sequence_id": self._sequences.token(self._report, record),
                "label": label.label,
                "task": label.task,
                "delivered_split": label.split,
                "source_id": self._report.source.source_id,
                "record_number": record.number,
            }
        )
        self._bases += columns["length"]
        if len(self._rows) >= BATCH_ROWS or self._bases >= BATCH_BASES:
            self._flush()
        return True

    def _refuse(self, bad: Bad) -> None:
        reason = REASONS[bad.code]
        self._report.refuse(UNIT, bad.number, bad.code, reason, byte_offset=bad.offset)

    def _warn(self, record: Record, code: str) -> None:
        self._report.warn(code, REASONS[code], record.number)

    def _flush(self) -> None:
        if self._rows:
            table = pa.Table.from_pylist(self._rows, schema=SEQUENCE.schema())
            self._report.stage.write(SEQUENCE, table)
            self._rows.clear()
            self._bases = 0
