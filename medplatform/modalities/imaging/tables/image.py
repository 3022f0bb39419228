"""Columns of `imaging_instance` that describe the pixels, their meaning and their place."""

import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.modalities.imaging.tables.columns import PLANE

MATRIX = (
    Column(name="rows", dtype=pa.int32(), unit="px", minimum=1, description="Rows (0028,0010)."),
    Column(
        name="columns", dtype=pa.int32(), unit="px", minimum=1, description="Columns (0028,0011)."
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
        name="planar_configuration",
        dtype=pa.int32(),
        minimum=0,
        maximum=1,
        description="Planar Configuration (0028,0006) as delivered: 1 where each sample has a "
        "plane of its own.",
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
        name="high_bit",
        dtype=pa.int32(),
        minimum=0,
        maximum=63,
        description="High Bit (0028,0102).",
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
        description="Transfer Syntax UID (0002,0010) as delivered, where the standard defines it.",
    ),
    Column(
        name="is_lossy",
        dtype=pa.bool_(),
        description="Lossy Image Compression (0028,2110): whether the image was ever compressed "
        "with loss.",
    ),
    Column(
        name="lossy_ratio",
        dtype=pa.float64(),
        minimum=0,
        description="First Lossy Image Compression Ratio (0028,2112).",
    ),
)

MEANING = (
    Column(name="rescale_slope", dtype=pa.float64(), description="Rescale Slope (0028,1053)."),
    Column(
        name="rescale_intercept",
        dtype=pa.float64(),
        description="Rescale Intercept (0028,1052).",
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
        description="First Window Center (0028,1050).",
    ),
    Column(
        name="window_width",
        dtype=pa.float64(),
        description="First Window Width (0028,1051).",
    ),
    Column(
        name="window_centers",
        dtype=pa.list_(pa.float64()),
        description="All values of Window Center (0028,1050).",
    ),
    Column(
        name="window_widths",
        dtype=pa.list_(pa.float64()),
        description="All values of Window Width (0028,1051).",
    ),
    Column(
        name="voi_lut_function",
        dtype=pa.string(),
        values=("LINEAR", "LINEAR_EXACT", "SIGMOID"),
        description="VOI LUT Function (0028,1056); null means LINEAR.",
    ),
    Column(
        name="has_modality_lut",
        dtype=pa.bool_(),
        description="Whether a Modality LUT Sequence (0028,3000), and no rescale, says what stored "
        "values mean; the table is among the elements and not applied.",
    ),
    Column(
        name="pixel_padding_value",
        dtype=pa.int32(),
        description="Pixel Padding Value (0028,0120) of pixels outside the image, signed where "
        "the pixels are.",
    ),
    Column(
        name="smallest_pixel_value",
        dtype=pa.int32(),
        description="Smallest Image Pixel Value (0028,0106) as delivered.",
    ),
    Column(
        name="largest_pixel_value",
        dtype=pa.int32(),
        description="Largest Image Pixel Value (0028,0107) as delivered.",
    ),
)

GEOMETRY = (
    *PLANE,
    Column(
        name="slice_thickness_mm",
        dtype=pa.float64(),
        unit="mm",
        minimum=0,
        description="Slice Thickness (0018,0050).",
    ),
    Column(
        name="spacing_between_slices_mm",
        dtype=pa.float64(),
        unit="mm",
        description="Spacing Between Slices (0018,0088) as delivered; negative in some.",
    ),
    Column(
        name="slice_location_mm",
        dtype=pa.float64(),
        unit="mm",
        description="Slice Location (0020,1041), which says nothing of the direction.",
    ),
    Column(
        name="frame_of_reference_id",
        dtype=pa.string(),
        phi=Phi.PSEUDONYM,
        description="Keyed Frame of Reference UID (0020,0052): positions of images that share it "
        "can be compared.",
    ),
)
