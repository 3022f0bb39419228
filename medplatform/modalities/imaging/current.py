"""The images of the lake that count, by the rule of `medplatform.lake.current`."""

from collections.abc import Collection, Iterable

import polars as pl

from medplatform.lake import Lake
from medplatform.lake.current import LINEAGE_COLUMNS
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE


def current_images(
    lake: Lake,
    columns: Iterable[str] = (),
    *,
    deleted_patients: Collection[str] = (),
    instance_ids: Collection[str] | None = None,
) -> pl.LazyFrame:
    """The row of `imaging_instance` of each image that counts, none of a deleted patient.

    It is that of the newest delivery, and of one delivery that of the smallest source_id. Frames
    and masks count that have its lineage.

    Parameters
    ----------
    columns
        What is wanted beside instance_id, patient_id and the lineage (delivery, source_id,
        record_number).
    instance_ids
        The images that are asked for, all where None.
    """
    names = dict.fromkeys(["instance_id", "patient_id", *columns, *LINEAGE_COLUMNS])
    rows = lake.scan(IMAGING_INSTANCE, list(names))
    if instance_ids is not None:
        rows = rows.filter(pl.col("instance_id").is_in(list(instance_ids)))
    return (
        rows.sort(LINEAGE_COLUMNS, descending=[True, False, False])
        .unique("instance_id", keep="first", maintain_order=True)
        .filter(~pl.col("patient_id").is_in(list(deleted_patients)))
    )
