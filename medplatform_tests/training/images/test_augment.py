"""An image and its mask move alike, by numbers that belong to the image, the same on any device."""

import math

import numpy as np
import pytest
import torch

from medplatform.training.images.augment import Augmentation
from medplatform.training.images.random import permutation, uniforms
from medplatform_tests.training.images.phantom import phantom

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
    ),
]
ALL = Augmentation(
    flips=(-1, -2),
    rotation_degrees=30,
    scale=0.2,
    shear=0.1,
    shift=0.1,
    crop=(24, 24),
    gamma=0.3,
    contrast=0.2,
    brightness=0.1,
    noise=0.05,
)


def batch(count: int = 16, size: int = 32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    image, mask = phantom(size)
    images = torch.from_numpy(image).float()[None].repeat(count, 1, 1, 1) / 255
    return images, torch.from_numpy(mask)[None].repeat(count, 1, 1, 1), torch.arange(count)


def vary(augmentation: Augmentation, seed: int = 0, epoch: int = 0, count: int = 16):
    images, masks, rows = batch(count)
    varied, moved = augmentation(images, masks, rows=rows, seed=seed, epoch=epoch)
    assert moved is not None
    return varied, moved


class TestGeometry:
    @pytest.mark.parametrize(
        "augmentation",
        [
            Augmentation(flips=(-1, -2)),
            Augmentation(crop=(16, 16)),
            Augmentation(crop=(40, 40)),
            Augmentation(flips=(-1,), crop=(20, 28)),
        ],
    )
    def test_what_needs_no_interpolation_is_exact(self, augmentation: Augmentation) -> None:
        images, masks = vary(augmentation)
        bright = images > 0.5
        assert torch.equal(bright, masks.bool())
        original = torch.cat([batch(1)[0].unique(), torch.zeros(1)])
        nearest = (images.flatten()[:, None] - original).abs().amin(1)
        assert nearest.max() < 1e-4

    def test_image_and_mask_lie_alike_after_any_map(self) -> None:
        images, masks = vary(
            Augmentation(flips=(-1, -2), rotation_degrees=45, scale=0.3, shear=0.2, shift=0.1)
        )
        inside = images[masks.bool()]
        assert inside.mean() > 0.7
        # Only pixels on an edge differ, where one is interpolated and the other is not.
        assert ((images > 0.47) != masks.bool()).float().mean() < 0.02
        assert len({tuple(mask.flatten().tolist()) for mask in masks}) == len(masks)

    def test_a_mask_stays_a_mask(self) -> None:
        labels = torch.randint(0, 4, (8, 1, 32, 32), dtype=torch.uint8)
        images = torch.rand(8, 1, 32, 32)
        _, moved = ALL(images, labels, rows=torch.arange(8), seed=0, epoch=0)
        assert moved is not None and moved.dtype == torch.uint8
        assert set(moved.unique().tolist()) <= {0, 1, 2, 3}

    def test_flips_happen_about_half_of_the_time(self) -> None:
        image, _ = phantom()
        images, _ = vary(Augmentation(flips=(-1,)), count=400)
        original = torch.from_numpy(image).float() / 255
        kept = sum(torch.allclose(each, original, atol=1e-4) for each in images)
        flipped = sum(torch.allclose(each, original.flip(-1), atol=1e-4) for each in images)
        assert kept + flipped == 400 and 160 < kept < 240

    @pytest.mark.parametrize("axis", [-1, -2])
    def test_an_axis_is_counted_from_the_end(self, axis: int) -> None:
        original = batch(1)[0][0]
        images, _ = vary(Augmentation(flips=(axis,)))
        for image in images:
            expected = (
                original if torch.allclose(image, original, atol=1e-4) else original.flip(axis)
            )
            torch.testing.assert_close(image, expected, atol=1e-4, rtol=0)

    def test_crops_reach_every_place(self) -> None:
        count = 600
        images = torch.arange(64.0).reshape(1, 1, 8, 8).repeat(count, 1, 1, 1)
        crops, _ = Augmentation(crop=(6, 6))(
            images, None, rows=torch.arange(count), seed=0, epoch=0
        )
        corners = crops[:, 0, 0, 0].round().long()
        assert corners.unique().tolist() == [0, 1, 2, 8, 9, 10, 16, 17, 18]
        first = images[0, 0]
        for crop, corner in zip(crops[:20, 0], corners[:20].tolist(), strict=True):
            top, left = divmod(corner, 8)
            torch.testing.assert_close(
                crop, first[top : top + 6, left : left + 6], atol=1e-3, rtol=0
            )

    def test_a_rotation_turns_about_the_centre_and_keeps_shape(self) -> None:
        images = torch.zeros(64, 1, 33, 65)
        images[:, :, 16, 48] = 1  # 16 pixels right of the centre
        turned, _ = Augmentation(rotation_degrees=30)(
            images, None, rows=torch.arange(64), seed=0, epoch=0
        )
        y, x = np.mgrid[:33, :65]
        angles = []
        for image in turned[:, 0].numpy():
            top, left = (image * y).sum() / image.sum() - 16, (image * x).sum() / image.sum() - 32
            assert math.hypot(top, left) == pytest.approx(16, abs=0.3)
            angles.append(math.degrees(math.atan2(top, left)))
        assert -31 < min(angles) < -20 and 20 < max(angles) < 31

    def test_volumes_turn_in_plane(self) -> None:
        volumes = torch.zeros(4, 1, 5, 16, 16)
        volumes[:, :, 3] = 1
        turned, masks = Augmentation(rotation_degrees=45, flips=(-3,))(
            volumes, volumes.bool(), rows=torch.arange(4), seed=3, epoch=0
        )
        middle = turned[:, 0, :, 8, 8]
        assert ((middle > 0.99).sum(1) == 1).all() and (middle[:, [1, 3]] > 0.99).any(1).all()
        assert masks is not None and torch.equal(masks[:, 0, :, 8, 8], middle > 0.5)


class TestIntensity:
    def test_values_vary_and_masks_do_not(self) -> None:
        images, masks = vary(Augmentation(gamma=0.4, contrast=0.2, brightness=0.1))
        assert torch.equal(masks, batch()[1])
        assert len(images[:, 0, 0, 0].unique()) == 16
        assert (images[:, 0, 4, 8] > images[:, 0, 0, 0]).all()

    def test_noise_is_of_the_strength_that_is_drawn(self) -> None:
        images, _ = vary(Augmentation(noise=0.2), count=64)
        deviations = (images - batch(1)[0]).flatten(1).std(1)
        assert deviations.max() < 0.21 and deviations.max() > 0.15 and deviations.min() < 0.05
        assert ((images - batch(1)[0]).flatten(1).mean(1).abs() < 0.03).all()

    def test_nothing_asked_for_is_nothing_changed(self) -> None:
        images, masks, rows = batch()
        varied, moved = Augmentation()(images, masks, rows=rows, seed=0, epoch=0)
        assert varied is images and moved is masks


class TestRandomNumbers:
    def test_they_belong_to_seed_epoch_and_row(self) -> None:
        images, _ = vary(ALL, seed=1, epoch=2)
        again, _ = vary(ALL, seed=1, epoch=2)
        assert torch.equal(images, again)
        for other in (vary(ALL, seed=2, epoch=2)[0], vary(ALL, seed=1, epoch=3)[0]):
            assert not torch.isclose(images, other).flatten(1).all(1).any()

    def test_what_a_row_gets_does_not_depend_on_its_batch(self) -> None:
        whole, _ = vary(ALL)
        images, masks, rows = batch()
        part = torch.tensor([9, 3])
        some, _ = ALL(images[part], masks[part], rows=rows[part], seed=0, epoch=0)
        torch.testing.assert_close(some, whole[part])

    def test_uniform_numbers_are_uniform_and_unrelated(self) -> None:
        numbers = uniforms(7, 3, torch.arange(20_000), 8).double()
        assert numbers.min() >= 0 and numbers.max() < 1
        for column in numbers.T:
            counts = torch.histc(column, 20, 0, 1)
            assert ((counts - 1000) ** 2 / 1000).sum() < 45  # chi-squared, 19 degrees: p = 0.0007
        related = torch.corrcoef(numbers.T) - torch.eye(8)
        assert related.abs().max() < 0.03
        assert (numbers[1:, 0] - numbers[:-1, 0]).abs().mean() == pytest.approx(1 / 3, abs=0.01)

    def test_an_order_has_every_number_once(self) -> None:
        orders = [permutation(0, epoch, 1000, torch.device("cpu")) for epoch in range(3)]
        for order in orders:
            assert torch.equal(order.sort().values, torch.arange(1000))
        assert not torch.equal(orders[0], orders[1])
        assert torch.equal(orders[2], permutation(0, 2, 1000, torch.device("cpu")))
        assert (orders[0] == torch.arange(1000)).sum() < 10

    def test_they_are_those_of_the_published_generator(self) -> None:
        """SplitMix64 with seed 0 gives 0xE220A8397B1DCDAF first (Vigna's reference code)."""
        from medplatform.training.images import random

        first = random._mix(torch.zeros(1, dtype=torch.int64) + random._GAMMA)
        assert int(first) % 2**64 == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_gives_what_the_cpu_gives(device: str) -> None:
    images, masks, rows = batch()
    expected, moved = ALL(images, masks, rows=rows, seed=5, epoch=1)
    found, found_masks = ALL(
        images.to(device), masks.to(device), rows=rows.to(device), seed=5, epoch=1
    )
    assert found.device.type == device
    torch.testing.assert_close(found.cpu(), expected, atol=1e-3, rtol=1e-3)
    assert found_masks is not None and moved is not None
    assert (found_masks.cpu() != moved).float().mean() < 1e-3
    assert torch.equal(uniforms(5, 1, rows.to(device), 4).cpu(), uniforms(5, 1, rows, 4))
