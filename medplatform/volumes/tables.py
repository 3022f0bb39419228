"""What the tables of series, studies and volumes hold: derived from the lake, not delivered."""

from dataclasses import dataclass

import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.volumes.faults import OF_SERIES

MOMENT = pa.timestamp("us", tz="UTC")
NUMBERS = pa.list_(pa.float64())
TEXTS = pa.list_(pa.string())

SERIES_STATUS = ("volume", "volume_with_faults", "single_slice", "no_volume", "localizer")
VOLUME_STATUS = ("volume", "volume_with_faults", "single_slice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A table that is computed from the lake: its columns, and those that name a row."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def schema(self) -> pa.Schema:
        """The Parquet schema."""
        return pa.schema([pa.field(column.name, column.dtype) for column in self.columns])


def _id(name: str, description: str, required: bool = False) -> Column:
    return Column(
        name=name,
        dtype=pa.string(),
        required=required,
        phi=Phi.PSEUDONYM,
        description=description,
    )


def _count(name: str, description: str) -> Column:
    return Column(
        name=name, dtype=pa.int64(), required=True, unit="1", minimum=0, description=description
    )


def _flag(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.bool_(), required=True, description=description)


def _length(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.float64(), unit="mm", minimum=0, description=description)


def _pixels(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.int32(), unit="px", minimum=1, description=description)


_SERIES_ID = _id("series_id", "Keyed Series Instance UID (0020,000E).", required=True)
_STUDY_ID = _id("study_id", "Keyed Study Instance UID (0020,000D).")
_PATIENT_ID = _id("patient_id", "Pseudonym of the patient; null where the images name several.")
_MODALITY = Column(
    name="modality",
    dtype=pa.string(),
    description="Modality (0008,0060); null where the images have none or several.",
)
_FAULTS = Column(
    name="faults",
    dtype=TEXTS,
    required=True,
    description=f"What is wrong with the geometry, of {', '.join(OF_SERIES.values())}.",
)

_GEOMETRY = (
    _pixels("rows", "Rows of pixels of a slice."),
    _pixels("columns", "Columns of pixels of a slice."),
    _pixels("slices", "Places along the normal, those of missing slices too."),
    _length("pixel_spacing_row_mm", "Distance between the centres of rows."),
    _length("pixel_spacing_column_mm", "Distance between the centres of columns."),
    _length(
        "slice_spacing_mm",
        "Distance between the planes of neighbouring slices along the normal, the usual one where "
        "it varies; of a single slice what is said to be the spacing, else its thickness.",
    ),
    Column(
        name="affine",
        dtype=NUMBERS,
        description="Matrix of 4 x 4, row by row, from voxel (column, row, slice), counted from 0 "
        "at the centre of the first, to mm in RAS+ (right, anterior, superior), as in NIfTI; "
        "slices in the order of the normal of the plane.",
    ),
    Column(
        name="orientation",
        dtype=pa.string(),
        description="Where columns, rows and slices go to, as nibabel says, such as LPS.",
    ),
    Column(
        name="tilt_degrees",
        dtype=pa.float64(),
        unit="deg",
        minimum=0,
        maximum=90,
        description="Angle between the line of the slices and the normal of their plane.",
    ),
)

_COUNTED_FAULTS = (
    _count("missing_slices", "Gaps between slices, in slices."),
    _count(
        "duplicate_slices",
        "Images at a place that another one has already, and that no dimension tells apart.",
    ),
)
_REFUSED = _count(
    "refused_images",
    "Images of the series in quarantine, as far as their series could be read; its volumes lack "
    "them.",
)
_MIXED = (
    _flag("has_mixed_patients", "Whether its images name several patients."),
    _flag(
        "has_mixed_frames_of_reference",
        "Whether its images are in several patient coordinate systems (0020,0052).",
    ),
    _flag("has_mixed_orientation", "Whether its images have several orientations."),
    _flag("has_mixed_size", "Whether its images have several numbers of rows or columns."),
    _flag("has_mixed_spacing", "Whether its images have several pixel spacings."),
)
_UNEVEN = (
    _flag(
        "has_variable_spacing",
        "Whether the distance between slices varies by other than whole slices.",
    ),
    _flag(
        "has_gantry_tilt",
        "Whether slices are stacked off their normal (sheared), as with a tilted gantry.",
    ),
    _flag("has_shifted_slices", "Whether slices lie beside the line of the others."),
)

VOLUME = Derived(
    name="imaging_volume",
    description="One row per volume of a series of images: the slices of one orientation, size and "
    "spacing at one point of all other dimensions (acquisition, time, echo, b-value). Geometry, "
    "order of the slices, and what is wrong with them.",
    key=("series_id", "volume_number"),
    columns=(
        _SERIES_ID,
        Column(
            name="volume_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Counts the volumes of the series from 1, the largest stack first, then by "
            "the dimensions.",
        ),
        _STUDY_ID,
        _PATIENT_ID,
        _MODALITY,
        Column(
            name="geometry_status",
            dtype=pa.string(),
            required=True,
            values=VOLUME_STATUS,
            description="volume: at least two slices and no fault; volume_with_faults; "
            "single_slice.",
        ),
        _FAULTS,
        *_GEOMETRY,
        *_COUNTED_FAULTS,
        _REFUSED,
        *_MIXED,
        *_UNEVEN,
        Column(
            name="dimension",
            dtype=pa.string(),
            description="What tells the volume from others of the same place, comma between "
            "several: columns below, or repetition, the order in time; null where there is none.",
        ),
        Column(
            name="acquisition_number",
            dtype=pa.int32(),
            description="Acquisition Number (0020,0012) where all slices have the same.",
        ),
        Column(
            name="temporal_position",
            dtype=pa.int32(),
            description="Temporal Position Identifier (0020,0100) or Index (0020,9128) where all "
            "slices have the same.",
        ),
        Column(
            name="echo_time_ms",
            dtype=pa.float64(),
            unit="ms",
            description="Echo Time (0018,0081) where all slices have the same.",
        ),
        Column(
            name="b_value_s_mm2",
            dtype=pa.float64(),
            unit="s/mm2",
            description="Diffusion b-value (0018,9087) where all slices have the same.",
        ),
        Column(
            name="frame_reference_ms",
            dtype=pa.float64(),
            unit="ms",
            description="Frame Reference Time (0054,1300) where all slices have the same.",
        ),
        Column(
            name="repetition",
            dtype=pa.int32(),
            minimum=1,
            description="Number in the order of acquisition, where no other dimension tells "
            "images of one place apart.",
        ),
        Column(
            name="instance_ids",
            dtype=TEXTS,
            required=True,
            phi=Phi.PSEUDONYM,
            description="Images of the slices, in the order of the third axis of the affine.",
        ),
        Column(
            name="frame_numbers",
            dtype=pa.list_(pa.int32()),
            required=True,
            description="Frames of these images, from 1.",
        ),
        Column(
            name="slice_indexes",
            dtype=pa.list_(pa.int32()),
            required=True,
            description="Their indexes along the third axis, from 0; missing slices are left out.",
        ),
    ),
)

SERIES = Derived(
    name="imaging_series",
    description="One row per series of images: what it holds, the geometry of its first volume, "
    "and every fault of the geometry.",
    key=("series_id",),
    columns=(
        _SERIES_ID,
        _STUDY_ID,
        _PATIENT_ID,
        _MODALITY,
        Column(
            name="body_part",
            dtype=pa.string(),
            description="Body Part Examined (0018,0015); null where the images have several.",
        ),
        Column(
            name="started_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="When the first image was acquired, shifted.",
        ),
        _count("instances", "Objects of the series."),
        _count("images", "Objects with pixels."),
        _count("frames", "Frames of the images."),
        _count("volumes", "Rows of imaging_volume."),
        Column(
            name="geometry_status",
            dtype=pa.string(),
            required=True,
            values=SERIES_STATUS,
            description="volume: its volumes have no fault; volume_with_faults: one has; "
            "single_slice: a place in space, but no stack; localizer: nothing else; no_volume: "
            "no image with a place in space.",
        ),
        _FAULTS,
        *_GEOMETRY,
        *_COUNTED_FAULTS,
        _count("images_without_position", "Frames that a place in space is missing of."),
        *_MIXED,
        *_UNEVEN,
        _flag("is_truncated", "Whether the pixel data of an image ends too soon."),
        _REFUSED,
        _flag("is_mosaic", "Whether slices are tiles of one image (Siemens mosaic)."),
        _flag("has_localizer", "Whether localizers are among its images; no volume has them."),
        _count("non_images", "Objects without pixels among the images, such as private ones."),
    ),
)

STUDY = Derived(
    name="imaging_study",
    description="One row per study: its patient, its time, and what it holds.",
    key=("study_id",),
    columns=(
        _id("study_id", "Keyed Study Instance UID (0020,000D).", required=True),
        _PATIENT_ID,
        Column(
            name="study_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="Study Date and Time (0008,0020), (0008,0030), shifted; the earliest of "
            "the images.",
        ),
        Column(
            name="modalities",
            dtype=TEXTS,
            required=True,
            description="Modalities (0008,0060) of its objects, sorted.",
        ),
        _count("series", "Series of the study."),
        _count("instances", "Objects of the study."),
        _count("images", "Objects with pixels."),
        _count("frames", "Frames of the images."),
        _count("volumes", "Rows of imaging_volume."),
        _count("series_with_faults", "Series of which the geometry has a fault."),
    ),
)
