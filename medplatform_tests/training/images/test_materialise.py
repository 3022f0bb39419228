"""From an ImageSpec and a lake to a frozen data set and its cache."""

from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from medplatform.lake import Lake, Snapshot
from medplatform.training.data import freeze_dataset, load_rows
from medplatform.training.images import materialise
from medplatform.training.images.build import CacheFailed
from medplatform.training.images.cache import list_caches, remove_cache
from medplatform.training.images.frozen import cache_root
from medplatform.training.images.materialise import (
    CacheMissing,
    cache_images,
    open_images,
    rows_of_split,
)
from medplatform.training.images.selection import VolumesMissing, collect_images
from medplatform.training.images.spec import (
    FixedWindow,
    ImageSpec,
    Percentiles,
    StoredWindow,
    Units,
)
from medplatform.training.recipes import LESION_SEGMENTATION
from medplatform.warehouse.volumes import write_volumes
from medplatform_tests.training.images.phantom import phantom
from medplatform_tests.training.images.stored import StoredImages

HU = Units(low=-1024, high=3071)


@pytest.fixture
def stored(tmp_path: Path) -> StoredImages:
    return StoredImages(tmp_path / "lake")


def frozen(lake: Lake, spec: ImageSpec) -> Snapshot:
    """Freezes as a recipe does; with few patients some split would be empty, so there are many."""
    root = lake.root.parent
    recipe = replace(
        LESION_SEGMENTATION,
        name="images",
        minimum_patients=1,
        collect=partial(collect_images, spec=spec),
    )
    return freeze_dataset(recipe, lake, root / "marts", root / "datasets")


