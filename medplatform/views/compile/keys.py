"""Keys to join views by (SQL on FHIR v2, "Joins with Resource and Reference Keys").

The key of a resource is its id, and that of a reference the id in it: relative
(`Patient/1`) or absolute (`https://host/fhir/Patient/1`), with or without a version. Other
references (contained, `urn:`, conditional, by identifier) name no row, so they have no key.
Beside what FHIR allows in ids there may be underscores: pseudonyms have them.
"""

from medplatform.views.compile.evaluate import Scope
from medplatform.views.compile.values import (
    Items,
    Nothing,
    Root,
    Value,
    member,
    per_item,
    text,
)
from medplatform.views.error import ViewError
from medplatform.views.schema import literal

_ID = r"[A-Za-z0-9\-._]{1,64}"


def resource_key(target: Value, scope: Scope) -> Value:
    """The id of the resource.

    Raises
    ------
    ViewError
        The target is no resource.
    """
    if isinstance(target, Nothing):
        return target
    is_resource = isinstance(target, Root) or (
        isinstance(target, Items)
        and target.type is not None
        and target.type.resolve() == "Resource"
    )
    if not is_resource:
        raise ViewError(scope.element, "getResourceKey() is for resources")
    return member(target, "id", scope.names, scope.element)


def reference_key(target: Items | Nothing, type_name: str | None, scope: Scope) -> Value:
    """The id in each reference, of those to `type_name` only where it is given.

    Raises
    ------
    ViewError
        The target is no reference.
    """
    if isinstance(target, Nothing):
        return target
    references = member(target, "reference", scope.names, scope.element)
    if not isinstance(references, Items):
        declared = target.type.resolve() if target.type else None
        if declared in (None, "Reference"):
            return Nothing()
        raise ViewError(scope.element, "getReferenceKey() is for references")
    type_pattern = (type_name or "").rpartition(".")[2] or "[A-Z][A-Za-z]+"
    pattern = rf"^(?:https?://[^/]+/(?:.*/)?)?{type_pattern}/({_ID})(?:/_history/{_ID})?$"

    def key(reference: Items) -> Items:
        sql = f"nullif(regexp_extract({reference.sql}, {literal(pattern)}, 1), '')"
        return text(sql, "id")

    return per_item(references, scope.names, key)
