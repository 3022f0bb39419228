"""The brackets of a tape and the text around the place that is being read."""

from collections import deque
from collections.abc import Iterator

from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES
from medplatform.modalities.ehr.sources.brackets import Brackets
from medplatform.modalities.ehr.sources.plain import Tape


class Window:
    """Reads a tape bracket by bracket; holds the text from `kept` on.

    Attributes
    ----------
    kept
        Offset from which text may still be asked for.
    is_overrun
        The text from `kept` on became longer than a record may be and was given up.
    """

    def __init__(self, tape: Tape, deepest: int) -> None:
        self.kept = tape.offset
        self.is_overrun = False
        self._tape = tape
        self._scan = Brackets(deepest).scan
        self._chunks: deque[tuple[int, bytes]] = deque()

    def brackets(self) -> Iterator[tuple[int, int, int]]:
        """Offset, character and level of each bracket.

        Raises
        ------
        EOFError
            The tape has ended.
        """
        while chunk := self._tape.read():
            start = self._tape.offset - len(chunk)
            self._chunks.append((start, chunk))
            yield from self._scan(chunk, start)
            self._discard()
        raise EOFError

    def text(self, start: int, end: int) -> bytes | None:
        """A piece of the text, None if it was given up."""
        if self.is_overrun:
            return None
        at, chunk = self._chunks[-1]
        if start >= at:
            return chunk[start - at : end - at]
        pieces = [
            chunk[max(start - at, 0) : end - at]
            for at, chunk in self._chunks
            if at < end and start < at + len(chunk)
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def keep_from(self, offset: int) -> None:
        """Give up what stands before."""
        self.kept = offset
        self.is_overrun = False

    def leave_at(self, offset: int) -> None:
        """Put everything from an offset in the last chunk back on the tape."""
        start, chunk = self._chunks[-1]
        self._tape.put_back(chunk[offset - start :])

    def _discard(self) -> None:
        end = self._tape.offset
        if end - self.kept > MAX_RECORD_BYTES:
            self.is_overrun = True
        kept = end if self.is_overrun else self.kept
        while self._chunks and (self._chunks[0][0] + len(self._chunks[0][1])) <= kept:
            self._chunks.popleft()
