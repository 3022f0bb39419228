"""Images: DICOM, PNG and JPEG files to typed instances, frames and segmentation masks."""

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.imaging import layout
from medplatform.modalities.imaging.tables import TABLES
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity


def _read(delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /) -> None:
    from medplatform.modalities.imaging.reader import read_delivery

    read_delivery(delivery, stage, identity, progress)


def _count(source: Source) -> dict[str, int]:
    return layout.count_records(source.path)


IMAGING = Modality(name="imaging", title="Images", tables=TABLES, read=_read, count_records=_count)

__all__ = ["IMAGING"]
