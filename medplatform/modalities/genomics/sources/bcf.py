"""BCF, the binary form of VCF (VCF specification, section 6), as the text it stands for.

htslib decodes it in a process of its own: what a forged file crashes or fills is that process, and
the records it had decoded are kept. Counting does without htslib: it walks the lengths of records.
"""

import io
import select
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medplatform.modalities.content import (
    CONTENT_CHUNK,
    Content,
    Failure,
    FileContent,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"BCF\x02"
MAX_HEADER_BYTES = 256 << 20
"""That of a million samples, each with a name of 100 characters, is less than half of it."""
PATIENCE_S = 300
"""Without any output; a record of a million samples takes less than a second."""


class Extent(NamedTuple):
    """What the lengths in a BCF file say: whole records, samples, and whether it ends well.

    `samples` is None where there is no whole header.
    """

    records: int
    samples: int | None
    is_whole: bool


def is_bcf(path: Path) -> bool:
    """Whether a file is BCF 2, compressed or not."""
    with FileContent(path) as content:
        return content.read(len(MAGIC)) == MAGIC


class BcfText(Content):
    """A BCF file as VCF text. Where it cannot be decoded any further, the text ends."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        # By descriptor: in a name, htslib would look for addresses and other files.
        with path.open("rb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "medplatform.modalities.genomics.sources.bcf_text"],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        assert self._process.stdout is not None
        self._output = self._process.stdout

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill the buffer with the next text; 0 at the end or where decoding stopped."""
        if self.failure is not None:
            return 0
        target = memoryview(buffer)
        is_ready, _, _ = select.select([self._output], [], [], self._patience_s)
        chunk = self._output.read(min(len(target), CONTENT_CHUNK)) if is_ready else b""
        target[: len(chunk)] = chunk
        if not is_ready or (not chunk and self._process.wait(self._patience_s)):
            self.failure = Failure.BCF
        return len(chunk)

    def close(self) -> None:
        """End the process, whether it has finished or not."""
        if not self.closed:
            self._process.kill()
            self._process.wait()
            self._output.close()
        super().close()


def measure(path: Path) -> Extent:
    """Walk the lengths of a BCF file (VCF specification, section 6.3)."""
    with io.BufferedReader(FileContent(path), CONTENT_CHUNK) as stream:
        names = _sample_count(stream)
        records = 0
        while names is not None and (lengths := stream.read(8)):
            if len(lengths) < 8 or not _skip(stream, sum(struct.unpack("<II", lengths))):
                return Extent(records, names, is_whole=False)
            records += 1
        return Extent(records, names, is_whole=names is not None)


def _sample_count(stream: "io.BufferedReader[FileContent]") -> int | None:
    head = stream.read(9)
    if len(head) < 9:
        return None
    (size,) = struct.unpack("<I", head[5:])
    if size > MAX_HEADER_BYTES:
        return None
    text = bytearray()
    while len(text) < size and (chunk := stream.read(min(size - len(text), CONTENT_CHUNK))):
        text += chunk
    start = text.rfind(b"#CHROM\t")
    if len(text) < size or start < 0:
        return None
    columns = bytes(memoryview(text)[start + len(b"#CHROM\t") :])
    return max(0, columns.partition(b"\n")[0].rstrip(b"\0\r\t").count(b"\t") - 7)


def _skip(stream: "io.BufferedReader[FileContent]", size: int) -> bool:
    """Read over so many bytes; False where the stream ends before."""
    while size and (chunk := stream.read(min(size, CONTENT_CHUNK))):
        size -= len(chunk)
    return not size
