"""From the bytes of valid resources of one type to de-identified nested columns."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from medplatform.modalities.ehr.columns.misfit import find_misfit
from medplatform.modalities.ehr.columns.parse import LostLeaves, parse, parse_unjudged
from medplatform.modalities.ehr.columns.shape import Shape, TooDeep, UnknownElement
from medplatform.modalities.ehr.conformance.verdict import judge_lines
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify import Deidentifier, Policy, RowSubjects
from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.references import CONTAINED, References
from medplatform.modalities.ehr.settle import read_versions
from medplatform.privacy import Identity, Subject

_UNREADABLE = (
    LostLeaves,
    pa.ArrowException,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What the parser raises for a valid resource that no column can hold."""

_WORTH_COLUMNS = 256
"""Records from which it is faster to look at columns than at each; and as many are looked at to
learn which elements a type has."""

Issues = dict[int, list[Issue]]
"""Why resources are refused, by position."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Resources in columns; `rows` are the numbers, among those given, of those that fit.

    `versions` are as delivered (`read_versions`).
    """

    content: pa.StructArray
    versions: pa.Array
    rows: np.ndarray
    shape: Shape
    issues: Issues


class Nester:
    """Parses and de-identifies resources; keeps the shapes that it has met."""

    def __init__(self, policy: Policy, identity: Identity, release: Release) -> None:
        self._release = release
        self._deidentifier = Deidentifier(policy, identity, release)
        self._shapes: dict[str, Shape] = {}

    def read(self, resource_type: str, lines: Sequence[bytes]) -> pa.StructArray | None:
        """The columns of lines that are not judged yet, if they can be told with certainty.

        None where they cannot, or are too few for columns to pay (see `parse_unjudged`).
        """
        if len(lines) < _WORTH_COLUMNS:
            return None
        shape = self._shapes.setdefault(resource_type, Shape.root(resource_type))
        if not shape.children:
            # An odd step, since what repeats in a file rather does so in even ones.
            self._grow(shape, lines[:: len(lines) // _WORTH_COLUMNS | 1])
        return parse_unjudged(lines, shape)

    def nest(
        self,
        resource_type: str,
        lines: Sequence[bytes],
        subjects: Sequence[Subject | None],
        references: References,
        *,
        raw: pa.StructArray | None = None,
        are_contained: bool = False,
    ) -> Nested:
        """Lay valid resources of a type out in columns and de-identify them.

        Parameters
        ----------
        resource_type
            The type of all of them.
        lines
            Their bytes, without contained resources.
        subjects
            Whom each is about.
        references
            Rewrites what they refer to.
        raw
            What `read` made of them.
        are_contained
            They stand in other resources, and their ids in those alone.
        """
        shape = self._shapes.setdefault(resource_type, Shape.root(resource_type))
        issues: Issues = {}
        if raw is None:
            raw, rows, issues = self._parse(resource_type, lines, shape)
        else:
            rows = np.arange(len(lines))
        about = [subjects[row] for row in rows.tolist()]
        published = self._deidentifier.apply(
            raw,
            shape,
            RowSubjects(
                patient_id=pa.array([s.patient_id if s else None for s in about], pa.string()),
                shift_days=np.array([s.shift_days if s else 0 for s in about], dtype=np.int32),
                resolve=references.rewrite,
                id_kind=references.kind(CONTAINED if are_contained else resource_type),
                are_contained=are_contained,
            ),
        )
        content, versions = published.content, read_versions(raw)
        for row, element, code in published.invalid:
            issues.setdefault(int(rows[row]), []).append(make_issue(code, element))
        if published.invalid:
            good = np.flatnonzero([int(row) not in issues for row in rows])
            content, versions = content.take(pa.array(good)), versions.take(pa.array(good))
            rows = rows[good]
        return Nested(content, versions, rows, shape, issues)

    def _grow(self, shape: Shape, lines: Sequence[bytes]) -> None:
        """Let a shape learn from some resources what others will have."""
        for verdict in judge_lines(lines, self._release):
            if verdict.content is not None and verdict.by == "filter":
                verdict.content.pop(CONTAINED, None)
                with suppress(UnknownElement, TooDeep):  # which `nest` reports
                    shape.grow(verdict.content, self._release)

    def _parse(
        self, resource_type: str, lines: Sequence[bytes], shape: Shape
    ) -> tuple[pa.StructArray, np.ndarray, Issues]:
        """The resources that fit into columns, their numbers, and why others do not."""
        issues: Issues = {}
        rows = list(range(len(lines)))
        while True:
            try:
                array, _ = parse([lines[row] for row in rows], shape, self._release)
            except _UNREADABLE:
                unfit = dict(self._find_unfit(resource_type, lines, rows))
                for row in unfit or rows:
                    issues[row] = [unfit.get(row) or make_issue("fhir.unreadable", resource_type)]
                rows = [row for row in rows if row not in issues]
            else:
                return array, np.array(rows, dtype=np.int64), issues

    def _find_unfit(
        self, resource_type: str, lines: Sequence[bytes], rows: Sequence[int]
    ) -> Iterator[tuple[int, Issue]]:
        """The resources that do not fit by themselves, found by halving."""
        try:
            parse([lines[row] for row in rows], Shape.root(resource_type), self._release)
        except _UNREADABLE as error:
            if len(rows) == 1:
                yield rows[0], self._explain(resource_type, lines[rows[0]], error)
            else:
                half = len(rows) // 2
                yield from self._find_unfit(resource_type, lines, rows[:half])
                yield from self._find_unfit(resource_type, lines, rows[half:])

    def _explain(self, resource_type: str, line: bytes, error: Exception) -> Issue:
        if isinstance(error, TooDeep):
            return make_issue("fhir.too_deep", resource_type)
        if isinstance(error, UnknownElement):
            return make_issue("fhir.unknown_element", str(error))
        misfit = find_misfit(resource_type, orjson.loads(line), self._release)
        code = "value.wrong_type" if misfit else "fhir.unreadable"
        return make_issue(code, misfit or resource_type)
