"""Short ways to write views in tests."""

from typing import Any


def column(name: str, path: str, **more: Any) -> dict[str, Any]:
    """A column of a view."""
    return {"name": name, "path": path, **more}


def view(resource: str, *selects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A ViewDefinition."""
    return {"resource": resource, "status": "active", "select": list(selects), **more}


def columns(**paths: str) -> dict[str, Any]:
    """A select of columns by name."""
    return {"column": [column(name, path) for name, path in paths.items()]}
