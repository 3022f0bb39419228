"""`imaging_instance`: one row per image instance."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import INSTANCE_ID, MOMENT, PIXEL_SHA256, patient

IMAGING_INSTANCE = Table(
    name="imaging_instance",
    unit="instance",
    description="One row per image instance: a DICOM SOP instance, or a PNG or JPEG file.",
    key=("instance_id",),
    columns=(
        INSTANCE_ID,
        Column(
            name="series_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed Series Instance UID (0020,000E).",
        ),
        Column(
            name="study_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed Study Instance UID (0020,000D).",
        ),
        patient(),
        Column(
            name="sop_class_uid",
            dtype=pa.string(),
            description="SOP Class UID (0008,0016) where the standard defines it.",
        ),
        Column(
            name="modality",
            dtype=pa.string(),
            description="Modality (0008,0060), a defined term of PS3.3 C.7.3.1.1.1.",
        ),
        Column(
            name="instance_number",
            dtype=pa.int32(),
            description="Instance Number (0020,0013).",
        ),
        Column(
            name="rows", dtype=pa.int32(), unit="px", minimum=1, description="Rows (0028,0010)."
        ),
        Column(
            name="columns",
            dtype=pa.int32(),
            unit="px",
            minimum=1,
            description="Columns (0028,0011).",
        ),
        Column(
            name="frames",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Frames of the object (0028,0008); 0 where it has no pixels.",
        ),
        Column(
            name="samples_per_pixel",
            dtype=pa.int32(),
            minimum=1,
            maximum=4,
            description="Samples per Pixel (0028,0002) as delivered.",
        ),
        Column(
            name="bits_allocated",
            dtype=pa.int32(),
            minimum=1,
            maximum=64,
            description="Bits Allocated (0028,0100).",
        ),
        Column(
            name="bits_stored",
            dtype=pa.int32(),
            minimum=1,
            maximum=64,
            description="Bits Stored (0028,0101).",
        ),
        Column(
            name="is_signed",
            dtype=pa.bool_(),
            description="Whether Pixel Representation (0028,0103) is two's complement.",
        ),
        Column(
            name="photometric",
            dtype=pa.string(),
            description="Photometric Interpretation (0028,0004) of the stored frames (YBR and "
            "palettes are stored as RGB); as delivered where there are none.",
        ),
        Column(
            name="transfer_syntax_uid",
            dtype=pa.string(),
            description="Transfer Syntax UID (0002,0010) as delivered, where the standard "
            "defines it.",
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
        Column(
            name="slice_thickness_mm",
            dtype=pa.float64(),
            unit="mm",
            minimum=0,
            description="Slice Thickness (0018,0050).",
        ),
        Column(
            name="image_position_mm",
            dtype=pa.list_(pa.float64()),
            unit="mm",
            description="x, y, z of the first pixel in the patient system (0020,0032).",
        ),
        Column(
            name="image_orientation",
            dtype=pa.list_(pa.float64()),
            description="Direction cosines of row and column (0020,0037), six numbers.",
        ),
        Column(name="rescale_slope", dtype=pa.float64(), description="Rescale Slope (0028,1053)."),
        Column(
            name="rescale_intercept",
            dtype=pa.float64(),
            description="Rescale Intercept (0028,1052).",
        ),
        Column(
            name="window_center",
            dtype=pa.float64(),
            description="First Window Center (0028,1050).",
        ),
        Column(
            name="window_width",
            dtype=pa.float64(),
            description="First Window Width (0028,1051).",
        ),
        Column(
            name="study_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Study Date and Time (0008,0020), (0008,0030), shifted; UTC where "
            "(0008,0201) gives no offset.",
        ),
        Column(
            name="acquired_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Acquisition DateTime (0008,002A), or Date and Time (0008,0022), "
            "(0008,0032), shifted.",
        ),
        Column(
            name="patient_sex",
            dtype=pa.string(),
            phi=Phi.QUASI_IDENTIFIER,
            values=("male", "female", "other"),
            description="Patient's Sex (0010,0040).",
        ),
        Column(
            name="patient_age_years",
            dtype=pa.int32(),
            unit="a",
            phi=Phi.QUASI_IDENTIFIER,
            minimum=0,
            maximum=90,
            description="Whole years at the study, from Patient's Age (0010,1010) or the date of "
            "birth; 90 stands for 90 and older.",
        ),
        Column(
            name="body_part",
            dtype=pa.string(),
            description="Body Part Examined (0018,0015), a defined term of PS3.16 Annex L.",
        ),
        Column(
            name="laterality",
            dtype=pa.string(),
            values=("L", "R", "U", "B"),
            description="Image Laterality (0020,0062), else Laterality (0020,0060).",
        ),
        Column(
            name="view_position",
            dtype=pa.string(),
            description="View Position (0018,5101), a defined term.",
        ),
        Column(name="manufacturer", dtype=pa.string(), description="Manufacturer (0008,0070)."),
        Column(
            name="model_name",
            dtype=pa.string(),
            description="Manufacturer's Model Name (0008,1090).",
        ),
        Column(
            name="has_burned_in_annotation",
            dtype=pa.bool_(),
            description="Burned In Annotation (0028,0301); null where the sender does not say.",
        ),
        Column(
            name="pixel_sha256",
            dtype=pa.string(),
            description=f"{PIXEL_SHA256}, over all frames; null without frames.",
        ),
        Column(
            name="label",
            dtype=pa.string(),
            description="Class label from the label table of a PNG or JPEG delivery, at most 64 "
            "characters.",
        ),
    ),
)
