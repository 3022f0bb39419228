"""What became of the records of one delivered file: refusals, remarks and counts."""

from dataclasses import dataclass
from typing import Literal

from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Source


@dataclass(frozen=True, slots=True)
class FileReport:
    """Notes on one file, written to the stage."""

    stage: Stage
    source: Source

    def count(self, unit: str, **amounts: int) -> None:
        """Add to the counts of a kind of record."""
        self.stage.count(self.source.source_id, unit, **amounts)

    def keep(self, unit: str, kind: str, records: int = 1) -> None:
        """Count records (not as delivered) of a kind that stays in landing."""
        if records:
            self.stage.keep(self.source.source_id, unit, kind, records)

    def delivered(self, unit: str) -> int:
        """How many records of a kind have been counted so far."""
        return self.stage.counts[self.source.source_id, unit].delivered

    def refuse(
        self,
        unit: str,
        record_number: int,
        code: str,
        reason: str,
        *,
        element: str | None = None,
        byte_offset: int | None = None,
    ) -> None:
        """Refuse one record and count it as quarantined (not as delivered)."""
        self._note(unit, record_number, code, reason, element, byte_offset)
        self.count(unit, quarantined=1)

    def refuse_file(self, code: str, reason: str) -> None:
        """Refuse the file, or what is left of it, as one record of the kind `file`."""
        self.count("file", delivered=1)
        self.refuse("file", 0, code, reason)

    def refuse_all(self, code: str, reason: str, **records: int) -> None:
        """Refuse all records of a file for one reason that concerns the file."""
        self._note("file", 0, code, reason)
        for unit, amount in records.items():
            self.count(unit, delivered=amount, quarantined=amount)

    def warn(
        self, code: str, reason: str, record_number: int = 0, element: str | None = None
    ) -> None:
        """Note something about a file that is read nevertheless."""
        self._note("file", record_number, code, reason, element, severity="warning")

    def _note(
        self,
        unit: str,
        record_number: int,
        code: str,
        reason: str,
        element: str | None = None,
        byte_offset: int | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self.stage.refuse(
            Refusal(
                source_id=self.source.source_id,
                file=self.source.label,
                record_number=record_number,
                unit=unit,
                code=code,
                reason=reason,
                element=element,
                byte_offset=byte_offset,
                severity=severity,
            )
        )
