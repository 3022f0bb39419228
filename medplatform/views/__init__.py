"""SQL on FHIR v2: ViewDefinitions, compiled to SQL that DuckDB runs over typed columns.

`run_view` answers a view over parsed resources, `run_view_on_files` over NDJSON or nested Parquet
into a Parquet file. `read_folder` reads the folder of a user's views, `column_types` tells what
their columns are. `compile_view` gives the statement alone.
"""

from medplatform.views.columns import ColumnType, column_types
from medplatform.views.definition import Column, View
from medplatform.views.error import ViewError
from medplatform.views.folder import ViewFile, read_folder, read_view, read_views
from medplatform.views.relation import Relation, empty_relation, relation_of
from medplatform.views.run import compile_view, run_view, run_view_on_files, write_view
from medplatform.views.validation import parse_view

__all__ = [
    "Column",
    "ColumnType",
    "Relation",
    "View",
    "ViewError",
    "ViewFile",
    "column_types",
    "compile_view",
    "empty_relation",
    "parse_view",
    "read_folder",
    "read_view",
    "read_views",
    "relation_of",
    "run_view",
    "run_view_on_files",
    "write_view",
]
