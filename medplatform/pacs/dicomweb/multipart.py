"""Bodies of several parts (RFC 2046, 5.1), read as they come, in bounded memory."""

import re
from collections.abc import Iterator
from email.message import Message

_MOST_HEADER_BYTES = 1 << 16
_LONGEST_BOUNDARY = 200  # 70 by the standard, which not everyone has read


class Malformed(ValueError):
    """A body is not of several parts as its header says."""


class Truncated(Malformed):
    """A body ended before its last boundary."""


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names.

    Raises
    ------
    Malformed
        It names none that can be used.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise Malformed("the answer names no boundary")
    try:
        return boundary.encode("ascii")
    except UnicodeEncodeError:
        raise Malformed("the answer names no boundary") from None


class Multipart:
    """Splits chunks of a body at its boundaries.

    >>> body = b"--b\\r\\nContent-Type: text/plain\\r\\n\\r\\none\\r\\n--b--"
    >>> [b"".join(part) for part in Multipart(iter([body]), b"b")]
    [b'one']
    """

    def __init__(self, chunks: Iterator[bytes], boundary: bytes) -> None:
        self._chunks = chunks
        self._delimiter = b"\r\n--" + boundary
        # A body may begin with its boundary; then no line ends before it.
        self._buffer = b"\r\n"

    def __iter__(self) -> Iterator[Iterator[bytes]]:
        """The content of each part, in chunks; what is not read of it is skipped.

        Raises
        ------
        Truncated, Malformed
            The body ended too early, or is not what it should be.
        """
        for _ in self._until_delimiter():
            pass  # a preamble, which means nothing
        while not self._is_last():
            self._skip_headers()
            content = self._until_delimiter()
            yield content
            for _ in content:
                pass

    def _until_delimiter(self) -> Iterator[bytes]:
        keep = len(self._delimiter) + 1  # and one byte, to see how the line goes on
        start = 0
        while True:
            found = self._buffer.find(self._delimiter, start)
            end = found + len(self._delimiter)
            if found >= 0 and len(self._buffer) < end + 2:
                self._fill()
            elif found >= 0 and re.match(rb"--|[ \t]*\r?\n|[ \t]", self._buffer[end : end + 2]):
                before, self._buffer = self._buffer[:found], self._buffer[end:]
                if before:
                    yield before
                return
            elif found >= 0:
                start = found + 1  # looks like the boundary, and is content
            else:
                if len(self._buffer) > keep:
                    content, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                    yield content
                start = 0
                self._fill()

    def _is_last(self) -> bool:
        """Whether the boundary that was just passed is the last one."""
        if self._buffer.startswith(b"--"):
            return True
        line_end = self._line_end()
        if self._buffer[:line_end].strip():
            raise Malformed("the answer has a line where a boundary should end")
        self._buffer = self._buffer[line_end + 1 :]
        return False

    def _skip_headers(self) -> None:
        read = 0
        while True:
            line_end = self._line_end()
            line, self._buffer = self._buffer[:line_end], self._buffer[line_end + 1 :]
            read += line_end
            if not line.strip():
                return
            if read > _MOST_HEADER_BYTES:
                raise Malformed("a part of the answer has too many headers")

    def _line_end(self) -> int:
        while (found := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MOST_HEADER_BYTES:
                raise Malformed("a part of the answer has too many headers")
            self._fill()
        return found

    def _fill(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise Truncated("the answer broke off")
        self._buffer += chunk
