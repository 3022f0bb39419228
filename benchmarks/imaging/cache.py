"""Training images in random order: from the cache, and from what else they could be read from.

`python -m benchmarks.imaging.cache read CANDIDATE FOLDER` reads single frames of 512 x 512 int16
from a folder that `benchmarks.imaging.frames` and then `write` of this module filled, and copies
each to the memory of a batch. `python -m benchmarks.imaging.cache vary
CANDIDATE` flips, turns, crops and brightens a batch of images with masks. Both run one candidate in
a process of its own and print its rate as JSON, per CPU second (of a GPU: per second).
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.imaging import frames

READS = 2000
CACHES = "caches"
IPC = "frames.arrow"
SIDE, CROP, BATCH = 256, 192, 64
"""Of the images that are varied, and how many at a time."""


def write(folder: Path) -> None:
    """The frames as a cache, and as Arrow IPC; beside what `frames.write` wrote."""
    import pyarrow as pa

    from medplatform.training.images.build import Layout, build_cache
    from medplatform.training.images.cache import CacheKey

    slices = np.load(folder / frames.ARRAY, mmap_mode="r")
    build_cache(
        folder / CACHES,
        CacheKey("benchmark", {}, ""),
        count=len(slices),
        layouts={"image": Layout("int16", (1, *slices.shape[1:]))},
        tasks=range(len(slices)),
        make=lambda row: [(row, {"image": np.asarray(slices[row])[None]})],
    )
    schema = pa.schema([("pixels", pa.binary())])
    with pa.OSFile(str(folder / IPC), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for pixels in slices:
            writer.write_batch(pa.record_batch([[pixels.tobytes()]], schema=schema))


def from_cache(folder: Path) -> frames.Reader:
    """The platform's own: torch over mapped files, checked when they are opened."""
    import torch

    from medplatform.training.images.cache import list_caches, open_cache
    from medplatform.training.images.dataset import CachedImages

    torch.set_num_threads(1)
    images = CachedImages(open_cache(list_caches(folder / CACHES)[0].folder))
    return lambda number: images[number]["image"][0].numpy()


def from_array(folder: Path) -> frames.Reader:
    """One uncompressed NumPy file, mapped by hand."""
    array = np.load(folder / frames.ARRAY, mmap_mode="r")
    return lambda number: array[number]


def from_ipc(folder: Path) -> frames.Reader:
    """Arrow IPC, uncompressed, mapped, a record batch for each frame."""
    import pyarrow as pa

    source = pa.ipc.open_file(pa.memory_map(str(folder / IPC)))
    batches = [source.get_batch(number) for number in range(source.num_record_batches)]

    def read(number: int) -> np.ndarray:
        cell = batches[number].column(0).buffers()[2]
        return np.frombuffer(cell, np.int16).reshape(frames.SIDE, frames.SIDE)

    return read


READERS: dict[str, Callable[[Path], frames.Reader]] = {
    "medplatform, cache": from_cache,
    "NumPy file, mapped": from_array,
    "Arrow IPC, mapped": from_ipc,
    "medplatform, lake": frames.from_lake,
    "DICOM files, pydicom": frames.from_dicom,
}


def measure_reading(name: str, folder: Path, reads: int = READS) -> dict[str, float]:
    """Frames per CPU second; files are in the page cache, their pages not yet mapped."""
    count = len(np.load(folder / frames.ARRAY, mmap_mode="r"))
    reader = READERS[name]
    reader(folder)(0)  # what opens and imports is not what is measured
    read = reader(folder)
    batch = np.empty((BATCH, frames.SIDE, frames.SIDE), np.int16)
    random_numbers = random.Random(1)
    order = [random_numbers.randrange(count) for _ in range(reads)]
    start = time.process_time()
    for place, number in enumerate(order):
        batch[place % BATCH] = read(number)
    return {"rate": reads / (time.process_time() - start)}


def vary_batch(device: str) -> Callable[[], Any]:
    """The platform's own: a batch at once, one sampling per image."""
    import torch

    from medplatform.training.images.augment import Augmentation

    augmentation = Augmentation(
        flips=(-1, -2),
        rotation_degrees=30,
        scale=0.2,
        shear=0.1,
        shift=0.05,
        crop=(CROP, CROP),
        gamma=0.3,
        contrast=0.2,
        brightness=0.1,
        noise=0.05,
    )
    images = torch.rand(BATCH, 1, SIDE, SIDE, device=device)
    masks = (images > 0.5).to(torch.uint8)
    rows = torch.arange(BATCH, device=device)

    def vary() -> None:
        augmentation(images, masks, rows=rows, seed=0, epoch=0)
        if device == "cuda":
            torch.cuda.synchronize()

    return vary


def vary_samples() -> Callable[[], Any]:
    """MONAI's transforms of dictionaries, image by image on the CPU, then stacked."""
    import torch
    from monai.transforms import (
        Compose,
        RandAdjustContrastd,
        RandAffined,
        RandFlipd,
        RandGaussianNoised,
        RandScaleIntensityd,
        RandShiftIntensityd,
    )

    both, image = ("image", "mask"), ("image",)
    transform = Compose(
        [
            RandFlipd(both, prob=0.5, spatial_axis=0),
            RandFlipd(both, prob=0.5, spatial_axis=1),
            RandAffined(
                both,
                prob=1,
                rotate_range=np.pi / 6,
                scale_range=0.2,
                shear_range=0.1,
                translate_range=0.05 * SIDE,
                spatial_size=(CROP, CROP),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            RandAdjustContrastd(image, prob=1, gamma=(0.74, 1.35)),
            RandScaleIntensityd(image, prob=1, factors=0.2),
            RandShiftIntensityd(image, prob=1, offsets=0.1),
            RandGaussianNoised(image, prob=1, std=0.05),
        ]
    )
    images = torch.rand(BATCH, 1, SIDE, SIDE)
    masks = (images > 0.5).to(torch.uint8)

    def vary() -> None:
        pairs = zip(images, masks, strict=True)
        samples = [transform({"image": one, "mask": mask}) for one, mask in pairs]
        for name in both:
            torch.stack([sample[name].as_tensor() for sample in samples])

    return vary


VARIERS: dict[str, Callable[[], Callable[[], Any]]] = {
    "medplatform, CPU": lambda: vary_batch("cpu"),
    "MONAI, CPU": vary_samples,
    "medplatform, GPU": lambda: vary_batch("cuda"),
}


def measure_variation(name: str, batches: int = 4) -> dict[str, float]:
    """Images with masks per CPU second of one thread; on a GPU, per second."""
    import torch

    torch.set_num_threads(1)
    vary = VARIERS[name]()
    vary()
    clock = time.perf_counter if name.endswith("GPU") else time.process_time
    start = clock()
    for _ in range(batches):
        vary()
    return {"rate": batches * BATCH / (clock() - start)}


def main() -> None:
    """Run one candidate."""
    parser = argparse.ArgumentParser()
    tasks = parser.add_subparsers(dest="task", required=True)
    read = tasks.add_parser("read")
    read.add_argument("candidate", choices=READERS)
    read.add_argument("folder", type=Path)
    read.add_argument("--reads", type=int, default=READS)
    vary = tasks.add_parser("vary")
    vary.add_argument("candidate", choices=VARIERS)
    vary.add_argument("--batches", type=int, default=4)
    given = parser.parse_args()
    if given.task == "read":
        print(json.dumps(measure_reading(given.candidate, given.folder, given.reads)))
    else:
        print(json.dumps(measure_variation(given.candidate, given.batches)))


if __name__ == "__main__":
    main()
