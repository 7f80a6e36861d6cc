"""Reductions over rows that share a number: sorting and ``reduceat``, never ``ufunc.at``."""

from __future__ import annotations

import numpy as np


def segment_starts(segment_ids: np.ndarray, num_segments: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort rows by segment, stably, without those out of range: the order, where each segment starts, and its id."""
    ids = segment_ids.astype(np.int64, copy=False)
    if ids.size and (ids[1:] < ids[:-1]).any():
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
    else:
        order = np.arange(ids.size)
    first, last = np.searchsorted(ids, [0, num_segments])
    order, ids = order[first:last], ids[first:last]
    starts = np.flatnonzero(np.concatenate([np.ones(min(ids.size, 1), bool), ids[1:] != ids[:-1]]))
    return order, starts, ids[starts]


def segment_reduce(
    operation: np.ufunc, values: np.ndarray, segment_ids: np.ndarray, num_segments: int, empty: float | int
) -> np.ndarray:
    """Reduce the rows of each segment by a ufunc, float16 in float32; a segment without rows holds ``empty``.

    ``reduceat`` suits long segments and narrow rows. Otherwise rows are combined in pairs, then pairs of pairs.
    """
    work = np.dtype(np.float32) if values.dtype == np.float16 else values.dtype
    out = np.full((num_segments, *values.shape[1:]), empty, work)
    order, starts, present = segment_starts(segment_ids, num_segments)
    if not starts.size or not out.size:
        return out.astype(values.dtype, copy=False)
    rows = values[order].astype(work, copy=False)
    if values[0].size < 32 or order.size > 16 * starts.size:
        out[present] = operation.reduceat(rows, starts, axis=0, dtype=work)
    else:
        counts = np.diff(starts, append=order.size)
        rank = np.arange(order.size) - np.repeat(starts, counts)
        rest = np.repeat(counts, counts) - rank
        left, step = np.arange(order.size), 1
        while step < counts.max():
            left = left[(rank[left] % (2 * step) == 0) & (rest[left] > step)]
            rows[left] = operation(rows[left], rows[left + step])
            step *= 2
        out[present] = rows[starts]
    return out.astype(values.dtype, copy=False)


def segment_sum(values: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Add the rows of each segment; rows whose number is not in ``0 .. num_segments`` are dropped.

    Parameters
    ----------
    values, segment_ids
        ``[n, ...]`` and integers ``[n]`` in any order.
    num_segments
        The number of rows of the result.

    Returns
    -------
    ndarray
        ``[num_segments, ...]``, zero where a segment has no rows.
    """
    return segment_reduce(np.add, values, segment_ids, num_segments, 0)


def segment_prod(values: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Multiply the rows of each segment; 1 where it has none."""
    return segment_reduce(np.multiply, values, segment_ids, num_segments, 1)


def segment_max(values: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Take the largest of each segment's rows, elementwise; the dtype's lowest value where it has none."""
    lowest = np.iinfo(values.dtype).min if values.dtype.kind in "iu" else -np.inf
    return segment_reduce(np.maximum, values, segment_ids, num_segments, lowest)


def segment_min(values: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Take the smallest of each segment's rows, elementwise; the dtype's highest value where it has none."""
    highest = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else np.inf
    return segment_reduce(np.minimum, values, segment_ids, num_segments, highest)


def scatter_add_rows(shape: tuple[int, ...], index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Add ``values[i]`` to row ``index[i]`` of zeros: the adjoint of ``x[index]`` for ``x`` of that shape.

    The index may have any shape; it counts from the end where negative, and is out of bounds where indexing would be.
    """
    flat = index.reshape(-1).astype(np.int64)
    if flat.size and (flat.min() < -shape[0] or flat.max() >= shape[0]):
        msg = f"scatter_add_rows: index {flat.min()} .. {flat.max()} is out of bounds for {shape[0]} rows"
        raise IndexError(msg)
    rows = values.reshape(flat.size, *shape[1:])
    return segment_sum(rows, np.where(flat < 0, flat + shape[0], flat), shape[0])
