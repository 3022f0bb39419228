"""One installation that reads folders of DICOM files, and volumes that were written to be known."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydicom import Dataset
from pydicom.uid import MRImageStorage, generate_uid

from medplatform.installation import Installation
from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging import IMAGING
from medplatform.modalities.modality import silent
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform.volumes import Assembly, assemble, read_images
from medplatform.volumes.nifti import Selection, export_nifti
from medplatform_tests.modalities.imaging.conftest import make_image, save


class Hospital:
    """Deliveries of DICOM files, read into a lake below one folder."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(
            data=root / "data", patient_identifier_system="urn:mrn", device="cpu"
        )
        self.installation = Installation(self.settings)
        KeyRing.create(self.settings.master_key)

    @property
    def lake(self) -> Lake:
        return self.installation.lake

    def deliver(self, name: str, files: Iterable[Path | Dataset]) -> None:
        """Put files into a delivery, in place of those that it had, and read it.

        Its rows are not validated.
        """
        folder = self.settings.landing / "imaging" / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for number, file in enumerate(files):
            path = folder / f"{number:05d}.dcm"
            if isinstance(file, Path):
                path.symlink_to(file)
            else:
                save(file, path)
        delivery = open_delivery(self.settings.landing, IMAGING.name, name)
        with self.lake.stage(IMAGING.name, name, "g") as stage:
            IMAGING.read(delivery, stage, self.installation.identity, silent)
            publish(self.lake, stage, IMAGING.name, name)

    def series_id(self, series_uid: str) -> str:
        """What the lake calls a series."""
        return self.installation.identity.uid(series_uid)

    def assemble(self) -> Assembly:
        return assemble(read_images(self.lake))

    def export(self, out: Path, **selection: Any) -> pl.DataFrame:
        """The manifest of an export."""
        found = self.assemble()
        return export_nifti(self.lake, found.series, found.volumes, out, Selection(**selection))


def publish(lake: Lake, stage: Stage, modality: str, delivery: str) -> None:
    """Publish what is in a stage, whatever it is worth."""
    lake.publish(
        stage,
        modality=modality,
        delivery=delivery,
        status="published",
        content_digest=delivery,
        sources=[],
        started_at=datetime.now(UTC),
    )


def make_series(
    volume: np.ndarray,
    *,
    position: tuple[float, float, float] = (-40.0, -50.0, -60.0),
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    step: tuple[float, float, float] = (0.0, 0.0, 3.0),
    spacing: tuple[float, float] = (1.5, 2.0),
    **elements: Any,
) -> list[Dataset]:
    """Slices (slice, row, column) of a series, `step` mm from one to the next."""
    common = {
        "SOPClassUID": MRImageStorage,
        "Modality": "MR",
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "PixelSpacing": [f"{value:.6g}" for value in spacing],
        "SliceThickness": "3",
        "ImageOrientationPatient": [f"{value:.10g}" for value in orientation],
        "StudyDate": "20200101",
        "StudyTime": "120000",
        "StudyID": "1",
        "SeriesNumber": 1,
        **elements,
    }
    return [
        make_image(
            pixels,
            **common,
            InstanceNumber=number + 1,
            ImagePositionPatient=[
                f"{start + number * way:.10g}" for start, way in zip(position, step, strict=True)
            ],
        )
        for number, pixels in enumerate(volume)
    ]
