"""VCF files in their parts, and what can be done to their lines, headers and compressed bytes."""

import gzip
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MOST_LINES = 30
"""Of a call set."""
_ODD = (
    *(b"", b".", b"0", b"-1", b"1.5", b"99999999999", b"1e400", b"nan", b"inf", b" ", b"\xff"),
    *(b"PASS", b"A,C,G", b"<DEL>", b"N]1:5]", b"*", b"./.", b"0/9", b"0|1|2", b"1/", b"|", b"DP=x"),
    *(b"END=1", b"AC=1,2,3", b";;", b"=", b"GT:GT", b":::", b",,,", b"\xe2\x82\xac", b"x" * 300),
)


class Line(NamedTuple):
    """A line of a file: its bytes without the end, and the number of the record it was, if any."""

    text: bytes
    origin: int | None


@dataclass(slots=True)
class CallSet:
    """A VCF file as its parts, damaged or not."""

    header: bytes
    lines: list[Line]
    is_header_whole: bool = True
    end: bytes = b"\n"
    wrap: Callable[[bytes], bytes] | None = None
    is_cut: bool = field(default=False)
    """Whether what is read of it are its first lines, unchanged."""

    def content(self) -> bytes:
        """The file."""
        text = self.header + b"".join(line.text + self.end for line in self.lines)
        return self.wrap(text) if self.wrap else text


