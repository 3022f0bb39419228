"""A lake with images whose values and places are known."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from medplatform.lake import Lake
from medplatform.modalities.imaging.codec import encode, encode_mask, pixel_bytes
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE, IMAGING_MASK


class StoredImages:
    """Publishes frames and masks as the imaging reader does, with what is said of them."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root)
        self._rows: dict[str, list[dict[str, Any]]] = {"instance": [], "frame": [], "mask": []}

    def add(
        self,
        instance: str,
        frames: list[np.ndarray],
        *,
        patient: str | None = None,
        masks: dict[int, list[np.ndarray]] | None = None,
        of_frames: dict[int, dict[str, Any]] | None = None,
        **facts: Any,
    ) -> None:
        """Add an image; masks and what is said of single frames by frame number, from 1."""
        lineage = {"source_id": "s", "record_number": len(self._rows["instance"]) + 1}
        owner = {"instance_id": instance, "patient_id": patient or f"p-{instance}", **lineage}
        height, width, *channels = frames[0].shape
        shape = {"rows": height, "columns": width, "samples_per_pixel": (*channels, 1)[0]}
        photometric = "RGB" if channels else "MONOCHROME2"
        self._rows["instance"].append(
            {**owner, "frames": len(frames), "photometric": photometric, **shape, **facts}
        )
        for number, pixels in enumerate(frames, 1):
            place = {**owner, "frame_number": number, "height": height, "width": width}
            codec, cell = encode(pixels)
            self._rows["frame"].append(
                {
                    **place,
                    "channels": shape["samples_per_pixel"],
                    "dtype": pixels.dtype.name,
                    "codec": codec,
                    "pixels": cell,
                    "pixel_sha256": sha256(pixel_bytes(pixels)).hexdigest(),
                    **(of_frames or {}).get(number, {}),
                }
            )
            for segment, mask in enumerate((masks or {}).get(number, []), 1):
                codec, cell = encode_mask(mask)
                self._rows["mask"].append(
                    {
                        **place,
                        "mask_id": f"{instance}-{number}-{segment}",
                        "segment_number": segment,
                        "height": mask.shape[0],
                        "width": mask.shape[1],
                        "codec": codec,
                        "pixels": cell,
                        "foreground_pixels": int(mask.sum()),
                    }
                )

    def add_series(self, series: str, volume: np.ndarray, spacing: tuple[float, ...], **facts: Any):
        """Add a volume (D, H, W) as images of one slice each, the last slice first."""
        for index in reversed(range(len(volume))):
            self.add(
                f"{series}-{index}",
                [volume[index]],
                patient=facts.get("patient", f"p-{series}"),
                **{
                    "series_id": series,
                    "study_id": f"study-{series}",
                    "modality": "CT",
                    "image_position_mm": [0.0, 0.0, index * spacing[0]],
                    "image_orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
                    "pixel_spacing_row_mm": spacing[1],
                    "pixel_spacing_column_mm": spacing[2],
                    **{name: value for name, value in facts.items() if name != "patient"},
                },
            )

    def add_segmentation(self, name: str, image: str, masks: dict[int, np.ndarray]) -> None:
        """Add a DICOM segmentation of an image with a mask per frame number."""
        record = {"source_id": "s", "record_number": len(self._rows["instance"]) + 1}
        owner = {"patient_id": f"p-{image}", **record}
        self._rows["instance"].append(
            {**owner, "instance_id": name, "modality": "SEG", "frames": len(masks)}
        )
        for number, mask in masks.items():
            codec, cell = encode_mask(mask)
            self._rows["mask"].append(
                {
                    **owner,
                    "mask_id": f"{name}-{number}",
                    "segmentation_id": name,
                    "instance_id": image,
                    "frame_number": number,
                    "segment_number": 1,
                    "height": mask.shape[0],
                    "width": mask.shape[1],
                    "codec": codec,
                    "pixels": cell,
                    "foreground_pixels": int(mask.sum()),
                }
            )

    def publish(self, delivery: str = "first") -> Lake:
        """The lake with all that was added since the last delivery."""
        with self.lake.stage("imaging", delivery, "g1") as stage:
            tables = (IMAGING_INSTANCE, IMAGING_FRAME, IMAGING_MASK)
            for table, rows in zip(tables, self._rows.values(), strict=True):
                stage.write(table, rows)
                rows.clear()
            self.lake.publish(
                stage,
                modality="imaging",
                delivery=delivery,
                status="published",
                content_digest="c" * 64,
                sources=[],
                started_at=datetime.now(UTC),
            )
        return self.lake
