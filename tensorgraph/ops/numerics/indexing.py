"""Writing parts of arrays without changing the original."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def index_set(x: NDArray[Any], values: NDArray[Any], index: tuple[Any, ...]) -> NDArray[Any]:
    """A copy of `x` with ``x[index] = values``."""
    result = np.array(x)
    result[index] = values
    return result


def index_add(x: NDArray[Any], values: NDArray[Any], index: tuple[Any, ...], distinct: bool) -> NDArray[Any]:
    """A copy of `x` with `values` added at `index`, repeated places included unless they are `distinct`."""
    result = np.array(x)
    if not distinct and any(isinstance(item, np.ndarray) for item in index):
        np.add.at(result, index, values)
    else:
        result[index] += values
    return result


def take_rows(x: NDArray[Any], index: NDArray[Any], axis: int, out: NDArray[Any]) -> None:
    """Put ``x[index]``, counted along an axis, into `out`; IndexError as NumPy raises it."""
    if not x.flags.c_contiguous:  # np.take would copy all of it
        out[...] = x[(slice(None),) * axis + (index,)]
        return
    size = x.shape[axis]
    if index.size and (np.minimum.reduce(index, axis=None) < -size or np.maximum.reduce(index, axis=None) >= size):
        np.take(x, index, axis)  # raises, and names the index
    np.take(x, index, axis, out, "wrap")  # negative ones count from the end; to raise, it would make a copy
