"""The crosswalk of a delivery: a CSV file that says which sample is from which patient.

Columns `sample_id` and `patient_id`, optionally `system` (the identifier system of the patient
id; empty means the installation's default). Others are ignored.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

CROSSWALK = "crosswalk.csv"
REQUIRED = ("sample_id", "patient_id")


class CrosswalkError(ValueError):
    """The crosswalk cannot be used at all. `code` and the message go to the quarantine."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Link(NamedTuple):
    """A patient as the crosswalk names them, and the line that does."""

    system: str | None
    patient_id: str
    line: int


class Remark(NamedTuple):
    """A row that links nothing."""

    line: int
    code: str
    element: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Sample name -> patient; what is ambiguous or incomplete is left out, with a remark."""

    links: dict[str, Link]
    remarks: list[Remark] = field(default_factory=list)


def read_crosswalk(path: Path) -> Crosswalk:
    """Read a crosswalk.

    Raises
    ------
    CrosswalkError
        It is not UTF-8, not CSV, or lacks a column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CrosswalkError(
            "crosswalk.encoding", "The crosswalk is not UTF-8. Save it as UTF-8 CSV."
        ) from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in rows.fieldnames or ()]
        if any(names.count(name) != 1 for name in REQUIRED) or names.count("system") > 1:
            raise CrosswalkError(
                "crosswalk.columns",
                "The first line of the crosswalk must name the columns sample_id and patient_id, "
                "and may name system, each once, separated by commas. Correct it.",
            )
        rows.fieldnames = names
        return _link(_rows(rows))
    except csv.Error:
        raise CrosswalkError(
            "crosswalk.syntax", "The crosswalk is not valid CSV (RFC 4180). Save it again."
        ) from None


class _Row(NamedTuple):
    line: int
    sample_id: str
    patient_id: str
    system: str | None


def _rows(rows: "csv.DictReader[str]") -> Iterator[_Row]:
    for row in rows:
        sample, patient, system = (
            (row.get(name) or "").strip() for name in ("sample_id", "patient_id", "system")
        )
        yield _Row(rows.line_num, sample, patient, system or None)


def _link(rows: Iterator[_Row]) -> Crosswalk:
    crosswalk = Crosswalk({})
    ambiguous: set[str] = set()
    for line, sample, patient, system in rows:
        known = crosswalk.links.get(sample)
        if not sample or not patient:
            element = "patient_id" if sample else "sample_id"
            reason = f"The row has no {element}. Fill it in."
            crosswalk.remarks.append(Remark(line, f"crosswalk.no_{element}", element, reason))
            ambiguous.update({sample} if sample else ())
        elif known and (known.system, known.patient_id) != (system, patient):
            reason = "The sample is linked to another patient in an earlier row. Leave one of them."
            crosswalk.remarks.append(
                Remark(line, "crosswalk.duplicate_sample", "sample_id", reason)
            )
            ambiguous.add(sample)
        elif known:
            reason = "The row repeats an earlier one. Leave one of them."
            crosswalk.remarks.append(Remark(line, "crosswalk.repeated_row", "sample_id", reason))
        else:
            crosswalk.links[sample] = Link(system, patient, line)
    for sample in ambiguous:
        crosswalk.links.pop(sample, None)
    return crosswalk
