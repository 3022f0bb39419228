"""The staging layer of dbt, which follows from the table declarations: sources, models, documents.

Sources have no tests: the rules of a table are checked before a delivery is published. What can
go wrong later is that versions of a record are not told apart, so staging tests the keys. Which
version counts, and which deletion, says `medplatform.lake.current`.

`python -m medplatform.warehouse.staging` writes the files; a test fails when they are out of date.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from medplatform.lake import Column, Table
from medplatform.lake.current import (
    OUT_OF_USE,
    about_deleted_patient,
    comparable,
    deleted_later,
    deleted_patients,
    newest_first,
    with_retired,
)
from medplatform.lake.table import LINEAGE
from medplatform.modalities import TABLES
from medplatform.modalities.ehr.nested import FAMILY
from medplatform.modalities.ehr.tables import DELETION, PATIENT, RESOURCE_ID_OF_PATIENT
from medplatform.warehouse.documents import comment, dump
from medplatform.warehouse.inputs import MART_INPUTS, NESTED_INPUTS, MartInput, NestedInput
from medplatform.warehouse.project import PROJECT
from medplatform.warehouse.views import LAKE, MARTS_INPUT, NESTED, sql_type

_HEADER = """\
Written by `python -m medplatform.warehouse.staging` from the table declarations.
Change the declaration, not this file.
"""
_VERSION = "version_id"
_PATIENT = "patient_id"
DELETED_PATIENT = "stg_ehr_deleted_patient"
"""The model of the patients of whom nothing counts."""
_DELIVERY = {
    "name": "delivery",
    "data_type": "varchar",
    "description": "Delivery that the row came with.",
}


def render_files() -> dict[str, str]:
    """All files of the layer: path below the dbt project -> content."""
    files = {"models/staging/sources.yml": render_sources()}
    for table in (*TABLES.values(), *MART_INPUTS, *NESTED_INPUTS):
        files[f"models/staging/stg_{table.name}.sql"] = render_model(table)
        files[f"models/staging/stg_{table.name}.yml"] = render_document(table)
    files[f"models/staging/{DELETED_PATIENT}.sql"] = render_deleted_patients()
    files[f"models/staging/{DELETED_PATIENT}.yml"] = render_deleted_patients_document()
    return files


def render_sources() -> str:
    """The sources: one view per lake table, and what is computed outside dbt."""
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
    nested = {
        "name": NESTED,
        "schema": NESTED,
        "description": "What models need of the nested tables; empty where none was delivered.",
        "tables": [_source(table, ["lake", FAMILY.name]) for table in NESTED_INPUTS],
    }
    return dump({"version": 2, "sources": [lake, inputs, nested]}, _HEADER)


def render_model(table: Table | MartInput) -> str:
    """The staging model of one table: the current version of each of its records."""
    names = [column.name for column in _staging_columns(table)]
    lines = ["select"]
    if isinstance(table, MartInput):
        schema = NESTED if isinstance(table, NestedInput) else MARTS_INPUT
        source = f"from {{{{ source('{schema}', '{table.name}') }}}}"
        return comment("--", _HEADER) + "\n".join([*lines, _listed(names), source]) + "\n"
    deleted, about_deleted = _not_deleted(table), _not_about_deleted(table)
    lines += [
        _listed([*names, _DELIVERY["name"]]),
        f"from {_versions(table)}{' as record' if deleted or about_deleted else ''}",
        *deleted,
        "qualify",
        "    rank() over (",
        f"        partition by {', '.join(_record_id(table))}",
        "        order by",
        _listed(_newest_first(table), indentation=12),
        "    ) = 1",
        *about_deleted,
    ]
    return comment("--", _HEADER) + "\n".join(lines) + "\n"


def render_deleted_patients() -> str:
    """The staging model of the patients of whom nothing counts."""
    return comment("--", _HEADER) + deleted_patients(_lake(DELETION), _lake(PATIENT)) + "\n"


def render_deleted_patients_document() -> str:
    """Documentation and tests of that model."""
    (column,) = (column for column in PATIENT.columns if column.name == _PATIENT)
    model = {
        "name": DELETED_PATIENT,
        "description": "One row per patient whom their source deleted and no later delivery "
        "brought back: no record about them counts.",
        "columns": [{**_column(column), "data_tests": ["unique", "not_null"]}],
    }
    return dump({"version": 2, "models": [model]}, _HEADER)


def _versions(table: Table) -> str:
    """All rows of a table, with what their order needs."""
    if table is not PATIENT:
        return _lake(table)
    lines = with_retired(_lake(table)).splitlines()
    return "\n".join(["(", *(f"    {line}" for line in lines), ")"])


def _lake(table: Table) -> str:
    return f"{{{{ source('{LAKE}', '{table.name}') }}}}"


def _listed(names: Sequence[str], indentation: int = 4) -> str:
    return ",\n".join(indent(name, " " * indentation) for name in names)


def _record_id(table: Table) -> Sequence[str]:
    """What the rows of one record have in common; of a versioned table, the first key column."""
    return table.key[:1] if _is_versioned(table) else table.key


def _newest_first(table: Table) -> Sequence[str]:
    if _is_versioned(table):
        updated, last = "last_updated_at", OUT_OF_USE if table is PATIENT else None
        if _PATIENT in {column.name for column in table.columns} - set(table.key):
            updated = comparable(updated, record=table.key[0], versions=_lake(table))
        return newest_first(updated=updated, version=_VERSION, last=last)
    return newest_first()


def _not_deleted(table: Table) -> list[str]:
    """The condition that leaves deleted resources out, where rows are of resources."""
    names = {column.name for column in table.columns}
    if table.resource_type and _is_versioned(table):
        about = f"'{table.resource_type}'", f"record.{table.key[0]}"
    elif {"resource_type", "resource_id"} <= names and table is not DELETION:
        about = "record.resource_type", "record.resource_id"
    else:
        return []
    condition = deleted_later(
        _lake(DELETION), record="record", resource_type=about[0], resource_id=about[1]
    )
    return ["where", *(f"    {line}" for line in f"not {condition}".splitlines())]


def _not_about_deleted(table: Table) -> list[str]:
    """The condition that leaves out rows about deleted patients, where rows are of patients."""
    if _PATIENT not in {column.name for column in table.columns}:
        return []
    condition = about_deleted_patient(f"{{{{ ref('{DELETED_PATIENT}') }}}}", record="record")
    return [f"    {line}" for line in f"and not {condition}".splitlines()]


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
    return dump({"version": 2, "models": [model]}, _HEADER)


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
    of_version = {_VERSION, RESOURCE_ID_OF_PATIENT, *(column.name for column in LINEAGE)}
    return [name for name in table.key if name not in of_version]


def _staging_description(table: Table | MartInput) -> str:
    if isinstance(table, MartInput):
        return table.description
    large = f" Without {', '.join(table.large)}." if table.large else ""
    deleted = ["what its source deleted since"] if _not_deleted(table) else []
    deleted += ["what is about deleted patients"] if _not_about_deleted(table) else []
    without = f", without {' and '.join(deleted)}" if deleted else ""
    return (
        f"{table.description}{large} "
        f"The newest version of each record over all deliveries{without}."
    )


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
    return {
        "name": column.name,
        "data_type": sql_type(column.dtype),
        "description": column.meaning,
        "config": {"meta": {"phi": column.phi.value}},
    }


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
