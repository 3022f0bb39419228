"""`imaging_annotation`: one row per annotation of an image."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.imaging.tables.columns import MOMENT, patient

TYPES = (
    *("segment", "roi", "contour", "measurement", "evaluation", "region", "shape", "key_image"),
    "label",
)
GEOMETRIES = (
    *("POINT", "MULTIPOINT", "POLYLINE", "POLYGON", "RECTANGLE", "CIRCLE", "ELLIPSE", "ELLIPSOID"),
    *("OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "BOX"),
)
SYSTEMS = ("frame", "matrix", "patient")
SOURCES = ("manual", "semiautomatic", "automatic")


def _pseudonym(name: str, description: str, *, required: bool = False) -> Column:
    return Column(
        name=name,
        dtype=pa.string(),
        required=required,
        phi=Phi.PSEUDONYM,
        description=description,
    )


def _number(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.int32(), minimum=0, description=description)


def _code(name: str, description: str) -> tuple[Column, Column]:
    """A code of a public terminology, and what it means."""
    meaning = "meaning" if name == "code" else f"{name.removesuffix('_code')}_meaning"
    return (
        Column(
            name=name,
            dtype=pa.string(),
            description=f"{description}, as scheme:value of a public terminology.",
        ),
        Column(
            name=meaning,
            dtype=pa.string(),
            description=f"What its terminology calls `{name}`, where that is known.",
        ),
    )


IMAGING_ANNOTATION = Table(
    name="imaging_annotation",
    description="One row per annotation of an image: a segment of a DICOM segmentation, a contour "
    "of a structure set, a measurement, evaluation or region of a structured report, a shape of a "
    "microscopy annotation, or a label with its box.",
    key=("annotation_id",),
    columns=(
        _pseudonym("annotation_id", "Keyed id of the annotation.", required=True),
        _pseudonym(
            "object_id",
            "Keyed UID of the object that holds it (SEG, RTSTRUCT, SR, KO, ANN), which is an "
            "instance of its own; null for a row of a label table.",
        ),
        patient(),
        Column(
            name="annotation_type",
            dtype=pa.string(),
            required=True,
            values=TYPES,
            description="What it is; a `roi` is a region of a structure set without a contour.",
        ),
        _pseudonym(
            "instance_id",
            "The one image that it is of, which may come in another delivery; null where none or "
            "several are named.",
        ),
        Column(
            name="frame_number",
            dtype=pa.int32(),
            minimum=1,
            description="The frame of that image, from 1.",
        ),
        _pseudonym("series_id", "Keyed UID of the one series that it is of."),
        _pseudonym(
            "frame_of_reference_id",
            "Keyed Frame of Reference UID (0020,0052) that points in mm are in.",
        ),
        _pseudonym(
            "segmentation_id", "The segmentation whose segment it is, or that was measured."
        ),
        _number("segment_number", "Segment of that segmentation (0062,0004)."),
        _number(
            "group_number",
            "Annotations of one object with the same number belong together: ROI Number "
            "(3006,0022), number of the container of a report, Annotation Group Number "
            "(0040,A180).",
        ),
        _number("item_number", "Number of a contour or shape within its group, from 1."),
        _pseudonym(
            "tracking_id",
            "Keyed Tracking Unique Identifier: the same finding over time (TID 1501).",
        ),
        Column(
            name="geometric_type",
            dtype=pa.string(),
            values=GEOMETRIES,
            description="Graphic Type (0070,0023) or Contour Geometric Type (3006,0042); null "
            "without points.",
        ),
        Column(
            name="coordinate_system",
            dtype=pa.string(),
            values=SYSTEMS,
            description="frame: column and row of the frame, 0, 0 the outer corner of its first "
            "pixel (PS3.3 C.18.6); matrix: the same of the total pixel matrix; patient: x, y, z "
            "in mm of the frame of reference.",
        ),
        _number("point_count", "Number of points."),
        Column(
            name="points",
            dtype=pa.list_(pa.float64()),
            description="Coordinates one after another, 2 per point, 3 in the patient system; the "
            "corners with the smallest and the largest coordinates of a BOX.",
        ),
        *_code("code", "What was measured or judged, or what the region shows"),
        *_code("category_code", "Category of what the segment shows (0062,0003)"),
        *_code("value_code", "The answer of an evaluation"),
        Column(name="value_number", dtype=pa.float64(), description="The value measured."),
        Column(
            name="value_text",
            dtype=pa.string(),
            description="Numeric Value (0040,A30A) digit by digit as delivered.",
        ),
        Column(
            name="unit",
            dtype=pa.string(),
            description="UCUM code of the unit; 1 for a number without one.",
        ),
        *_code("finding_code", "The finding that it is about"),
        *_code("site_code", "Where in the body it is"),
        *_code("site_modifier_code", "Side or part of that site"),
        *_code("method_code", "How it was measured"),
        *_code("derivation_code", "What the value is of several, such as their mean"),
        Column(
            name="roi_type",
            dtype=pa.string(),
            description="RT ROI Interpreted Type (3006,00A4), a defined term.",
        ),
        Column(
            name="roi_name",
            dtype=pa.string(),
            description="ROI Name (3006,0026) where it is a name of AAPM TG-263; free names are "
            "not kept.",
        ),
        Column(
            name="label",
            dtype=pa.string(),
            description="Class from a label table, at most 64 characters.",
        ),
        Column(
            name="source",
            dtype=pa.string(),
            values=SOURCES,
            description="Who drew or measured it: Segment Algorithm Type (0062,0008), ROI "
            "Generation Algorithm (3006,0036), Annotation Group Generation Type (006A,0007), or "
            "the Observer Type of a report.",
        ),
        Column(
            name="annotated_at",
            dtype=MOMENT,
            phi=Phi.SHIFTED_DATE,
            description="When it was made, shifted: Observation DateTime (0040,A032), Structure "
            "Set Date (3006,0008) or Content Date (0008,0023).",
        ),
    ),
)
