"""The lines of a delivered file, one by one or in batches.

BCF is read as the text that it stands for. Byte offsets count the content after decompression.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from medplatform.modalities.genomics.sources.bcf import BcfText, is_bcf
from medplatform.modalities.genomics.sources.content import CONTENT_CHUNK, Failure, FileContent

MAX_LINE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive lines without their line ends; `offsets` (int64) say where each begins."""

    first_number: int
    offsets: np.ndarray
    texts: list[bytes]

    def __len__(self) -> int:
        return len(self.texts)

    def head(self, count: int) -> "Lines":
        """The first lines."""
        return Lines(self.first_number, self.offsets[:count], self.texts[:count])


class LineReader:
    """Reads the lines of a file one by one or in batches. A byte order mark is skipped."""

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.is_bcf = is_bcf(path)
        self._content = BcfText(path) if self.is_bcf else FileContent(path)
        self._stream = io.BufferedReader(self._content, CONTENT_CHUNK)
        self._limit = max_line_bytes
        self._number = 0
        self._offset = 0
        self._last_is_whole = True
        if self._stream.peek(3)[:3] == b"\xef\xbb\xbf":
            self._offset = len(self._stream.read(3))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def failure(self) -> Failure | None:
        """Why the lines ended before the file did, None if they did not."""
        return self._content.failure

    @property
    def is_cut(self) -> bool:
        """Whether the last line read lacks its end because the file is damaged there."""
        return self.failure is not None and not self._last_is_whole

    def peek(self, size: int) -> bytes:
        """The next bytes, without consuming them."""
        return self._stream.peek(size)[:size]

    def read_line(self) -> bytes | None:
        """The next line without its end, None after the last."""
        line = self._next()
        return None if line is None else line.rstrip(b"\r\n")

    def read_batch(self, max_lines: int, max_bytes: int) -> Lines | None:
        """The next lines, as many as the limits allow (at least one); None after the last."""
        texts: list[bytes] = []
        sizes: list[int] = []
        first, start, size = self._number + 1, self._offset, 0
        while len(texts) < max_lines and size < max_bytes:
            line = self._next()
            if line is None:
                break
            sizes.append(len(line))
            texts.append(line.rstrip(b"\r\n"))
            size += len(line)
        if not texts:
            return None
        offsets = start + np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        return Lines(first, offsets, texts)

    def _next(self) -> bytes | None:
        if self.failure is Failure.LINE_TOO_LONG:
            return None
        line = self._stream.readline(self._limit)
        if not line:
            return None
        self._last_is_whole = line.endswith(b"\n")
        if len(line) >= self._limit and not self._last_is_whole:
            self._content.failure = Failure.LINE_TOO_LONG
        self._number += 1
        self._offset += len(line)
        return line
