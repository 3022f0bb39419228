"""Gene panels: the genes that are looked at, and how what they cause is inherited.

A panel is a CSV file `reference/panels/<name>.csv` with the column `gene_symbol` (or `gene`, as
PanelApp writes `Gene Symbol`), optionally `inheritance` (or `moi`). It is no record of a patient:
one that cannot be used raises, and the message may name its lines, genes and values.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

INHERITANCES = ("AD", "AR", "XL", "MT")

SCHEMA = pl.Schema({"panel": pl.String, "gene_symbol": pl.String, "inheritance": pl.String})

_GENE = ("gene_symbol", "gene", "symbol", "hgnc_symbol")
_INHERITANCE = ("inheritance", "moi", "mode_of_inheritance", "model_of_inheritance")
# As people and PanelApp write them. The first that is anywhere in the text counts, so a gene with
# both is AD; of what is X-linked, PanelApp says in such words how it is in males and in females.
_MODES: tuple[tuple[str | None, str], ...] = (
    ("AD", r"(ad|autosomal dominant)\b"),
    ("XL", r"x[- ]?l"),
    ("AD", r"dominant\b|monoallelic|both"),
    ("AR", r"(ar|autosomal recessive|recessive)\b|biallelic"),
    ("MT", r"(mt|mitochondrial)\b"),
    # PanelApp: none of its modes fits, or none is established.
    (None, r"(other|unknown)\b|$"),
)
# HGNC writes all symbols in capitals, but for those of open reading frames, as C1orf112.
_READING_FRAME = re.compile(r"(C(?:\d+|X|Y))ORF(\d+.*)")
_MOST_FAULTS = 10
_MOST_CHARACTERS = 60


class PanelError(ValueError):
    """A panel cannot be used; the message names the file, what is wrong in it, and the remedy."""


class _Row(NamedTuple):
    """A gene as the file has it; `line` counts from 1, comments and the header with it."""

    line: int
    gene: str
    stated: str

    @property
    def symbol(self) -> str:
        """The symbol as HGNC, and so ClinVar, writes it."""
        return _READING_FRAME.sub(r"\1orf\2", self.gene.upper())

    @property
    def is_known(self) -> bool:
        """Whether its inheritance begins with one that is understood, or is left open."""
        return any(re.match(pattern, self.stated.lower()) for _, pattern in _MODES)

    @property
    def inheritance(self) -> str | None:
        """One of INHERITANCES; None where it is not known."""
        text = self.stated.lower()
        return next((mode for mode, pattern in _MODES if re.search(rf"\b({pattern})", text)), None)


def read_panels(paths: Sequence[Path]) -> pl.DataFrame:
    """Read panels. The name of a file is that of its panel.

    Returns
    -------
    One row per panel and gene, as SCHEMA has it; symbols are as HGNC writes them, however the panel
    does; inheritance is one of INHERITANCES, null where the panel does not say it.

    Raises
    ------
    PanelError
        A file is no CSV with a column of genes, states an inheritance that is not known, or lists
        a gene twice.
    """
    panels = [_read(path) for path in sorted(paths)]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *panels])


def find_unusable_panels(paths: Sequence[Path]) -> dict[Path, str]:
    """The panels that cannot be read, and why."""
    reasons: dict[Path, str] = {}
    for path in paths:
        try:
            _read(path)
        except PanelError as error:
            reasons[path] = str(error)
    return reasons


def _read(path: Path) -> pl.DataFrame:
    try:
        header, *lines = _lines(path)
    except (OSError, ValueError, csv.Error) as error:
        raise PanelError(f"{path}: not a CSV file with a header. Save it as UTF-8 CSV.") from error
    names = [re.sub(r"\W+", "_", name.strip().lower()) for name in header[1]]
    gene, inheritance = _place(names, _GENE), _place(names, _INHERITANCE)
    if gene is None:
        raise PanelError(
            f"{path}: no column names the genes. Call it gene_symbol, and separate columns by "
            "commas."
        )
    rows = [
        _Row(number, symbol, _cell(cells, inheritance))
        for number, cells in lines
        if (symbol := _cell(cells, gene))
    ]
    faults = [*_find_ragged(lines, len(names)), *_find_unknown(rows), *_find_twice(rows)]
    if faults:
        raise PanelError(_tell(path, sorted(faults)))
    return pl.DataFrame(
        [(path.stem, row.symbol, row.inheritance) for row in rows], schema=SCHEMA, orient="row"
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The cells of each line that is neither empty nor a comment, with the number of the line."""
    with io.StringIO(path.read_text("utf-8-sig"), newline="") as stream:
        numbered = [(n, line) for n, line in enumerate(stream, 1) if not line.startswith("#")]
    return list(_cells(numbered))


def _cells(numbered: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line for _, line in numbered), strict=True)
    start = 0
    for cells in reader:
        if cells:
            yield numbered[start][0], cells
        # A cell in quotes may go on in the next line.
        start = reader.line_num


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The place of the first wanted column that is there."""
    return next((names.index(name) for name in wanted if name in names), None)


def _cell(cells: Sequence[str], place: int | None) -> str:
    """The text of a cell; lines may end before their last cells."""
    return "" if place is None or place >= len(cells) else cells[place].strip()


def _find_ragged(
    lines: Sequence[tuple[int, Sequence[str]]], width: int
) -> Iterator[tuple[int, str]]:
    for number, cells in lines:
        if any(cell.strip() for cell in cells[width:]):
            yield (
                number,
                f": {len(cells)} cells where the header has {width}. Write a cell that has a "
                "comma in quotes.",
            )


def _find_unknown(rows: Sequence[_Row]) -> Iterator[tuple[int, str]]:
    for row in rows:
        if not row.is_known:
            yield (
                row.line,
                f", {_short(row.gene)}: inheritance '{_short(row.stated)}' is none of "
                f"{', '.join(INHERITANCES)}, nor a mode of PanelApp. Correct it, or leave it empty "
                "where it is not known.",
            )


def _find_twice(rows: Sequence[_Row]) -> Iterator[tuple[int, str]]:
    first: dict[str, _Row] = {}
    for row in rows:
        known = first.setdefault(row.symbol, row)
        if known is not row:
            modes = " and ".join(
                one.inheritance or _short(one.stated) or "not stated" for one in (known, row)
            )
            yield (
                row.line,
                f", {_short(row.gene)}: listed twice ({modes}), first in line {known.line}. Keep "
                "one row per gene.",
            )


def _short(text: str) -> str:
    """A value as a message shows it: what a file holds by mistake may be long."""
    cut = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
    return "".join(sign if sign.isprintable() else "?" for sign in cut)


def _tell(path: Path, faults: Sequence[tuple[int, str]]) -> str:
    """All faults of a panel, a line each, so that they can be mended at once."""
    told = [f"{path}, line {number}{text}" for number, text in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        told.append(f"{path}: … and {len(faults) - _MOST_FAULTS} more")
    return "\n".join(told)
