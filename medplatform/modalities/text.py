"""The lines of a delivered text file, plain or compressed, with their numbers and places."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from medplatform.modalities.content import CONTENT_CHUNK, Failure, FileContent

MAX_LINE_BYTES = 256 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line without its end; `offset` counts the content after decompression.

    One that is cut lacks its end because the file is damaged there.
    """

    number: int
    offset: int
    text: bytes
    is_cut: bool


class Bad(NamedTuple):
    """A record that cannot be read, and why: `number` is that of the record, `code` the reason."""

    number: int
    offset: int
    code: str


class Blank(NamedTuple):
    """A record that holds nothing: an empty line."""

    number: int


def read_text(line: Line, max_bytes: int = MAX_LINE_BYTES) -> str | Bad | Blank:
    """The text of a line that is a record of its own."""
    number, offset, text, is_cut = line
    if is_cut:
        return Bad(number, offset, "record.cut")
    if not text or text.isspace():
        return Blank(number)
    if len(text) > max_bytes:
        return Bad(number, offset, "record.too_large")
    try:
        return text.decode()
    except UnicodeDecodeError:
        return Bad(number, offset, "record.encoding")


class TextLines:
    """Iterates over the lines of a file, once. A byte order mark is skipped.

    A damaged file ends early, and `failure` then says why.
    """

    def __init__(self, path: Path) -> None:
        self._content = FileContent(path)
        self._stream = io.BufferedReader(self._content, CONTENT_CHUNK)
        self._lines = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        return next(self._lines)

    @property
    def failure(self) -> Failure | None:
        """Why the lines ended before the file did, None if they did not."""
        return self._content.failure

    def _read(self) -> Iterator[Line]:
        number = offset = 0
        if self._stream.peek(3)[:3] == BYTE_ORDER_MARK:
            offset = len(self._stream.read(3))
        while line := self._stream.readline(MAX_LINE_BYTES):
            number += 1
            is_whole = line.endswith(b"\n")
            if len(line) == MAX_LINE_BYTES and not is_whole:
                self._content.failure = Failure.LINE_TOO_LONG
            is_cut = not is_whole and self.failure is not None
            yield Line(number, offset, line.rstrip(b"\r\n"), is_cut)
            if self.failure is Failure.LINE_TOO_LONG:
                return
            offset += len(line)
