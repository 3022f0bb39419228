"""Counts the molecules of a delivered file without looking at any: lines, or lines $$$$.

Deliberately another, simpler way than the reader's, so that the two can be held against each other.
"""

from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.delivery import Source
from medplatform.modalities.molecules.layout import Kind, kind_of
from medplatform.modalities.molecules.lined import is_header
from medplatform.modalities.text import TextLines


def count_records(source: Source) -> dict[str, int]:
    """Records as `molecule`; a file that holds none, or breaks off, as `file`."""
    kind = kind_of(source.path)
    if kind is Kind.OTHER or find_failure(source.path) is Failure.CORRUPT:
        return {"file": 1}
    with TextLines(source.path) as lines:
        if kind is Kind.SDF:
            count = _count_ends(lines)
        else:
            first = next(lines, None)
            count = sum(1 for _ in lines)
            if kind is Kind.SMILES and first is not None and not is_header(first.text):
                count += 1
        return {"molecule": count} if lines.failure is None else {"molecule": count, "file": 1}


def _count_ends(lines: TextLines) -> int:
    count, has_rest, is_open = 0, False, False
    for line in lines:
        text = line.text.strip()
        if text == b"$$$$":
            count, has_rest, is_open = count + 1, False, False
        else:
            has_rest, is_open = has_rest or bool(text), True
    return count + (has_rest or (is_open and lines.failure is not None))
