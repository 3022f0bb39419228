"""The folder of ViewDefinitions: one JSON file per view."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from medplatform.views.columns import column_types
from medplatform.views.definition import View
from medplatform.views.error import ViewError
from medplatform.views.validation import parse_view


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFile:
    """A file of the folder: either its view, or what is wrong with it.

    Attributes
    ----------
    name
        Of the view; of one that is broken, that of its file, with letters, digits and underscores
        only. No two files of a folder have the same.
    digest
        SHA-256 of its bytes, empty where they cannot be read.
    """

    path: Path
    name: str
    digest: str
    view: View | None = None
    error: ViewError | None = None


def read_folder(folder: Path) -> list[ViewFile]:
    """All files of a folder by path, those that are broken too; none where there is no folder."""
    opened = {path: _open(path) for path in sorted(folder.glob("*.json"))}
    first: dict[str, Path] = {}
    for path, (_, content) in opened.items():
        if isinstance(content, View):
            first.setdefault(_name_of(content, path).lower(), path)
    taken = set(first)
    files: list[ViewFile] = []
    for path, (digest, content) in opened.items():
        if isinstance(content, View):
            name = _name_of(content, path)
            if first[name.lower()] == path:
                files.append(ViewFile(path=path, name=name, digest=digest, view=content))
                continue
            content = ViewError(path.name, f"{first[name.lower()].name} has the same name, {name}")
        name = _free_name(path, taken)
        files.append(ViewFile(path=path, name=name, digest=digest, error=content))
    return files


def read_views(folder: Path) -> dict[str, View]:
    """All views of a folder by name; a view without a name has that of its file.

    Raises
    ------
    ViewError
        A file is no valid ViewDefinition, or two have the same name; `element` begins with the
        name of the file.
    """
    files = read_folder(folder)
    for file in files:
        if file.error:
            raise file.error
    return {file.name: file.view for file in files if file.view}


def read_view(path: Path) -> View:
    """The view of a file; without a name it has that of the file.

    Raises
    ------
    ViewError
        It is no valid ViewDefinition; `element` begins with the name of the file.
    """
    _, content = _open(path)
    if isinstance(content, ViewError):
        raise content
    return content


def _open(path: Path) -> tuple[str, View | ViewError]:
    """The digest of a file, and its view or why there is none."""
    try:
        text = path.read_bytes()
    except OSError as error:
        return "", ViewError(path.name, f"cannot be read ({error.strerror})")
    return sha256(text).hexdigest(), _parse(text, path)


def _parse(text: bytes, path: Path) -> View | ViewError:
    try:
        document = json.loads(text)
        view = parse_view(document if "name" in document else document | {"name": path.stem})
        column_types(view)
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, ViewError):
            element = f"{path.name}: {error.element}" if error.element else path.name
            return ViewError(element, error.reason)
        return ViewError(path.name, f"not a JSON object: {error}")
    return view


def _name_of(view: View, path: Path) -> str:
    return view.name or path.stem


def _free_name(path: Path, taken: set[str]) -> str:
    """A name for a file without a view, which is taken then."""
    name = stem = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    number = 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name
