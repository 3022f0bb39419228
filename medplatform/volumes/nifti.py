"""A cohort as NIfTI-1 files, one per volume, from the frames of the lake.

The affine is that of `imaging_volume`, in RAS+ and mm. Values are those of the modality (HU, …):
stored pixels with the rescale in the header where all slices share one that the header holds
exactly, else float32. The header says nothing about the patient.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gzip import GzipFile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.lake.draft import replace_file
from medplatform.modalities.modality import Progress, silent
from medplatform.volumes.pixels import Frame, Frames, open_frames

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

MANIFEST = "manifest.csv"
SCANNER_COORDINATES = 1  # NIFTI_XFORM_SCANNER_ANAT
_COMPRESSION = 1  # pixels compress hardly better at a higher level, and much slower
_STORED = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64")
_MANIFEST = {
    "series_id": pl.String,
    "volume_number": pl.Int32,
    "patient_id": pl.String,
    "modality": pl.String,
    "geometry_status": pl.String,
    "faults": pl.String,
    "dimension": pl.String,
    "orientation": pl.String,
    "file": pl.String,
    "left_out": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which volumes are asked for: of these series, of these patients, or all where none is named.

    Volumes with a faulty geometry are left out unless `with_faults`.
    """

    series: Sequence[str] = ()
    patients: Sequence[str] = ()
    with_faults: bool = False

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that are about these series and patients."""
        for name, chosen in (("series_id", self.series), ("patient_id", self.patients)):
            if chosen:
                rows = rows.filter(pl.col(name).is_in(list(chosen)))
        return rows


def export_nifti(
    lake: Lake,
    series: pl.DataFrame,
    volumes: pl.DataFrame,
    out: Path,
    selection: Selection,
    progress: Progress = silent,
) -> pl.DataFrame:
    """Write the selected volumes below `out`, and `manifest.csv` of them and of what was left out.

    Files are named `<patient_id>/<series_id>_<volume_number>.nii.gz` and replace those of the same
    name.

    Parameters
    ----------
    series, volumes
        Rows of `imaging_series` and `imaging_volume`.

    Returns
    -------
    pl.DataFrame
        The manifest: one row per volume, and per series without one; `file` below `out`, or the
        reason why it was `left_out`.
    """
    chosen = selection.of(volumes)
    chosen = chosen.with_columns(left_out=_why_left_out(selection))
    fit = chosen.filter(pl.col("left_out").is_null())
    rows = [*_series_without_volume(selection.of(series), chosen)]
    with open_frames(lake, fit["instance_ids"].explode().unique()) as frames:
        for number, volume in enumerate(chosen.iter_rows(named=True), 1):
            rows.append(_entry(volume) | _write(volume, frames, out))
            progress("volumes", number, chosen.height)
    manifest = pl.DataFrame(rows, _MANIFEST).sort("series_id", "volume_number")
    out.mkdir(parents=True, exist_ok=True)
    manifest.write_csv(out / MANIFEST)
    return manifest


def make_image(volume: dict[str, Any], frames: Sequence[Frame]) -> "Nifti1Image":
    """The image of a volume from the frames of its slices, (columns, rows, slices).

    Missing slices are NaN.
    """
    from nibabel.nifti1 import Nifti1Image

    slope, intercept = frames[0].slope, frames[0].intercept
    dtype = np.result_type(*(frame.pixels.dtype for frame in frames))
    is_whole = len(frames) == volume["slices"]
    is_stored = is_whole and dtype.name in _STORED and _is_exact(frames)
    if not is_stored:
        dtype = np.dtype(np.float32)
    shape = volume["columns"], volume["rows"], volume["slices"]
    data = np.full(shape, 0 if is_stored else np.nan, dtype, order="F")
    for index, frame in zip(volume["slice_indexes"], frames, strict=True):
        pixels = frame.pixels if is_stored else frame.pixels * frame.slope + frame.intercept
        data[..., index] = pixels.T
    image = Nifti1Image(data, None)
    image.header.set_xyzt_units("mm")
    affine = np.reshape(volume["affine"], (4, 4))
    image.set_sform(affine, code=SCANNER_COORDINATES)
    image.set_qform(affine, code=SCANNER_COORDINATES)
    if is_stored:
        image.header.set_slope_inter(slope, intercept)
    return image


def _is_exact(frames: Sequence[Frame]) -> bool:
    """Whether all frames share a rescale that the float32 of the header hold as it is."""
    pairs = {(frame.slope, frame.intercept) for frame in frames}
    values = next(iter(pairs))
    return len(pairs) == 1 and values[0] != 0 and all(float(np.float32(v)) == v for v in values)


def _why_left_out(selection: Selection) -> pl.Expr:
    """The reason of each volume that the geometry gives, null for those that are written."""
    faulty = (pl.col("geometry_status") == "volume_with_faults") & pl.lit(not selection.with_faults)
    faults = pl.col("faults").list.join(", ")
    return (
        pl.when(faulty)
        .then(pl.concat_str(pl.lit("faulty geometry: "), faults))
        .when(pl.col("affine").is_null())
        .then(pl.lit("depth of the slice unknown"))
        .when(pl.col("patient_id").is_null())
        .then(pl.lit("no patient"))
    )


def _write(volume: dict[str, Any], frames: Frames, out: Path) -> dict[str, str | None]:
    """Write one volume; the file or the reason why there is none."""
    if volume["left_out"]:
        return {"left_out": volume["left_out"]}
    try:
        found = frames.read(list(zip(volume["instance_ids"], volume["frame_numbers"], strict=True)))
    except KeyError:
        return {"left_out": "no pixels in the lake"}
    if any(frame.pixels.ndim > 2 for frame in found):
        return {"left_out": "colour pixels"}
    if any(frame.has_modality_lut for frame in found):
        return {"left_out": "values by a Modality LUT"}
    name = f"{volume['patient_id']}/{volume['series_id']}_{volume['volume_number']}.nii.gz"
    image = make_image(volume, found)
    with (
        replace_file(out / name) as stream,
        # The file says neither when it was written nor how its draft was called.
        GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as compressed,
    ):
        image.to_stream(compressed)
    return {"file": name}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """What the manifest says of a volume, or of a series, whatever becomes of it."""
    said = {name: row.get(name) for name in _MANIFEST}
    return said | {"faults": ", ".join(row["faults"]), "left_out": None}


def _series_without_volume(series: pl.DataFrame, volumes: pl.DataFrame) -> Iterator[dict[str, Any]]:
    without = series.join(volumes, on="series_id", how="anti")
    for row in without.iter_rows(named=True):
        why = "only localizers" if row["geometry_status"] == "localizer" else "no place in space"
        reason = why if row["images"] else "no images"
        yield _entry(row) | {"orientation": None, "left_out": reason}
