"""Cutting arrays into minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgraph.errors import DataError

__all__ = ["batches"]


def batches(
    *arrays: ArrayLike,
    batch_size: int,
    seed: int | np.random.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Iterate once over arrays in minibatches along their first axis.

    Parameters
    ----------
    *arrays
        One or more arrays of any dtype, [n, ...] with the same n. Rows at the same place stay together.
    batch_size
        Rows in each batch, at least 1. The last batch has what is left, perhaps fewer.
    seed
        None: in order, and each batch is a view of its array. A number: shuffled, the same way on each
        call. A generator: shuffled anew on each call, which is what training for several epochs wants.
    drop_last
        Whether to leave out a last batch that is not full.

    Yields
    ------
    batch
        A tuple with one array [batch_size, ...] for each of `arrays`, also when there is only one.

    Raises
    ------
    DataError
        At the call, not at the first batch: if there is no array, one has no axis, their lengths
        differ, or `batch_size` is less than 1.

    Examples
    --------
    >>> images, labels = np.zeros((5, 2)), np.arange(5)
    >>> for x, y in batches(images, labels, batch_size=2):
    ...     print(x.shape, y)
    (2, 2) [0 1]
    (2, 2) [2 3]
    (1, 2) [4]
    >>> rng = np.random.default_rng(0)
    >>> [y.tolist() for (y,) in batches(labels, batch_size=2, seed=rng, drop_last=True)]
    [[2, 4], [3, 0]]
    """
    columns = [np.asarray(array) for array in arrays]
    rows = _common_length(columns)
    if batch_size < 1:
        raise DataError(f"batches: batch_size is {batch_size}, it must be at least 1")
    order = None if seed is None else np.random.default_rng(seed).permutation(rows)
    stop = rows - rows % batch_size if drop_last else rows
    starts = range(0, stop, batch_size)
    # A generator inside, so that the checks above run at the call.
    return (_cut(columns, order, start, start + batch_size) for start in starts)


def _common_length(columns: list[NDArray[Any]]) -> int:
    if not columns:
        raise DataError("batches: no arrays were given")
    for place, column in enumerate(columns):
        if column.ndim == 0:
            raise DataError(f"batches: array {place} is a single {column.dtype} value, it has no axis to cut")
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(f"batches: the arrays differ in length: {', '.join(map(str, lengths))}")
    return lengths[0]


def _cut(
    columns: list[NDArray[Any]], order: NDArray[np.int64] | None, start: int, stop: int
) -> tuple[NDArray[Any], ...]:
    rows = slice(start, stop) if order is None else order[start:stop]
    return tuple(column[rows] for column in columns)
