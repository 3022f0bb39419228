"""Images: DICOM, PNG, JPEG and NIfTI files to typed instances, frames, masks and annotations."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from medplatform.lake import Lake, LedgerEntry, Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.imaging.configuration import Configuration
from medplatform.modalities.imaging.sources.count import count_records
from medplatform.modalities.imaging.tables import TABLES
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity


def _read(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    /,
    configuration: Configuration | None = None,
) -> None:
    from medplatform.modalities.imaging.reader import read_delivery

    read_delivery(delivery, stage, identity, progress, configuration or Configuration())


def _count(source: Source) -> dict[str, int]:
    return count_records(source.path)


def _draw(
    lake: Lake, entry: LedgerEntry, /, configuration: Configuration | None = None
) -> Mapping[str, Mapping[str, bytes]]:
    from medplatform.modalities.imaging.overview import draw_delivery

    return draw_delivery(lake, entry, configuration or Configuration())


IMAGING = Modality(
    name="imaging",
    title="Images",
    tables=TABLES,
    read=_read,
    count_records=_count,
    draw=_draw,
)


def configure(configuration: Configuration) -> Modality:
    """Images, read as an installation says."""
    return replace(
        IMAGING,
        read=partial(_read, configuration=configuration),
        draw=partial(_draw, configuration=configuration),
    )


__all__ = ["IMAGING", "Configuration", "configure"]
