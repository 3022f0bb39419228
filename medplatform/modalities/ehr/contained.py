"""Resources within resources: they become rows of their own, de-identified like all others."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from medplatform.modalities.ehr.batch import peek
from medplatform.modalities.ehr.columns.json_text import to_json
from medplatform.modalities.ehr.judging import Accepted
from medplatform.modalities.ehr.nesting import Issues, Nester
from medplatform.modalities.ehr.references import CONTAINED, References

CONTAINED_RESOURCES = pa.schema(
    {
        "position": pa.int64(),
        "contained_type": pa.string(),
        "contained_id": pa.string(),
        "content": pa.string(),
        "coding": pa.list_(
            pa.struct({"system": pa.string(), "code": pa.string(), "display": pa.string()})
        ),
    }
)
"""One row per contained resource: the position of the resource that contains it, its type and
pseudonym, itself as JSON, and the codings of its `code`."""


def nest_contained(
    accepted: Sequence[Accepted], nester: Nester, references: References
) -> tuple[pa.Table, Issues]:
    """The resources that others contain, and why some of those that contain them are refused."""
    issues: Issues = {}
    parts = [CONTAINED_RESOURCES.empty_table()]
    for resource_type, found in _by_type(accepted).items():
        nested = nester.nest(
            resource_type,
            [line for _, line in found],
            [one.subject for one, _ in found],
            references,
            are_contained=True,
        )
        for number, reasons in nested.issues.items():
            issues.setdefault(found[number][0].position, []).extend(reasons)
        rows = [found[number] for number in nested.rows]
        parts.append(
            pa.table(
                {
                    "position": [one.position for one, _ in rows],
                    "contained_type": [resource_type] * len(rows),
                    "contained_id": references.tokens(
                        CONTAINED, [peek(line).id or "" for _, line in rows]
                    ),
                    "content": list(to_json(nested.content)),
                    "coding": list(_codings(nested.content)),
                },
                schema=CONTAINED_RESOURCES,
            )
        )
    return pa.concat_tables(parts), issues


def _by_type(accepted: Sequence[Accepted]) -> dict[str, list[tuple[Accepted, bytes]]]:
    found: dict[str, list[tuple[Accepted, bytes]]] = {}
    for one in accepted:
        for line in one.contained:
            resource_type = peek(line).resource_type
            assert resource_type is not None  # FHIR was checked already
            found.setdefault(resource_type, []).append((one, line))
    return found


def _codings(content: pa.StructArray) -> Iterator[list[dict[str, str]] | None]:
    """The codings of `code`, where it is a CodeableConcept."""
    for resource in content.to_pylist():
        code = resource.get("code")
        yield code.get("coding") if isinstance(code, dict) else None
