"""Leave out the columns that hold nothing, so that a table has what its own rows have."""

import pyarrow as pa

from medplatform.modalities.ehr.columns.items import map_items


def trim(array: pa.Array) -> pa.Array:
    """The array without the fields, at any depth, that are null wherever they could stand.

    A list or struct that is there without content stays, with one field at least.
    """
    if isinstance(array, pa.ListArray) and isinstance(array.type.value_type, pa.StructType):
        return map_items(array, trim)
    if not isinstance(array, pa.StructArray):
        return array
    # What stands in a null struct need not be null itself.
    columns = array.flatten() if array.null_count else [array.field(f.name) for f in array.type]
    named = list(zip((field.name for field in array.type), columns, strict=True))
    named = [(name, column) for name, column in named if not _is_empty(column)] or named[:1]
    return pa.StructArray.from_arrays(
        [trim(column) for _, column in named],
        names=[name for name, _ in named],
        mask=array.is_null() if array.null_count else None,
    )


def _is_empty(array: pa.Array) -> bool:
    return array.null_count == len(array)
