"""Batches on the device, without worker processes: from its own memory where the images fit there.

A data set that fits is copied to the device once, and a batch is a gather there. One that does not
stays in the mapped file: a thread gathers the next batches into pinned memory, and they are copied
while the device computes. On a CPU the mapped file itself is what batches are taken from.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from medplatform.training.images.augment import Augmentation
from medplatform.training.images.dataset import CachedImages
from medplatform.training.images.random import permutation

Placement = Literal["auto", "device", "host"]

DEVICE_SHARE = 0.6
"""Of the free memory of a device that data may take; the rest is for the model at work."""
AHEAD = 2
"""Batches that are gathered before they are asked for."""
CHUNK_BYTES = 256 << 20
"""How much is copied to the device at a time."""


class Resident:
    """Tensors of equal length that give batches on a device.

    Parameters
    ----------
    tensors
        On the CPU; mapped files are fine.
    rows
        The rows that count (K) int64; None: all.
    placement
        `device`: copied there. `host`: streamed. `auto`: on the device if it has room.
    """

    def __init__(
        self,
        tensors: Iterable[Tensor],
        device: torch.device,
        *,
        rows: Tensor | None = None,
        placement: Placement = "auto",
    ) -> None:
        tensors = tuple(tensors)
        count = len(tensors[0])
        self.device = device
        self.rows = torch.arange(count) if rows is None else rows.cpu()
        size = sum(tensor[:1].nbytes for tensor in tensors) * len(self.rows)
        self.is_resident = placement == "device" or (
            placement == "auto" and size <= free_memory(device) * DEVICE_SHARE
        )
        if self.is_resident and device.type != "cpu":
            tensors = tuple(_copy(tensor, self.rows, device) for tensor in tensors)
        self._tensors = tensors

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """The rows that are named by `order` (0 … K - 1), `size` at a time, each with its part of
        `order`; both on the device."""
        if not len(order):
            return
        if self.is_resident and self.device.type != "cpu":
            for index in order.to(self.device).split(size):
                yield index, tuple(tensor[index] for tensor in self._tensors)
        elif self.device.type == "cpu":
            for index in order.cpu().split(size):
                rows = self.rows[index]
                yield index, tuple(tensor[rows] for tensor in self._tensors)
        else:
            yield from self._stream(order.cpu(), size)

    def _stream(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        buffers = cycle([_Buffer(self._tensors, size, self.device) for _ in range(2)])
        pending: deque[Future[_Sent]] = deque()
        with ThreadPoolExecutor(1) as sender:
            for index in order.split(size):
                rows = self.rows[index]
                pending.append(sender.submit(next(buffers).send, index, rows))
                if len(pending) > AHEAD:
                    yield pending.popleft().result().receive()
            while pending:
                yield pending.popleft().result().receive()


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch on its way to the device."""

    index: Tensor
    tensors: tuple[Tensor, ...]
    arrival: torch.cuda.Event

    def receive(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The batch; what the device computes with it waits until it is there."""
        stream = torch.cuda.current_stream(self.index.device)
        stream.wait_event(self.arrival)
        for tensor in (self.index, *self.tensors):
            tensor.record_stream(stream)
        return self.index, self.tensors


class _Buffer:
    """Pinned memory for one batch, which is gathered into it and copied by a stream of its own."""

    def __init__(self, sources: Sequence[Tensor], size: int, device: torch.device) -> None:
        self._sources = sources
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pinned = [
            torch.empty((size, *source.shape[1:]), dtype=source.dtype, pin_memory=True)
            for source in sources
        ]

    def send(self, index: Tensor, rows: Tensor) -> _Sent:
        self._stream.synchronize()  # what was sent from this memory before has arrived
        for source, pinned in zip(self._sources, self._pinned, strict=True):
            torch.index_select(source, 0, rows, out=pinned[: len(rows)])
        with torch.cuda.stream(self._stream):
            tensors = tuple(
                pinned[: len(rows)].to(self._device, non_blocking=True) for pinned in self._pinned
            )
            index = index.to(self._device)
            arrival = torch.cuda.Event()
            arrival.record(self._stream)
            return _Sent(index, tensors, arrival)


class Batch(NamedTuple):
    """Images float32 (N, C, H, W), masks (N, M, H, W) or None, and the rows of the data set they
    are; all on the device."""

    images: Tensor
    masks: Tensor | None
    rows: Tensor


class ResidentLoader:
    """Batches of an epoch, shuffled and varied on the device.

    Order and variation follow from seed, epoch and row alone: an epoch can be begun at any batch
    and gives what it would have given, on a CPU the same as on a GPU.

    Parameters
    ----------
    images
        What to load: array `image`, and `mask` where there is one.
    augmentation
        None: images as they are, such as for validation.
    drop_last
        Leave a last batch out that is not full.
    """

    def __init__(
        self,
        images: CachedImages,
        *,
        batch_size: int,
        device: torch.device,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        is_shuffled: bool = True,
        drop_last: bool = False,
        placement: Placement = "auto",
    ) -> None:
        names = [name for name in ("image", "mask") if name in images.tensors]
        self.data = Resident(
            [images.tensors[name] for name in names], device, rows=images.rows, placement=placement
        )
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.is_shuffled = is_shuffled
        self.drop_last = drop_last
        self._limits = images.cache.limits
        self._rows = images.rows.to(device)

    def __len__(self) -> int:
        """Batches per epoch."""
        whole, rest = divmod(len(self.data), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the batch `start` on."""
        device = self.data.device
        count = len(self.data)
        if self.is_shuffled:
            order = permutation(self.seed, number, count, device)
        else:
            order = torch.arange(count, device=device)
        order = order[start * self.batch_size : len(self) * self.batch_size]
        for index, (images, *masks) in self.data.batches(order, self.batch_size):
            rows = self._rows[index]
            batch = Batch(scale(images, self._limits), masks[0] if masks else None, rows)
            yield self._vary(batch, number) if self.augmentation else batch

    def _vary(self, batch: Batch, epoch: int) -> Batch:
        assert self.augmentation
        images, masks = self.augmentation(
            batch.images, batch.masks, rows=batch.rows, seed=self.seed, epoch=epoch
        )
        return Batch(images, masks, batch.rows)


def scale(images: Tensor, limits: tuple[float, float]) -> Tensor:
    """Stored values as float32, those between the limits as 0 … 1."""
    low, high = limits
    return (images.float() - low) / (high - low)


def free_memory(device: torch.device) -> float:
    """Bytes that can be taken on a device now; on a CPU the files are mapped and take none."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


def _copy(source: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Some rows on the device, a chunk at a time."""
    target = torch.empty((len(rows), *source.shape[1:]), dtype=source.dtype, device=device)
    step = max(1, CHUNK_BYTES // max(1, source[:1].nbytes))
    for start in range(0, len(rows), step):
        chunk = rows[start : start + step]
        target[start : start + len(chunk)].copy_(source[chunk])
    return target
