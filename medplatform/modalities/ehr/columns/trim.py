"""Leave out the columns that hold nothing, so that a table has what its own rows have."""

import pyarrow as pa


def trim(array: pa.Array) -> pa.Array:
    """The array without the fields, at any depth, that are null wherever they could stand.

    A list or struct that is there without content stays, with one field at least.
    """
    if isinstance(array, pa.ListArray) and isinstance(array.type.value_type, pa.StructType):
        items = array.values.slice(array.offsets[0].as_py(), _span(array))
        starts = array.offsets.to_numpy()
        offsets = pa.array(starts - starts[0])
        return pa.ListArray.from_arrays(
            offsets, trim(items), mask=array.is_null() if array.null_count else None
        )
    if not isinstance(array, pa.StructArray):
        return array
    fields = [field for field in array.type if not _is_empty(array.field(field.name))]
    fields = fields or list(array.type)[:1]
    children = [trim(array.field(field.name)) for field in fields]
    return pa.StructArray.from_arrays(
        children,
        names=[field.name for field in fields],
        mask=array.is_null() if array.null_count else None,
    )


def _is_empty(array: pa.Array) -> bool:
    return array.null_count == len(array)


def _span(array: pa.ListArray) -> int:
    return array.offsets[-1].as_py() - array.offsets[0].as_py()
