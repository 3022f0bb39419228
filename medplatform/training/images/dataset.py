"""A cache as a torch Dataset: each image is a view of the mapped file, nothing is decoded."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from medplatform.training.images.cache import ImageCache


class CachedImages(Dataset[dict[str, Tensor]]):
    """Rows of a cache, all or some, in the types that they are stored in.

    A sample is `image` (C, H, W), where there are masks `mask` (M, H, W), and `row`, its number in
    the data set. Image and mask are read-only views of the file: a write in place ends the process,
    so what is to be changed is cloned first. A DataLoader that stacks samples copies them anyway.

    Parameters
    ----------
    rows
        Numbers of rows of the frozen data set, such as those of one split; None: all.
    """

    def __init__(self, cache: ImageCache, rows: Sequence[int] | NDArray[np.int64] | None = None):
        self.cache = cache
        self.rows = torch.from_numpy(
            np.arange(len(cache)) if rows is None else np.array(rows, np.int64)
        )
        if len(self.rows) and not 0 <= int(self.rows.min()) <= int(self.rows.max()) < len(cache):
            raise IndexError(f"The cache has rows 0 to {len(cache) - 1}.")
        self.tensors = map_tensors(cache)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = int(self.rows[index])
        sample = {name: tensor[row] for name, tensor in self.tensors.items()}
        return {**sample, "row": torch.tensor(row)}

    def __getstate__(self) -> dict[str, object]:
        return {"cache": self.cache, "rows": self.rows}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.tensors = map_tensors(self.cache)


def map_tensors(cache: ImageCache) -> dict[str, Tensor]:
    """Each array of a cache as a tensor that shares the memory of the mapped file."""
    with warnings.catch_warnings():
        # That a tensor over a read-only file must not be written to is said above.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return {name: torch.from_numpy(array) for name, array in cache.arrays.items()}
