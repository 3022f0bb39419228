"""`imaging_frame`: one row per decoded frame, with what its pixels mean and where they lie."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import (
    INSTANCE_ID,
    MOMENT,
    PIXEL_SHA256,
    PLANE,
    SIZE,
    patient,
)

IMAGING_FRAME = Table(
    name="imaging_frame",
    description="One row per frame of an image, with its decoded pixels, losslessly compressed, "
    "and what is said of it alone: one row is enough to use a frame.",
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
        *SIZE,
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
        Column(
            name="photometric",
            dtype=pa.string(),
            description="Photometric Interpretation (0028,0004) of the stored pixels: YBR and "
            "palettes are stored as RGB.",
        ),
        Column(
            name="rescale_slope",
            dtype=pa.float64(),
            description="Rescale Slope (0028,1053) of the frame.",
        ),
        Column(
            name="rescale_intercept",
            dtype=pa.float64(),
            description="Rescale Intercept (0028,1052) of the frame.",
        ),
        Column(
            name="rescale_type",
            dtype=pa.string(),
            description="Rescale Type (0028,1054), a defined term such as HU: the unit of stored "
            "value * slope + intercept.",
        ),
        Column(
            name="window_center",
            dtype=pa.float64(),
            description="First Window Center (0028,1050) of the frame.",
        ),
        Column(
            name="window_width",
            dtype=pa.float64(),
            description="First Window Width (0028,1051) of the frame.",
        ),
        Column(
            name="voi_lut_function",
            dtype=pa.string(),
            values=("LINEAR", "LINEAR_EXACT", "SIGMOID"),
            description="VOI LUT Function (0028,1056) of the frame; null means LINEAR.",
        ),
        *PLANE,
        Column(
            name="slice_thickness_mm",
            dtype=pa.float64(),
            unit="mm",
            minimum=0,
            description="Slice Thickness (0018,0050) of the frame.",
        ),
        Column(
            name="spacing_between_slices_mm",
            dtype=pa.float64(),
            unit="mm",
            description="Spacing Between Slices (0018,0088) of the frame.",
        ),
        Column(
            name="matrix_row",
            dtype=pa.int32(),
            unit="px",
            description="Row of the first pixel in the whole of the tiles, from 1 (0048,021F).",
        ),
        Column(
            name="matrix_column",
            dtype=pa.int32(),
            unit="px",
            description="Column of the first pixel in the whole of the tiles, from 1 (0048,021E).",
        ),
        Column(
            name="image_type",
            dtype=pa.list_(pa.string()),
            description="Frame Type (0008,9007), else Image Type (0008,0008). A frame with MOSAIC "
            "holds many slices side by side, as delivered.",
        ),
        Column(
            name="dimension_index_values",
            dtype=pa.list_(pa.int64()),
            description="Dimension Index Values (0020,9157) of the frame.",
        ),
        Column(
            name="stack_id",
            dtype=pa.string(),
            description="Stack ID (0020,9056): which stack of planes the frame is in.",
        ),
        Column(
            name="in_stack_position",
            dtype=pa.int32(),
            description="In-Stack Position Number (0020,9057).",
        ),
        Column(
            name="temporal_position",
            dtype=pa.int32(),
            description="Temporal Position Index (0020,9128), or Identifier (0020,0100).",
        ),
        Column(
            name="acquired_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Frame Acquisition DateTime (0018,9074), shifted; that of the object "
            "where the frame does not say.",
        ),
    ),
)
