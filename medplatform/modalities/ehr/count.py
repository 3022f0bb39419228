"""How many records a file holds, counted without the reader's own splitting.

Lines are counted as newlines, Bundles by parsing the whole document with the standard library.
Only where the records of a file lie (`find_layout`) is shared with the reader.
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
)
from medplatform.modalities.ehr.issue import Refused


class _Uncountable(ValueError):
    """A key twice in one object, or damage: this way of counting has no answer."""


def count_resources(path: Path) -> int | None:
    """The records of a file, blank lines and broken records among them.

    A file or a rest of it that cannot be read counts as one. None where damaged data or repeated
    keys leave no second way to count.
    """
    try:
        layout = find_layout(path)
    except Refused:
        return 1
    with path.open("rb") as plain:
        is_gzip = plain.peek(2)[:2] == GZIP_MAGIC
        stream = gzip.open(plain) if is_gzip else plain  # noqa: SIM115 - closed with `plain`
        try:
            if layout is Layout.DOCUMENT:
                return _count_document(stream)
            return _count_lines(stream)
        except (zlib.error, gzip.BadGzipFile, _Uncountable):
            return None


def _count_document(stream: BinaryIO | gzip.GzipFile) -> int:
    try:
        content = stream.read(MAX_RECORD_BYTES + 1)
        if len(content) > MAX_RECORD_BYTES:
            return 1
        document = json.loads(content.decode("utf-8-sig", "replace"), object_pairs_hook=_unique)
    except EOFError:
        return 1
    except _Uncountable:
        raise
    except (ValueError, RecursionError):
        return 1
    return count_parsed(document)


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
        resource = json.loads(line.decode("utf-8-sig", "replace"), object_pairs_hook=_unique)
    except _Uncountable:
        raise
    except (ValueError, RecursionError):
        return 1
    return _count_resource(resource)


def count_parsed(document: Any) -> int:
    """The records of a parsed document: an array counts its elements."""
    if isinstance(document, list):
        return sum(map(_count_resource, document))
    return _count_resource(document)


def _count_resource(resource: Any) -> int:
    """One, or the entries of a Bundle and of the Bundles in it."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Bundle":
        return 1
    entries = resource.get("entry")
    if not isinstance(entries, list) or not entries:
        return 1
    return sum(
        _count_resource(entry["resource"]) if isinstance(entry, dict) and "resource" in entry else 1
        for entry in entries
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _Uncountable("a key stands twice in one object")
    return content
