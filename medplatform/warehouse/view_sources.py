"""The dbt source `views`: one table per ViewDefinition, so that models can read them.

The file is written where dbt is about to read the project, so a new view needs no command. A
broken view keeps its table, without columns: the models that read it still parse.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medplatform.views import ViewFile, column_types
from medplatform.warehouse.documents import dump
from medplatform.warehouse.views import VIEWS

_HEADER = """\
Written from the ViewDefinitions whenever the project is read.
Change those, not this file.
"""


def render_view_sources(files: Sequence[ViewFile]) -> str:
    """The document of the source."""
    tables = [_table(file) for file in sorted(files, key=lambda file: file.name)]
    source = {
        "name": VIEWS,
        "schema": VIEWS,
        "description": "Tables of the ViewDefinitions over the current resources of the lake.",
        "tables": tables,
    }
    return dump({"version": 2, "sources": [source]}, _HEADER)


def write_view_sources(files: Sequence[ViewFile], project: Path) -> bool:
    """Write the document where it changed; whether it did."""
    path = project / "models" / "views.yml"
    content = render_view_sources(files)
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return False
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)
    return True


def describe(file: ViewFile) -> str:
    """What the table of a view is, in the words of its author where there are any."""
    view = file.view
    if view is None:
        return f"{file.path.name} is no usable ViewDefinition."
    words = [text.strip() for text in (view.description or view.title,) if text]
    return (
        " ".join(words) or f"Rows of {file.path.name} over the current {view.resource} resources."
    )


def _table(file: ViewFile) -> dict[str, Any]:
    table = {
        "name": file.name,
        "description": describe(file),
        "config": {"meta": {"dagster": {"asset_key": [VIEWS, file.name]}}},
    }
    if file.view is None:
        return table
    columns = [
        {
            "name": column.name,
            "data_type": column.sql_type.lower(),
            "description": column.description or f"FHIR {column.fhir_type or 'element'}.",
        }
        for column in column_types(file.view).values()
    ]
    return {**table, "columns": columns}
