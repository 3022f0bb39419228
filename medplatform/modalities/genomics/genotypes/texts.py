"""The sample columns of the records of a batch, as they are written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SLICE_BYTES = 1 << 20
"""Of text that is cut at once: its arrays are some ten times as large."""


@dataclass(frozen=True, slots=True)
class SampleTexts:
    """Per record one text, its sample columns and the tabs between them, as part of a larger one.

    Attributes
    ----------
    content
        Has every text, and one byte more behind it.
    starts, ends
        Where each text begins and ends (int64): -1 where a record has no sample columns.
    """

    content: bytes
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "SampleTexts":
        """Texts of their own.

        >>> SampleTexts.of([b"0/0", b"0/1"])[1]
        b'0/1'
        """
        behind = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
        lengths = np.array([len(text) for text in texts], np.int64)
        return cls(b"\n".join([*texts, b""]), behind - 1 - lengths, behind - 1)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, record: int) -> bytes:
        """The text of a record, empty where it has none."""
        return self.content[self.starts[record] : self.ends[record]]

    @property
    def are_there(self) -> np.ndarray:
        """Records that have sample columns (bool)."""
        return self.starts >= 0

    @property
    def lengths(self) -> np.ndarray:
        """Bytes of each text (int64)."""
        return self.ends - self.starts

    def take(self, records: np.ndarray) -> "SampleTexts":
        """Those of some records."""
        return SampleTexts(self.content, self.starts[records], self.ends[records])

    def has(self, record: int, byte: bytes) -> bool:
        """Whether a byte is in the text of a record."""
        return self.content.find(byte, int(self.starts[record]), int(self.ends[record])) >= 0

    def slices(self) -> Iterator[np.ndarray]:
        """The records that have sample columns, in slices of about `SLICE_BYTES`."""
        records: list[int] = []
        size = 0
        lengths = self.lengths.tolist()
        for record in np.flatnonzero(self.are_there).tolist():
            records.append(record)
            size += lengths[record]
            if size >= SLICE_BYTES:
                yield np.array(records)
                records, size = [], 0
        if records:
            yield np.array(records)
