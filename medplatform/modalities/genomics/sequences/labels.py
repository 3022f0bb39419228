"""The file `labels.csv` of a delivery: which sequence of the FASTA files has which label."""

from dataclasses import dataclass, field
from pathlib import Path

from medplatform.modalities.delimited import delimiter_of, plain_name, split_line
from medplatform.modalities.genomics.sequences.records import Label
from medplatform.modalities.text import TextLines

COLUMNS = ("sequence_id", "label", "split", "task")


class LabelsError(ValueError):
    """The file cannot be used at all. `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Labels:
    """Label and line by the name of a sequence, and the lines that say nothing, with a code."""

    rows: dict[str, tuple[Label, int]] = field(default_factory=dict)
    remarks: list[tuple[int, str]] = field(default_factory=list)


def read_labels(path: Path) -> Labels:
    """Read a label file; a sequence with two labels has none.

    Raises
    ------
    LabelsError
        It is not UTF-8, or lacks a column.
    """
    try:
        with TextLines(path) as lines:
            texts = [(line.number, line.text.decode()) for line in lines]
            is_whole = lines.failure is None
    except UnicodeDecodeError:
        raise LabelsError("labels.unreadable") from None
    header = texts[0][1] if texts else ""
    delimiter = delimiter_of(header)
    names = [plain_name(name) for name in split_line(header, delimiter) or ()]
    if not is_whole or any(names.count(name) != 1 for name in COLUMNS[:2]):
        raise LabelsError("labels.unreadable")
    labels = Labels()
    ambiguous: set[str] = set()
    for number, text in texts[1:]:
        if not text.strip():
            continue
        cells = split_line(text, delimiter) or []
        row = dict(zip(names, cells, strict=False))
        name, label, split, task = (row.get(column) or None for column in COLUMNS)
        if len(cells) != len(names) or name is None or label is None:
            labels.remarks.append((number, "labels.malformed"))
            continue
        said = Label(label, split, task)
        if labels.rows.setdefault(name, (said, number))[0] != said:
            ambiguous.add(name)
            labels.remarks.append((number, "labels.ambiguous"))
    for name in ambiguous:
        del labels.rows[name]
    return labels
