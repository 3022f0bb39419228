"""Elements that are nested very deeply, as JSON text instead of columns in columns.

Readers of Parquet bear only so many levels: DuckDB's time doubles with each list in a list (0.4 s
to open a file at 16, 7 s at 20), and Arrow's own metadata end at 64.
"""

import pyarrow as pa

from medplatform.modalities.ehr.columns.items import map_items
from medplatform.modalities.ehr.columns.json_text import SIBLING, to_json

DEEPEST = 16
"""Levels of elements that are columns. The deepest of HL7's examples have 13."""


def fold(array: pa.Array, level: int = 1) -> pa.Array:
    """Put JSON text in `<name>__json` in the place of elements below the deepest level.

    `level` is the one of the given structs, or lists of structs; resources have level 1.
    """
    if isinstance(array, pa.ListArray) and pa.types.is_nested(array.type.value_type):
        return map_items(array, lambda items: fold(items, level))
    if not isinstance(array, pa.StructArray) or not _is_deep(array.type, level):
        return array
    names: list[str] = []
    columns: list[pa.Array] = []
    for number, field in enumerate(array.type):
        column = array.field(number)
        if level < DEEPEST:
            column = fold(column, level + 1)
        elif _holds_elements(field.type):
            names.append(f"{field.name}{SIBLING}json")
            columns.append(pa.array(to_json(column), pa.string()))
            continue
        names.append(field.name)
        columns.append(column)
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(columns, names=names, mask=mask)


def _is_deep(kind: pa.DataType, level: int) -> bool:
    """Whether structs of this type hold elements below the deepest level."""
    inner = [field.type for field in kind if _holds_elements(field.type)]
    if level >= DEEPEST:
        return bool(inner)
    return any(_is_deep(_element(each), level + 1) for each in inner)


def _holds_elements(kind: pa.DataType) -> bool:
    return pa.types.is_struct(_element(kind))


def _element(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind
