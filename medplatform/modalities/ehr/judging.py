"""The records of a batch, one by one: is it valid, has it an id, and whom is it about?

The only place where Python looks at each record, if only at those that whole columns leave open;
everything after it works on columns.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import repeat
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.lake import Refusal, Table
from medplatform.modalities.ehr.batch import Batch
from medplatform.modalities.ehr.columns.child import child
from medplatform.modalities.ehr.conformance.verdict import find_suspect_rows, judge
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.facts import Facts, FactsRow, read_all_facts, read_facts
from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.profile_check import Profiles
from medplatform.modalities.ehr.profiles import Presence
from medplatform.modalities.ehr.references import find_target
from medplatform.modalities.ehr.subjects import Subjects, search_of
from medplatform.modalities.ehr.tables import TABLE_OF, UNIT
from medplatform.privacy import Subject

NOT_STORED = frozenset({"Binary", "Bundle", "OperationOutcome", "Parameters"})
"""Resources that hold no clinical facts of their own, or raw attachments: they stay in landing."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_CONTAINED = b'"contained"'


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
    is_modified: bool = False
    contained: tuple[bytes, ...] = ()


_accepted = partial(tuple.__new__, Accepted)  # half the time that the constructor takes


class Judge:
    """Judges the records of batches."""

    def __init__(
        self, release: Release, subjects: Subjects, profiles: Profiles | None = None
    ) -> None:
        self._release = release
        self._subjects = subjects
        self._profiles = profiles

    def judge(
        self, batch: Batch, processed: Processed, raw: pa.StructArray | None = None
    ) -> list[Accepted]:
        """The records that can go on; the others are refused or counted as kept.

        `raw` are the records in columns, where they are known and of a type that is stored: then
        only those are looked at one by one that cannot be accepted by whole columns.
        """

        @cache
        def find_subject(reference: str | None, element: str) -> Subject | Issue:
            path = f"{batch.resource_type}.{element}"
            return self._subjects.of_reference(reference, path, batch.aliases)

        session = _Session(
            self._release,
            self._subjects,
            self._profiles,
            batch,
            processed,
            find_subject,
        )
        suspects, facts = self._read_columns(batch, raw)
        found: list[Accepted | None] = [
            session.judge(position) if is_suspect else session.accept(position, *known)
            for position, (is_suspect, known) in enumerate(zip(suspects, facts, strict=True))
        ]
        return [one for one in found if one is not None]

    def _read_columns(
        self, batch: Batch, raw: pa.StructArray | None
    ) -> tuple[Iterable[bool], Iterable[FactsRow]]:
        """Which records are to be judged by themselves, and what is known of the others."""
        if raw is None or batch.resource_type is None or self._profiles is not None:
            return repeat(True, len(batch)), repeat(Facts(), len(batch))
        suspects = find_suspect_rows(raw, batch.resource_type, self._release)
        return (suspects | ~_have_ids(raw)).tolist(), read_all_facts(raw)


