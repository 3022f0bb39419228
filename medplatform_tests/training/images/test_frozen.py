"""Images that a frozen data set holds come from mapped files as they come from its rows."""

from pathlib import Path

import torch

from medplatform.training.data import load_rows
from medplatform.training.images.cache import list_caches
from medplatform.training.images.frozen import cache_frozen, cache_root
from medplatform.training.recipes import LESION_SEGMENTATION
from medplatform_tests.training.cohort import freeze_lesions


def test_a_split_is_loaded_as_its_rows_say(tmp_path: Path) -> None:
    snapshot = freeze_lesions(tmp_path)
    learner = LESION_SEGMENTATION.learner()
    for split in ("train", "validation", "test"):
        expected = learner.tensors(load_rows(snapshot, split))
        for _ in range(2):
            for found, wanted in zip(learner.load(snapshot, split), expected, strict=True):
                assert torch.equal(found, wanted)
    assert len(list_caches(cache_root(snapshot))) == 3


def test_it_is_mapped_memory(tmp_path: Path) -> None:
    cache = cache_frozen(freeze_lesions(tmp_path), "train")
    assert not cache.arrays["image"].flags.writeable
    assert str(cache.folder / "image.npy") in Path("/proc/self/maps").read_text()


def test_a_split_without_rows_has_none(tmp_path: Path) -> None:
    snapshot = freeze_lesions(tmp_path)
    frame = load_rows(snapshot)
    frame.filter(frame["split"] == "train").write_parquet(snapshot.file("rows"))
    assert len(cache_frozen(snapshot, "test")) == 0
