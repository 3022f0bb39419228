"""The functions and variables that an expression may use.

Every function of the ShareableViewDefinition profile, the experimental ones (`join`, `lowBoundary`,
`highBoundary`), the two that SQL on FHIR adds, and those of FHIRPath that need no more than these.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Arity(NamedTuple):
    """How many arguments a function takes."""

    least: int
    most: int


FUNCTIONS: Mapping[str, Arity] = {
    "abs": Arity(0, 0),
    "all": Arity(1, 1),
    "allTrue": Arity(0, 0),
    "anyTrue": Arity(0, 0),
    "as": Arity(1, 1),
    "ceiling": Arity(0, 0),
    "combine": Arity(1, 1),
    "contains": Arity(1, 1),
    "count": Arity(0, 0),
    "distinct": Arity(0, 0),
    "empty": Arity(0, 0),
    "endsWith": Arity(1, 1),
    "exists": Arity(0, 1),
    "extension": Arity(1, 1),
    "first": Arity(0, 0),
    "floor": Arity(0, 0),
    "getReferenceKey": Arity(0, 1),
    "getResourceKey": Arity(0, 0),
    "hasValue": Arity(0, 0),
    "highBoundary": Arity(0, 1),
    "iif": Arity(2, 3),
    "indexOf": Arity(1, 1),
    "is": Arity(1, 1),
    "isDistinct": Arity(0, 0),
    "join": Arity(0, 1),
    "last": Arity(0, 0),
    "length": Arity(0, 0),
    "lowBoundary": Arity(0, 1),
    "lower": Arity(0, 0),
    "matches": Arity(1, 1),
    "not": Arity(0, 0),
    "ofType": Arity(1, 1),
    "replace": Arity(2, 2),
    "round": Arity(0, 1),
    "select": Arity(1, 1),
    "single": Arity(0, 0),
    "skip": Arity(1, 1),
    "startsWith": Arity(1, 1),
    "substring": Arity(1, 2),
    "tail": Arity(0, 0),
    "take": Arity(1, 1),
    "toDecimal": Arity(0, 0),
    "toInteger": Arity(0, 0),
    "toString": Arity(0, 0),
    "trim": Arity(0, 0),
    "truncate": Arity(0, 0),
    "union": Arity(1, 1),
    "upper": Arity(0, 0),
    "where": Arity(1, 1),
}
"""The functions by name."""

CODE_SYSTEMS: Mapping[str, str] = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "ucum": "http://unitsofmeasure.org",
}
"""Variables that stand for the address of a code system (FHIR R4, FHIRPath, "Variables")."""

ENVIRONMENT = frozenset({"context", "resource", "rootResource", "rowIndex", *CODE_SYSTEMS})
"""All variables that need no constant of the view."""
