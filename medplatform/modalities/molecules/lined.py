"""Files with a molecule per line: SMILES files and tables."""

from collections.abc import Iterator, Sequence

from medplatform.modalities.delimited import DelimitedLines
from medplatform.modalities.molecules.columns import Columns, find_columns, is_smiles_name
from medplatform.modalities.molecules.records import (
    Delivered,
    Measured,
    Record,
    Remark,
    Structure,
    clip,
)
from medplatform.modalities.molecules.values import MAX_TEXT_CHARACTERS, Value, parse_value
from medplatform.modalities.options import DeliveryOptions
from medplatform.modalities.text import TextLines, read_text

MAX_RECORD_BYTES = 1 << 20


class SmilesFile:
    """Lines of a SMILES and a name, blanks between them; a first line may name them."""

    place = "column"

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines
        self.remarks: list[Remark] = []

    def records(self) -> Iterator[Delivered]:
        """One record per line."""
        for line in self._lines:
            if line.number == 1 and is_header(line.text):
                continue
            text = read_text(line, MAX_RECORD_BYTES)
            if not isinstance(text, str):
                yield text
                continue
            smiles, name = split_smiles(text)
            kept, remarks = clip(name)
            yield Record(line.number, line.offset, Structure(smiles), kept, remarks=remarks)


class TableFile:
    """Rows of a CSV or TSV file, behind the line that names its columns.

    Raises
    ------
    ColumnsError
        The columns cannot be told.
    """

    place = "column"

    def __init__(self, lines: TextLines, options: DeliveryOptions) -> None:
        self._lines = lines
        self._table = DelimitedLines(lines, MAX_RECORD_BYTES)
        self._columns = find_columns(self._table.header, options)
        self._too_long: set[int] = set()
        self.remarks: list[Remark] = [("table.repeated_column", n) for n in self._columns.repeated]

    def records(self) -> Iterator[Delivered]:
        """One record per line."""
        for line in self._lines:
            cells = self._table.read_cells(line)
            is_read = isinstance(cells, list)
            yield self._record(line.number, line.offset, cells) if is_read else cells

    def _record(self, number: int, offset: int, cells: Sequence[str]) -> Record:
        columns = self._columns
        name, remarks = clip(None if columns.name is None else cells[columns.name])
        split = None if columns.split is None else cells[columns.split][:MAX_TEXT_CHARACTERS]
        values, too_long = _values(columns, cells)
        for place in too_long:
            if place not in self._too_long:
                self._too_long.add(place)
                remarks = (*remarks, ("assay.text_too_long", place))
        structure = Structure(cells[columns.smiles])
        return Record(number, offset, structure, name, split or None, tuple(values), remarks)


def is_header(line: bytes) -> bool:
    """Whether the first line of a SMILES file names what stands below."""
    words = line.decode("utf-8", "replace").replace(",", " ").split()
    return bool(words) and is_smiles_name(words[0])


def split_smiles(line: str) -> tuple[str, str]:
    """The SMILES of a line, with its CXSMILES extension, and the name behind it."""
    smiles, _, rest = line.strip().partition("\t" if "\t" in line.strip() else " ")
    rest = rest.strip()
    if rest.startswith("|") and (end := rest.find("|", 1)) > 0:
        return f"{smiles} {rest[: end + 1]}", rest[end + 1 :].strip()
    return smiles, rest


def _values(columns: Columns, cells: Sequence[str]) -> tuple[list[Measured], list[int]]:
    """The values of a row that are not missing, and the columns whose text is too long."""
    found: list[tuple[str, Value | None, str | None, int]] = []
    if columns.measurement is not None:
        of = columns.measurement
        relation = None if of.relation is None else cells[of.relation]
        unit = None if of.unit is None else cells[of.unit] or None
        value = parse_value(cells[of.value], relation)
        found.append((cells[of.type] or "value", value, unit, of.value + 1))
    found.extend((a.name, parse_value(cells[a.index]), a.unit, a.index + 1) for a in columns.assays)
    values, too_long = [], []
    for assay_name, value, unit, place in found:
        if value is None:
            continue
        if len(value.text) > MAX_TEXT_CHARACTERS:
            too_long.append(place)
        else:
            values.append(Measured(assay_name, value, unit, place))
    return values, too_long
