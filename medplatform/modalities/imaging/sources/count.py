"""How many records a delivered file holds, counted without the reader.

A file counts by its name and first bytes, a member of an archive by its own. What the entries of
a zip archive are is asked of its directory once more, record by record.
"""

import struct
from collections import Counter
from os import SEEK_CUR
from pathlib import Path
from tempfile import TemporaryFile

from medplatform.modalities.imaging.layout import Kind, count_lines, kind_of_content, read_head
from medplatform.modalities.imaging.sources.archive import Member, read_file
from medplatform.modalities.imaging.sources.container import Container, container_of
from medplatform.modalities.imaging.sources.item import readable_path
from medplatform.modalities.imaging.sources.plain import Broken
from medplatform.modalities.imaging.sources.zipped import open_directory

_DIRECTORY_RECORD = struct.Struct("<4s24x3H12x")  # APPNOTE.TXT 4.3.12: lengths of what follows it
_DIRECTORY_SIGNATURE = b"PK\x01\x02"


def count_records(path: Path) -> dict[str, int]:
    """Records of one file per unit; a table also holds one `label` per line below its header.

    An archive that holds nothing counts as a file.
    """
    head = read_head(path)
    name = readable_path(Path(path.name))
    counts: Counter[str] = Counter()
    container = container_of(name, head)
    if container is None:
        kind = kind_of_content(path, head)
        counts[kind.unit] += 1
        if kind is Kind.TABLE:
            with path.open("rb") as lines:
                counts["label"] += count_lines(lines)
        return dict(+counts)
    for member in read_file(path, name):
        counts += _count_member(member)
    if not counts:
        return {Kind.ARCHIVE.unit: 1}
    if container is Container.ZIP:
        counts[Kind.ARCHIVE.unit] += _count_unlisted(path)
    return dict(+counts)


def _count_member(member: Member) -> Counter[str]:
    counts = Counter({member.unit: 1})
    if member.kind is Kind.TABLE:
        with TemporaryFile() as lines:
            try:
                for chunk in member.chunks():
                    lines.write(chunk)
            except Broken:
                return counts  # refused as a whole
            lines.seek(0)
            counts["label"] = count_lines(lines)
    return counts


def _count_unlisted(path: Path) -> int:
    """Records of the directory of a zip archive that the library did not list."""
    with path.open("rb") as file:
        try:
            archive = open_directory(file)
        except Broken:
            return 0
        if archive is None:
            return 0
        listed = len(archive.infolist())
        file.seek(archive.start_dir)
        found = 0
        while (record := file.read(_DIRECTORY_RECORD.size)).startswith(_DIRECTORY_SIGNATURE):
            _, *lengths = _DIRECTORY_RECORD.unpack(record)
            file.seek(sum(lengths), SEEK_CUR)
            found += 1
        return max(0, found - listed)
