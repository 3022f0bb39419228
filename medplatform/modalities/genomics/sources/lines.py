"""The lines of a delivered file, one by one or in batches.

BCF is read as the text that it stands for. Byte offsets count the content after decompression.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from medplatform.modalities.breaks import count_breaks, find_breaks
from medplatform.modalities.content import Failure
from medplatform.modalities.genomics.sources import open_content
from medplatform.modalities.genomics.sources.pieces import Pieces
from medplatform.modalities.text import BYTE_ORDER_MARK

MAX_LINE_BYTES = 256 << 20


_FIRST_WIDTH = 128
"""Bytes that lines are thought to have before some were read."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive lines of a file: `content[starts[i]:ends[i]]` each, without their line ends.

    `offset` is where `content` begins in the file; it ends with a line end. `outside` lines are
    not asked for, and empty here. `is_ascii` is known to be so; without it, nobody looked.
    """

    first_number: int
    offset: int
    content: bytes
    starts: np.ndarray
    ends: np.ndarray
    outside: int = 0
    is_ascii: bool = False

    @classmethod
    def split(
        cls, first_number: int, offset: int, content: bytes, *, is_ascii: bool = False
    ) -> "Lines":
        """Tell the lines of a text apart; CR LF and LF end them, and the last may lack its end."""
        if not content.endswith(b"\n"):
            content += b"\n"
        codes = np.frombuffer(content, np.uint8)
        ends = find_breaks(content)
        starts = np.concatenate([[0], ends[:-1] + 1])
        ends = ends - ((codes[ends - 1] == ord("\r")) & (ends > starts))
        for row in np.flatnonzero((codes[ends - 1] == ord("\r")) & (ends > starts)).tolist():
            ends[row] = starts[row] + len(content[starts[row] : ends[row]].rstrip(b"\r"))
        return cls(first_number, offset, content, starts, ends, is_ascii=is_ascii)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def offsets(self) -> np.ndarray:
        """Where each line begins in the file (int64)."""
        return self.offset + self.starts

    @property
    def texts(self) -> list[bytes]:
        """The lines, one by one."""
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [self.content[start:end] for start, end in bounds]

    def head(self, count: int) -> "Lines":
        """The first lines."""
        return replace(self, starts=self.starts[:count], ends=self.ends[:count])

    def without(self, is_outside: np.ndarray) -> "Lines":
        """The same lines, some of them (bool) empty."""
        return replace(
            self,
            ends=np.where(is_outside, self.starts, self.ends),
            outside=int(np.count_nonzero(is_outside)),
        )


class LineReader:
    """Reads the lines of a file one by one or in batches. A byte order mark is skipped.

    Parameters
    ----------
    overlap
        Which lines of a batch are asked for (bool); without it, all.
    """

    def __init__(
        self,
        path: Path,
        overlap: Callable[[Lines], np.ndarray] | None = None,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self._overlap = overlap
        self._content = open_content(path)
        self._pieces = Pieces(self._content)
        self._limit = max_line_bytes
        self._number = 0
        self._offset = 0
        self._width = _FIRST_WIDTH
        self._last_is_whole = True
        if self.peek(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK:
            self._offset = len(self._pieces.take(len(BYTE_ORDER_MARK)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._content.close()

    @property
    def failure(self) -> Failure | None:
        """Why the lines ended before the file did, None if they did not."""
        return self._content.failure

    @property
    def is_cut(self) -> bool:
        """Whether the last line read lacks its end because the file is damaged there."""
        return self.failure is not None and not self._last_is_whole

    @property
    def number(self) -> int:
        """How many lines were read."""
        return self._number

    def peek(self, size: int) -> bytes:
        """The next bytes, without consuming them."""
        return self._pieces.peek(size)

    def read_line(self) -> bytes | None:
        """The next line without its end, None after the last."""
        line = self._next()
        return None if line is None else line.rstrip(b"\r\n")

    def read_batch(self, size: int, count: int | None = None) -> Lines | None:
        """The next lines that begin within so many bytes; None after the last.

        These are about `count` at most, if they are as long as those of the batch before.
        """
        if self.failure is Failure.LINE_TOO_LONG:
            return None
        size = min(size, count * self._width) if count else size
        content = self._pieces.take_lines(size, self._limit)
        if not content:
            return None
        self._last_is_whole = content.endswith(b"\n")
        if not self._last_is_whole and len(content) - content.rfind(b"\n") > self._limit:
            self._content.failure = Failure.LINE_TOO_LONG
        is_ascii = self._pieces.is_ascii
        lines = Lines.split(self._number + 1, self._offset, content, is_ascii=is_ascii)
        self._number += len(lines)
        self._offset += len(content)
        self._width = -(-len(content) // len(lines))
        return self._select(lines)

    def count_rest(self) -> int:
        """How many lines follow, without telling them apart."""
        count = unended = 0
        while self.failure is not Failure.LINE_TOO_LONG:
            text = self._pieces.take_piece()
            if not text:
                break
            count += count_breaks(text)
            _, has_end, rest = text.rpartition(b"\n")
            unended = len(rest) if has_end else unended + len(rest)
            if unended >= self._limit:
                self._content.failure = Failure.LINE_TOO_LONG
        self._last_is_whole = not unended
        count += unended > 0
        self._number += count
        return count

    def _select(self, lines: Lines) -> Lines:
        if self._overlap is None:
            return lines
        is_outside = ~self._overlap(lines)
        is_outside[-1] &= self._last_is_whole
        return lines.without(is_outside)

    def _next(self) -> bytes | None:
        if self.failure is Failure.LINE_TOO_LONG:
            return None
        line = self._pieces.take_line(self._limit)
        if not line:
            return None
        self._last_is_whole = line.endswith(b"\n")
        if len(line) >= self._limit and not self._last_is_whole:
            self._content.failure = Failure.LINE_TOO_LONG
        self._number += 1
        self._offset += len(line)
        return line
