"""What is done to a batch: judge, lay out in columns, tabulate.

Bytes in, tables and refusals out; nothing here touches the lake, so batches can be processed in
any process and in any order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa

from medplatform.garbage import collected_once
from medplatform.modalities.delivery import Source
from medplatform.modalities.ehr import long_tables
from medplatform.modalities.ehr.batch import Batch
from medplatform.modalities.ehr.columns.child import child
from medplatform.modalities.ehr.columns.fold import fold
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.columns.trim import trim
from medplatform.modalities.ehr.contained import nest_contained
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify import Policy
from medplatform.modalities.ehr.deidentify.distinct import Column
from medplatform.modalities.ehr.deidentify.tokens import VERSION, make_tokens
from medplatform.modalities.ehr.flat.flatten import Flattener
from medplatform.modalities.ehr.index import ResourceIndex
from medplatform.modalities.ehr.issue import make_issue
from medplatform.modalities.ehr.judging import NOT_STORED, Accepted, Judge, Processed, refuse
from medplatform.modalities.ehr.nested import nested_table
from medplatform.modalities.ehr.nesting import Issues, Nested, Nester
from medplatform.modalities.ehr.profile_check import Profiles
from medplatform.modalities.ehr.references import References
from medplatform.modalities.ehr.settle import VERSIONS, digest_of
from medplatform.modalities.ehr.subjects import Subjects
from medplatform.modalities.ehr.tables import CONTAINED, EXTENSION, REFERENCE, TABLE_OF
from medplatform.privacy import Identity


@dataclass(frozen=True, slots=True)
class Context:
    """What every batch of a delivery is processed with; can be sent to another process."""

    identity: Identity
    subjects: Subjects
    index: ResourceIndex
    release: Release
    policy: Policy
    source: str | None = None
    profiles: Profiles | None = None

    def references(self, aliases: Mapping[str, str]) -> References:
        """Rewrites the references of resources with these aliases."""
        return References(self.identity, self.index, aliases, self.source, self.subjects.literal)


class Processor:
    """Processes batches one after the other."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._judge = Judge(context.release, context.subjects, context.profiles)
        self._nester = Nester(context.policy, context.identity, context.release)
        self._flattener = Flattener()

    def process(self, batch: Batch) -> Processed:
        """Judge and tabulate the records of a batch. Never raises for bad content."""
        with collected_once():
            return self._process(batch)

    def _process(self, batch: Batch) -> Processed:
        processed = Processed()
        raw = None
        if batch.resource_type is not None and batch.resource_type not in NOT_STORED:
            raw = self._nester.read(batch.resource_type, batch.lines)
        accepted = self._judge.judge(batch, processed, raw)
        if not accepted:
            return processed
        assert batch.resource_type is not None
        if any(one.line != batch.lines[one.position] for one in accepted):
            raw = None
        references = self._context.references(batch.aliases)
        contained, refused = nest_contained(accepted, self._nester, references)
        accepted = [one for one in accepted if one.position not in refused]
        nested = self._nest(batch.resource_type, accepted, references, refused, raw)
        accepted = [accepted[row] for row in nested.rows]
        if accepted:
            keys = _keys(batch, accepted, nested.content, references)
            versions = _version_tokens(self._context.identity, nested.versions)
            keys = keys.append_column("version", versions)
            work = _Columns(nested.content, nested.shape, keys, _within(contained, keys))
            self._tabulate(work, references, refused, processed)
        for position, issues in refused.items():
            refuse(batch, position, batch.resource_type, issues, processed)
        left = (batch.sources[one.position] for one in accepted if one.position not in refused)
        for source, same in groupby(left):
            processed.tally[source.source_id, "accepted"] += len(list(same))
        return processed

    def _nest(
        self,
        resource_type: str,
        accepted: Sequence[Accepted],
        references: References,
        refused: Issues,
        raw: pa.StructArray | None,
    ) -> Nested:
        if raw is not None and len(accepted) < len(raw):
            raw = raw.take(pa.array([one.position for one in accepted], pa.int64()))
        nested = self._nester.nest(
            resource_type,
            [one.line for one in accepted],
            [one.subject for one in accepted],
            references,
            raw=raw,
        )
        refused.update({accepted[row].position: why for row, why in nested.issues.items()})
        return nested

    def _tabulate(
        self, work: "_Columns", references: References, refused: Issues, processed: Processed
    ) -> None:
        resource_type = work.keys["resource_type"][0].as_py()
        table = TABLE_OF.get(resource_type)
        flat = self._flatten(work, refused) if table else None
        work = work.without(refused)
        if table and flat is not None:
            processed.tables.append((table, _without(flat, refused).select(table.schema().names)))
        if work.keys.num_rows == 0:
            return
        processed.versions = work.keys.select(VERSIONS.names).cast(VERSIONS)
        is_resolved = references.is_resolved
        processed.tables += [
            (nested_table(resource_type), _nested_rows(work)),
            (
                REFERENCE,
                long_tables.reference_rows(work.content, work.shape, work.keys, is_resolved),
            ),
            (EXTENSION, long_tables.extension_rows(work.content, work.shape, work.keys)),
            (CONTAINED, _contained_rows(work)),
        ]

    def _flatten(self, work: "_Columns", refused: Issues) -> pa.Table | None:
        """Rows of the typed table, of the resources whose meaning is known."""
        known = work.filter(~work.keys["is_modified"].to_numpy())
        if known.keys.num_rows == 0:
            return None
        rows, unusable = self._flattener.rows(known.content, known.keys, known.contained)
        for one in unusable:
            refused.setdefault(one.position, []).append(make_issue(one.code, one.element))
        return rows


