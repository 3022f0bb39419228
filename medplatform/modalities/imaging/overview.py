"""What a delivery of images looks like: a contact sheet and a histogram of values, as small PNGs.

They are drawn from the rows of the lake, so from pixels that were treated as the policy asks, and
name nothing but the modality.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake, LedgerEntry
from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.configuration import Configuration
from medplatform.modalities.imaging.rescaling import rescale
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE

SAMPLES = 24
TILE_PIXELS = 64
"""Edge of a thumbnail: enough to see an inverted, empty or cut image, too little to read text."""
TILES_PER_ROW = 8
_GREYS = 16  # of a contact sheet, so that it is small enough for the event log
_DPI = 80
_BINS = 64
_RESCALE = ("rescale_slope", "rescale_intercept")
_INSTANCE_COLUMNS = (
    *("instance_id", "series_id", "instance_number", "modality", "photometric"),
    *_RESCALE,
)
_FRAME_COLUMNS = ["height", "width", "channels", "dtype", "codec", "pixels", *_RESCALE]


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame: (height, width) or (height, width, 3), in the values that the modality means."""

    modality: str
    pixels: np.ndarray
    is_inverted: bool = False
    """Whether low values are bright (MONOCHROME1)."""


def draw_delivery(
    lake: Lake, entry: LedgerEntry, configuration: Configuration
) -> Mapping[str, Mapping[str, bytes]]:
    """The plots of a delivery, by table and title; none where it has no frames."""
    samples = list(_samples(lake, entry))
    if not samples:
        return {}
    plots = {"histogram": draw_histogram(samples)}
    if configuration.has_thumbnails:
        plots["contact sheet"] = draw_contact_sheet(samples)
    return {IMAGING_FRAME.name: plots}


def draw_contact_sheet(samples: Sequence[Sample]) -> bytes:
    """Thumbnails in rows, each in the grey scale from its 1st to its 99th percentile, as PNG."""
    from PIL import Image

    rows = -(-len(samples) // TILES_PER_ROW)
    columns = min(len(samples), TILES_PER_ROW)
    sheet = Image.new("L", (columns * (TILE_PIXELS + 2), rows * (TILE_PIXELS + 2)), color=255)
    for number, sample in enumerate(samples):
        tile = Image.fromarray(_greys(sample))
        tile.thumbnail((TILE_PIXELS, TILE_PIXELS), Image.Resampling.BOX)
        row, column = divmod(number, TILES_PER_ROW)
        sheet.paste(tile, (column * (TILE_PIXELS + 2) + 1, row * (TILE_PIXELS + 2) + 1))
    stream = io.BytesIO()
    sheet.quantize(_GREYS).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def draw_histogram(samples: Sequence[Sample]) -> bytes:
    """How the values of each modality are distributed over the samples, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 2.6), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    for modality in sorted({sample.modality for sample in samples}):
        values = np.concatenate([s.pixels.ravel() for s in samples if s.modality == modality])
        values = values[np.isfinite(values)]
        if values.size:
            counts, edges = np.histogram(values, _BINS)
            axes.stairs(counts / values.size, edges, label=modality)
            axes.set(yscale="log")
            axes.legend(fontsize=8)
    axes.set(xlabel="value after rescale", ylabel="part of the pixels")
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _samples(lake: Lake, entry: LedgerEntry) -> Iterator[Sample]:
    """Frames of a delivery, spread evenly over its series."""
    places = [
        pl.read_parquet(lake.root / file.path, columns=["instance_id"], hive_partitioning=False)
        .with_row_index("row")
        .with_columns(path=pl.lit(file.path))
        for file in entry.tables.get(IMAGING_FRAME.name, [])
    ]
    if not places:
        return
    instances = (
        lake.scan(IMAGING_INSTANCE, ["delivery", *_INSTANCE_COLUMNS])
        .filter(pl.col("delivery") == entry.delivery)
        .collect()
    )
    frames = (
        pl.concat(places)
        .join(instances, on="instance_id")
        .sort("series_id", "instance_number", "instance_id", "path", "row")
    )
    chosen = np.unique(np.linspace(0, frames.height - 1, SAMPLES).astype(int))
    for place in frames[chosen].iter_rows(named=True):
        frame = _read_row(lake.root / place["path"], place["row"])
        array = decode(
            frame["codec"],
            frame["pixels"],
            dtype=frame["dtype"],
            shape=(frame["height"], frame["width"], frame["channels"])[
                : 2 if frame["channels"] == 1 else 3
            ],
        )
        yield Sample(
            place["modality"] or "?",
            rescale(array, *(place[n] if frame[n] is None else frame[n] for n in _RESCALE)),
            is_inverted=place["photometric"] == "MONOCHROME1",
        )


def _read_row(path: Path, row: int) -> dict[str, Any]:
    """One row of a Parquet file, of which no more than its row group is read."""
    with pq.ParquetFile(path, memory_map=True) as file:
        group = 0
        while row >= file.metadata.row_group(group).num_rows:
            row -= file.metadata.row_group(group).num_rows
            group += 1
        return file.read_row_group(group, _FRAME_COLUMNS).slice(row, 1).to_pylist()[0]


def _greys(sample: Sample) -> np.ndarray:
    """(height, width) of 0 to 255, bright where a reader would see it bright."""
    pixels = sample.pixels.astype(np.float32)
    if pixels.ndim == 3:
        pixels = pixels[..., :3].mean(axis=2)
    pixels = np.nan_to_num(pixels)
    low, high = np.percentile(pixels, (1, 99))
    greys = np.clip((pixels - low) / max(float(high - low), 1e-9), 0, 1) * 255
    return (255 - greys if sample.is_inverted else greys).astype(np.uint8)