def parse(text: bytes) -> CallSet | None:
    """The first lines of a VCF file as a call set; nothing where it has no header."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    first = next((n for n, line in enumerate(lines) if line.startswith(b"#CHROM")), None)
    if first is None:
        return None
    body = [line for line in lines[first + 1 :] if line.strip()][:MOST_LINES]
    header = b"\n".join(lines[: first + 1]) + b"\n"
    return CallSet(header, [Line(line, number) for number, line in enumerate(body, 1)])


class Vandal:
    """Damages call sets at random."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._to_line: list[Callable[[bytes], bytes]] = [
            *(self._flip, self._insert, self._delete, self._cut, self._splice),
            *(self._swap_fields, self._odd_field, self._odd_field, self._odd_item, self._odd_item),
        ]
        self._to_bytes: list[Callable[[bytes], bytes]] = [
            *(self._flip, self._insert, self._delete, self._cut, self._splice),
        ]
        self._forms: list[Callable[[CallSet], None]] = [
            *([_leave] * 6 + [_carriage_returns, _byte_order_mark, _gzip, _bgzip]),
            *(self._cut_file, self._damage_bgzf, self._damage_gzip, self._damage_bcf),
        ]

    def damage(self, whole: CallSet) -> CallSet:
        """A damaged copy."""
        rng = self._rng
        self._whole = whole.content()
        damaged = CallSet(whole.header, list(whole.lines))
        for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
            self._damage_line(damaged.lines)
        if rng.random() < 0.3:
            rng.choice([self._move, self._repeat])(damaged.lines)
        if rng.random() < 0.2:
            damaged.header = rng.choice(self._to_bytes)(damaged.header)
            damaged.is_header_whole = damaged.header == whole.header
        rng.choice(self._forms)(damaged)
        return damaged

    def _damage_line(self, lines: list[Line]) -> None:
        if not lines:
            return
        place = self._rng.randrange(len(lines))
        damaged = self._rng.choice(self._to_line)(lines[place].text)
        if damaged != lines[place].text:
            lines[place : place + 1] = [Line(text, None) for text in damaged.split(b"\n")]

    def _move(self, lines: list[Line]) -> None:
        if lines:
            line = lines.pop(self._rng.randrange(len(lines)))
            lines.insert(self._rng.randrange(len(lines) + 1), line)

    def _repeat(self, lines: list[Line]) -> None:
        if lines:
            text = self._rng.choice(lines).text
            lines.insert(self._rng.randrange(len(lines) + 1), Line(text, None))

    def _place(self, data: bytes) -> int:
        return self._rng.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + bytes([self._rng.randrange(256)]) + data[place + 1 :]

    def _insert(self, data: bytes) -> bytes:
        place = self._place(data)
        pieces = (b"\t", b"\n", b"\r", b"\0", b",", b";", b":", b"|", b"#", b"\t\t", *_ODD)
        return data[:place] + self._rng.choice(pieces) + data[place:]

    def _delete(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + data[place + self._rng.choice([1, 1, 2, 10, 100]) :]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _splice(self, data: bytes) -> bytes:
        start, place = self._place(data), self._place(data)
        return data[:place] + data[start : start + self._rng.choice([1, 5, 40])] + data[place:]

    def _swap_fields(self, line: bytes) -> bytes:
        fields = line.split(b"\t")
        one, other = self._rng.randrange(len(fields)), self._rng.randrange(len(fields))
        fields[one], fields[other] = fields[other], fields[one]
        return b"\t".join(fields)

    def _odd_field(self, line: bytes) -> bytes:
        return self._replace_one(line, b"\t")

    def _odd_item(self, line: bytes) -> bytes:
        """Another value, name or list of a field that has several."""
        fields = line.split(b"\t")
        place = self._rng.randrange(len(fields))
        fields[place] = self._replace_one(fields[place], self._rng.choice([b";", b":", b",", b"="]))
        return b"\t".join(fields)

    def _replace_one(self, text: bytes, separator: bytes) -> bytes:
        items = text.split(separator)
        items[self._rng.randrange(len(items))] = self._rng.choice(_ODD)
        return separator.join(items)

    def _cut_file(self, calls: CallSet) -> None:
        """Compressed and cut: each block holds few lines, so that some come out whole."""
        wrap = self._rng.choice([_as_blocks, gzip.compress])
        calls.wrap = lambda text: wrap(text)[: self._place(text)]
        calls.is_cut = True

    def _damage_bgzf(self, calls: CallSet) -> None:
        self._damage_compressed(calls, _as_blocks)

    def _damage_gzip(self, calls: CallSet) -> None:
        self._damage_compressed(calls, gzip.compress)

    def _damage_bcf(self, calls: CallSet) -> None:
        """BCF of the whole file, damaged before or after it was compressed."""
        in_content = self._rng.random() < 0.7

        def wrap(text: bytes) -> bytes:
            content = _as_bcf(self._whole)
            if content is None:
                return text
            if in_content:
                return _as_blocks(self._rng.choice(self._to_bytes)(content))
            return self._rng.choice(self._to_bytes)(_as_blocks(content))

        calls.wrap, calls.is_header_whole = wrap, False

    def _damage_compressed(self, calls: CallSet, compress: Callable[[bytes], bytes]) -> None:
        damage = self._rng.choice(self._to_bytes)
        calls.wrap, calls.is_header_whole = lambda text: damage(compress(text)), False


def _leave(calls: CallSet) -> None:
    """Plain text."""


def _carriage_returns(calls: CallSet) -> None:
    calls.end = b"\r\n"


def _byte_order_mark(calls: CallSet) -> None:
    calls.wrap = lambda text: b"\xef\xbb\xbf" + text


def _gzip(calls: CallSet) -> None:
    calls.wrap = gzip.compress


def _bgzip(calls: CallSet) -> None:
    calls.wrap = _as_blocks


def _as_blocks(text: bytes, size: int = 1500) -> bytes:
    """BGZF of small blocks, closed by an empty one (SAM specification, section 4.1)."""
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return b"".join(_block(piece) for piece in [*pieces, b""])


def _block(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = deflate.compress(content) + deflate.flush()
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\0BC\x02\0"
    size = struct.pack("<H", len(head) + 2 + len(data) + 8 - 1)
    return head + size + data + struct.pack("<II", zlib.crc32(content), len(content))


def _as_bcf(text: bytes) -> bytes | None:
    """Uncompressed BCF of a whole call set; nothing where htslib cannot read it."""
    import pysam

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.vcf"), Path(folder, "a.bcf")
        source.write_bytes(text)
        verbosity = pysam.set_verbosity(0)
        try:
            with (
                pysam.VariantFile(str(source)) as reader,
                pysam.VariantFile(str(target), "wbu", header=reader.header) as writer,
            ):
                for record in reader:
                    writer.write(record)
        except (OSError, ValueError):
            return None
        finally:
            pysam.set_verbosity(verbosity)
        return target.read_bytes()
