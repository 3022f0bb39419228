"""The images that other deliveries hold under the SOP Instance UIDs of this one.

A SOP Instance UID is unique over all series and sites (PS3.5 9), so one object stands behind it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import polars as pl

from medplatform.lake import Stage
from medplatform.modalities.imaging.account import Record
from medplatform.modalities.imaging.deidentify import pseudonymous_uid
from medplatform.modalities.imaging.records import Header
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
from medplatform.privacy import Identity


class _Image(NamedTuple):
    """An image as far as it must not change; `source_id` says of which bytes it was read."""

    source_id: str
    series_id: str | None
    pixel_sha256: str | None

    def contradicts(self, other: "_Image") -> bool:
        return self.source_id != other.source_id and self[1:] != other[1:]


class PublishedImages:
    """What other deliveries have published under some SOP Instance UIDs, read when first needed."""

    def __init__(self, stage: Stage, identity: Identity, uids: Collection[str]) -> None:
        self._stage = stage
        self._identity = identity
        self._uids = uids

    def contradict(self, record: Record, header: Header) -> bool:
        """Whether one of them has other pixels than an image, or is in another series."""
        image = _Image(
            record.source.source_id,
            pseudonymous_uid(self._identity, header.series_uid) if header.series_uid else None,
            header.columns.get("pixel_sha256"),
        )
        instance_id = pseudonymous_uid(self._identity, header.sop_instance_uid or "")
        published = self._by_id.get(instance_id, ())
        return any(image.contradicts(other) for other in published)

    @cached_property
    def _by_id(self) -> Mapping[str, Sequence[_Image]]:
        ids = [pseudonymous_uid(self._identity, uid) for uid in self._uids]
        rows = (
            self._stage.published(IMAGING_INSTANCE)
            .select("instance_id", *_Image._fields)
            .join(pl.LazyFrame({"instance_id": ids}), on="instance_id", how="semi")
            .collect(engine="streaming")
        )
        found: defaultdict[str, list[_Image]] = defaultdict(list)
        for instance_id, *image in rows.iter_rows():
            found[instance_id].append(_Image(*image))
        return found
