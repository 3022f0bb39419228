"""A frame of the lake can be read without the others."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Lake
from medplatform.lake.stage import LARGE_GROUP_ROWS
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging import frames
from medplatform.modalities.imaging.frames import FrameStore, read_frame
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import describe_pixels, make_image, save

SLICES = [np.arange(12, dtype=np.int16).reshape(3, 4) + 100 * n for n in range(6)]
COLOURS = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)


@pytest.fixture
def lake(tmp_path: Path, identity: Identity, process: ReadingProcess) -> Lake:
    """Two deliveries: six slices, and an object of two frames in colour."""
    landing = tmp_path / "landing"
    for number, pixels in enumerate(SLICES):
        save(make_image(pixels), landing / "imaging" / "one" / f"{number}.dcm")
    image = make_image()
    describe_pixels(image, COLOURS[0])
    image.NumberOfFrames, image.PixelData = 2, COLOURS.tobytes()
    save(image, landing / "imaging" / "two" / "1.dcm")
    lake = Lake(tmp_path / "lake")
    for name in ("one", "two"):
        delivery = open_delivery(landing, "imaging", name)
        with lake.stage("imaging", name, "g") as stage:
            read_files(delivery, stage, identity, ReadingPool([process]), silent)
            lake.publish(
                stage,
                modality="imaging",
                delivery=name,
                status="published",
                content_digest=name,
                sources=[],
                started_at=datetime.now(UTC),
            )
    return lake


def test_every_frame_is_found_by_its_instance_and_number(lake: Lake) -> None:
    with FrameStore(lake) as store:
        assert len(store.keys) == 8
        found = [store.read(*key) for key in reversed(store.keys)]
    assert {array.tobytes() for array in found if array.ndim == 2} == {
        pixels.tobytes() for pixels in SLICES
    }
    colours = [array for array in found if array.ndim == 3]
    assert np.array_equal(colours, COLOURS[::-1])
    assert all(array.dtype == np.int16 for array in found if array.ndim == 2)


def test_one_frame(lake: Lake) -> None:
    with FrameStore(lake) as store:
        instance_id, _ = store.keys[0]
    assert read_frame(lake, instance_id).tolist() in [pixels.tolist() for pixels in SLICES]
    with pytest.raises(KeyError):
        read_frame(lake, instance_id, 2)


def test_few_files_are_open_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "OPEN_FILES", 1)
    with FrameStore(lake) as store:
        for key in [*store.keys, *store.keys]:
            store.read(*key)
        assert len(store._files) == 1


def test_few_frames_share_a_row_group(lake: Lake) -> None:
    for path in lake.files("imaging_frame"):
        metadata = pq.read_metadata(path)
        sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
        assert max(sizes) <= LARGE_GROUP_ROWS
        column = metadata.schema.names.index("pixels")
        assert metadata.row_group(0).column(column).compression == "UNCOMPRESSED"