def images_of(lake: Lake, spec: ImageSpec) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each image by its id, as they are in the cache."""
    snapshot = frozen(lake, spec)
    arrays = open_images(snapshot).arrays
    return {
        image_id: {name: array[row] for name, array in arrays.items()}
        for row, image_id in enumerate(load_rows(snapshot)["image_id"])
    }


def fill(stored: StoredImages, count: int = 12, **facts) -> None:
    """Enough patients for all splits, with 8 x 8 images of one value each."""
    for number in range(count):
        pixels = np.full((8, 8), number, np.uint16)
        stored.add(f"f{number:02}", [pixels], **{"modality": "OT", **facts})


class TestValues:
    def test_units_are_what_the_scanner_measured(self, stored: StoredImages) -> None:
        fill(stored)
        pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) + 1000
        stored.add("ct", [pixels], rescale_slope=1.0, rescale_intercept=-1024.0)
        stored.add("wide", [pixels * 60], rescale_slope=1.0, rescale_intercept=-1024.0)
        spec = ImageSpec(intensity=HU, size=(8, 8), dtype="int16")
        found = images_of(stored.publish(), spec)
        np.testing.assert_array_equal(found["ct:1"]["image"][0], pixels.astype(int) - 1024)
        assert found["wide:1"]["image"].max() == 3071
        assert spec.limits == (-1024, 3071)

    def test_what_a_frame_says_goes_before_what_its_image_says(self, stored: StoredImages) -> None:
        fill(stored)
        frames = [np.ones((8, 8), np.uint16)] * 2
        stored.add(
            "pt",
            frames,
            rescale_slope=2.0,
            rescale_intercept=0.0,
            of_frames={2: {"rescale_slope": 5.0, "rescale_intercept": 1.0}},
        )
        spec = ImageSpec(intensity=Units(low=0, high=100), size=(8, 8), dtype="float16")
        found = images_of(stored.publish(), spec)
        assert np.unique(found["pt:1"]["image"]).tolist() == [2]
        assert np.unique(found["pt:2"]["image"]).tolist() == [6]

    def test_a_window_is_of_units_and_monochrome1_is_inverted(self, stored: StoredImages) -> None:
        fill(stored)
        pixels = np.array([[0, 984], [1063, 2000]], np.uint16)
        ct = {"rescale_slope": 1.0, "rescale_intercept": -1024.0}
        stored.add("two", [pixels], **ct)
        stored.add("one", [pixels], photometric="MONOCHROME1", **ct)
        found = images_of(
            stored.publish(), ImageSpec(intensity=FixedWindow.preset("brain"), size=(2, 2))
        )
        assert found["two:1"]["image"][0].tolist() == [[0, 0], [126, 255]]
        assert found["one:1"]["image"][0].tolist() == [[255, 255], [129, 0]]

    def test_the_window_of_the_file_counts_where_it_has_one(self, stored: StoredImages) -> None:
        fill(stored)
        pixels = np.array([[0, 100], [101, 400]], np.uint16)
        window = {"window_center": 101.0, "window_width": 1.0}
        stored.add("own", [pixels], **window)
        stored.add("bad", [pixels], **{**window, "window_width": 0.0})
        found = images_of(stored.publish(), ImageSpec(intensity=StoredWindow(), size=(2, 2)))
        assert found["own:1"]["image"][0].tolist() == [[0, 0], [255, 255]]
        assert found["bad:1"]["image"][0].tolist() == [[0, 64], [64, 255]]

    def test_values_that_a_table_gives_have_no_unit(self, stored: StoredImages) -> None:
        fill(stored)
        stored.add("table", [np.eye(8, dtype=np.uint16)], has_modality_lut=True)
        lake = stored.publish()

        def chosen(**options) -> list[str]:
            spec = ImageSpec(size=(8, 8), **options)
            return collect_images(lake, Path(), spec=spec).rows["image_id"].to_list()

        assert "table:1" in chosen(intensity=Percentiles())
        for intensity in (HU, FixedWindow.preset("lung"), StoredWindow()):
            dtype = "int16" if intensity is HU else "uint8"
            assert "table:1" not in chosen(intensity=intensity, dtype=dtype)

    def test_percentiles_are_of_the_image(self, stored: StoredImages) -> None:
        fill(stored)
        pixels = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
        stored.add("mr", [pixels])
        spec = ImageSpec(intensity=Percentiles(low=1, high=99), size=(100, 100), dtype="float16")
        image = images_of(stored.publish(), spec)["mr:1"]["image"][0]
        assert (image == 0).sum() == 100 and 100 <= (image == 1).sum() <= 105
        assert image[50, 0] == pytest.approx(0.5, abs=0.01)

    def test_padding_is_black_and_counts_in_no_percentile(self, stored: StoredImages) -> None:
        fill(stored)
        pixels = np.array([[-2000, -1000], [0, 1000]], np.int16)
        stored.add("round", [pixels], pixel_padding_value=-2000)
        spec = ImageSpec(intensity=Percentiles(low=0, high=100), size=(2, 2))
        image = images_of(stored.publish(), spec)["round:1"]["image"][0]
        assert image.tolist() == [[0, 0], [128, 255]]

    def test_colour_becomes_grey_where_one_channel_is_wanted(self, stored: StoredImages) -> None:
        fill(stored)
        colour = np.zeros((8, 8, 3), np.uint8)
        colour[..., 1] = 255
        stored.add("rgb", [colour])
        lake = stored.publish()
        intensity = StoredWindow()
        grey = images_of(lake, ImageSpec(intensity=intensity, size=(8, 8)))["rgb:1"]["image"]
        assert np.unique(grey).tolist() == [150]
        three = images_of(lake, ImageSpec(intensity=intensity, size=(8, 8), channels=3))
        assert three["rgb:1"]["image"][:, 0, 0].tolist() == [0, 255, 0]
        assert three["f03:1"]["image"].shape == (3, 8, 8)


class TestGeometry:
    def test_a_frame_is_resampled_to_its_spacing(self, stored: StoredImages) -> None:
        fill(stored, pixel_spacing_row_mm=1.0, pixel_spacing_column_mm=1.0)
        image, mask = phantom(32)
        spacing = {"pixel_spacing_row_mm": 2.0, "pixel_spacing_column_mm": 1.0}
        stored.add("a", [image[0]], masks={1: [mask[0]]}, **spacing)
        stored.add("unknown", [image[0]], masks={1: [mask[0]]})
        spec = ImageSpec(size=(64, 32), spacing_mm=(1.0, 1.0), has_masks=False)
        lake = stored.publish()
        found = images_of(lake, spec)
        assert "unknown:1" not in found
        bright = found["a:1"]["image"][0] > 127
        assert (bright != np.repeat(mask[0], 2, axis=0)).mean() < 0.05
        assert found["f00:1"]["image"].shape == (1, 64, 32)

    def test_a_padded_image_keeps_its_shape(self, stored: StoredImages) -> None:
        fill(stored)
        stored.add("tall", [np.full((40, 20), 9, np.uint8)], window_center=0.0, window_width=2.0)
        spec = ImageSpec(intensity=StoredWindow(), size=(20, 20), fit="pad")
        image = images_of(stored.publish(), spec)["tall:1"]["image"][0]
        assert image[:, 5:15].min() == 255 and image[:, :5].max() == image[:, 15:].max() == 0

    def test_masks_are_those_of_the_segmentation_that_counts(self, stored: StoredImages) -> None:
        """A correction may have fewer masks, and others of the same numbers."""
        image, old = np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)
        new = np.eye(8, dtype=np.uint8)
        for number in range(12):
            stored.add(f"m{number}", [image, image])
            stored.add_segmentation(f"seg{number}", f"m{number}", {1: old, 2: old})
        spec = ImageSpec(size=(8, 8), has_masks=True)
        before = frozen(stored.publish("first"), spec)
        for number in range(12):
            stored.add_segmentation(f"seg{number}", f"m{number}", {1: new})
        lake = stored.publish("second")
        found = images_of(lake, spec)
        assert len(load_rows(before)) == 24
        assert found.keys() == {f"m{number}:1" for number in range(12)}
        assert np.array_equal(found["m3:1"]["mask"][0], new)

    def test_masks_lie_where_the_image_does(self, stored: StoredImages) -> None:
        image, mask = phantom(32)
        halves = [mask[0].copy(), mask[0].copy()]
        halves[0][:16] = 0
        halves[1][16:] = 0
        for number in range(12):
            stored.add(f"m{number}", [image[0]], masks={1: halves})
        stored.add("none", [image[0]])
        stored.add("other", [image[0]], masks={1: [np.ones((4, 4), np.uint8)]})
        found = images_of(stored.publish(), ImageSpec(size=(16, 24), has_masks=True))
        assert set(found) == {f"m{number}:1" for number in range(12)}
        for arrays in found.values():
            assert ((arrays["image"] > 127) != arrays["mask"]).mean() < 0.1
            assert arrays["mask"].dtype == np.uint8 and arrays["mask"].shape == (1, 16, 24)

    def test_volumes_are_in_the_order_of_their_place(self, stored: StoredImages) -> None:
        for number in range(12):
            volume = np.zeros((6, 8, 10), np.uint16)
            volume += np.arange(6, dtype=np.uint16)[:, None, None] * 100 + number
            stored.add_series(f"s{number:02}", volume, (3.0, 1.0, 1.0))
        gap = np.zeros((6, 8, 10), np.uint16)
        stored.add_series("gap", gap, (3.0, 1.0, 1.0), patient="p-gap")
        stored._rows["instance"] = [
            row for row in stored._rows["instance"] if row["instance_id"] != "gap-2"
        ]
        lake = stored.publish()
        spec = ImageSpec(
            of="volumes", modalities=("CT",), intensity=HU, size=(6, 8, 10), dtype="int16"
        )
        with pytest.raises(VolumesMissing, match="medplatform build"):
            frozen(lake, spec)
        marts = lake.root.parent / "marts"
        marts.mkdir()
        write_volumes(lake, marts)
        found = images_of(lake, spec)
        assert sorted(found) == [f"s{number:02}:1" for number in range(12)]
        assert found["s07:1"]["image"][0, :, 0, 0].tolist() == [7, 107, 207, 307, 407, 507]
        fine = spec.model_copy(update={"size": (18, 8, 10), "spacing_mm": (1.0, 1.0, 1.0)})
        depth = images_of(lake, fine)["s07:1"]["image"][0, :, 4, 5]
        assert depth[[1, 4, 7]].tolist() == [7, 107, 207] and (np.diff(depth) >= 0).all()


class TestSelection:
    def test_only_what_is_asked_for(self, stored: StoredImages) -> None:
        fill(stored, modality="CR", body_part="CHEST", view_position="PA")
        fill_of = {"modality": "CR", "body_part": "CHEST", "view_position": "PA"}
        for name, value in (("modality", "CT"), ("body_part", "HAND"), ("view_position", "LL")):
            stored.add(f"not-{name}", [np.zeros((8, 8), np.uint8)], **{**fill_of, name: value})
        stored.add("unsaid", [np.zeros((8, 8), np.uint8)])
        spec = ImageSpec(size=(8, 8), modalities=("CR",), body_parts=("CHEST",), views=("PA", "AP"))
        rows = collect_images(stored.publish(), Path(), spec=spec).rows
        assert rows["image_id"].to_list() == [f"f{number:02}:1" for number in range(12)]

    def test_the_digest_covers_pixels_and_spec(self, tmp_path: Path) -> None:
        digests = set()
        for number, (value, size) in enumerate([(1, 8), (1, 8), (2, 8), (1, 4)]):
            stored = StoredImages(tmp_path / str(number) / "lake")
            fill(stored)
            stored.add("x", [np.full((8, 8), value, np.uint8)])
            digests.add(frozen(stored.publish(), ImageSpec(size=(size, size))).digest)
        assert len(digests) == 3

    def test_rows_hold_no_pixels(self, stored: StoredImages) -> None:
        fill(stored)
        rows = load_rows(frozen(stored.publish(), ImageSpec(size=(8, 8))))
        assert pl.Binary not in rows.dtypes
        assert rows["slices"].list.len().unique().to_list() == [1]


class TestCache:
    def test_freezing_makes_it_ready_and_it_can_come_back(self, stored: StoredImages) -> None:
        fill(stored)
        lake = stored.publish()
        snapshot = frozen(lake, ImageSpec(size=(8, 8)))
        first = open_images(snapshot)
        assert len(list_caches(cache_root(snapshot))) == 1
        remove_cache(first.folder)
        with pytest.raises(CacheMissing, match="medplatform freeze images"):
            open_images(snapshot)
        assert frozen(lake, ImageSpec(size=(8, 8))).digest == snapshot.digest
        again = open_images(snapshot).manifest
        assert again["arrays"] == first.manifest["arrays"]

    def test_it_is_one_of_the_code_and_the_torch_that_made_it(
        self, stored: StoredImages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stored)
        snapshot = frozen(stored.publish(), ImageSpec(size=(8, 8)))
        for name, other in (("version", lambda _name: "0.1"), ("_CODE", materialise._CODE[1:])):
            with monkeypatch.context() as changed:
                changed.setattr(materialise, name, other)
                with pytest.raises(CacheMissing):
                    open_images(snapshot)
        with monkeypatch.context() as changed:
            public = version("torch").partition("+")[0]
            changed.setattr(materialise, "version", lambda _name: f"{public}+cu999")
            assert len(open_images(snapshot)) == 12
        made = {module.__name__.rpartition(".")[2] for module in materialise._CODE}
        assert made >= {"materialise", "lake_pixels", "spec", "prepare", "resample", "rescaling"}

    def test_splits_are_rows(self, stored: StoredImages) -> None:
        fill(stored, 30)
        snapshot = frozen(stored.publish(), ImageSpec(size=(8, 8)))
        splits = [rows_of_split(snapshot, name) for name in ("train", "validation", "test")]
        assert sorted(np.concatenate(splits)) == list(range(30))
        rows = load_rows(snapshot)
        assert rows["image_id"].gather(splits[1]).to_list() == (
            load_rows(snapshot, "validation")["image_id"].to_list()
        )

    def test_what_is_gone_from_the_lake_cannot_be_built(self, stored: StoredImages) -> None:
        fill(stored)
        snapshot = frozen(stored.publish(), ImageSpec(size=(8, 8)))
        remove_cache(open_images(snapshot).folder)
        with pytest.raises(CacheFailed, match="Freeze the data set again"):
            cache_images(snapshot, Lake(stored.lake.root.parent / "other"))

    def test_damaged_pixels_are_not_trained_on(self, stored: StoredImages) -> None:
        fill(stored)
        stored._rows["frame"][3]["pixels"] = stored._rows["frame"][4]["pixels"]
        with pytest.raises(CacheFailed, match="Ingest the delivery again"):
            frozen(stored.publish(), ImageSpec(size=(8, 8)))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"size": (8, 8, 8)}, "2 axes"),
        ({"size": (8, 8), "of": "volumes"}, "3 axes"),
        ({"size": (8, 8), "spacing_mm": (1, 1, 1)}, "2 axes"),
        ({"size": (0, 8)}, "above 0"),
        ({"size": (8, 8), "spacing_mm": (1, 0)}, "above 0"),
        ({"size": (8, 8), "intensity": HU}, "int16 or float16"),
        ({"size": (8, 8), "intensity": HU, "dtype": "int16", "channels": 3}, "one channel"),
        ({"size": (8, 8), "intensity": {"kind": "window", "center": 0, "width": 0}}, "No LINEAR"),
        ({"size": (8, 8), "colour": True}, "Extra inputs"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(declared: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageSpec(**declared)
