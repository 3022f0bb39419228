"""Lists whose items are replaced, with the same lengths and nulls."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa


def map_items(array: pa.ListArray, change: Callable[[pa.Array], pa.Array]) -> pa.ListArray:
    """A list array with other items, as many as before; it may be a slice of another."""
    offsets: np.ndarray = array.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    items = change(array.values.slice(first, last - first))
    mask = array.is_null() if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets - first), items, mask=mask)
