"""The current FHIR resources of the lake, as DuckDB relations with one row per resource.

Their columns are the elements of FHIR JSON, those of the nested tables. Of the versions delivered
the newest counts, and none where the source has deleted the resource or its patient since
(`medplatform.lake.current`).
"""

from dataclasses import dataclass

import duckdb

from medplatform.lake import Lake
from medplatform.lake.current import (
    LINEAGE_COLUMNS,
    OUT_OF_USE,
    about_deleted_patient,
    comparable,
    deleted_later,
    newest_first,
    with_retired,
)
from medplatform.modalities.ehr.deleted import query_deleted_patients
from medplatform.modalities.ehr.nested import nested_table
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.views import Relation, relation_of

_STORE = ("patient_id", "is_modified", *LINEAGE_COLUMNS)
"""Columns of a nested table that are no elements of FHIR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The current resources of one type.

    Attributes
    ----------
    relation
        Their elements; None where none was ever delivered.
    count
        Number of its rows.
    versions
        Delivered versions of all resources of the type, deleted ones too.
    modified
        Resources left out since a modifier extension or implicit rules change their meaning.
    """

    relation: Relation | None
    count: int = 0
    versions: int = 0
    modified: int = 0


def current_resources(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    resource_type: str,
    *,
    with_modified: bool = False,
) -> Resources:
    """Give a connection a temporary view, named as the type, of its current resources.

    Parameters
    ----------
    with_modified
        Also those with modifier extensions or implicit rules: for a reader who looks at these.
    """
    table = nested_table(resource_type).name
    published = lake.relation(table)
    if published is None:
        return Resources(relation=None)
    deleted, about_deleted = _deleted(lake, resource_type)
    lineage = ", ".join(LINEAGE_COLUMNS)
    versions, last = f"{published} as record", None
    if resource_type == PATIENT.resource_type:
        lake.create_views(connection, [PATIENT])
        retired = f"select {lineage}, {OUT_OF_USE} from ({with_retired('lake.ehr_patient')})"
        versions += f" left join ({retired}) using ({lineage})"
        last = f"coalesce({OUT_OF_USE}, false)"
    said = _version_columns(connection, published)
    if "updated" in said:
        said["updated"] = comparable(said["updated"], record="id", versions=published)
    order = ", ".join(newest_first(**said, last=last))
    current = f"current_{table}"
    connection.execute(
        f"create or replace temp table {current} as "
        f"select {lineage}, is_modified from {versions} where not {deleted} "
        f"qualify rank() over (partition by id order by {order}) = 1 and not {about_deleted}"
    )
    (numbers,) = connection.execute(
        "select count(*), count(*) filter (where is_modified), "
        f"(select count(*) from {published}) from {current}"
    ).fetchall()
    kept = "" if with_modified else "where not is_modified"
    name = f'"{resource_type}"'
    connection.execute(
        f"create or replace temp view {name} as "
        f"select * exclude ({', '.join(_STORE)}) from {published} "
        f"semi join (select {lineage} from {current} {kept}) using ({lineage})"
    )
    modified = 0 if with_modified else numbers[1]
    return Resources(
        relation=relation_of(connection, name, resource_type),
        count=numbers[0] - modified,
        versions=numbers[2],
        modified=modified,
    )


def _deleted(lake: Lake, resource_type: str) -> tuple[str, str]:
    """Conditions that a `record` was deleted since, and that its patient was."""
    deletions, patients = lake.relation(DELETION.name), query_deleted_patients(lake)
    if deletions is None or patients is None:
        return "false", "false"
    return (
        deleted_later(
            deletions, record="record", resource_type=f"'{resource_type}'", resource_id="record.id"
        ),
        about_deleted_patient(f"({patients})", record="record"),
    )


def _version_columns(connection: duckdb.DuckDBPyConnection, published: str) -> dict[str, str]:
    """What the resources say about their versions, where any of them does."""
    relation = connection.sql(f"select * from {published}")
    meta = dict(zip(relation.columns, relation.types, strict=True)).get("meta")
    elements = {name for name, _ in meta.children} if meta is not None else set()
    found = {"updated": "lastUpdated__start", "version": "versionId"}
    return {name: f"meta.{part}" for name, part in found.items() if part in elements}
