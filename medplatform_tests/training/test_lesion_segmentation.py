"""From masks and pixels in the lake to a model that outlines; empty images count."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medplatform.lake import Lake
from medplatform.modalities.imaging.codec import encode, encode_mask
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE, IMAGING_MASK
from medplatform.training.loop import train
from medplatform.training.recipes.lesion_images import resize_image, resize_mask, to_uint8
from medplatform.training.recipes.lesion_segmentation import LesionSegmentationConfig, collect
from medplatform.training.recipes.lesion_segmentation_model import LesionSegmentationLearner
from medplatform_tests.training.cohort import lesion_rows
from medplatform_tests.warehouse.records import publish

SMALL = LesionSegmentationConfig(
    epochs=6, channels=(8, 16, 32), residual_units=1, crop_size=32, learning_rate=1e-2
)


class LakeOfImages:
    """Publishes pictures and masks as the imaging reader does."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root)
        self.rows: dict[str, list[dict[str, Any]]] = {"instance": [], "frame": [], "mask": []}

    def add(
        self,
        instance: str,
        pixels: np.ndarray,
        masks: list[np.ndarray],
        *,
        photometric: str = "MONOCHROME2",
        frame: int = 1,
    ) -> None:
        lineage = {"source_id": "s", "record_number": len(self.rows["frame"]) + 1}
        owner = {"instance_id": instance, "patient_id": f"p-{instance}", **lineage}
        height, width = pixels.shape[:2]
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        if frame == 1:
            facts = {"rows": height, "columns": width, "samples_per_pixel": channels, "frames": 1}
            self.rows["instance"].append(
                owner | facts | {"photometric": photometric, "manufacturer": "maker"}
            )
        codec, cell = encode(pixels)
        size = {"height": height, "width": width, "frame_number": frame}
        image = {"channels": channels, "dtype": pixels.dtype.name, "codec": codec, "pixels": cell}
        self.rows["frame"].append(owner | size | image | {"pixel_sha256": "0" * 64})
        for number, mask in enumerate(masks, 1):
            codec, cell = encode_mask(mask)
            shape = {"height": mask.shape[0], "width": mask.shape[1], "frame_number": frame}
            self.rows["mask"].append(
                owner
                | shape
                | {
                    "mask_id": f"{instance}-{frame}-{number}",
                    "segment_number": number,
                    "codec": codec,
                    "pixels": cell,
                    "foreground_pixels": int(mask.sum()),
                }
            )

    def publish(self) -> Lake:
        with self.lake.stage("imaging", "first", "g1") as stage:
            tables = (IMAGING_INSTANCE, IMAGING_FRAME, IMAGING_MASK)
            for table, rows in zip(tables, self.rows.values(), strict=True):
                stage.write(table, rows)
            self.lake.publish(
                stage,
                modality="imaging",
                delivery="first",
                status="published",
                content_digest="c" * 64,
                sources=[],
                started_at=datetime.now(UTC),
            )
        return self.lake


@pytest.fixture
def images(tmp_path: Path) -> LakeOfImages:
    return LakeOfImages(tmp_path / "lake")


def test_images_of_a_deleted_patient_are_left_out(images: LakeOfImages) -> None:
    mask = np.zeros((32, 32), bool)
    mask[:8, :8] = True
    for name in ("a", "b"):
        images.add(name, np.full((32, 32), 9, np.uint8), [mask])
    lake = images.publish()
    gone = [{"resource_type": "Patient", "resource_id": "p-a"}]
    publish(lake.root, "later", {"ehr_deletion": gone})
    assert collect(lake, Path()).rows["patient_id"].to_list() == ["p-b"]


def test_masks_that_a_segmentation_does_not_have_any_more_are_left_out(tmp_path: Path) -> None:
    old, new = np.zeros((2, 32, 32), bool)
    old[:16], new[:8] = True, True
    lake = Lake(tmp_path / "lake")
    for delivery, mask in (("a", old), ("b", new)):
        codec, cell = encode_mask(mask)
        image = {"instance_id": "i", "patient_id": "p"}
        segmentation = {"instance_id": "seg", "patient_id": "p", "record_number": 2}
        size = {"height": 32, "width": 32, "frame_number": 1}
        pixels = dict(zip(("codec", "pixels"), encode(np.zeros((32, 32), np.uint8)), strict=True))
        rows: dict[str, list[dict[str, Any]]] = {
            "imaging_instance": [
                image | {"rows": 32, "columns": 32, "samples_per_pixel": 1, "frames": 1},
                segmentation | {"frames": 1},
            ],
            "imaging_frame": [
                image | size | pixels | {"channels": 1, "dtype": "uint8", "pixel_sha256": "0" * 64}
            ],
            "imaging_mask": [
                segmentation
                | size
                | {"instance_id": "i", "segmentation_id": "seg", "mask_id": f"m-{delivery}"}
                | {"codec": codec, "pixels": cell, "segment_number": 1}
                | {"foreground_pixels": int(mask.sum())}
            ],
        }
        publish(lake.root, delivery, rows)
    assert collect(lake, Path()).rows["foreground_fraction"].to_list() == [0.25]


