"""`imaging_mask`: one row per segmentation mask of a frame.

A mask whose source image is not named is kept all the same: it lies where its plane says.
"""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import PLANE, SIZE, patient

IMAGING_MASK = Table(
    name="imaging_mask",
    unit="mask",
    description="One row per segmentation mask of one frame and one segment, from DICOM SEG, mask "
    "pictures or NIfTI label maps.",
    key=("mask_id",),
    large=("pixels", "fractions"),
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
            phi=Phi.PSEUDONYM,
            description="The image that the mask belongs to, which may come in another delivery; "
            "null where a segmentation names none or several, and its plane alone says where.",
        ),
        Column(
            name="frame_number",
            dtype=pa.int32(),
            minimum=1,
            description="The frame of that image, from 1.",
        ),
        Column(
            name="segmentation_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed UID of the DICOM segmentation; null for other masks.",
        ),
        Column(
            name="segmentation_frame",
            dtype=pa.int32(),
            minimum=1,
            description="The frame of that segmentation, from 1.",
        ),
        Column(
            name="series_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed UID of the one series that the segmentation refers to.",
        ),
        Column(
            name="frame_of_reference_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed Frame of Reference UID (0020,0052) that the plane is in.",
        ),
        patient(),
        Column(
            name="segment_number",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Number of the segment in its object, or the label of a label map; 1 for a "
            "mask picture.",
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
        *SIZE,
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
        Column(
            name="fractions",
            dtype=pa.binary(),
            phi=Phi.PIXELS,
            description="What a fractional segmentation (0062,0001) holds, compressed like "
            "`pixels`: uint8, from 0 to `maximum_fraction`.",
        ),
        Column(
            name="maximum_fraction",
            dtype=pa.int32(),
            minimum=1,
            description="Maximum Fractional Value (0062,000E). Pixels of half of it and more are "
            "in the segment.",
        ),
        *PLANE,
        Column(
            name="matrix_column",
            dtype=pa.int32(),
            description="Column Position in Total Image Pixel Matrix (0048,021E) of the first "
            "pixel, from 1.",
        ),
        Column(
            name="matrix_row",
            dtype=pa.int32(),
            description="Row Position in Total Image Pixel Matrix (0048,021F) of the first pixel, "
            "from 1.",
        ),
    ),
)
