"""Columns that the tables of imaging share."""

import pyarrow as pa

from medplatform.lake import Column, Phi

MOMENT = pa.timestamp("us", tz="UTC")


def patient(required: bool = True) -> Column:
    """The column of whom a row is about."""
    return Column(
        name="patient_id",
        dtype=pa.string(),
        required=required,
        phi=Phi.PSEUDONYM,
        description="Pseudonym of the patient.",
    )


PLANE = (
    Column(
        name="image_position_mm",
        dtype=pa.list_(pa.float64()),
        unit="mm",
        description="x, y, z of the centre of the first pixel (0020,0032), or its place on the "
        "slide.",
    ),
    Column(
        name="image_orientation",
        dtype=pa.list_(pa.float64()),
        description="Direction cosines of row and column (0020,0037) or (0048,0102), six numbers.",
    ),
    Column(
        name="pixel_spacing_row_mm",
        dtype=pa.float64(),
        unit="mm",
        minimum=0,
        description="Distance between the centres of rows (0028,0030)[0].",
    ),
    Column(
        name="pixel_spacing_column_mm",
        dtype=pa.float64(),
        unit="mm",
        minimum=0,
        description="Distance between the centres of columns (0028,0030)[1].",
    ),
)
"""Where the pixels of a frame lie."""

SIZE = (
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
)
"""How many pixels a frame or mask has."""

INSTANCE_ID = Column(
    name="instance_id",
    dtype=pa.string(),
    required=True,
    phi=Phi.PSEUDONYM,
    description="Keyed UID of the image: of its SOP Instance UID (0008,0018), or of the digest of "
    "a PNG, JPEG or NIfTI file.",
)
PIXEL_SHA256 = "SHA-256 of the decoded pixels in C order, little-endian"
