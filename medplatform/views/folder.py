"""The folder of ViewDefinitions: one JSON file per view."""

import json
from pathlib import Path

from medplatform.views.columns import column_types
from medplatform.views.definition import View
from medplatform.views.error import ViewError
from medplatform.views.validation import parse_view


def read_views(folder: Path) -> dict[str, View]:
    """All views of a folder by name; a view without a name has that of its file.

    Raises
    ------
    ViewError
        A file is no valid ViewDefinition, or two have the same name; `element` begins with the
        name of the file.
    """
    views: dict[str, View] = {}
    files: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        view = _read(path)
        name = view.name or path.stem
        if name.lower() in files:
            raise ViewError(path.name, f"{files[name.lower()]} has the same name, {name}")
        files[name.lower()] = path.name
        views[name] = view
    return views


def _read(path: Path) -> View:
    try:
        document = json.loads(path.read_bytes())
        view = parse_view(document if "name" in document else document | {"name": path.stem})
        column_types(view)
    except (ValueError, TypeError) as error:
        if isinstance(error, ViewError):
            element = f"{path.name}: {error.element}" if error.element else path.name
            raise ViewError(element, error.reason) from None
        raise ViewError(path.name, f"not a JSON object: {error}") from None
    return view
