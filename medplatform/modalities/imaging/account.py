"""Accounting of a delivery: every delivered record is accepted, refused or kept, exactly once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Source
from medplatform.modalities.imaging.records import Problem
from medplatform.modalities.imaging.refusals import REASONS


@dataclass(frozen=True, slots=True)
class Record:
    """One delivered record: a file, or the row of a label table."""

    source: Source
    unit: str
    number: int


class Account:
    """Counts records and writes refusals into a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._copies: Counter[str] = Counter()

    def open_file(self, source: Source, unit: str) -> Record:
        """Count a delivered file; copies of one content are numbered from 1."""
        self._copies[source.source_id] += 1
        self.stage.count(source.source_id, unit, delivered=1)
        return Record(source, unit, self._copies[source.source_id])

    def keep(self, source: Source, unit: str, kind: str, rows: Mapping[str, int]) -> None:
        """A file of a kind that has no table stays in landing, with its rows per unit."""
        self.open_file(source, unit)
        self.stage.keep(source.source_id, unit, kind)
        for row_unit, number in rows.items():
            self.stage.count(source.source_id, row_unit, delivered=number, kept=number)

    def accept(self, record: Record) -> None:
        """The record has its rows in the lake."""
        self.stage.count(record.source.source_id, record.unit, accepted=1)

    def refuse(
        self,
        record: Record,
        code: str,
        *,
        reason: str | None = None,
        element: str | None = None,
        resource_type: str | None = None,
    ) -> None:
        """The record goes to quarantine. `reason` is for codes of other packages."""
        self.stage.count(record.source.source_id, record.unit, quarantined=1)
        self._write(record, code, reason or REASONS[code], element, resource_type, "error")

    def remark(self, record: Record, problem: Problem, resource_type: str | None = None) -> None:
        """Note what could not be used of a record that is accepted."""
        reason = REASONS[problem.code]
        self._write(record, problem.code, reason, problem.element, resource_type, "warning")

    def _write(
        self,
        record: Record,
        code: str,
        reason: str,
        element: str | None,
        resource_type: str | None,
        severity: str,
    ) -> None:
        self.stage.refuse(
            Refusal(
                source_id=record.source.source_id,
                file=record.source.label,
                record_number=record.number,
                unit=record.unit,
                code=code,
                reason=reason,
                element=element,
                resource_type=resource_type,
                severity="warning" if severity == "warning" else "error",
            )
        )
