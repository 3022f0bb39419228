"""The records of a batch, one by one: is it valid, has it an id, and whom is it about?

The only place where Python looks at each record; everything after it works on columns.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from medplatform.lake import Refusal, Table
from medplatform.modalities.ehr.batch import Batch
from medplatform.modalities.ehr.conformance.verdict import Verdict, judge_lines
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.profile_check import Profiles
from medplatform.modalities.ehr.profiles import Presence
from medplatform.modalities.ehr.references import find_target
from medplatform.modalities.ehr.subjects import Subjects
from medplatform.modalities.ehr.tables import TABLE_OF, UNIT
from medplatform.privacy import Subject

NOT_STORED = frozenset({"Binary", "Bundle", "OperationOutcome", "Parameters"})
"""Resources that hold no clinical facts of their own, or raw attachments: they stay in landing."""

SUBJECT_ELEMENTS = ("subject", "patient", "beneficiary", "for", "individual")
"""Elements that say whom a resource is about, by precedence (CompartmentDefinition/patient)."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_CONTAINED = b'"contained"'
_FindSubject = Callable[[str | None, str], Subject | Issue]
"""Of a reference and the element it stands in."""


@dataclass(slots=True)
class Processed:
    """What came of a batch: rows per table, and what became of every record."""

    tables: list[tuple[Table, pa.Table]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records per source id and outcome (accepted, quarantined)."""
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records without a table per source id and resource type."""
    versions: pa.Table | None = None
    """Keys of the accepted records (`settle.VERSIONS`)."""
    presence: Presence = field(default_factory=Presence)
    """How often the elements are there that profiles must support."""


class Accepted(NamedTuple):
    """A record that is valid so far: where it stands in its batch, and what is known of it.

    `line` is the resource without those that it contains; `contained` are those.
    """

    position: int
    resource_id: str
    line: bytes
    subject: Subject | None
    is_modified: bool
    contained: tuple[bytes, ...] = ()


class Judge:
    """Judges the records of batches."""

    def __init__(
        self, release: Release, subjects: Subjects, profiles: Profiles | None = None
    ) -> None:
        self._release = release
        self._subjects = subjects
        self._profiles = profiles

    def judge(self, batch: Batch, processed: Processed) -> list[Accepted]:
        """The records that can go on; the others are refused or counted as kept."""
        accepted = []
        find_subject = cache(partial(self._subjects.of_reference, aliases=batch.aliases))
        for position, verdict in enumerate(judge_lines(batch.lines, self._release)):
            if verdict.content is None:
                refuse(batch, position, verdict.resource_type, verdict.issues, processed)
            elif verdict.content["resourceType"] in NOT_STORED:
                kind = batch.sources[position].source_id, verdict.content["resourceType"]
                processed.kept[kind] += 1
            else:
                found = self._accept(batch, position, verdict, find_subject)
                if isinstance(found, Issue):
                    refuse(batch, position, verdict.resource_type, (found,), processed)
                elif self._follows_profiles(batch, position, verdict.content, processed):
                    accepted.append(found)
        return accepted

    def _follows_profiles(
        self, batch: Batch, position: int, content: Mapping[str, Any], processed: Processed
    ) -> bool:
        """Whether no profile refuses the resource; what else a profile finds is noted."""
        if self._profiles is None:
            return True
        resource_type = content["resourceType"]
        issues = self._profiles.check(content, resource_type, processed.presence)
        if any(issue.severity == "error" for issue in issues):
            refuse(batch, position, resource_type, issues, processed)
            return False
        processed.refusals.extend(_refusals(batch, position, resource_type, issues))
        return True

    def _accept(
        self, batch: Batch, position: int, verdict: Verdict, find_subject: _FindSubject
    ) -> Accepted | Issue:
        content = verdict.content
        assert content is not None
        resource_type = content["resourceType"]
        resource_id = find_id(content, batch.full_urls[position])
        if isinstance(resource_id, Issue):
            return resource_id
        subject: Subject | Issue | None
        if resource_type == "Patient":
            record = batch.sources[position].source_id, batch.numbers[position]
            subject = self._subjects.of_delivered_patient(record, resource_id)
        else:
            subject = _find_subject_of(resource_type, content, find_subject)
        if isinstance(subject, Issue):
            return subject
        line = batch.lines[position]
        contained: tuple[bytes, ...] = ()
        if _CONTAINED in line and "contained" in content:
            line, contained = cut_contained(line)
        return Accepted(position, resource_id, line, subject, verdict.is_modified, contained)


def _find_subject_of(
    resource_type: str, content: Mapping[str, Any], find_subject: _FindSubject
) -> Subject | Issue | None:
    for name in SUBJECT_ELEMENTS:
        reference = content.get(name)
        if isinstance(reference, list):
            reference = reference[0] if reference else None
        if isinstance(reference, dict):
            return find_subject(reference.get("reference"), f"{resource_type}.{name}")
    if resource_type in TABLE_OF:  # which are about a patient
        return make_issue("subject.missing", f"{resource_type}.subject")
    return None


def find_id(content: Mapping[str, Any], full_url: str | None) -> str | Issue:
    """The id of a resource; in a Bundle the fullUrl may stand for it (transactions)."""
    resource_type = content["resourceType"]
    resource_id = content.get("id")
    if resource_id is None and full_url and (target := find_target(full_url, {})):
        resource_id = target[1]
    if resource_id is None:
        return make_issue("record.no_id", f"{resource_type}.id")
    if not _ID.fullmatch(resource_id):
        return make_issue("record.bad_id", f"{resource_type}.id")
    return resource_id


def cut_contained(line: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A resource without its contained resources, and those; every byte as it was delivered."""
    parts = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    contained = msgspec.json.decode(parts.pop("contained"), type=list[msgspec.Raw])
    rest = b",".join(b'"%s":%s' % (name.encode(), bytes(raw)) for name, raw in parts.items())
    return b"{%s}" % rest, tuple(map(bytes, contained))


def refuse(
    batch: Batch,
    position: int,
    resource_type: str | None,
    issues: Iterable[Issue],
    processed: Processed,
) -> None:
    """Note that a record is quarantined, with every reason."""
    processed.tally[batch.sources[position].source_id, "quarantined"] += 1
    processed.refusals.extend(_refusals(batch, position, resource_type, issues))


def _refusals(
    batch: Batch, position: int, resource_type: str | None, issues: Iterable[Issue]
) -> Iterator[Refusal]:
    source = batch.sources[position]
    for issue in issues:
        yield Refusal(
            source_id=source.source_id,
            file=source.label,
            record_number=batch.numbers[position],
            byte_offset=batch.offsets[position],
            unit=UNIT,
            resource_type=resource_type,
            element=issue.element,
            code=issue.code,
            reason=issue.reason,
            severity="error" if issue.severity == "error" else "warning",
        )
