"""Rows of the long tables: every reference, extension and contained resource of a batch."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.lake import Table
from medplatform.modalities.ehr.columns.json_text import SIBLING, to_json
from medplatform.modalities.ehr.columns.occurrences import find_occurrences
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.tables import EXTENSION, REFERENCE

_ROW = "_row"


def reference_rows(
    content: pa.StructArray, shape: Shape, keys: pa.Table, is_resolved: Callable[[str], bool]
) -> pa.Table:
    """Rows of `ehr_reference`: one per reference that could be read.

    Parameters
    ----------
    content, shape
        De-identified resources; their references are `Type/<pseudonym>` or `#<pseudonym>`.
    keys
        One row per resource: resource_type, resource_id, patient_id and lineage.
    is_resolved
        Whether the target was delivered.
    """
    parts = []
    keys = _shared(keys, REFERENCE)
    for found in find_occurrences(content, shape, "Reference"):
        if found.content.type.get_field_index("reference") < 0:
            continue
        reference = found.content.field("reference")
        is_there = reference.is_valid()
        target = reference.filter(is_there).dictionary_encode()
        rows = found.rows[is_there.to_numpy(zero_copy_only=False)]
        texts = target.dictionary.to_pylist()
        split = [text.rpartition("/") for text in texts]
        contained = {text for text in texts if text.startswith("#")}
        parts.append(
            keys.take(rows)
            .append_column("path", pa.repeat(found.path, len(rows)))
            .append_column(
                "target_type",
                _taken([kind or None for kind, _, _ in split], pa.string(), target),
            )
            .append_column("target_id", _taken([name for _, _, name in split], pa.string(), target))
            .append_column(
                "is_resolved",
                _taken(
                    [text in contained or is_resolved(text) for text in texts], pa.bool_(), target
                ),
            )
        )
    return _as_declared(parts, REFERENCE.schema())


def extension_rows(content: pa.StructArray, shape: Shape, keys: pa.Table) -> pa.Table:
    """Rows of `ehr_extension`: one per extension, nested ones and those of primitives too."""
    parts = []
    keys = _shared(keys, EXTENSION)
    for found in find_occurrences(content, shape, "Extension"):
        extension = found.content
        if extension.type.get_field_index("url") < 0:
            continue
        value_type, value = _value_of(extension)
        parts.append(
            keys.take(found.rows)
            .append_column("path", pa.repeat(found.path, len(extension)))
            .append_column("url", extension.field("url"))
            .append_column("value_type", value_type)
            .append_column("value", value)
            .append_column(
                "is_modifier", pa.repeat("modifierExtension" in found.path, len(extension))
            )
        )
    return _as_declared(parts, EXTENSION.schema())


def _value_of(extension: pa.StructArray) -> tuple[pa.Array, pa.Array]:
    """Type and text of `value[x]`; a value of several elements is FHIR JSON."""
    kind = text = pl.repeat(None, len(extension), dtype=pl.String, eager=True)
    for field in extension.type:
        if not field.name.startswith("value") or SIBLING in field.name:
            continue
        value = extension.field(field.name)
        exact = extension.type.get_field_index(f"{field.name}{SIBLING}text")
        if exact >= 0:
            written = extension.field(exact)
        elif pa.types.is_nested(field.type):
            written = pa.array(to_json(value), pa.string())
        else:
            written = value.cast(pa.string())
        is_there = pl.Series(value.is_valid())
        name = pl.repeat(field.name.removeprefix("value"), len(kind), eager=True)
        kind = name.zip_with(is_there, kind)
        text = pl.Series(written).cast(pl.String).zip_with(is_there, text)
    return kind.to_arrow().cast(pa.string()), text.to_arrow().cast(pa.string())


def _shared(keys: pa.Table, table: Table) -> pa.Table:
    """What rows of a long table take over from the keys of their resource, and its number."""
    names = [name for name in table.schema().names if name in keys.column_names]
    return keys.select(names).append_column(_ROW, pa.array(np.arange(keys.num_rows)))


def _taken(values: Iterable[Any], kind: pa.DataType, encoded: pa.DictionaryArray) -> pa.Array:
    return pa.array(values, kind).take(encoded.indices)


def _as_declared(parts: list[pa.Table], schema: pa.Schema) -> pa.Table:
    if not parts:
        return schema.empty_table()
    names = [_ROW, *(name for name in schema.names if name != "number")]
    frame = pl.DataFrame(pa.concat_tables([part.select(names) for part in parts]))
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(_ROW)
    return frame.with_columns(number=number).select(schema.names).to_arrow().cast(schema)
