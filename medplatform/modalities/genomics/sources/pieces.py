"""Lines of a content, put together from the pieces in which it arrives."""

from medplatform.modalities.content import Content


class Pieces:
    """A content of which each byte of a batch of lines is copied once.

    `io.BufferedReader` copies each three times, which takes as long as to inflate them.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._piece = b""
        self._place = 0
        self.is_ascii = True
        """Whether the lines that `take_lines` gave last are ASCII, and what arrived with them.

        Each piece is looked at as it arrives: a batch has left the processor's cache."""

    def peek(self, size: int) -> bytes:
        """The next bytes, as far as there are so many, without consuming them."""
        while len(self._piece) - self._place < size and (more := self._content.next_piece()):
            self._piece, self._place = self._piece[self._place :] + more, 0
        return self._piece[self._place : self._place + size]

    def take(self, size: int) -> bytes:
        """The next bytes, consumed: so many or what is left."""
        found = self.peek(size)
        self._place += len(found)
        return found

    def take_piece(self) -> bytes:
        """What arrives next, consumed; nothing at the end."""
        found = self._piece[self._place :] or self._content.next_piece()
        self._piece, self._place = b"", 0
        return found

    def take_line(self, limit: int) -> bytes:
        """The next line with its end, or so many bytes of a longer one; nothing at the end."""
        end = self._piece.find(b"\n", self._place, self._place + limit) + 1
        if end:
            found = self._piece[self._place : end]
            self._place = end
            return found
        return self.take_lines(1, limit)

    def take_lines(self, size: int, limit: int) -> bytes:
        """The next lines that begin within so many bytes, at least one; nothing at the end.

        The last one lacks its end where the content does, or where it is longer than `limit`: so
        many of its bytes are taken.
        """
        taken: list[bytes] = []
        total = unended = 0
        self.is_ascii = True
        while piece := self.take_piece():
            self.is_ascii &= piece.isascii()
            end = piece.find(b"\n", max(0, size - total - 1)) + 1
            start = piece.rfind(b"\n", 0, end - 1 if end else None) + 1
            before = 0 if start else unended
            unended = before + (end or len(piece)) - start
            if unended >= limit + bool(end):
                end = start + limit - before
            if end:
                self._piece, self._place = piece, end
                taken.append(piece[:end])
                break
            taken.append(piece)
            total += len(piece)
        return b"".join(taken)
