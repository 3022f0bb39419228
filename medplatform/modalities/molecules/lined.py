"""Files with a molecule per line: SMILES files and tables."""

from collections.abc import Iterator, Sequence

from medplatform.modalities.delimited import DelimitedLines, delimiter_of
from medplatform.modalities.molecules.columns import Columns, find_columns, is_smiles_name
from medplatform.modalities.molecules.records import (
    Delivered,
    Measured,
    Place,
    Record,
    Remark,
    Structure,
    clip,
)
from medplatform.modalities.molecules.values import MAX_TEXT_CHARACTERS, parse_value
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
        # Where a comma is decimal it separates no cells, and spreadsheets write semicolons.
        self._decimal_comma = _separator(self._table) == ";"
        self.remarks: list[Remark] = [
            *(("table.repeated_column", number) for number in self._columns.repeated),
            *(("table.other_smiles_column", number) for number in self._columns.other_smiles),
        ]

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
        values: list[Measured] = []
        too_long: list[Place] = []
        for measured, made_of in _values(columns, cells, decimal_comma=self._decimal_comma):
            beyond = [_place(i) for i in made_of if len(cells[i]) > MAX_TEXT_CHARACTERS]
            too_long.extend(beyond)
            if not beyond:
                values.append(measured)
        structure = Structure(cells[columns.smiles])
        return Record(
            number, offset, structure, name, split or None, tuple(values), tuple(too_long), remarks
        )


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


def _separator(table: DelimitedLines) -> str | None:
    if table.first is None:
        return None
    return delimiter_of(table.first.text[:MAX_RECORD_BYTES].decode("utf-8", "replace"))


def _place(index: int) -> Place:
    return Place(index + 1, index + 1)


def _values(
    columns: Columns, cells: Sequence[str], *, decimal_comma: bool
) -> Iterator[tuple[Measured, tuple[int, ...]]]:
    """The values of a row that are not missing, each with the columns whose text it keeps."""
    if (of := columns.measurement) is not None:
        relation = None if of.relation is None else cells[of.relation]
        value = parse_value(cells[of.value], relation, decimal_comma=decimal_comma)
        if value is not None:
            unit = None if of.unit is None else cells[of.unit] or None
            measured = Measured(cells[of.type] or "value", value, unit, _place(of.value))
            yield measured, tuple(i for i in (of.type, of.value, of.unit) if i is not None)
    for assay in columns.assays:
        value = parse_value(cells[assay.index], decimal_comma=decimal_comma)
        if value is not None:
            yield Measured(assay.name, value, assay.unit, _place(assay.index)), (assay.index,)
