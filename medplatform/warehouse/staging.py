"""The staging layer of dbt, which follows from the table declarations: sources, models, documents.

Sources have no tests: the rules of a table are checked before a delivery is published. What can
go wrong later is that versions of a record are not told apart, so staging tests the keys.

`python -m medplatform.warehouse.staging` writes the files; a test fails when they are out of date.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from medplatform.lake import Column, Table
from medplatform.lake.table import LINEAGE
from medplatform.modalities import TABLES
from medplatform.warehouse.inputs import MART_INPUTS, MartInput
from medplatform.warehouse.runner import PROJECT
from medplatform.warehouse.views import LAKE, MARTS_INPUT, sql_type

_HEADER = """\
Written by `python -m medplatform.warehouse.staging` from the table declarations.
Change the declaration, not this file.
"""
_VERSION = "version_id"
_DELIVERY = {
    "name": "delivery",
    "data_type": "varchar",
    "description": "Delivery that the row came with.",
}


def render_files() -> dict[str, str]:
    """All files of the layer: path below the dbt project -> content."""
    files = {"models/staging/sources.yml": render_sources()}
    for table in (*TABLES.values(), *MART_INPUTS):
        files[f"models/staging/stg_{table.name}.sql"] = render_model(table)
        files[f"models/staging/stg_{table.name}.yml"] = render_document(table)
    return files


def render_sources() -> str:
    """The sources: one view per lake table, and the marts that are computed outside dbt."""
    lake = {
        "name": LAKE,
        "schema": LAKE,
        "description": "The published files of the lake, one view per table.",
        "tables": [_source(table, ["lake", table.name]) for table in TABLES.values()],
    }
    inputs = {
        "name": MARTS_INPUT,
        "schema": MARTS_INPUT,
        "description": "Marts that are computed outside dbt; empty until they are.",
        "tables": [_source(table, ["marts", table.name]) for table in MART_INPUTS],
    }
    return _dump({"version": 2, "sources": [lake, inputs]})


def render_model(table: Table | MartInput) -> str:
    """The staging model of one table: the newest version of each of its records."""
    names = [column.name for column in _staging_columns(table)]
    source, latest = MARTS_INPUT, ""
    if isinstance(table, Table):
        names.append(_DELIVERY["name"])
        source, latest = LAKE, f"qualify {{{{ is_latest_version({_version_arguments(table)}) }}}}\n"
    listed = ",\n".join(f"    {name}" for name in names)
    return (
        f"{_comment('--')}select\n{listed}\n"
        f"from {{{{ source('{source}', '{table.name}') }}}}\n{latest}"
    )


def _version_arguments(table: Table) -> str:
    """What the rows of one record have in common, for the macro that finds its newest version."""
    if _is_versioned(table):
        # All rows of a record are of one version: the first key column is its id.
        return f"'{table.key[0]}'"
    return f"'{', '.join(table.key)}', is_versioned=false"


def render_document(table: Table | MartInput) -> str:
    """Documentation and tests of the staging model of one table."""
    columns = _staging_columns(table)
    entries = [_column(column) for column in columns]
    if isinstance(table, Table):
        entries.append(_DELIVERY)
    key = _staging_key(table)
    if len(key) == 1:
        entries[[c.name for c in columns].index(key[0])]["data_tests"] = ["unique", "not_null"]
    model: dict[str, Any] = {
        "name": f"stg_{table.name}",
        "description": _staging_description(table),
        "columns": entries,
    }
    if len(key) > 1:
        model["data_tests"] = [
            {
                "unique_combination": {
                    "name": f"stg_{table.name}_key_is_unique",
                    "arguments": {"columns": key},
                }
            }
        ]
    return _dump({"version": 2, "models": [model]})


def _staging_columns(table: Table | MartInput) -> Sequence[Column]:
    """What staging shows: neither lineage nor cells of large bytes."""
    if isinstance(table, MartInput):
        return table.columns
    hidden = ({column.name for column in LINEAGE} - {*_staging_key(table)}) | {*table.large}
    return [column for column in table.all_columns if column.name not in hidden]


def _is_versioned(table: Table | MartInput) -> bool:
    """Whether rows are of a version of a record, as those of FHIR resources are."""
    return isinstance(table, Table) and any(c.name == _VERSION for c in table.columns)


def _staging_key(table: Table | MartInput) -> list[str]:
    """What names a row when one version of each record is left, wherever it was delivered."""
    if not _is_versioned(table):
        return list(table.key)
    of_version = {_VERSION, *(column.name for column in LINEAGE)}
    return [name for name in table.key if name not in of_version]


def _staging_description(table: Table | MartInput) -> str:
    if isinstance(table, MartInput):
        return table.description
    large = f" Without {', '.join(table.large)}." if table.large else ""
    return f"{table.description}{large} The newest version of each record over all deliveries."


def _source(table: Table | MartInput, asset_key: list[str]) -> dict[str, Any]:
    columns = table.all_columns if isinstance(table, Table) else table.columns
    entries = [_column(column) for column in columns]
    if isinstance(table, Table):
        entries.append(_DELIVERY)
    return {
        "name": table.name,
        "description": table.description,
        "config": {"meta": {"dagster": {"asset_key": asset_key}}},
        "columns": entries,
    }


def _column(column: Column) -> dict[str, Any]:
    unit = f" Unit: {column.unit}." if column.unit else ""
    return {
        "name": column.name,
        "data_type": sql_type(column.dtype),
        "description": column.description + unit,
        "config": {"meta": {"phi": column.phi.value}},
    }


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and never writes anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(content: dict[str, Any]) -> str:
    return _comment("#") + yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def _comment(mark: str) -> str:
    return "".join(f"{mark} {line}\n" for line in _HEADER.splitlines())


def write_files(project: Path = PROJECT) -> list[Path]:
    """Write the files that changed and return their paths."""
    files = {project / path: content for path, content in render_files().items()}
    changed = [p for p, c in files.items() if not p.exists() or p.read_text() != c]
    for path in changed:
        path.write_text(files[path])
    return changed


if __name__ == "__main__":
    for written in write_files():
        print(written)
