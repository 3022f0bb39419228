"""Reads one delivery of health records in two passes: Patients first, then everything else.

A record may stand before its Patient, in any file of the delivery, so the first pass resolves
every Patient. Both passes stream, so memory does not grow with the delivery.
"""

import re
from collections import Counter

import orjson

from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.ehr.element import Element
from medplatform.modalities.ehr.flatten import FLATTEN
from medplatform.modalities.ehr.issue import Issue, Refused, refused
from medplatform.modalities.ehr.scope import Scope
from medplatform.modalities.ehr.sources import Record, read_records
from medplatform.modalities.ehr.subjects import Subjects, find_id
from medplatform.modalities.ehr.tables import TABLE_OF, UNIT
from medplatform.modalities.ehr.verdict import Verdict, is_patient, judge
from medplatform.modalities.ehr.versions import Versions
from medplatform.modalities.modality import Progress
from medplatform.privacy import Identity

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def read_delivery(
    delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /
) -> None:
    """Read all files of a delivery into a stage (see `medplatform.modalities.modality.Reader`)."""
    versions = Versions()
    try:
        reading = _Reading(stage, identity, versions)
        total = 2 * sum(source.bytes for source in delivery.sources)
        done = 0
        for patients in (True, False):
            for source in delivery.sources:
                progress(source.label, done, total)
                reading.read(source, patients=patients)
                done += source.bytes
        progress(delivery.name, total, total)
        identity.save()
    finally:
        versions.close()


class _Reading:
    """What is known while a delivery is read."""

    def __init__(self, stage: Stage, identity: Identity, versions: Versions) -> None:
        self._stage = stage
        self._identity = identity
        self._versions = versions
        self._subjects = Subjects(identity)

    def read(self, source: Source, *, patients: bool) -> None:
        """Read the Patients of a file, or all other records."""
        tally: Counter[str] = Counter()
        for record in read_records(source.path):
            if is_patient(record.raw) == patients:
                tally["delivered"] += 1
                if record.is_blank:
                    tally["blank"] += 1
                else:
                    tally[self._take(source, record)] += 1
        tally.pop("kept", None)  # counted by `Stage.keep`
        self._stage.count(source.source_id, UNIT, **tally)

    def _take(self, source: Source, record: Record) -> str:
        """Accept, keep or refuse a record; return which."""
        verdict = _judge(record)
        if verdict.issues:
            return self._refuse(source, record, verdict.resource_type, verdict.issues)
        assert verdict.resource_type is not None
        if verdict.resource is None:
            self._stage.keep(source.source_id, UNIT, verdict.resource_type)
            return "kept"
        try:
            rows = self._flatten(verdict.resource_type, verdict.resource, record)
        except Refused as error:
            return self._refuse(source, record, verdict.resource_type, (error.issue,))
        for row in rows:
            row["source_id"] = source.source_id
            row["record_number"] = record.number
        self._stage.write(TABLE_OF[verdict.resource_type], rows)
        return "accepted"

    def _flatten(self, resource_type: str, content: dict, record: Record) -> list[dict]:
        resource = Element(content, resource_type)
        resource_id = _read_id(resource, record)
        if resource_type == "Patient":
            subject = self._subjects.of_patient(resource, _local_ids(resource_id, record))
        else:
            subject = self._subjects.of_record(resource, record.aliases)
        scope = Scope(self._identity, subject, resource_id, record.aliases)
        rows = FLATTEN[resource_type](resource, scope)
        self._note_version(resource, resource_id)
        return rows

    def _note_version(self, resource: Element, resource_id: str) -> None:
        version = resource.child("meta").text("versionId") or ""
        try:
            content = orjson.dumps(resource.content, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            raise refused("fhir.too_deep") from None
        found = self._versions.add(resource.path, resource_id, version, content)
        if found != "new":
            raise refused("record.duplicate" if found == "same" else "record.conflict")

    def _refuse(
        self,
        source: Source,
        record: Record,
        resource_type: str | None,
        issues: tuple[Issue, ...],
    ) -> str:
        for issue in issues:
            self._stage.refuse(
                Refusal(
                    source_id=source.source_id,
                    file=source.label,
                    record_number=record.number,
                    byte_offset=record.offset,
                    unit=UNIT,
                    resource_type=resource_type,
                    element=issue.element,
                    code=issue.code,
                    reason=issue.reason,
                )
            )
        return "quarantined"


def _judge(record: Record) -> Verdict:
    return Verdict(issues=(record.fault,)) if record.fault else judge(record.raw)


def _read_id(resource: Element, record: Record) -> str:
    """The id of a resource; in a Bundle the fullUrl may stand for it (transactions)."""
    resource_id = resource.text("id")
    if resource_id is None and record.full_url:
        resource_id = find_id(record.full_url, resource.path, {})
    if resource_id is None:
        raise refused("record.no_id", resource.of("id"))
    if not _ID.fullmatch(resource_id):
        raise refused("record.bad_id", resource.of("id"))
    return resource_id


def _local_ids(resource_id: str, record: Record) -> list[str]:
    """The ids by which other records may refer to a Patient."""
    url_id = find_id(record.full_url, "Patient", {}) if record.full_url else None
    return list(dict.fromkeys(filter(None, (resource_id, url_id))))
