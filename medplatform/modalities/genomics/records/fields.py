"""The lines of a VCF body as columns of text: the eight fixed fields, FORMAT and the samples.

The fields of a batch are told apart in one go by where its tabs are; no text is copied but into
the columns. What cannot be told apart is refused line by line.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.header.header import FIXED_COLUMNS, Header
from medplatform.modalities.genomics.rules import Fault, Rule
from medplatform.modalities.genomics.sources.lines import Lines

FIELDS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
NARROW_BYTES = 2048
"""Lines up to about this long are split together; in longer ones only the first tabs are sought."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of the lines that have them all.

    Attributes
    ----------
    content
        The text of the batch.
    rows
        Index of each line in the batch (int64).
    bounds
        Where each field begins in `content`: lines x 9; a field ends one byte before the next
        begins. The last column is where FORMAT begins, or the end behind INFO.
    ends
        Where each line ends.
    """

    content: bytes
    rows: np.ndarray
    bounds: np.ndarray
    ends: np.ndarray
    has_format: bool

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> pa.StringArray:
        """One of the eight fixed fields."""
        place = FIELDS.index(name)
        return slice_texts(self.content, self.bounds[:, place], self.bounds[:, place + 1] - 1)

    def formats(self) -> list[bytes | None]:
        """FORMAT of each line, None where the file has none."""
        if not self.has_format:
            return [None] * len(self)
        starts = self.bounds[:, 8].tolist()
        stops = self._format_ends()
        return [self.content[start:stop] for start, stop in zip(starts, stops, strict=True)]

    def samples(self) -> list[bytes | None]:
        """The sample columns of each line as one text, None where the file has none."""
        if not self.has_format:
            return [None] * len(self)
        bounds = zip(self._format_ends(), self.ends.tolist(), strict=True)
        return [self.content[stop + 1 : end] if stop < end else None for stop, end in bounds]

    def _format_ends(self) -> list[int]:
        ends = zip(self.bounds[:, 8].tolist(), self.ends.tolist(), strict=True)
        found = ((self.content.find(b"\t", start, end), end) for start, end in ends)
        return [end if stop < 0 else stop for stop, end in found]


def slice_texts(content: bytes | np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """The texts content[starts[i]:ends[i]] as Arrow strings; they follow each other in `content`.

    The content must be UTF-8.
    """
    if not len(starts):
        return pa.array([], pa.string())
    # Every second text of an array of which the others are what lies between two.
    offsets = np.empty(2 * len(starts), np.int32)
    offsets[0::2] = starts
    offsets[1::2] = ends
    texts = pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(content)
    )
    return texts.take(pa.array(np.arange(0, len(offsets), 2, dtype=np.int32)))


def split_fields(lines: Lines, header: Header) -> tuple[Fields, list[Fault]]:
    """Tell the fields of a batch apart. Blank lines are in neither result."""
    codes = np.frombuffer(lines.content, np.uint8)
    if len(lines.content) <= NARROW_BYTES * len(lines):
        columns, bounds = _split_narrow(codes, lines)
    else:
        columns, bounds = _split_wide(codes, lines)
    is_whole = columns == header.columns
    is_whole &= codes[lines.starts] != ord("#")
    refused = np.flatnonzero(~is_whole).tolist()
    broken = {row: _line_rule(lines, row, header) for row in refused}
    for row in _not_utf8(lines, is_whole):
        broken[row] = rules.ENCODING
        is_whole[row] = False
    rows = np.flatnonzero(is_whole)
    ends = lines.ends[rows]
    bounds = bounds[rows]
    if not header.has_format:
        bounds[:, 8] = ends + 1
    fields = Fields(lines.content, rows, bounds, ends, header.has_format)
    return fields, [Fault(row, rule) for row, rule in broken.items() if rule is not None]


def _split_narrow(codes: np.ndarray, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """Number of columns per line, and `Fields.bounds` as far as they have that many."""
    tabs = np.flatnonzero(codes == ord("\t"))
    first = np.searchsorted(tabs, lines.starts)
    columns = np.searchsorted(tabs, lines.ends) - first + 1
    padded = np.concatenate([tabs, np.zeros(len(FIELDS), tabs.dtype)])
    places = padded[first[:, None] + np.arange(len(FIELDS))] + 1
    return columns, np.concatenate([lines.starts[:, None], places], axis=1)


def _split_wide(codes: np.ndarray, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """As `_split_narrow`, without a list of all tabs."""
    is_tab = codes == ord("\t")
    columns = np.empty(len(lines), np.int64)
    bounds = np.zeros((len(lines), len(FIELDS) + 1), np.int64)
    for row, (start, end) in enumerate(
        zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
    ):
        columns[row] = np.count_nonzero(is_tab[start:end]) + 1
        place = start
        for column in range(min(columns[row], len(FIELDS) + 1)):
            bounds[row, column] = place
            place = lines.content.find(b"\t", place, end) + 1
    return columns, bounds


def _line_rule(lines: Lines, row: int, header: Header) -> Rule | None:
    """The rule that a line breaks whose fields cannot be told apart; None for a blank line."""
    text = lines.content[lines.starts[row] : lines.ends[row]]
    if text.startswith(b"#"):
        return rules.HEADER_IN_BODY
    if not text or text.isspace():
        return None
    columns = text.count(b"\t") + 1
    if columns == 1 and len(text.split()) >= len(FIXED_COLUMNS):
        return rules.SPACES
    return rules.TOO_FEW if columns < header.columns else rules.TOO_MANY


def _not_utf8(lines: Lines, is_whole: np.ndarray) -> list[int]:
    """Whole lines that are not UTF-8."""
    if lines.content.isascii():
        return []
    found: list[int] = []
    for row in np.flatnonzero(is_whole).tolist():
        text = lines.content[lines.starts[row] : lines.ends[row]]
        try:
            text.decode()
        except UnicodeDecodeError:
            found.append(row)
    return found