@dataclass(frozen=True, slots=True)
class _Session:
    """Judges the records of one batch."""

    release: Release
    subjects: Subjects
    profiles: Profiles | None
    batch: Batch
    processed: Processed
    find_subject: Callable[[str | None, str], Subject | Issue]
    """Of a reference and the element that it stands in; remembers what it found."""

    def judge(self, position: int) -> Accepted | None:
        """A record that can go on, of which nothing is known yet."""
        line = self.batch.lines[position]
        verdict = judge(line, self.release)
        content = verdict.content
        if content is None:
            self._refuse(position, verdict.resource_type, *verdict.issues)
            return None
        resource_type = content["resourceType"]
        if resource_type in NOT_STORED:
            self.processed.kept[self.batch.sources[position].source_id, resource_type] += 1
            return None
        facts = read_facts(content)
        resource_id = find_id(resource_type, facts.resource_id, self.batch.full_urls[position])
        if isinstance(resource_id, Issue):
            self._refuse(position, resource_type, resource_id)
            return None
        found = self.accept(position, *facts._replace(resource_id=resource_id))
        if found is None or not self._follows_profiles(position, content):
            return None
        if _CONTAINED in line and "contained" in content:
            line, contained = cut_contained(found.line)
            found = found._replace(line=line, contained=contained)
        return found._replace(is_modified=True) if verdict.is_modified else found

    def accept(
        self,
        position: int,
        resource_id: str | None,
        subject_element: str | None,
        reference: str | None,
    ) -> Accepted | None:
        """A valid record with an id, of which these are the facts, if its subject is known."""
        line = self.batch.lines[position]
        if subject_element:
            if not reference:
                line, reference = refer_to_subject(line, subject_element)
            subject = self.find_subject(reference, subject_element)
        else:
            subject = self._find_unreferenced(position, cast(str, resource_id))
        if isinstance(subject, Issue):
            self._refuse(position, self.batch.resource_type, subject)
            return None
        return _accepted((position, resource_id, line, subject, False, ()))

    def _find_unreferenced(self, position: int, resource_id: str) -> Subject | Issue | None:
        """Whom a record is about that names nobody; None where it need not."""
        batch = self.batch
        if batch.resource_type == "Patient":
            record = batch.sources[position].source_id, batch.numbers[position]
            return self.subjects.of_delivered_patient(record, resource_id)
        if batch.resource_type in TABLE_OF:  # which are about a patient
            return make_issue("subject.missing", f"{batch.resource_type}.subject")
        return None

    def _refuse(self, position: int, resource_type: str | None, *issues: Issue) -> None:
        refuse(self.batch, position, resource_type, issues, self.processed)

    def _follows_profiles(self, position: int, content: Mapping[str, Any]) -> bool:
        """Whether no profile refuses the resource; what else a profile finds is noted."""
        if self.profiles is None:
            return True
        resource_type = content["resourceType"]
        issues = self.profiles.check(content, resource_type, self.processed.presence)
        if any(issue.severity == "error" for issue in issues):
            refuse(self.batch, position, resource_type, issues, self.processed)
            return False
        self.processed.refusals.extend(_refusals(self.batch, position, resource_type, issues))
        return True


def find_id(resource_type: str, resource_id: str | None, full_url: str | None) -> str | Issue:
    """The id of a resource; in a Bundle the fullUrl may stand for it (transactions)."""
    if resource_id is None and full_url and (target := find_target(full_url, {})):
        resource_id = target[1]
    if resource_id is None:
        return make_issue("record.no_id", f"{resource_type}.id")
    if not _ID.fullmatch(resource_id):
        return make_issue("record.bad_id", f"{resource_type}.id")
    return resource_id


def _have_ids(content: pa.StructArray) -> np.ndarray:
    """Which resources have an id, and a good one."""
    is_good = pc.match_substring_regex(child(content, "id"), f"^{_ID.pattern}$")
    return is_good.fill_null(False).to_numpy(zero_copy_only=False)


def cut_contained(line: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A resource without its contained resources, and those; every byte as it was delivered."""
    parts = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    contained = msgspec.json.decode(parts.pop("contained"), type=list[msgspec.Raw] | None) or []
    return _join(parts), tuple(map(bytes, contained))


def refer_to_subject(line: bytes, element: str) -> tuple[bytes, str | None]:
    """A resource that names its subject by an identifier alone, with a reference that does so.

    Every other element is as it was delivered. Unchanged, and None, without such an identifier.
    """
    parts = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    subject = msgspec.json.decode(parts[element])
    first = subject[0] if isinstance(subject, list) else subject
    reference = search_of(first)
    if reference is None:
        return line, None
    first["reference"] = reference
    parts[element] = msgspec.Raw(msgspec.json.encode(subject))
    return _join(parts), reference


def _join(parts: Mapping[str, msgspec.Raw]) -> bytes:
    return b"{%s}" % b",".join(
        b'"%s":%s' % (name.encode(), bytes(raw)) for name, raw in parts.items()
    )


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
