"""One element of nested columns."""

import pyarrow as pa


def child(content: pa.Array, name: str) -> pa.Array:
    """The values of an element, one per row of `content`; null where there is none.

    A column of null strings where `content` has no such element, or is no struct.
    """
    is_struct = isinstance(content, pa.StructArray)
    number = content.type.get_field_index(name) if is_struct else -1
    return content.flatten()[number] if number >= 0 else pa.nulls(len(content), pa.string())
