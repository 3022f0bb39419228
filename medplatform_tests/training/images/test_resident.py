"""Every image once per epoch, from device or host, from any batch on, as it would have been."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from medplatform.training.images import resident
from medplatform.training.images.augment import Augmentation
from medplatform.training.images.cache import CacheKey, ImageCache
from medplatform.training.images.dataset import CachedImages
from medplatform.training.images.resident import Resident, ResidentLoader
from medplatform_tests.training.images.phantom import cache_of

CPU = torch.device("cpu")
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
PLACES = [
    ("cpu", "auto"),
    pytest.param("cuda", "device", marks=NO_GPU),
    pytest.param("cuda", "host", marks=NO_GPU),
]
everywhere = pytest.mark.parametrize(("device", "placement"), PLACES)
VARIED = Augmentation(flips=(-1,), brightness=0.1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ImageCache:
    return cache_of(tmp_path_factory.mktemp("caches"), 103)


def loader(cache: ImageCache, device: str = "cpu", rows=None, **options) -> ResidentLoader:
    options = {"batch_size": 10, **options}
    return ResidentLoader(CachedImages(cache, rows), device=torch.device(device), **options)


def drawn(batches) -> list[list[int]]:
    return [batch.rows.tolist() for batch in batches]


class TestDataset:
    def test_samples_are_views_of_the_file(self, cache: ImageCache) -> None:
        images = CachedImages(cache)
        sample = images[7]
        assert sample["image"].dtype == torch.uint8 and sample["image"].shape == (1, 8, 8)
        assert int(sample["image"][0, 0, 0]) == int(sample["row"]) == 7
        start = cache.arrays["image"].ctypes.data
        assert sample["image"].data_ptr() == start + 7 * 64

    def test_it_may_have_some_of_the_rows(self, cache: ImageCache) -> None:
        images = CachedImages(cache, [5, 99])
        assert len(images) == 2
        assert int(images[1]["image"][0, 0, 0]) == int(images[1]["row"]) == 99
        with pytest.raises(IndexError, match="rows 0 to 102"):
            CachedImages(cache, [103])

    @pytest.mark.parametrize("workers", [0, 1])
    def test_torch_loads_it(self, cache: ImageCache, workers: int) -> None:
        options = {"num_workers": workers, "batch_size": 50}
        if workers:
            options["multiprocessing_context"] = "spawn"
        batches = list(DataLoader(CachedImages(cache), **options))
        rows = torch.cat([batch["row"] for batch in batches])
        images = torch.cat([batch["image"] for batch in batches])
        assert torch.equal(rows, torch.arange(103))
        assert torch.equal(images[:, 0, 0, 0].long(), rows)


class TestEpoch:
    @everywhere
    def test_every_image_comes_once(self, cache: ImageCache, device: str, placement) -> None:
        loading = loader(cache, device, placement=placement)
        batches = list(loading.epoch(1))
        assert len(batches) == len(loading) == 11
        assert [len(batch.rows) for batch in batches] == [10] * 10 + [3]
        assert sorted(chain(*drawn(batches))) == list(range(103))
        for batch in batches:
            assert batch.images.device.type == batch.rows.device.type == device
            assert batch.masks is not None
            values = batch.images[:, 0, 0, 0] * 255
            torch.testing.assert_close(values.cpu(), batch.rows.float().cpu())
            assert torch.equal(batch.masks[:, 0, 0, 0].long(), batch.rows % 2)

    @everywhere
    def test_so_it_does_from_some_rows(self, cache: ImageCache, device: str, placement) -> None:
        rows = [3, 50, 51, 102]
        batches = list(loader(cache, device, rows, batch_size=3, placement=placement).epoch(0))
        assert sorted(chain(*drawn(batches))) == rows
        for batch in batches:
            values = batch.images[:, 0, 0, 0] * 255
            torch.testing.assert_close(values.cpu(), batch.rows.float().cpu())

    def test_epochs_have_their_own_order(self, cache: ImageCache) -> None:
        loading = loader(cache)
        first, second = drawn(loading.epoch(0)), drawn(loading.epoch(1))
        assert first != second
        assert first == drawn(loading.epoch(0)) == drawn(loader(cache).epoch(0))
        assert first != drawn(loader(cache, seed=1).epoch(0))

    def test_validation_comes_in_order(self, cache: ImageCache) -> None:
        assert [*chain(*drawn(loader(cache, is_shuffled=False).epoch(0)))] == list(range(103))

    def test_a_batch_that_is_not_full_may_be_left_out(self, cache: ImageCache) -> None:
        loading = loader(cache, drop_last=True)
        assert len(loading) == 10
        assert [len(rows) for rows in drawn(loading.epoch(0))] == [10] * 10

    @everywhere
    @pytest.mark.parametrize("start", [0, 1, 10, 11])
    def test_it_resumes_in_the_middle(
        self, cache: ImageCache, start: int, device: str, placement
    ) -> None:
        loading = loader(cache, device, augmentation=VARIED, placement=placement)
        whole, rest = list(loading.epoch(4)), list(loading.epoch(4, start=start))
        assert len(rest) == len(whole) - start
        for expected, found in zip(whole[start:], rest, strict=True):
            assert torch.equal(expected.images, found.images)
            assert torch.equal(expected.rows, found.rows)

    @everywhere
    def test_every_place_gives_what_the_cpu_gives(
        self, cache: ImageCache, device: str, placement
    ) -> None:
        expected = loader(cache, augmentation=VARIED).epoch(2)
        found = loader(cache, device, augmentation=VARIED, placement=placement).epoch(2)
        for one, other in zip(expected, found, strict=True):
            assert torch.equal(one.rows, other.rows.cpu())
            torch.testing.assert_close(one.images, other.images.cpu())

    @everywhere
    def test_it_may_be_left_early(self, cache: ImageCache, device: str, placement) -> None:
        loading = loader(cache, device, placement=placement)
        next(iter(loading.epoch(0)))
        assert len(drawn(loading.epoch(0))) == 11


def test_stored_values_are_scaled_by_their_limits(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, 5, CacheKey("d", {"limits": [0, 4]}, "c"))
    (batch,) = loader(cache, is_shuffled=False).epoch(0)
    assert batch.images[:, 0, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert batch.images.dtype == torch.float32


class TestPlacement:
    def test_a_cpu_reads_the_mapped_file(self, cache: ImageCache) -> None:
        tensors = list(CachedImages(cache).tensors.values())
        data = Resident(tensors, CPU)
        assert data._tensors[0].data_ptr() == tensors[0].data_ptr()

    @NO_GPU
    def test_what_has_no_room_is_streamed(self, cache: ImageCache, monkeypatch) -> None:
        device = torch.device("cuda")
        tensors = list(CachedImages(cache).tensors.values())
        needed = sum(tensor.nbytes for tensor in tensors)
        for free, is_resident in ((needed / 0.61, False), (needed / 0.59, True)):
            monkeypatch.setattr(resident, "free_memory", lambda _, free=free: free)
            data = Resident(tensors, device)
            assert data.is_resident == is_resident
            found = [batch for _, (batch, _) in data.batches(torch.arange(103), 20)]
            assert torch.equal(torch.cat(found).cpu(), tensors[0])

    @NO_GPU
    def test_a_gpu_keeps_what_it_was_given_once(self, cache: ImageCache) -> None:
        data = Resident(list(CachedImages(cache).tensors.values()), torch.device("cuda"))
        assert data.is_resident and data._tensors[0].device.type == "cuda"

    def test_several_tensors_keep_together(self) -> None:
        x, y = torch.arange(10.0), torch.arange(10) * 2
        rows = torch.tensor([1, 4, 9])
        ((index, (xs, ys)),) = Resident([x, y], CPU, rows=rows).batches(torch.tensor([2, 0]), 5)
        assert index.tolist() == [2, 0] and xs.tolist() == [9, 1] and ys.tolist() == [18, 2]


def test_nothing_is_read_per_epoch_but_the_file(cache: ImageCache) -> None:
    """What an epoch gives is in the file, byte for byte."""
    images = np.load(cache.folder / "image.npy")
    for batch in loader(cache).epoch(0):
        np.testing.assert_array_equal(
            (batch.images * 255).round().byte().numpy(), images[batch.rows.numpy()]
        )