@dataclass(frozen=True, slots=True)
class _Columns:
    """Resources of one type, de-identified: content, keys (one row each), and those within them."""

    content: pa.StructArray
    shape: Shape
    keys: pa.Table
    contained: pa.Table

    def filter(self, mask: np.ndarray) -> "_Columns":
        """The resources where the mask is true."""
        if mask.all():
            return self
        keys = self.keys.filter(pa.array(mask))
        content = self.content.filter(pa.array(mask))
        assert isinstance(content, pa.StructArray)
        return _Columns(content, self.shape, keys, _within(self.contained, keys))

    def without(self, refused: Issues) -> "_Columns":
        """All but the refused."""
        if not refused:
            return self
        return self.filter(~np.isin(self.keys["position"].to_numpy(), list(refused)))


def _keys(
    batch: Batch, accepted: Sequence[Accepted], content: pa.StructArray, references: References
) -> pa.Table:
    """What every table says of a resource beside its content, and its position in the batch."""
    assert batch.resource_type is not None
    resource_type = batch.resource_type
    positions, resource_ids, _, subjects, are_modified, _ = zip(*accepted, strict=True)
    local_ids = references.local_tokens(resource_type, resource_ids)
    patient_ids = [subject.patient_id if subject else None for subject in subjects]
    return pa.table(
        {
            "position": pa.array(positions, pa.int64()),
            "resource_type": pa.array([resource_type] * len(accepted), pa.string()),
            "resource_id": pa.array(
                patient_ids if resource_type == "Patient" else local_ids, pa.string()
            ),
            "local_id": pa.array(local_ids, pa.string()),
            "patient_id": pa.array(patient_ids, pa.string()),
            # as published, empty where there is none
            "version_id": child(child(content, "meta"), "versionId").fill_null(""),
            "is_modified": pa.array(are_modified, pa.bool_()),
            "source_id": pa.array(
                _source_ids(batch.sources[position] for position in positions), pa.string()
            ),
            "record_number": pa.array(
                [batch.numbers[position] for position in positions], pa.int64()
            ),
            "byte_offset": pa.array(
                [batch.offsets[position] for position in positions], pa.int64()
            ),
            "digest": pa.array(
                [digest_of(batch.lines[position]) for position in positions], pa.binary(16)
            ),
        }
    )


def _source_ids(sources: Iterable[Source]) -> list[str]:
    """The ids of sources, of which many that are the same follow each other."""
    return [
        source_id
        for source, same in groupby(sources)
        for source_id in [source.source_id] * len(list(same))
    ]


def _version_tokens(identity: Identity, versions: pa.Array) -> pa.Array:
    """Tokens of versions as delivered, empty where nothing is said of them."""
    tokens = Column(versions).replace(lambda values: make_tokens(identity, VERSION, values))
    return tokens.fill_null("")


def _nested_rows(work: _Columns) -> pa.Table:
    """Rows of the nested table: keys, lineage, and every element that occurs."""
    table = work.keys.select(["resource_id", "patient_id", "is_modified"])
    table = table.rename_columns(["id", "patient_id", "is_modified"])
    content = fold(trim(work.content))
    assert isinstance(content, pa.StructArray)
    for field in content.type:
        if field.name != "id":
            table = table.append_column(field, content.field(field.name))
    for name in ("source_id", "record_number"):
        table = table.append_column(name, work.keys[name])
    return table


def _within(contained: pa.Table, keys: pa.Table) -> pa.Table:
    """The contained resources of those that there are keys of."""
    is_within = np.isin(contained["position"].to_numpy(), keys["position"].to_numpy())
    return contained.filter(pa.array(is_within))


def _contained_rows(work: _Columns) -> pa.Table:
    row_of = {position: row for row, position in enumerate(work.keys["position"].to_pylist())}
    rows = [row_of[position] for position in work.contained["position"].to_pylist()]
    table = work.keys.take(pa.array(rows, pa.int64()))
    for name in ("contained_type", "contained_id", "content"):
        table = table.append_column(name, work.contained[name])
    return table.select(CONTAINED.schema().names).cast(CONTAINED.schema())


def _without(rows: pa.Table, refused: Issues) -> pa.Table:
    if not refused:
        return rows
    return rows.filter(pa.array(~np.isin(rows["position"].to_numpy(), list(refused))))
