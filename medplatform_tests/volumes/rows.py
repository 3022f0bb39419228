"""Rows of images and frames as the lake has them, without a lake."""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from medplatform.lake import Table
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE
from medplatform.volumes import Assembly, Images, assemble
from medplatform.volumes.planes import FRAME_COLUMNS, INSTANCE_COLUMNS

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
CORONAL = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
SLICES = 24

Row = dict[str, Any]


def make_slice(number: int, **values: Any) -> Row:
    """An axial MR slice of 2 mm at z = 2 x number; `values` replace columns of either table."""
    name = values.pop("name", f"slice-{number}")
    return {
        "instance_id": name,
        "series_id": "series-1",
        "study_id": "study-1",
        "patient_id": "patient-1",
        "modality": "MR",
        "frames": 1,
        "instance_number": number + 1,
        "acquisition_number": 1,
        "image_type": ["ORIGINAL", "PRIMARY", "M"],
        "image_position_mm": [-30.0, -40.0, 2.0 * number],
        "image_orientation": AXIAL,
        "pixel_spacing_row_mm": 0.5,
        "pixel_spacing_column_mm": 0.75,
        "slice_thickness_mm": 2.0,
        "height": 160,
        "width": 80,
        "pixel_sha256": f"pixels of {name}",
        **values,
    }


def make_stack(count: int = SLICES, **values: Any) -> list[Row]:
    """Slices in order."""
    return [make_slice(number, **values) for number in range(count)]


def make_images(rows: Iterable[Row]) -> Images:
    """Images of one frame each, none where `frames` is 0; what frames can say, images say."""
    rows = list(rows)
    own = set(FRAME_COLUMNS) - set(INSTANCE_COLUMNS)
    frames = [
        {
            "instance_id": row["instance_id"],
            "frame_number": 1,
            **{n: row[n] for n in own & set(row)},
        }
        for row in rows
        if row["frames"]
    ]
    known = [{name: row.get(name) for name in INSTANCE_COLUMNS} for row in rows]
    return Images(
        pl.DataFrame(known, _schema(IMAGING_INSTANCE, INSTANCE_COLUMNS)),
        pl.DataFrame(frames, _schema(IMAGING_FRAME, FRAME_COLUMNS)),
        pl.DataFrame(schema={"series_id": pl.String, "is_truncated": pl.Boolean}),
    )


def _schema(table: Table, names: Sequence[str]) -> pl.Schema:
    empty = pl.DataFrame(table.schema().empty_table())
    return empty.select(names).schema


def put_together(rows: Iterable[Row]) -> Assembly:
    """Assemble them."""
    return assemble(make_images(rows))


def one_series(assembly: Assembly) -> Row:
    """The row of the only series."""
    (series,) = assembly.series.to_dicts()
    return series
