"""`imaging_frame`: one row per decoded frame."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import INSTANCE_ID, PIXEL_SHA256, patient

IMAGING_FRAME = Table(
    name="imaging_frame",
    description="One row per frame of an image, with its decoded pixels, losslessly compressed.",
    key=("instance_id", "frame_number"),
    large=("pixels",),
    columns=(
        INSTANCE_ID,
        Column(
            name="frame_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Number of the frame, from 1.",
        ),
        patient(),
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
            name="channels",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            maximum=4,
            description="Samples per pixel; the decoded shape is (height, width) for 1, else "
            "(height, width, channels).",
        ),
        Column(
            name="dtype",
            dtype=pa.string(),
            required=True,
            description="NumPy name of the pixel type, e.g. uint16.",
        ),
        Column(
            name="codec",
            dtype=pa.string(),
            required=True,
            values=("htj2k", "shuffle+zstd"),
            description="How the cell is compressed: see medplatform.modalities.imaging.codec.",
        ),
        Column(
            name="pixels",
            dtype=pa.binary(),
            required=True,
            phi=Phi.PIXELS,
            description="The compressed pixels.",
        ),
        Column(
            name="pixel_sha256",
            dtype=pa.string(),
            required=True,
            description=f"{PIXEL_SHA256}.",
        ),
    ),
)
