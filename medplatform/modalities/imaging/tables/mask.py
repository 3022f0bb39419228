"""`imaging_mask`: one row per segmentation mask of a frame."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import patient

IMAGING_MASK = Table(
    name="imaging_mask",
    unit="mask",
    description="One row per segmentation mask of one frame and one segment, from DICOM SEG or "
    "mask pictures.",
    key=("mask_id",),
    large=("pixels",),
    columns=(
        Column(
            name="mask_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="Keyed id of the mask.",
        ),
        Column(
            name="instance_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="The image that the mask belongs to, which may come in another delivery.",
        ),
        Column(
            name="frame_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="The frame of that image, from 1.",
        ),
        patient(),
        Column(
            name="segment_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Number of the segment in its object; 1 for a mask picture.",
        ),
        Column(
            name="segment_label",
            dtype=pa.string(),
            description="Meaning of the segmented property type (0062,000F) where a public "
            "terminology codes it.",
        ),
        Column(
            name="segment_code",
            dtype=pa.string(),
            description="Code of the segmented property type as scheme:value, public "
            "terminologies only.",
        ),
        Column(
            name="height",
            dtype=pa.int32(),
            required=True,
            unit="px",
            minimum=1,
            description="Rows of pixels.",
        ),
        Column(
            name="width",
            dtype=pa.int32(),
            required=True,
            unit="px",
            minimum=1,
            description="Columns of pixels.",
        ),
        Column(
            name="codec",
            dtype=pa.string(),
            required=True,
            values=("zstd",),
            description="How the cell is compressed: see medplatform.modalities.imaging.codec.",
        ),
        Column(
            name="pixels",
            dtype=pa.binary(),
            required=True,
            phi=Phi.PIXELS,
            description="The compressed mask: uint8, 1 in the segment, 0 outside.",
        ),
        Column(
            name="foreground_pixels",
            dtype=pa.int64(),
            required=True,
            unit="px",
            minimum=0,
            description="Pixels in the segment.",
        ),
    ),
)
