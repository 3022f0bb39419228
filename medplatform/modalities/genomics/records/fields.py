"""The lines of a VCF body as columns of text: the eight fixed fields, FORMAT and the samples.

The fields of a batch are told apart in one go by where its tabs are; no text is copied but into
the columns. What cannot be told apart is refused line by line.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.genotypes.texts import SampleTexts
from medplatform.modalities.genomics.header.header import FIXED_COLUMNS, Header
from medplatform.modalities.genomics.rules import Fault, Rule
from medplatform.modalities.genomics.sources.lines import Lines

FIELDS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
NARROW_BYTES = 2048
"""Lines up to about this long are split together; in longer ones only the first tabs are sought."""
_HEAD_BYTES = 512
"""Of a long line: most have what stands before their samples there."""
_TAB = ord("\t")


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

    def sample_columns(self) -> tuple[list[bytes | None], SampleTexts]:
        """FORMAT of each line, None where the file has none, and what follows it."""
        if not self.has_format:
            nowhere = np.full(len(self), -1)
            return [None] * len(self), SampleTexts(self.content, nowhere, nowhere)
        starts, ends = self.bounds[:, 8].tolist(), self.ends.tolist()
        spans = zip(starts, ends, strict=True)
        tabs = np.array([self.content.find(b"\t", start, end) for start, end in spans], np.int64)
        has_samples = tabs >= 0
        stops = np.where(has_samples, tabs, self.ends).tolist()
        formats: list[bytes | None] = [
            self.content[start:stop] for start, stop in zip(starts, stops, strict=True)
        ]
        behind = np.where(has_samples, tabs + 1, -1)
        return formats, SampleTexts(self.content, behind, np.where(has_samples, self.ends, -1))


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
    tabs = np.flatnonzero(codes == _TAB)
    first = np.searchsorted(tabs, lines.starts)
    columns = np.searchsorted(tabs, lines.ends) - first + 1
    padded = np.concatenate([tabs, np.zeros(len(FIELDS), tabs.dtype)])
    places = padded[first[:, None] + np.arange(len(FIELDS))] + 1
    return columns, np.concatenate([lines.starts[:, None], places], axis=1)


def _split_wide(codes: np.ndarray, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """As `_split_narrow`, without a list of all tabs."""
    spans = zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
    columns = np.array([np.count_nonzero(codes[a:b] == _TAB) + 1 for a, b in spans])
    bounds = np.zeros((len(lines), len(FIELDS) + 1), np.int64)
    bounds[:, 0] = lines.starts
    is_in_head = _seek_in_heads(codes, lines.starts, columns, bounds)
    for row in np.flatnonzero(~is_in_head).tolist():
        for column in range(1, min(columns[row], len(FIELDS) + 1)):
            bounds[row, column] = lines.content.find(b"\t", bounds[row, column - 1]) + 1
    return columns, bounds


def _seek_in_heads(
    codes: np.ndarray, starts: np.ndarray, columns: np.ndarray, bounds: np.ndarray
) -> np.ndarray:
    """Fill `bounds` where the first bytes of a line have all its tabs that count; where (bool)."""
    is_in_head = (columns > len(FIELDS)) & (starts + _HEAD_BYTES <= len(codes))
    if not is_in_head.any():
        return is_in_head
    heads = np.lib.stride_tricks.sliding_window_view(codes, _HEAD_BYTES)[starts[is_in_head]]
    is_tab = heads == _TAB
    tabs = np.count_nonzero(is_tab, axis=1)
    has_all = tabs >= len(FIELDS)
    is_in_head[is_in_head] = has_all
    _, places = np.nonzero(is_tab[has_all])
    first = np.cumsum(tabs[has_all]) - tabs[has_all]
    places = places[first[:, None] + np.arange(len(FIELDS))]
    bounds[is_in_head, 1:] = starts[is_in_head, None] + places + 1
    return is_in_head


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
    if lines.is_ascii:
        return []
    found: list[int] = []
    for row in np.flatnonzero(is_whole).tolist():
        text = lines.content[lines.starts[row] : lines.ends[row]]
        try:
            text.decode()
        except UnicodeDecodeError:
            found.append(row)
    return found
