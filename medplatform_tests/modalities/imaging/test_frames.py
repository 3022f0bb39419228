"""A frame of the lake can be read without the others."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Lake
from medplatform.lake.part import LARGE_GROUP_ROWS
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging import frames
from medplatform.modalities.imaging.codec import encode
from medplatform.modalities.imaging.frames import FrameStore, read_frame
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import describe_pixels, make_image, save

SLICES = [np.arange(12, dtype=np.int16).reshape(3, 4) + 100 * n for n in range(6)]
COLOURS = np.arange(2 * 5 * 6 * 3, dtype=np.uint8).reshape(2, 5, 6, 3)


class Hospital:
    """Publishes what was put into the landing folder."""

    def __init__(self, root: Path, identity: Identity, process: ReadingProcess) -> None:
        self.landing = root / "landing"
        self.lake = Lake(root / "lake")
        self._identity = identity
        self._pool = ReadingPool([process])

    def publish(self, name: str) -> None:
        delivery = open_delivery(self.landing, "imaging", name)
        with self.lake.stage("imaging", name, "g") as stage:
            read_files(delivery, stage, self._identity, self._pool, silent)
            self.lake.publish(
                stage,
                modality="imaging",
                delivery=name,
                status="published",
                content_digest=name,
                sources=[],
                started_at=datetime.now(UTC),
            )


def publish_rows(lake: Lake, delivery: str, sources: dict[str, list[int]]) -> None:
    """Publish image x from each source, with frames of one pixel."""
    with lake.stage("imaging", delivery, "g") as stage:
        for source, values in sources.items():
            of = {"instance_id": "x", "patient_id": "p", "source_id": source, "record_number": 1}
            stage.write(IMAGING_INSTANCE, [{**of, "frames": len(values)}])
            for number, value in enumerate(values, 1):
                name, cell = encode(np.array([[value]], np.int16))
                shape = {"height": 1, "width": 1, "channels": 1, "dtype": "int16"}
                row = {**of, **shape, "frame_number": number, "codec": name, "pixels": cell}
                stage.write(IMAGING_FRAME, [{**row, "pixel_sha256": "0" * 64}])
        lake.publish(
            stage,
            modality="imaging",
            delivery=delivery,
            status="published",
            content_digest=delivery,
            sources=[],
            started_at=datetime.now(UTC),
        )


@pytest.fixture
def hospital(tmp_path: Path, identity: Identity, process: ReadingProcess) -> Hospital:
    return Hospital(tmp_path, identity, process)


@pytest.fixture
def lake(tmp_path: Path, hospital: Hospital) -> Lake:
    """Two deliveries: six slices, and an object of two frames in colour."""
    landing = tmp_path / "landing"
    for number, pixels in enumerate(SLICES):
        save(make_image(pixels), landing / "imaging" / "one" / f"{number}.dcm")
    image = make_image()
    describe_pixels(image, COLOURS[0])
    image.NumberOfFrames, image.PixelData = 2, COLOURS.tobytes()
    save(image, landing / "imaging" / "two" / "1.dcm")
    for name in ("one", "two"):
        hospital.publish(name)
    return hospital.lake


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


def test_frames_are_those_of_the_image_that_counts(tmp_path: Path) -> None:
    """A correction of fewer frames leaves none of the old ones."""
    lake = Lake(tmp_path)
    for delivery, sources in {"a": {"s2": [1, 2]}, "b": {"s2": [4, 5], "s1": [3]}}.items():
        publish_rows(lake, delivery, sources)
    with FrameStore(lake) as store:
        assert store.keys == [("x", 1)]
        assert store.read("x").tolist() == [[3]]
    with pytest.raises(KeyError):
        read_frame(lake, "x", 2)


def test_a_store_of_some_images_looks_at_no_others(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FrameStore(lake) as store:
        everything = {key: store.read(*key) for key in store.keys}
    colour, grey = store.keys[-1][0], store.keys[4][0]
    opened = []
    scan = pl.scan_parquet

    def watch(path: Path, **options: Any) -> pl.LazyFrame:
        opened.append(path)
        return scan(path, **options)

    monkeypatch.setattr(frames.pl, "scan_parquet", watch)
    with FrameStore(lake, [grey]) as store:
        assert store.keys == [(grey, 1)]
        assert np.array_equal(store.read(grey), everything[grey, 1])
    files = [path for path in opened if isinstance(path, Path)]
    assert {path.parent.name for path in files} == {"delivery=one"}
    with FrameStore(lake, [colour, "unknown"]) as store:
        assert store.keys == [(colour, 1), (colour, 2)]


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
