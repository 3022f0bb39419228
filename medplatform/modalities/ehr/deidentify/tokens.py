"""Pseudonyms of whole columns: equal to those that `Identity` gives one by one."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.deidentify.block import Leaf
from medplatform.modalities.ehr.deidentify.distinct import Column
from medplatform.privacy import Identity

RESOURCE_ID, VERSION, IDENTIFIER, DICOM_UID = "resource_id", "version", "identifier", "dicom_uid"
"""Kinds with a meaning of their own; any other kind is that of `Identity.token`."""

CONTAINED = "contained"
_COUNTED_VERSION_DIGITS = 6
_OID = "urn:oid:"


def make_tokens(identity: Identity, kind: str, values: Sequence[bytes]) -> pa.Array:
    """`identity.token(kind, value)` of each value (UTF-8)."""
    tokens = identity.tokens(kind, values)
    offsets = np.arange(len(tokens) + 1, dtype=np.int32) * np.int32(tokens.dtype.itemsize)
    return pa.StringArray.from_buffers(len(tokens), pa.py_buffer(offsets), pa.py_buffer(tokens))


def pseudonymise(kind: str, leaf: Leaf) -> pa.Array:
    """The column with every value replaced.

    - `resource_id`: the patient's pseudonym for a Patient, else the token of type and id; in
      contained resources the token of "contained" and id,
    - `version`: the token, but servers that count versions keep their order,
    - `identifier`: the token of system and value, so that equal identifiers stay equal,
    - `dicom_uid`: the UID that imaging tables have in its place.
    """
    if kind == RESOURCE_ID:
        return _resource_ids(leaf)
    if kind == VERSION:
        return Column(leaf.array).map(lambda text: _version(leaf.block.identity, text))
    if kind == DICOM_UID:
        return Column(leaf.array).map(lambda text: _uid(leaf.block.identity, text))
    if kind == IDENTIFIER:
        return _tokens("Identifier", leaf, _with_system(leaf))
    return _tokens(kind, leaf, leaf.array)


def _tokens(kind: str, leaf: Leaf, array: pa.Array) -> pa.Array:
    identity = leaf.block.identity
    return Column(array).replace(lambda values: make_tokens(identity, kind, values))


def _resource_ids(leaf: Leaf) -> pa.Array:
    block, resource_type = leaf.block, leaf.parent.definition.type
    kind = block.id_kind or (CONTAINED if block.are_contained else resource_type)
    if resource_type != "Patient" or block.are_contained:
        return _tokens(kind, leaf, leaf.array)
    if block.patient_id.null_count == 0 and leaf.array.null_count == 0:
        return block.patient_id
    known = pc.if_else(leaf.array.is_valid(), block.patient_id, pa.scalar(None, pa.string()))
    return pc.coalesce(known, _tokens(kind, leaf, leaf.array))


def is_counted_version(text: str) -> bool:
    """Whether a version id is a count, which identifies nobody."""
    return text.isdecimal() and len(text) <= _COUNTED_VERSION_DIGITS


def _version(identity: Identity, text: str) -> str:
    return text if is_counted_version(text) else identity.token("version", text)


def _uid(identity: Identity, text: str) -> str:
    prefix = _OID if text.startswith(_OID) else ""
    return prefix + identity.uid(text.removeprefix(prefix))


def _with_system(leaf: Leaf) -> pa.Array:
    """`system|value` (FHIR's own notation for searching)."""
    system = leaf.parent.fields.get("system")
    if system is None:
        system = pa.nulls(len(leaf.array), pa.string())
    return pc.binary_join_element_wise(system.fill_null(""), leaf.array, "|")
