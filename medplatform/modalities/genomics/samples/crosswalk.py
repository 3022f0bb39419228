"""The crosswalk of a delivery: a CSV file that says which sample is from which patient.

Columns `sample_id` and `patient_id`, optionally `system` (the identifier system of the patient
id; empty means the installation's default), `sex` and `genome_build`. Others are ignored.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from medplatform.modalities.genomics.header.header import MAX_NAME_BYTES
from medplatform.modalities.genomics.reference.build import name_build

CROSSWALK = "crosswalk.csv"
REQUIRED = ("sample_id", "patient_id")
OPTIONAL = ("system", "sex", "genome_build")
SEXES = {
    **dict.fromkeys(("male", "m", "1"), "male"),
    **dict.fromkeys(("female", "f", "2"), "female"),
    **dict.fromkeys(("unknown", "u", "0", "na", "other"), "unknown"),
}
"""As written, in lower case, PLINK's numbers among it -> as stored."""


class CrosswalkError(ValueError):
    """The crosswalk cannot be used at all. `code` and the message go to the quarantine."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Link(NamedTuple):
    """A sample as the crosswalk describes it, and the line that does.

    `sex` is male, female or unknown, None where the crosswalk has no such column or cell.
    """

    system: str | None
    patient_id: str
    line: int
    sex: str | None = None
    build: str | None = None


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
        is_repeated = any(names.count(name) > 1 for name in OPTIONAL)
        if any(names.count(name) != 1 for name in REQUIRED) or is_repeated:
            raise CrosswalkError(
                "crosswalk.columns",
                "The first line of the crosswalk must name the columns sample_id and patient_id, "
                "and may name system, sex and genome_build, each once, separated by commas. "
                "Correct it.",
            )
        rows.fieldnames = names
        return _link(_rows(rows))
    except csv.Error:
        raise CrosswalkError(
            "crosswalk.syntax", "The crosswalk is not valid CSV (RFC 4180). Save it again."
        ) from None


class _Row(NamedTuple):
    sample_id: str
    link: Link
    remarks: list[Remark]


def _rows(rows: "csv.DictReader[str]") -> Iterator[_Row]:
    for row in rows:
        sample, patient, system, sex, build = (
            (row.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)
        )
        line = rows.line_num
        remarks = [
            remark for remark in (_check_sex(line, sex), _check_build(line, build)) if remark
        ]
        link = Link(system or None, patient, line, SEXES.get(sex.lower()), name_build(build))
        yield _Row(sample, link, remarks)


def _check_sex(line: int, text: str) -> Remark | None:
    if not text or text.lower() in SEXES:
        return None
    reason = "The sex is none of male, female and unknown, so none was stored. Correct it."
    return Remark(line, "crosswalk.sex", "sex", reason)


def _check_build(line: int, text: str) -> Remark | None:
    if not text or name_build(text):
        return None
    reason = "The genome build is none that is known here, so it was not used. Write e.g. GRCh38."
    return Remark(line, "crosswalk.genome_build", "genome_build", reason)


def _link(rows: Iterator[_Row]) -> Crosswalk:
    crosswalk = Crosswalk({})
    ambiguous: set[str] = set()
    for sample, link, remarks in rows:
        crosswalk.remarks.extend(remarks)
        known = crosswalk.links.get(sample)
        if not sample or not link.patient_id:
            element = "patient_id" if sample else "sample_id"
            reason = f"The row has no {element}. Fill it in."
            crosswalk.remarks.append(Remark(link.line, f"crosswalk.no_{element}", element, reason))
            ambiguous.update({sample} if sample else ())
        elif max(len(sample), len(link.patient_id)) > MAX_NAME_BYTES:
            element = "sample_id" if len(sample) > MAX_NAME_BYTES else "patient_id"
            reason = f"The {element} has more than {MAX_NAME_BYTES} characters. Correct it."
            crosswalk.remarks.append(Remark(link.line, "crosswalk.too_long", element, reason))
            ambiguous.add(sample)
        elif known and known[:2] != link[:2]:
            reason = "The sample is linked to another patient in an earlier row. Leave one of them."
            crosswalk.remarks.append(
                Remark(link.line, "crosswalk.duplicate_sample", "sample_id", reason)
            )
            ambiguous.add(sample)
        elif known:
            reason = "The row repeats an earlier one, which counts. Leave one of them."
            crosswalk.remarks.append(
                Remark(link.line, "crosswalk.repeated_row", "sample_id", reason)
            )
        else:
            crosswalk.links[sample] = link
    for sample in ambiguous:
        crosswalk.links.pop(sample, None)
    crosswalk.remarks.extend(_check_sexes(crosswalk))
    return crosswalk


def _check_sexes(crosswalk: Crosswalk) -> Iterator[Remark]:
    """Samples of one patient whose rows do not agree in the sex."""
    known: dict[tuple[str | None, str], str] = {}
    for link in crosswalk.links.values():
        if link.sex in ("male", "female") and known.setdefault(link[:2], link.sex) != link.sex:
            reason = "Another sample of the same patient has another sex. Correct one of them."
            yield Remark(link.line, "crosswalk.sex_conflict", "sex", reason)
