"""Sizes and spacings change as documented: edges stay, nothing is aliased, identity is free."""

import numpy as np
import pytest
from PIL import Image

from medplatform.training.images.resample import (
    crop_or_pad,
    fitting_size,
    resize_image,
    resize_mask,
    size_at_spacing,
)
from medplatform_tests.training.images.phantom import phantom


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


@pytest.mark.parametrize("size", [(16, 16), (50, 33), (7, 90), (100, 80)])
def test_images_are_resized_as_pillow_resizes_them(size: tuple[int, int]) -> None:
    image = noise(50, 40)
    expected = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    found = resize_image(image[None], size)
    np.testing.assert_allclose(found[0], np.asarray(expected), atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (50, 64), (8, 128)])
def test_masks_take_the_nearest_centre_as_pillow_does(size: tuple[int, int]) -> None:
    mask = (noise(50, 40) > 0.5).astype(np.uint8)
    expected = Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(resize_mask(mask[None], size)[0], np.asarray(expected))


def test_what_does_not_change_is_not_touched() -> None:
    image, mask = noise(1, 4, 5, 6), np.ones((1, 4, 5, 6), np.uint8)
    assert resize_image(image, (4, 5, 6)) is image
    assert resize_mask(mask, (4, 5, 6)) is mask
    assert crop_or_pad(image, (4, 5, 6)).base is image


def test_image_and_mask_stay_where_they_are() -> None:
    image, mask = phantom(32)
    for size in ((64, 64), (96, 64), (24, 40)):
        found = resize_image(image.astype(np.float32), size)
        moved = resize_mask(mask, size)
        assert ((found > 120) != moved).mean() < 0.07
        rows, columns = np.nonzero(moved[0])
        old_rows, old_columns = np.nonzero(mask[0])
        assert (rows.mean() + 0.5) / size[0] == pytest.approx(
            (old_rows.mean() + 0.5) / 32, abs=0.02
        )
        assert (columns.mean() + 0.5) / size[1] == pytest.approx(
            (old_columns.mean() + 0.5) / 32, abs=0.02
        )


def test_a_fine_pattern_becomes_grey_not_another_pattern() -> None:
    stripes = np.tile(np.float32([0, 1]), (1, 64, 32))
    assert np.ptp(resize_image(stripes, (21, 21))[0, :, 2:-2]) < 0.1


class TestVolumes:
    def test_each_axis_is_linear(self) -> None:
        """A ramp stays the ramp at the new centres, away from the edges."""
        for size in [(8, 10, 12), (16, 5, 12), (8, 10, 30)]:
            grid = np.stack(np.meshgrid(*map(np.arange, (16, 10, 12)), indexing="ij"))
            volume = grid.sum(0).astype(np.float32)[None]
            found = resize_image(volume, size)[0]
            centers = [
                (np.arange(new) + 0.5) * old / new - 0.5
                for new, old in zip(size, (16, 10, 12), strict=True)
            ]
            expected = sum(np.meshgrid(*centers, indexing="ij"))
            inner = tuple(slice(2, -2) if n > 4 else slice(None) for n in size)
            np.testing.assert_allclose(found[inner], expected[inner], atol=1e-4)

    def test_channels_are_apart(self) -> None:
        volume = noise(2, 6, 8, 10)
        both = resize_image(volume, (4, 5, 6))
        np.testing.assert_allclose(both[:1], resize_image(volume[:1], (4, 5, 6)))
        np.testing.assert_allclose(both[1:], resize_image(volume[1:], (4, 5, 6)))

    def test_masks_have_three_axes_too(self) -> None:
        mask = np.zeros((1, 4, 4, 4), np.uint8)
        mask[:, 1, 2, 3] = 1
        found = resize_mask(mask, (8, 8, 8))
        assert found.sum() == 8 and found[0, 2:4, 4:6, 6:8].all()


class TestSpacing:
    def test_the_extent_stays(self) -> None:
        assert size_at_spacing((512, 512), (0.7, 0.7), (1, 1)) == (358, 358)
        assert size_at_spacing((30, 512, 512), (5, 0.7, 0.7), (1, 1, 1)) == (150, 358, 358)
        assert size_at_spacing((2, 2), (0.1, 1), (5, 1)) == (1, 2)

    def test_a_sphere_keeps_its_volume(self) -> None:
        z, y, x = np.meshgrid(*map(np.arange, (20, 80, 80)), indexing="ij")
        spacing = (4, 1, 1)
        sphere = ((z - 9.5) * 4) ** 2 + (y - 39.5) ** 2 + (x - 39.5) ** 2 < 30**2
        size = size_at_spacing(sphere.shape, spacing, (2, 2, 2))
        assert size == (40, 40, 40)
        found = resize_image(sphere[None].astype(np.float32), size)
        assert (found > 0.5).sum() * 8 == pytest.approx(sphere.sum() * 4, rel=0.02)
        assert resize_mask(sphere[None], size).sum() * 8 == pytest.approx(
            sphere.sum() * 4, rel=0.02
        )

    @pytest.mark.parametrize("spacing", [(0, 1), (-1, 1), (float("nan"), 1)])
    def test_no_spacing_is_no_spacing(self, spacing: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="above 0"):
            size_at_spacing((8, 8), spacing, (1, 1))


def test_shape_is_kept_within_bounds() -> None:
    assert fitting_size((200, 100), (64, 64)) == (64, 32)
    assert fitting_size((10, 20), (64, 64)) == (32, 64)
    assert fitting_size((4000, 1), (64, 64)) == (64, 1)


def test_cutting_and_filling_is_even() -> None:
    image = np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5)
    assert crop_or_pad(image, (1, 3)).tolist() == [[[2, 3, 4]]]
    assert crop_or_pad(image, (1, 2)).tolist() == [[[2, 3]]]
    assert crop_or_pad(image, (2, 8), fill=-1).tolist() == [[[-1, 1, 2, 3, 4, 5, -1, -1], [-1] * 8]]
