"""Where the elements of one FHIR type stand in nested columns, however deep."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medplatform.modalities.ehr.columns.shape import Shape


@dataclass(frozen=True, slots=True)
class Occurrence:
    """All elements of one path, over all rows and list items.

    `content` holds one struct per element, `rows` the number of the row that each stands in.
    """

    path: str
    content: pa.StructArray
    rows: np.ndarray


def find_occurrences(content: pa.StructArray, shape: Shape, type_name: str) -> Iterator[Occurrence]:
    """The elements of a type in the rows of `content`, which is shaped like `shape` or less."""
    yield from _find(content, shape, type_name, shape.definition.name, np.arange(len(content)))


def _find(
    array: pa.Array, shape: Shape, type_name: str, path: str, rows: np.ndarray
) -> Iterator[Occurrence]:
    if isinstance(array, pa.ListArray):
        lengths = np.diff(array.offsets.to_numpy())
        if array.null_count:
            lengths = np.where(array.is_null().to_numpy(zero_copy_only=False), 0, lengths)
        array, rows = array.flatten(), np.repeat(rows, lengths)
    if not isinstance(array, pa.StructArray):
        return
    if array.null_count:
        is_there = array.is_valid()
        array, rows = array.filter(is_there), rows[is_there.to_numpy(zero_copy_only=False)]
    if len(array) == 0:
        return
    if shape.definition.type == type_name:
        yield Occurrence(path, array, rows)
    for name, child in shape.children.items():
        if not child.definition.is_primitive and array.type.get_field_index(name) >= 0:
            yield from _find(array.field(name), child, type_name, f"{path}.{name}", rows)
