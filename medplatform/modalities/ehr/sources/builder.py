"""Collects what is cut out of a file into blocks."""

import json
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.sources.block import Block, Deletion, Fault
from medplatform.modalities.ehr.sources.entry import Cut, Part

_KEY = b'"reference"'
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_AS_TABS = bytes.maketrans(b"\r\n", b"\t\t")


class Builder:
    """Numbers what stands in a file and gives a block whenever there is enough for one.

    Parameters
    ----------
    block_bytes
        How much text a block holds, but for its last piece.

    Attributes
    ----------
    position
        Says how far into the delivered file was read.
    """

    def __init__(self, block_bytes: int) -> None:
        self.position: Callable[[], int] = lambda: 0
        self._limit = block_bytes
        self._number = 0
        self._scope: Mapping[str, str] | None = None
        self._clear()

    def _clear(self) -> None:
        self._lines: list[bytes] = []
        self._numbers: list[int] = []
        self._offsets: list[int | None] = []
        self._full_urls: list[str | None] = []
        self._aliases: dict[str, str] = {}
        self._deletions: list[Deletion] = []
        self._faults: list[Fault] = []
        self._blank = self._held = 0

    def add_lines(self, lines: list[bytes], start: int) -> None:
        """Add records that stand on neighbouring lines, the first at an offset."""
        number = self._number
        self._number += len(lines)
        self._lines += lines
        self._numbers += range(number + 1, self._number + 1)
        ends = np.fromiter(map(len, lines), np.int64, len(lines)).cumsum()
        ends += np.arange(start + 1, start + 1 + len(lines))
        self._offsets += [start, *ends.tolist()][:-1] if lines else []
        self._held += int(ends[-1]) - start if lines else 0
        self._full_urls += [None] * len(lines)

    def add_line(self, line: bytes, offset: int, full_url: str | None = None) -> None:
        """Add one record."""
        self._number += 1
        self._lines.append(line.translate(_AS_TABS) if b"\n" in line or b"\r" in line else line)
        self._numbers.append(self._number)
        self._offsets.append(offset)
        self._full_urls.append(full_url)
        self._held += len(line)

    def add_blank(self) -> None:
        """Add a blank line."""
        self._number += 1
        self._blank += 1

    def add_fault(self, issue: Issue, offset: int | None = None) -> None:
        """Add something that cannot be read."""
        self._number += 1
        self._faults.append(Fault(self._number, offset, issue))

    def add_cut(self, found: Cut) -> Iterator[Block]:
        """Add the records of a Bundle; what an alias stands for never changes within a block."""
        if any(self._aliases.get(url, known) != known for url, known in found.aliases.items()):
            yield self.take()
        for url, reference in found.aliases.items():
            self._aliases[url] = reference
        for part in found.parts:
            self.add_part(part)

    def add_part(self, part: Part) -> None:
        """Add one record of a Bundle."""
        if part.code:
            self.add_fault(make_issue(part.code), part.offset)
        elif part.deletes:
            self._number += 1
            self._deletions.append(Deletion(self._number, part.offset, *part.deletes))
        else:
            self.add_line(part.text, part.offset, part.full_url)

    def enter(self, aliases: Mapping[str, str]) -> Iterator[Block]:
        """Begin a long Bundle with all its aliases."""
        yield from self.flush()
        self._scope = aliases

    def leave(self) -> Iterator[Block]:
        """End a long Bundle."""
        yield from self.flush()
        self._scope = None

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a block."""
        return self._held >= self._limit

    def flush(self) -> Iterator[Block]:
        """The last block, if there is anything in it."""
        if self._lines or self._deletions or self._faults or self._blank:
            yield self.take()

    def take(self) -> Block:
        """What was collected since the last block."""
        block = Block(
            self._lines,
            self._numbers,
            self._offsets,
            self._full_urls,
            self._find_aliases(),
            self._deletions,
            self._faults,
            self._blank,
            self.position(),
        )
        self._clear()
        return block

    def _find_aliases(self) -> dict[str, str]:
        if self._scope is None:
            return {url: reference for url, reference in self._aliases.items() if reference}
        found = {
            match[1]
            for line in self._lines
            for text in line.split(_KEY)[1:]
            if (match := _VALUE.match(text))
        }
        return {url: known for url in map(_read_string, found) if (known := self._scope.get(url))}


def _read_string(text: bytes) -> str:
    """What stands between quotes; nothing where it is no JSON."""
    if b"\\" not in text:
        return text.decode(errors="replace")
    try:
        return json.loads(b'"' + text + b'"')
    except ValueError:
        return ""
