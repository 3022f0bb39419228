"""The cache of a data set that was collected by an ImageSpec: its pixels come from the lake."""

import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medplatform.lake import Lake, Snapshot
from medplatform.modalities.imaging import codec, rescaling
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_MASK
from medplatform.training.data import IMAGES, Split, load_rows
from medplatform.training.images import intensity, lake_pixels, prepare, resample
from medplatform.training.images import spec as spec_module
from medplatform.training.images.build import CacheFailed, Layout, Progress, Sample, build_cache
from medplatform.training.images.cache import CacheKey, ImageCache, code_digest, open_cache
from medplatform.training.images.frozen import cache_root
from medplatform.training.images.lake_pixels import Cells, Key
from medplatform.training.images.prepare import Meaning, prepare_image, prepare_mask
from medplatform.training.images.selection import MASK_KEY
from medplatform.training.images.spec import ImageSpec
from medplatform.training.recipe import TrainingError

_CELL = ("height", "width", "codec", "pixels")
_FRAME = (*_CELL, "channels", "dtype")
_NAMES = ("instance_id", "frame_number", "pixel_sha256")
_CODE = (
    *(sys.modules[__name__], spec_module, lake_pixels),
    *(prepare, intensity, rescaling, resample, codec),
)
"""The modules that make the pixels of a cache."""
_MEANING = tuple(field.name for field in fields(Meaning))
Slice = Mapping[str, Any]


class CacheMissing(TrainingError):
    """The images of a data set are not in a cache; the message says how they get there."""


def spec_of(snapshot: Snapshot) -> ImageSpec:
    """What the images of a data set look like."""
    return ImageSpec.model_validate(snapshot.manifest["facts"][IMAGES])


def cache_images(snapshot: Snapshot, lake: Lake, *, progress: Progress | None = None) -> ImageCache:
    """The cache of a data set, built from the lake where it is not there; row n is its row n.

    Raises
    ------
    CacheFailed
        The disk is full, or the lake does not hold the images that were frozen any more.
    """
    spec = spec_of(snapshot)
    maker = _Maker(load_rows(snapshot), lake, spec)
    layouts = {"image": Layout(spec.dtype, spec.shape)}
    if spec.has_masks:
        layouts["mask"] = Layout("uint8", (1, *spec.size))
    return build_cache(
        cache_root(snapshot),
        _key(snapshot, spec),
        count=len(maker.rows),
        layouts=layouts,
        tasks=maker.tasks(),
        make=maker.make,
        progress=progress,
    )


def open_images(snapshot: Snapshot) -> ImageCache:
    """The cache of a data set, which was built when it was frozen; needs no lake.

    Raises
    ------
    CacheMissing
        It was removed since, or built by another version of the code.
    """
    folder = _key(snapshot, spec_of(snapshot)).folder(cache_root(snapshot))
    if not folder.exists():
        name = snapshot.manifest["name"]
        raise CacheMissing(
            f"The images of data set {snapshot.digest[:16]} are not ready. Prepare them: "
            f"medplatform freeze {name}"
        )
    return open_cache(folder)


def rows_of_split(snapshot: Snapshot, split: Split) -> NDArray[np.int64]:
    """Which rows of a data set, and of its cache, are of a split."""
    splits = pl.read_parquet(snapshot.file("rows"), columns=["split"])["split"]
    return np.flatnonzero((splits == split).to_numpy()).astype(np.int64)


def _key(snapshot: Snapshot, spec: ImageSpec) -> CacheKey:
    transform = {
        IMAGES: spec.model_dump(mode="json"),
        "limits": list(spec.limits),
        # It interpolates; what stands behind the + is the device that it was built for.
        "torch": version("torch").partition("+")[0],
    }
    return CacheKey(snapshot.digest, transform, code_digest(*_CODE))


class _Maker:
    """Makes the images of rows; frames that are stored together are made together."""

    def __init__(self, rows: pl.DataFrame, lake: Lake, spec: ImageSpec) -> None:
        self.rows = rows.select("slices", "spacing_mm").to_dicts()
        self._lake = lake
        self._spec = spec

    @cached_property
    def _frames(self) -> Cells:
        return Cells(self._lake, IMAGING_FRAME, _NAMES, _FRAME)

    @cached_property
    def _masks(self) -> Cells:
        return Cells(self._lake, IMAGING_MASK, MASK_KEY, _CELL)

    def tasks(self) -> Iterator[list[int]]:
        """Numbers of rows that are best made together."""
        if self._spec.of == "volumes":
            yield from ([number] for number in range(len(self.rows)))
            return
        together: dict[object, list[int]] = defaultdict(list)
        for number, row in enumerate(self.rows):
            place = self._frames.places.get(_frame_key(row["slices"][0]))
            together[place and place[:2]].append(number)
        yield from together.values()

    def make(self, numbers: Sequence[int]) -> Iterator[Sample]:
        """The samples of some rows."""
        slices = [each for number in numbers for each in self.rows[number]["slices"]]
        try:
            frames = self._frames.read(map(_frame_key, slices))
            keys = [_mask_key(mask) for each in slices for mask in each.get("masks") or ()]
            masks = self._masks.read(keys) if keys else {}
        except KeyError:
            raise CacheFailed(
                "The lake does not hold an image of this data set any more, or holds another "
                "version of it. Freeze the data set again."
            ) from None
        for number in numbers:
            yield number, self._sample(self.rows[number], frames, masks)

    def _sample(
        self, row: dict[str, Any], frames: Mapping[Key, Slice], masks: Mapping[Key, Slice]
    ) -> dict[str, NDArray[Any]]:
        slices, spacing = row["slices"], row["spacing_mm"]
        pixels = [_decode_frame(frames[_frame_key(each)], each) for each in slices]
        meanings = [Meaning(**{name: each[name] for name in _MEANING}) for each in slices]
        arrays = {"image": prepare_image(pixels, meanings, self._spec, spacing)}
        if self._spec.has_masks:
            united = [
                _unite([masks[_mask_key(m)] for m in each["masks"] or ()], frame.shape[:2])
                for each, frame in zip(slices, pixels, strict=True)
            ]
            arrays["mask"] = prepare_mask(united, self._spec, spacing)
        return arrays


def _frame_key(one: Slice) -> Key:
    return tuple(one[name] for name in _NAMES)


def _mask_key(one: Slice) -> Key:
    return tuple(one[name] for name in MASK_KEY)


def _decode_frame(cell: Slice, frozen: Slice) -> NDArray[Any]:
    """The pixels of a frame, which are those that were frozen."""
    layers = () if cell["channels"] == 1 else (cell["channels"],)
    shape = (cell["height"], cell["width"], *layers)
    pixels = codec.decode(cell["codec"], cell["pixels"], dtype=cell["dtype"], shape=shape)
    if hashlib.sha256(codec.pixel_bytes(pixels)).hexdigest() != frozen["pixel_sha256"]:
        raise CacheFailed(
            "The pixels of a frame of the lake do not have the digest that stands beside them: "
            "its file is damaged. Ingest the delivery again."
        )
    return pixels


def _unite(cells: Iterable[Slice], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """1 where any of the masks is."""
    united = np.zeros(shape, np.uint8)
    for cell in cells:
        united |= codec.decode(cell["codec"], cell["pixels"], dtype="uint8", shape=shape) > 0
    return united
