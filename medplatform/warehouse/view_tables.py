"""Tables that a user's ViewDefinitions give over the current resources of the lake.

A table is one Parquet file named as its view. It is replaced whole, and only where the view can be
answered: a broken definition leaves the last good table.
"""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from medplatform.lake import Lake
from medplatform.modalities.ehr.nested import nested_table
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.views import (
    View,
    ViewFile,
    compile_view,
    empty_relation,
    read_folder,
    write_view,
)
from medplatform.warehouse.resources import Resources, current_resources

_MODIFIERS = re.compile(r"\b(modifierExtension|implicitRules)\b")


@dataclass(frozen=True, slots=True)
class ViewTables:
    """A folder of ViewDefinitions, and the folder of the tables that they give."""

    definitions: Path
    folder: Path

    def files(self) -> list[ViewFile]:
        """The definitions, broken ones too."""
        return read_folder(self.definitions)

    def path(self, name: str) -> Path:
        """The Parquet file of a view, which is there once the view was built."""
        return self.folder / f"{name}.parquet"


@dataclass(frozen=True, slots=True)
class BuiltView:
    """What building a view gave: the rows of its table, from which resources, by which SQL."""

    rows: int
    resources: Resources
    sql: str


def build_view(
    lake: Lake, view: View, out: Path, *, memory: str = "2GB", threads: int = 2
) -> BuiltView:
    """Write the table of a view over the current resources of its type.

    Resources whose meaning a modifier extension or implicit rules change are left out, unless the
    view looks at these.

    Parameters
    ----------
    out
        The Parquet file; it appears whole, or stays as it was.
    memory, threads
        What DuckDB may use. What does not fit goes to a folder beside `out`.

    Raises
    ------
    ViewError
        The view does not fit the resources.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    spill = out.with_name(f".{out.name}.tmp")
    settings = {"memory_limit": memory, "threads": threads, "temp_directory": str(spill)}
    with closing(duckdb.connect(config=settings)) as connection:
        connection.execute("set timezone = 'UTC'")
        resources = resources_of(connection, lake, view)
        relation = resources.relation or empty_relation()
        sql = compile_view(view, relation.schema, relation.sql)
        return BuiltView(write_view(connection, relation, view, out), resources, sql)


def resources_of(connection: duckdb.DuckDBPyConnection, lake: Lake, view: View) -> Resources:
    """The resources that a view looks at, as a temporary view of the connection."""
    with_modified = any(_MODIFIERS.search(path.text) for path in view.paths())
    return current_resources(connection, lake, view.resource, with_modified=with_modified)


def input_digests(lake: Lake, view: View) -> list[str]:
    """Digests of the files that a view is answered from: with that of its definition, its rows."""
    entries = list(lake.ledger.entries(DELETION.modality))
    tables = nested_table(view.resource).name, DELETION.name, PATIENT.name
    return [
        file.sha256 for table in tables for entry in entries for file in entry.tables.get(table, [])
    ]
