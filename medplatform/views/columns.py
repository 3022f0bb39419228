"""What the columns of a view are, known from FHIR's definitions before any data are read."""

from dataclasses import dataclass

from medplatform.views.compile import compile_query
from medplatform.views.compile.output import database_type
from medplatform.views.compile.values import FhirType
from medplatform.views.definition import Column, View
from medplatform.views.schema import DefinedStruct


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A column of a view as a table has it.

    Attributes
    ----------
    fhir_type
        As declared, else as FHIR defines what the path leads to; None where neither tells.
    sql_type
        DuckDB type, `STRUCT` of a complex column (its fields are those that the data have).
    """

    name: str
    fhir_type: str | None
    sql_type: str
    is_collection: bool
    description: str | None


def column_types(view: View) -> dict[str, ColumnType]:
    """The columns by name, in their order.

    Raises
    ------
    ViewError
        A path names an element that FHIR does not define, or its types do not fit.
    """
    inferred: dict[str, str | None] = {}
    schema = DefinedStruct(view.resource, view.release)
    if schema.names():
        compiled = compile_query(view, schema, "resources")
        inferred = {name: _resolved(dtype) for name, dtype in compiled.fhir_types.items()}
    return {column.name: _typed(column, inferred.get(column.name)) for column in view.columns()}


def _resolved(dtype: FhirType | None) -> str | None:
    return dtype.resolve() if dtype else None


def _typed(column: Column, inferred: str | None) -> ColumnType:
    fhir_type = column.type or inferred
    return ColumnType(
        name=column.name,
        fhir_type=fhir_type,
        sql_type=database_type(column, fhir_type) or "STRUCT",
        is_collection=column.is_collection,
        description=column.description,
    )
