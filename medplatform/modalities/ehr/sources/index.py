"""Where the records of a long Bundle stand, in a few bytes each."""

from array import array
from collections.abc import Iterator, Mapping

from medplatform.modalities.ehr.sources.entry import Cut, Part, open_item
from medplatform.modalities.ehr.sources.plain import Tape
from medplatform.modalities.ehr.sources.value import Item


class Index:
    """Offset, length and fullUrl of each record, in the order of the text."""

    def __init__(self) -> None:
        self._found = Cut()
        self._offsets = array("q")
        self._lengths = array("q")
        self._full_urls: list[str | None] = []
        self._others: dict[int, Part] = {}  # deletions and faults, by their place in the order

    @property
    def aliases(self) -> Mapping[str, str]:
        """What the fullUrls stand for."""
        return self._found.aliases

    def add(self, item: Item) -> None:
        """Note the records of an entry."""
        open_item(item, False, self._found)
        for part in self._found.parts:
            if part.code or part.deletes:
                self._others[len(self._offsets)] = part
            self._offsets.append(part.offset)
            self._lengths.append(len(part.text))
            self._full_urls.append(part.full_url)
        self._found.parts.clear()

    def read(self, tape: Tape, dated: str | None) -> Iterator[Part]:
        """Read the records of a dated Bundle again from a tape that stands before them."""
        places = zip(self._offsets, self._lengths, self._full_urls, strict=True)
        for number, (offset, length, full_url) in enumerate(places):
            part = self._others.get(number)
            if part is None:
                part = Part(offset, tape.skip_to(offset).take(length), full_url)
            part.date(dated)
            yield part
