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


INSTANCE_ID = Column(
    name="instance_id",
    dtype=pa.string(),
    required=True,
    phi=Phi.PSEUDONYM,
    description="Keyed UID of the image: of its SOP Instance UID (0008,0018), or of the digest of "
    "a PNG or JPEG file.",
)
PIXEL_SHA256 = "SHA-256 of the decoded pixels in C order, little-endian"
