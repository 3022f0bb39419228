"""The pictures of a delivery: what is in them, and that they are small."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medplatform.lake import Lake, LedgerEntry
from medplatform.modalities.imaging.codec import encode
from medplatform.modalities.imaging.configuration import Configuration
from medplatform.modalities.imaging.overview import (
    SAMPLES,
    TILE_PIXELS,
    Sample,
    draw_contact_sheet,
    draw_delivery,
    draw_histogram,
)
from medplatform_tests.warehouse.records import publish

PNG = b"\x89PNG"
EVENT_BYTES = 60_000


def tiles_of(png: bytes) -> list[np.ndarray]:
    """The thumbnails of a sheet, row by row, without their margins."""
    sheet = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    edge = TILE_PIXELS + 2
    return [
        sheet[top + 1 : top + edge - 1, left + 1 : left + edge - 1]
        for top in range(0, sheet.shape[0], edge)
        for left in range(0, sheet.shape[1], edge)
    ]


def gradient() -> np.ndarray:
    """Dark at the left, bright at the right."""
    return np.tile(np.linspace(-1000, 1000, 128), (128, 1))


def test_a_tile_has_the_grey_scale_of_its_own_frame() -> None:
    dim, bright = tiles_of(
        draw_contact_sheet([Sample("CT", gradient() / 100), Sample("CT", gradient() * 10)])
    )
    np.testing.assert_allclose(dim, bright, atol=10)
    assert dim[:, :4].max() < 20 < 230 < dim[:, -4:].min()


def test_monochrome1_is_bright_where_its_values_are_low() -> None:
    (tile,) = tiles_of(draw_contact_sheet([Sample("DX", gradient(), is_inverted=True)]))
    assert tile[:, :4].min() > 230


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8)),
        np.full((4, 300), np.nan),
        np.zeros((16, 16, 3), np.uint8),
        np.full((1, 1), 7.0),
    ],
    ids=["constant", "no number", "colour", "one pixel"],
)
def test_every_frame_can_be_drawn(pixels: np.ndarray) -> None:
    samples = [Sample("OT", pixels)]
    assert draw_contact_sheet(samples).startswith(PNG)
    assert draw_histogram(samples).startswith(PNG)


def test_pictures_of_noise_fit_the_event_log() -> None:
    random = np.random.default_rng(0)
    noise = [Sample("MR", random.normal(size=(512, 512))) for _ in range(SAMPLES)]
    assert len(draw_contact_sheet(noise)) < EVENT_BYTES
    assert len(draw_histogram(noise)) < EVENT_BYTES


def published(root: Path, frames: int) -> tuple[Lake, LedgerEntry]:
    """A lake with one series, the values of each frame being its number."""
    instances: list[dict[str, Any]] = []
    cells: list[dict[str, Any]] = []
    for number in range(frames):
        pixels = np.full((4, 4), number, np.int16)
        pixels[0, 0] += 1
        codec, cell = encode(pixels)
        name = {"instance_id": f"i{number:03d}", "patient_id": "p"}
        instances.append(
            name | {"series_id": "s", "modality": "CT", "frames": 1, "rescale_intercept": -1000.0}
        )
        cells.append(
            name
            | {"frame_number": 1, "height": 4, "width": 4, "channels": 1, "dtype": "int16"}
            | {"codec": codec, "pixels": cell, "pixel_sha256": "0" * 64}
        )
    return published_rows(root, imaging_instance=instances, imaging_frame=cells)


def published_rows(root: Path, **tables: list[dict[str, Any]]) -> tuple[Lake, LedgerEntry]:
    publish(root, "d1", tables)
    lake = Lake(root)
    entry = lake.ledger.get("imaging", "d1")
    assert entry
    return lake, entry


def test_a_delivery_is_drawn_from_frames_all_over_it(tmp_path: Path) -> None:
    lake, entry = published(tmp_path, 3 * SAMPLES)
    plots = draw_delivery(lake, entry, Configuration())["imaging_frame"]
    assert plots.keys() == {"contact sheet", "histogram"}
    assert len(tiles_of(plots["contact sheet"])) == SAMPLES


def test_no_thumbnails_where_the_installation_wants_none(tmp_path: Path) -> None:
    lake, entry = published(tmp_path, 2)
    plots = draw_delivery(lake, entry, Configuration(has_thumbnails=False))
    assert plots["imaging_frame"].keys() == {"histogram"}


def test_a_delivery_without_frames_has_no_pictures(tmp_path: Path) -> None:
    lake, entry = published_rows(
        tmp_path, imaging_instance=[{"instance_id": "i", "patient_id": "p", "frames": 0}]
    )
    assert draw_delivery(lake, entry, Configuration()) == {}
