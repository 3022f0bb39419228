"""Columns of packed genotypes, as Parquet gives them, to matrices without a copy per record."""

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.genotypes.packed import Packed


def unpack_cells(cells: pa.Array, samples: int) -> Packed:
    """The cells of one cohort (Arrow binary) as a matrix, variants x samples.

    A view on the column where every cell is packed; cells in the wide form are beside the matrix.
    """
    variants = len(cells)
    _, positions, content = cells.cast(pa.binary()).buffers()
    offsets = np.frombuffer(positions, np.int32)[cells.offset : cells.offset + variants + 1]
    data = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    is_narrow = np.diff(offsets) == samples
    if is_narrow.all():
        return Packed(data[offsets[0] : offsets[-1]].reshape(variants, samples))
    codes = np.zeros((variants, samples), np.uint8)
    starts = offsets[:-1][is_narrow]
    codes[is_narrow] = data[starts[:, None] + np.arange(samples)]
    return Packed(
        codes, {int(row): _wide(cells[row], samples) for row in np.nonzero(~is_narrow)[0]}
    )


def _wide(cell: pa.Scalar, samples: int) -> np.ndarray:
    return np.frombuffer(cell.as_py(), np.dtype("<u2")).reshape(samples, -1)
