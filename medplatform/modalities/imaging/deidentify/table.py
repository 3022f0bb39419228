"""Table E.1-1 and Table E.3.10-1 of PS3.15, and the Types of PS3.3, as data of the package."""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_PACKAGE = "medplatform.modalities.imaging.deidentify"
REMOVED_GROUPS = ("50", "60")
"""Beginnings of the tags of curves and overlays, whose graphics may be letters."""


class Attribute(NamedTuple):
    """A row of Table E.1-1: the action of the basic profile, and those of the options by name."""

    name: str
    basic: str
    options: dict[str, str]


@cache
def attributes() -> dict[str, Attribute]:
    """The rows of Table E.1-1 by tag (eight hexadecimal digits; `X` where any digit will do)."""
    return {tag: Attribute(*row) for tag, row in read_data("confidentiality")["attributes"].items()}


@cache
def attribute_types() -> dict[str, int]:
    """1 or 2 for attributes that some IOD requires (PS3.5 7.4), by tag; others may be left out.

    Conditional types count as unconditional.
    """
    return read_data("confidentiality")["types"]


@cache
def safe_private_vrs() -> dict[tuple[str, str], str]:
    """VRs of the attributes of Table E.3.10-1 by creator and tag, the block of it left out.

    >>> safe_private_vrs()["Philips PET Private Group", "705300"]
    'DS'
    """
    creators: dict[str, dict[str, str]] = read_data("safe_private")["creators"]
    return {(name, tag): vr for name, tags in creators.items() for tag, vr in tags.items()}


def read_data(name: str) -> dict:
    """A JSON file of this package."""
    return json.loads(files(_PACKAGE).joinpath(f"{name}.json").read_text("utf-8"))
