"""URLs that name one resource by type and id, as references and requests write them."""

import re
from typing import NamedTuple

# Nothing before or in it may be a query or fragment: a search names no resource.
_LITERAL = re.compile(
    r"(?:[^?#]*/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/([^/?#]+))?"
)


class Literal(NamedTuple):
    """Type and id of a resource, and the version, where one of them is meant."""

    resource_type: str
    resource_id: str
    version_id: str | None


def read_literal(url: str) -> Literal | None:
    """What a relative or absolute URL names (FHIR R4, 2.3.0.3 and 3.1.0.1), or None.

    >>> read_literal("https://example.org/fhir/Patient/p1/_history/2")
    Literal(resource_type='Patient', resource_id='p1', version_id='2')
    >>> read_literal("Patient?identifier=http://example.org/Patient/p1")
    """
    found = _LITERAL.fullmatch(url)
    return Literal(*found.groups()) if found else None
