"""What is asked of every resource: its id, and which element says whom it is about.

Of one in a dict, or of many in columns; both give the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from medplatform.modalities.ehr.columns.child import child

SUBJECT_ELEMENTS = ("subject", "patient", "beneficiary", "for", "individual")
"""Elements that say whom a resource is about, by precedence (CompartmentDefinition/patient)."""


FactsRow = tuple[str | None, str | None, str | None]
"""`Facts` as a plain tuple, which is made faster."""


class Facts(NamedTuple):
    """Of one resource.

    `subject_element` is None where nothing says whom it is about; where something does, it may
    still have no `reference` in it.
    """

    resource_id: str | None = None
    subject_element: str | None = None
    reference: str | None = None


def read_facts(content: Mapping[str, Any]) -> Facts:
    """The facts of a valid resource."""
    for name in SUBJECT_ELEMENTS:
        subject = content.get(name)
        if isinstance(subject, list):
            subject = subject[0] if subject else None
        if isinstance(subject, dict):
            reference = subject.get("reference")
            return Facts(content.get("id"), name, reference)
    return Facts(content.get("id"))


def read_all_facts(content: pa.StructArray) -> Iterator[FactsRow]:
    """The facts of valid resources of one type, in columns."""
    nothing = np.full(len(content), None, dtype=object)
    ids = _texts(content, "id")
    elements, references = nothing, nothing
    for name in reversed(SUBJECT_ELEMENTS):
        subject = _first(content, name)
        if subject is not None:
            is_there = subject.is_valid().to_numpy(zero_copy_only=False)
            elements = np.where(is_there, name, elements)
            references = np.where(is_there, _texts(subject, "reference"), references)
    return zip(ids.tolist(), elements.tolist(), references.tolist(), strict=True)


def _first(content: pa.StructArray, name: str) -> pa.StructArray | None:
    """The elements of a name, of lists the first; None where they are no structs."""
    number = content.type.get_field_index(name)
    if number < 0:
        return None
    column: pa.Array = content.field(number)
    if isinstance(column, pa.ListArray):
        is_empty = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) == 0
        starts = column.offsets.to_numpy()[:-1]
        column = column.values.take(pa.array(starts, mask=is_empty))
    return column if isinstance(column, pa.StructArray) else None


def _texts(content: pa.StructArray, name: str) -> np.ndarray:
    """The values of an element as objects."""
    return child(content, name).to_numpy(zero_copy_only=False)
