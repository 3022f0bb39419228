"""Accounting of a delivery: every delivered record is accepted, refused or kept, exactly once."""

from collections.abc import Mapping
from dataclasses import dataclass

from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Source
from medplatform.modalities.imaging.records import Problem
from medplatform.modalities.imaging.refusals import REASONS
from medplatform.modalities.imaging.sources.item import Item, Refused


@dataclass(frozen=True, slots=True)
class Record:
    """One delivered record: a file, a member of an archive, or the row of a label table."""

    source: Source
    unit: str
    number: int


class Account:
    """Counts records and writes refusals into a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def open(self, item: Item) -> Record:
        """Count a delivered file or member."""
        return self._open(item.source, item.kind.unit, item.number)

    def keep(self, item: Item, rows: Mapping[str, int] | None = None) -> Record:
        """An item of a kind that has no table stays in landing, with its rows per unit."""
        record = self.open(item)
        source_id = item.source.source_id
        self.stage.keep(source_id, record.unit, item.kind.value)
        for row_unit, number in (rows or {}).items():
            self.stage.count(source_id, row_unit, delivered=number, kept=number)
        return record

    def refuse_unread(self, refused: Refused) -> None:
        """Count and refuse what could not be taken out of its archive."""
        record = self._open(refused.source, refused.unit, refused.number)
        self.refuse(record, refused.code)

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
        record_id: str | None = None,
        part_of: str | None = None,
    ) -> None:
        """The record goes to quarantine. `reason` is for codes of other packages.

        `record_id` and `part_of` are the pseudonyms of an image and of its series.
        """
        self.stage.count(record.source.source_id, record.unit, quarantined=1)
        self._write(
            record,
            code,
            reason or REASONS[code],
            element,
            resource_type,
            "error",
            record_id=record_id,
            part_of=part_of,
        )

    def remark(self, record: Record, problem: Problem, resource_type: str | None = None) -> None:
        """Note what could not be used of a record that is accepted."""
        reason = REASONS[problem.code]
        self._write(record, problem.code, reason, problem.element, resource_type, "warning")

    def _open(self, source: Source, unit: str, number: int) -> Record:
        self.stage.count(source.source_id, unit, delivered=1)
        return Record(source, unit, number)

    def _write(
        self,
        record: Record,
        code: str,
        reason: str,
        element: str | None,
        resource_type: str | None,
        severity: str,
        *,
        record_id: str | None = None,
        part_of: str | None = None,
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
                record_id=record_id,
                part_of=part_of,
            )
        )
