"""How many records a file holds, counted without the reader's own splitting.

Lines are counted as newlines, Bundles by parsing the whole document, both from what the standard
library decompresses. Shared with the reader are only the questions where the records of a file
lie (`find_layout`) and, for damaged gzip data, how far the bytes can be read.
"""

import gzip
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from medplatform.modalities.ehr.content import (
    BOM,
    GZIP_MAGIC,
    MAX_RECORD_BYTES,
    Layout,
    find_layout,
    read_chunks,
)
from medplatform.modalities.ehr.document import STRUCTURE
from medplatform.modalities.ehr.issue import Refused


class _Ambiguous(dict[str, Any]):
    """An object in which a key stands twice that decides which records there are."""


def count_resources(path: Path) -> int:
    """The records of a file, blank lines and broken records among them.

    A file, or the rest of a file, that cannot be read counts as one.
    """
    try:
        layout = find_layout(path)
    except Refused:
        return 1
    with path.open("rb") as plain:
        is_gzip = plain.peek(2)[:2] == GZIP_MAGIC
        stream = gzip.open(plain) if is_gzip else plain  # noqa: SIM115 - closed with `plain`
        try:
            return _count_document(stream) if layout is Layout.DOCUMENT else _count_lines(stream)
        except EOFError:
            return 1
        except (zlib.error, gzip.BadGzipFile):
            return 1 if layout is Layout.DOCUMENT else _count_damaged(path)


def count_parsed(document: Any) -> int:
    """The records of a parsed document: an array counts its elements.

    Raises
    ------
    ValueError
        A Bundle or an entry is ambiguous.
    """
    if isinstance(document, list):
        return sum(map(_count_resource, document))
    return _count_resource(document)


def _count_document(stream: BinaryIO | gzip.GzipFile) -> int:
    content = stream.read(MAX_RECORD_BYTES + 1)
    if len(content) > MAX_RECORD_BYTES:
        return 1
    try:
        return count_parsed(_parse(content))
    except (ValueError, RecursionError):
        return 1


def _count_lines(lines: Iterable[bytes]) -> int:
    total = 0
    try:
        for line in lines:
            total += _count_line(line)
    except EOFError:
        total += 1
    return total


def _count_line(line: bytes) -> int:
    if line == BOM:
        return 0
    if b'"Bundle"' not in line or len(line) > MAX_RECORD_BYTES:
        return 1
    try:
        return _count_resource(_parse(line))
    except (ValueError, RecursionError):
        return 1


def _count_damaged(path: Path) -> int:
    """Lines before the damage, and one for the rest."""
    total, pending = 0, b""
    try:
        for chunk in read_chunks(path):
            *lines, pending = (pending + chunk).split(b"\n")
            total += _count_lines(line + b"\n" for line in lines)
    except Refused:
        return total + 1
    return total + bool(pending)


def _count_resource(resource: Any) -> int:
    """One, or the entries of a Bundle and of the Bundles in it."""
    if isinstance(resource, _Ambiguous):
        raise ValueError("a key stands twice")
    if not isinstance(resource, dict) or resource.get("resourceType") != "Bundle":
        return 1
    entries = resource.get("entry")
    return sum(map(_count_entry, entries)) if isinstance(entries, list) and entries else 1


def _count_entry(entry: Any) -> int:
    if isinstance(entry, _Ambiguous):
        raise ValueError("a key stands twice")
    return (
        _count_resource(entry["resource"]) if isinstance(entry, dict) and "resource" in entry else 1
    )


def _parse(content: bytes) -> Any:
    text = content.decode("utf-8-sig", "replace")
    return json.loads(text, object_pairs_hook=_mark_ambiguous)


def _mark_ambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs if key in STRUCTURE]
    return dict(pairs) if len(keys) == len(set(keys)) else _Ambiguous(pairs)
