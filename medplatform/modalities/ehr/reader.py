"""Reads one delivery of health records in two passes: Patients first, then everything.

A record may stand before its Patient, in any file of the delivery, so the first pass resolves
every Patient and notes which ids there are. Both passes stream, so memory does not grow with the
delivery.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from hashlib import sha256
from itertools import islice, repeat
from typing import Any

from medplatform.garbage import collected_once
from medplatform.lake import Refusal, Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.ehr.batch import Batch, Batches, peek_all
from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.ehr.conformance.detection import Detected, find_release
from medplatform.modalities.ehr.conformance.verdict import is_resource_type, judge
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR, Policy, PolicyError
from medplatform.modalities.ehr.index import ResourceIndex
from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.judging import Processed, find_id
from medplatform.modalities.ehr.processing import Context, Processor
from medplatform.modalities.ehr.profile_check import Profiles
from medplatform.modalities.ehr.profiles import Presence, ProfileError
from medplatform.modalities.ehr.references import find_target
from medplatform.modalities.ehr.settle import VersionLog, name_versions
from medplatform.modalities.ehr.sources import Block, find_release_hint, read_blocks
from medplatform.modalities.ehr.subjects import Patient, Subjects
from medplatform.modalities.ehr.tables import DELETION, TABLE_OF, UNIT
from medplatform.modalities.ehr.workers import Workers
from medplatform.modalities.modality import Misconfigured, Progress
from medplatform.privacy import Identity

_WORTH_WORKERS = 32 << 20
"""Bytes of FHIR, unpacked, from which it pays to start processes, which takes them seconds."""
_SAMPLE_LINES = 20
"""Of each file, to find the release by."""


def read_delivery(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    /,
    configuration: Configuration,
) -> None:
    """Read all files of a delivery into a stage (see `medplatform.modalities.modality.Reader`)."""
    reading = _Reading(delivery, stage, identity, progress, configuration)
    reading.find_patients()
    identity.save()
    reading.read()
    reading.settle()


def _configured(configuration: Configuration) -> tuple[Policy, Profiles | None]:
    try:
        policy = configuration.policy
        return Policy.load(policy) if policy else SHIFTED_SAFE_HARBOR, Profiles.of(configuration)
    except (PolicyError, ProfileError) as error:
        raise Misconfigured(str(error)) from error


class _Reading:
    """What is known while a delivery is read."""

    def __init__(
        self,
        delivery: Delivery,
        stage: Stage,
        identity: Identity,
        progress: Progress,
        configuration: Configuration,
    ) -> None:
        self._delivery = delivery
        self._stage = stage
        self._progress = progress
        self._index = ResourceIndex()
        self._subjects = Subjects(
            identity,
            delivery.options.source,
            is_per_record=delivery.options.subjects == "per_record",
        )
        self._versions = VersionLog(stage.folder / "_versions")
        policy, profiles = _configured(configuration)
        digest = sha256(policy.dump().encode()).hexdigest()[:12]
        stage.facts["deidentification_policy"] = f"{policy.name} {digest}"
        self._workers = configuration.workers
        self._plain_bytes = 0
        self._kinds: list[set[str | None]] = []
        """The resource types in each block; in most there is one."""
        self._presence = Presence()
        self._context = Context(
            identity,
            self._subjects,
            self._index,
            self._find_release(),
            policy,
            delivery.options.source,
            profiles,
        )

    def _find_release(self) -> Release:
        """As declared, as a file says, or as its first resources show."""
        declared = self._delivery.options.fhir_release
        if declared is None:
            hints = (find_release_hint(source.path) for source in self._delivery.sources)
            declared = next(filter(None, hints), None)
        if declared:
            found = Detected(Release(declared), "declared")
        else:
            found = find_release(self._samples())
        self._stage.facts["fhir_release"] = f"{found.release} ({found.basis})"
        return found.release

    def _samples(self) -> Iterator[bytes]:
        for source in self._delivery.sources:
            for block in islice(read_blocks(source.path), 1):
                yield from block.lines[:_SAMPLE_LINES]

    def find_patients(self) -> None:
        """Link every Patient, and note the ids of all resources."""
        for source, block in self._blocks("patients"):
            self._plain_bytes += sum(map(len, block.lines))
            ids: dict[str, list[str]] = {}
            patients: list[int] = []
            kinds: set[str | None] = set()
            for position, head in enumerate(peek_all(block.lines)):
                kinds.add(head.resource_type)
                if head.resource_type and head.id:
                    ids.setdefault(head.resource_type, []).append(head.id)
                if head.resource_type == "Patient":
                    patients.append(position)
            for resource_type, found in ids.items():
                if is_resource_type(resource_type, self._context.release):
                    self._index.add(resource_type, found)
            self._add_patients(source, block, patients)
            self._kinds.append(kinds)
        self._index.freeze()

    def read(self) -> None:
        """Process every record, in this process or in several."""
        for batch, processed in self._process(self._batches()):
            self._take(batch, processed)
        self._stage.reports |= self._profile_reports()

    def _process(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Processed]]:
        if self._workers > 1 and self._plain_bytes >= _WORTH_WORKERS:
            with Workers(self._context, self._workers) as workers:
                yield from workers.process(batches)
        else:
            processor = Processor(self._context)
            for batch in batches:
                yield batch, processor.process(batch)

    def _batches(self) -> Iterator[Batch]:
        batches = Batches()
        for kinds, (source, block) in zip(self._kinds, self._blocks("records"), strict=True):
            if self._is_copy(source):
                self._refuse_copy(source, block)
                continue
            self._count(source, block)
            if len(kinds) == 1:
                each = repeat(next(iter(kinds)), len(block.lines))
            else:
                each = (head.resource_type for head in peek_all(block.lines))
            yield from batches.add(source, block, each)
        yield from batches.rest()

    def _profile_reports(self) -> dict[str, list[dict[str, Any]]]:
        profiles = self._context.profiles
        if profiles is None:
            return {}
        return {
            "must_support": [row._asdict() for row in self._presence.rows()],
            "profile_rules_not_checked": [asdict(gap) for gap in profiles.definitions.gaps()],
        }

    def settle(self) -> None:
        """Quarantine the records that stood in the delivery before, flag those that contradict.

        A contradiction stays in the nested tables; the typed ones hold the record that counts.
        Versions whose published ids do not tell them apart get ids that do, in the typed tables.
        """
        labels = {source.source_id: source.label for source in self._delivery.sources}
        self._stage.close()
        name_versions(self._stage, TABLE_OF.values(), self._versions.namesakes(list(labels)))
        doubles = self._versions.doubles(list(labels))
        if doubles.num_rows == 0:
            return
        self._stage.remove(doubles.filter(doubles["is_same"]))
        self._stage.remove(doubles, tables=[table.name for table in TABLE_OF.values()])
        for double in doubles.to_pylist():
            is_same, source_id = double.pop("is_same"), double["source_id"]
            issue = make_issue("record.duplicate" if is_same else "record.conflict")
            self._stage.refuse(
                Refusal(
                    **double,
                    file=labels[source_id],
                    unit=UNIT,
                    code=issue.code,
                    reason=issue.reason,
                    severity="error" if is_same else "warning",
                )
            )
            if is_same:
                self._stage.count(source_id, UNIT, accepted=-1, quarantined=1)

    def _blocks(self, what: str) -> Iterator[tuple[Source, Block]]:
        total = sum(source.bytes for source in self._delivery.sources)
        done = 0
        for source in self._delivery.sources:
            for block in read_blocks(source.path):
                self._progress(what, done + block.bytes_read, total)
                yield source, block
            done += source.bytes
        self._progress(what, total, total)

    def _is_copy(self, source: Source) -> bool:
        """Whether a file of the same bytes stands before it in the delivery."""
        sources = self._delivery.sources
        return next(s for s in sources if s.source_id == source.source_id) is not source

    def _refuse_copy(self, source: Source, block: Block) -> None:
        """Rows are named by the digest of their file: a second copy has none of its own."""
        issue = make_issue("file.duplicate")
        if block.numbers[:1] == [1]:
            self._stage.refuse(
                Refusal(
                    source_id=source.source_id,
                    file=source.label,
                    record_number=0,
                    code=issue.code,
                    reason=issue.reason,
                )
            )
        self._stage.count(
            source.source_id,
            UNIT,
            delivered=block.delivered,
            blank=block.blank,
            quarantined=block.delivered - block.blank,
        )

    def _add_patients(self, source: Source, block: Block, positions: Iterable[int]) -> None:
        with collected_once():
            patients = (self._read_patient(source, block, position) for position in positions)
            self._subjects.add_patients(filter(None, patients))

    def _read_patient(self, source: Source, block: Block, position: int) -> Patient | None:
        """A Patient, if it is valid."""
        content = judge(block.lines[position], self._context.release).content
        if content is None or content["resourceType"] != "Patient":
            return None
        url = block.full_urls[position]
        resource_id = find_id("Patient", content.get("id"), url)
        if isinstance(resource_id, Issue):
            return None
        target = find_target(url, {}) if url else None
        ids = [resource_id, *([target[1]] if target and target[1] != resource_id else [])]
        return Patient((source.source_id, block.numbers[position]), content, ids)

    def _count(self, source: Source, block: Block) -> None:
        """Count what a block delivers; the records are counted as they are processed."""
        counts = Counter(
            delivered=block.delivered, blank=block.blank, quarantined=len(block.faults)
        )
        for fault in block.faults:
            self._stage.refuse(
                Refusal(
                    source_id=source.source_id,
                    file=source.label,
                    record_number=fault.number,
                    byte_offset=fault.offset,
                    unit=UNIT,
                    element=fault.issue.element,
                    code=fault.issue.code,
                    reason=fault.issue.reason,
                )
            )
        if block.deletions:
            counts["accepted"] += len(block.deletions)
            references = self._context.references(block.aliases)
            self._stage.write(
                DELETION,
                [
                    {
                        "resource_type": gone.resource_type,
                        "resource_id": references.tokens(gone.resource_type, [gone.resource_id])[0],
                        "source_id": source.source_id,
                        "record_number": gone.number,
                    }
                    for gone in block.deletions
                ],
            )
        self._stage.count(source.source_id, UNIT, **counts)

    def _take(self, batch: Batch, processed: Processed) -> None:
        """Write what came of a batch."""
        for table, rows in processed.tables:
            if rows.num_rows:
                self._stage.write(table, rows)
        for refusal in processed.refusals:
            self._stage.refuse(refusal)
        for (source_id, outcome), amount in processed.tally.items():
            self._stage.count(source_id, UNIT, **{outcome: amount})
        for (source_id, kind), amount in processed.kept.items():
            self._stage.keep(source_id, UNIT, kind, amount)
        self._presence.add(processed.presence)
        if processed.versions is not None:
            self._versions.add(processed.versions)
