"""`imaging_instance`: one row per image instance."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.acquisition import (
    CT,
    MR,
    NUCLEAR,
    PATIENT_AND_POSITION,
    PROJECTION,
    ULTRASOUND,
)
from medplatform.modalities.imaging.tables.columns import INSTANCE_ID, MOMENT, PIXEL_SHA256, patient
from medplatform.modalities.imaging.tables.image import GEOMETRY, MATRIX, MEANING

ELEMENT = pa.struct(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("vr", pa.string(), nullable=False),
        pa.field("private_creator", pa.string()),
        pa.field("text", pa.list_(pa.string())),
        pa.field("number", pa.list_(pa.float64())),
        pa.field("binary", pa.binary()),
    ]
)
"""See medplatform.modalities.imaging.flatten.element."""

IMAGING_INSTANCE = Table(
    name="imaging_instance",
    unit="instance",
    description="One row per image instance: a DICOM SOP instance, or a PNG, JPEG or NIfTI file.",
    key=("instance_id",),
    columns=(
        INSTANCE_ID,
        Column(
            name="series_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Keyed Series Instance UID (0020,000E); a NIfTI file is a series of its "
            "own.",
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
            name="image_type",
            dtype=pa.list_(pa.string()),
            description="Image Type (0008,0008): ORIGINAL or DERIVED, PRIMARY or SECONDARY, and "
            "terms of the modality.",
        ),
        Column(
            name="conversion_type",
            dtype=pa.string(),
            values=("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"),
            description="Conversion Type (0008,0064): what a secondary capture was made of.",
        ),
        Column(
            name="presentation_intent",
            dtype=pa.string(),
            values=("FOR PRESENTATION", "FOR PROCESSING"),
            description="Presentation Intent Type (0008,0068).",
        ),
        Column(
            name="series_number",
            dtype=pa.int32(),
            description="Series Number (0020,0011).",
        ),
        Column(
            name="acquisition_number",
            dtype=pa.int32(),
            description="Acquisition Number (0020,0012).",
        ),
        Column(
            name="instance_number",
            dtype=pa.int32(),
            description="Instance Number (0020,0013).",
        ),
        *MATRIX,
        *MEANING,
        *GEOMETRY,
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
            name="series_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Series Date and Time (0008,0021), (0008,0031), shifted.",
        ),
        Column(
            name="content_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Content Date and Time (0008,0023), (0008,0033), shifted: when the pixels "
            "were made.",
        ),
        Column(
            name="injected_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Radiopharmaceutical Start DateTime (0018,1078) of the first tracer, "
            "shifted.",
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
        *PATIENT_AND_POSITION,
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
            name="has_recognizable_features",
            dtype=pa.bool_(),
            description="Recognizable Visual Features (0028,0302): whether a face may be made of "
            "the image; null where the sender does not say.",
        ),
        *CT,
        *MR,
        *NUCLEAR,
        *PROJECTION,
        *ULTRASOUND,
        Column(
            name="pixel_sha256",
            dtype=pa.string(),
            description=f"{PIXEL_SHA256}, over all frames; null without frames.",
        ),
        Column(
            name="label",
            dtype=pa.string(),
            description="Class from the label table of the delivery, at most 64 characters; null "
            "where the boxes of an image have several.",
        ),
        Column(
            name="elements",
            dtype=pa.list_(ELEMENT),
            phi=Phi.QUASI_IDENTIFIER,
            description="All elements of the data set but its pixels, de-identified by PS3.15 "
            "Annex E: tags with the items they stand in, VR, and values as text, numbers or bytes. "
            "Null for PNG, JPEG and NIfTI.",
        ),
    ),
)
