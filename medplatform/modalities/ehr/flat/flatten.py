"""Runs the SQL of the typed tables over batches of nested columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.ehr import value_sets
from medplatform.modalities.ehr.flat.needs import NEEDS, conform
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.modalities.ehr.terminology import PUBLIC_PREFIXES, PUBLIC_SYSTEMS
from medplatform.modalities.ehr.units import UCUM_CODES, UCUM_SYSTEMS, UNIT_TEXTS, UNREAD_UNIT

_BOUND = {
    "ehr_condition": {
        "clinical_status": ("clinicalStatus", value_sets.CLINICAL_STATUS),
        "verification_status": ("verificationStatus", value_sets.VERIFICATION_STATUS),
    }
}
"""Required bindings of concepts: FHIR's definitions have no codes for them."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A resource, by position, with a value that no table can hold."""

    position: int
    code: str
    element: str


class Flattener:
    """Selects the rows of typed tables; one per process, since it holds a DuckDB connection."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("set variable public_systems = $1", [sorted(PUBLIC_SYSTEMS)])
        self._connection.execute("set variable public_prefixes = $1", [sorted(PUBLIC_PREFIXES)])
        self._connection.execute("set variable ucum_systems = $1", [sorted(UCUM_SYSTEMS)])
        self._connection.execute("set variable ucum_codes = $1", [sorted(UCUM_CODES)])
        self._connection.execute("set variable unit_texts = $1", [sorted(UNIT_TEXTS)])
        self._connection.execute("set variable unread_unit = $1", [UNREAD_UNIT])
        self._connection.execute(_sql("macros"))

    def rows(
        self, content: pa.StructArray, keys: pa.Table, contained: pa.Table
    ) -> tuple[pa.Table, list[Unusable]]:
        """The rows of the typed table, with their `position`, and the resources not to be used.

        Parameters
        ----------
        content
            De-identified resources of a type in `TABLE_OF`.
        keys
            One row per resource: position, resource_type, resource_id, local_id, patient_id,
            version_id and lineage.
        contained
            The resources within them: position, contained_id, coding.
        """
        resource_type = keys["resource_type"][0].as_py()
        table = TABLE_OF[resource_type]
        resource = keys.append_column("r", conform(content, NEEDS[resource_type]))
        self._connection.register("resource", resource)
        self._connection.register("contained", contained)
        rows = self._connection.sql(_sql(table.name)).to_arrow_table()
        unusable = list(_find_unusable(table.name, resource_type, rows))
        schema = pa.schema([*table.schema(), rows.schema.field("position")])
        return rows.select(schema.names).cast(schema), unusable


def _find_unusable(table: str, resource_type: str, rows: pa.Table) -> Iterator[Unusable]:
    position = rows["position"].to_numpy()
    if table == "ehr_observation":
        for row in np.flatnonzero(np.isinf(rows["value_number"].to_numpy())):
            yield Unusable(int(position[row]), "value.out_of_range", f"{resource_type}.value")
    for column, (element, values) in _BOUND.get(table, {}).items():
        codes = pl.Series(rows[column])
        for row in (~codes.is_in(values) & codes.is_not_null()).arg_true():
            path = f"{resource_type}.{element}"
            yield Unusable(int(position[row]), "value.not_in_value_set", path)


def _sql(name: str) -> str:
    return files("medplatform.modalities.ehr.flat").joinpath(f"{name}.sql").read_text()
