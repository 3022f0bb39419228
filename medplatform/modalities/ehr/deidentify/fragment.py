"""A JSON object that takes the place of a delivered element."""

from typing import Any

import pyarrow as pa

from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import ElementDefinition, Release
from medplatform.modalities.ehr.deidentify.plan import StructPlan
from medplatform.modalities.ehr.deidentify.policy import Policy

KEEP_ALL = Policy(name="keep", rules=(), default="keep", extensions=None)


def read_fragment(plan: StructPlan, release: Release) -> tuple[Shape, pa.StructArray]:
    """The object of a plan as one row, and its shape.

    Raises
    ------
    KeyError
        FHIR does not define one of its elements.
    """
    definition = plan.definition
    shape = Shape(ElementDefinition(definition.name, definition.type, is_list=False))
    fragment = dict(plan.fragment or {})
    shape.grow(fragment, release)
    return shape, pa.array([_raw(fragment, shape)], shape.raw_type())


def _raw(value: Any, shape: Shape) -> Any:
    """A value as the parser delivers it: decimals as text."""
    if isinstance(value, list):
        return [_raw(item, shape) for item in value]
    if isinstance(value, dict):
        return {name: _raw(item, shape.children[name]) for name, item in value.items()}
    is_decimal = shape.definition.type == "decimal" and value is not None
    return str(value) if is_decimal else value