def square(size: int, low: int, high: int) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[low:high, low:high] = 1
    return mask


def pictures_of(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    x, y = LesionSegmentationLearner(SMALL).tensors(rows)
    return x.numpy(), y.numpy()


class TestCollect:
    def test_takes_images_that_have_a_mask(self, images: LakeOfImages) -> None:
        gradient = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
        images.add("with", gradient, [square(64, 8, 24)])
        images.add("without", gradient, [])
        images.add("empty", gradient, [np.zeros((64, 64), np.uint8)])
        collected = collect(images.publish(), Path())
        assert sorted(collected.rows["image_id"]) == ["empty:1", "with:1"]
        assert collected.facts == {"image_size": 64, "channels": 1}
        by_id = {row["image_id"]: row for row in collected.rows.iter_rows(named=True)}
        assert by_id["with:1"]["foreground_fraction"] == 16 * 16 / 64**2
        assert by_id["empty:1"]["foreground_fraction"] == 0
        assert by_id["with:1"]["manufacturer"] == "maker"

    def test_unites_the_segments_of_an_image(self, images: LakeOfImages) -> None:
        segments = [square(32, 0, 8), square(32, 4, 12)]
        images.add("a", np.eye(32, dtype=np.int16), segments)
        _, masks = pictures_of(collect(images.publish(), Path()).rows)
        np.testing.assert_array_equal(masks[0, 0], segments[0] | segments[1])

    def test_keeps_frames_apart(self, images: LakeOfImages) -> None:
        for frame in (1, 2):
            images.add("a", np.eye(32, dtype=np.uint8), [square(32, 0, 8 * frame)], frame=frame)
        rows = collect(images.publish(), Path()).rows.sort("frame_number")
        assert rows["image_id"].to_list() == ["a:1", "a:2"]
        assert (rows["foreground_fraction"] * 32**2).to_list() == [64, 256]

    def test_gives_all_one_size(self, images: LakeOfImages) -> None:
        images.add("tall", np.zeros((100, 60), np.uint8), [np.ones((100, 60), np.uint8)])
        images.add("small", np.zeros((90, 90), np.uint8), [np.ones((90, 90), np.uint8)])
        collected = collect(images.publish(), Path())
        assert collected.facts["image_size"] == 96
        pixels, masks = pictures_of(collected.rows)
        assert pixels.shape == masks.shape == (2, 1, 96, 96)
        assert masks.all()

    def test_takes_the_size_that_is_asked_for(self, images: LakeOfImages) -> None:
        images.add("a", np.zeros((64, 64), np.uint8), [square(64, 0, 32)])
        rows = collect(images.publish(), Path(), image_size=32).rows
        assert rows.select("height", "width").row(0) == (32, 32)
        assert rows["foreground_fraction"].item() == 0.25

    def test_never_enlarges_beyond_the_bound(self, images: LakeOfImages) -> None:
        images.add("a", np.zeros((512, 512), np.uint8), [square(512, 0, 99)])
        assert collect(images.publish(), Path()).facts["image_size"] == 256

    def test_inverts_monochrome1(self, images: LakeOfImages) -> None:
        gradient = np.tile(np.arange(32, dtype=np.uint8), (32, 1))
        images.add("one", gradient, [square(32, 0, 8)], photometric="MONOCHROME1")
        images.add("two", gradient, [square(32, 0, 8)])
        rows = collect(images.publish(), Path()).rows.sort("image_id")
        (one, two), _ = pictures_of(rows)
        np.testing.assert_allclose(one, 255 - two.astype(int), atol=1)

    def test_keeps_colour_if_all_images_have_it(self, images: LakeOfImages) -> None:
        colour = np.zeros((32, 32, 3), np.uint8)
        colour[..., 0] = 200
        images.add("a", colour, [square(32, 0, 8)])
        collected = collect(images.publish(), Path())
        assert collected.facts["channels"] == 3
        assert pictures_of(collected.rows)[0].shape == (1, 3, 32, 32)

    def test_mixes_colour_and_grey_as_grey(self, images: LakeOfImages) -> None:
        images.add("a", np.zeros((32, 32, 3), np.uint8), [square(32, 0, 8)])
        images.add("b", np.zeros((32, 32), np.uint8), [square(32, 0, 8)])
        assert collect(images.publish(), Path()).facts["channels"] == 1

    def test_leaves_out_a_mask_of_another_shape(self, images: LakeOfImages) -> None:
        images.add("a", np.zeros((32, 32), np.uint8), [square(16, 0, 8)])
        assert collect(images.publish(), Path()).rows.is_empty()

    def test_finds_nothing_in_an_empty_lake(self, tmp_path: Path) -> None:
        assert collect(Lake(tmp_path), Path()).rows.is_empty()


class TestPictures:
    def test_intensities_are_stretched_whatever_the_unit(self) -> None:
        hounsfield = np.random.default_rng(0).integers(-1000, 2000, (50, 50)).astype(np.int16)
        stretched = to_uint8(hounsfield)
        assert stretched.dtype == np.uint8 and stretched.min() == 0 and stretched.max() == 255
        np.testing.assert_array_equal(stretched, to_uint8(hounsfield.astype(np.float64) * 3 + 7))

    def test_a_flat_image_stays_flat(self) -> None:
        assert np.unique(to_uint8(np.full((8, 8), 17, np.uint16))).tolist() == [0]

    def test_one_bright_spot_on_black_is_kept(self) -> None:
        spot = np.zeros((64, 64), np.uint8)
        spot[3, 3] = 9
        assert to_uint8(spot)[3, 3] == 255

    def test_alpha_is_dropped(self) -> None:
        assert to_uint8(np.zeros((8, 8, 4), np.uint8)).shape == (8, 8, 3)

    def test_grey_is_repeated_where_colour_is_wanted(self) -> None:
        assert resize_image(np.zeros((8, 8), np.uint8), 4, 3).shape == (4, 4, 3)

    def test_a_mask_covers_where_half_of_the_area_is_covered(self) -> None:
        mask = np.zeros((4, 4), np.uint8)
        mask[:2, :2] = 1
        mask[3, 2:] = 1
        mask[0, 3] = 1
        assert resize_mask(mask, 2).tolist() == [[1, 0], [0, 1]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[LesionSegmentationLearner, Any]:
    torch.set_num_threads(1)
    learner = LesionSegmentationLearner(SMALL)
    rows = lesion_rows(120)
    found = train(
        learner,
        SMALL,
        learner.tensors(rows[:100]),
        learner.tensors(rows[100:]),
        device=torch.device("cpu"),
        checkpoint=tmp_path_factory.mktemp("run") / "checkpoint.pt",
        key="key",
        report=lambda epoch, metrics: None,
    )
    return learner, found.model


def test_it_learns_to_outline(trained: tuple[LesionSegmentationLearner, Any]) -> None:
    learner, model = trained
    rows = lesion_rows(40, seed=1)
    dice = learner.predict(model, rows).overlap()
    baseline = learner.baseline(lesion_rows(40, seed=2), rows).overlap()
    assert dice.mean() > 0.85
    assert dice.mean() > baseline.mean() + 0.1


def test_an_image_without_lesion_counts(trained: tuple[LesionSegmentationLearner, Any]) -> None:
    learner, _ = trained
    rows = lesion_rows(8)
    nothing = learner.predict(lambda x: torch.zeros(len(x), 1, 48, 48), rows).overlap()  # pyright: ignore[reportArgumentType]
    everything = learner.predict(lambda x: torch.ones(len(x), 1, 48, 48), rows).overlap()  # pyright: ignore[reportArgumentType]
    assert nothing.tolist() == [1.0] + [0.0] * 7
    assert everything[0] == 0 and (everything[1:] > 0).all()


def test_predictions_carry_the_declared_groups(
    trained: tuple[LesionSegmentationLearner, Any],
) -> None:
    learner, model = trained
    predictions = learner.predict(model, lesion_rows(6))
    assert set(predictions.groups) == {"patient_sex", "manufacturer"}
    assert predictions.groups["patient_sex"].tolist()[:3] == ["female", "male", "unknown"]


def test_the_model_takes_images_of_any_size(
    trained: tuple[LesionSegmentationLearner, Any],
) -> None:
    _, model = trained
    with torch.no_grad():
        probability = model(torch.rand(2, 1, 37, 90) * 255)
    assert probability.shape == (2, 1, 37, 90)
    assert probability.min() >= 0 and probability.max() <= 1


def test_augmentation_moves_image_and_mask_alike() -> None:
    config = SMALL.model_copy(update={"intensity_jitter": 0.0, "crop_size": 16})
    learner = LesionSegmentationLearner(config)
    y = (torch.rand(4, 1, 48, 48) > 0.5).to(torch.uint8)
    shapes = set()
    for seed in range(8):
        images, masks = learner.augment(y * 255, y, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(images.round(), masks)
        shapes.add(tuple(masks[0, 0, 0, :8].tolist()))
        assert images.shape == (4, 1, 16, 16)
    assert len(shapes) > 4


@pytest.mark.parametrize("polarity", [1, -1])
def test_the_baseline_finds_lesions_brighter_or_darker_than_the_ground(polarity: int) -> None:
    learner = LesionSegmentationLearner(SMALL)
    _, y = learner.tensors(lesion_rows(16))
    clear = 128 + polarity * 60 * (2 * y.numpy().astype(int) - 1)
    rows = lesion_rows(16).with_columns(
        image=pl.Series([image.astype(np.uint8).tobytes() for image in clear])
    )
    dice = learner.baseline(rows, rows).overlap()
    assert dice[y.numpy().any(axis=(1, 2, 3))].min() == 1


def test_a_crop_that_the_network_cannot_halve_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16: 5 levels"):
        LesionSegmentationConfig(crop_size=40)
