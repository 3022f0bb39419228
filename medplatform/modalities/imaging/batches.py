"""Cells are written a few at a time, so that memory does not grow with the file."""

from collections.abc import Iterable, Iterator

from medplatform.modalities.imaging.records import Cell, FrameCell, MaskCell

CELLS_PER_WRITE = 64
BYTES_PER_WRITE = 16 << 20
"""Of compressed pixels: the frames of a slide are large."""


def batches(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Cells in lists that are small enough to be held."""
    batch: list[Cell] = []
    size = 0
    for cell in cells:
        batch.append(cell)
        size += len(cell.pixels) if isinstance(cell, FrameCell | MaskCell) else 0
        if len(batch) >= CELLS_PER_WRITE or size >= BYTES_PER_WRITE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
