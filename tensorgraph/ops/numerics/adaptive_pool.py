"""Adaptive pooling: windows chosen so that the output has a given size, channels first, with the adjoints.

On an axis of ``n`` inputs and ``m`` outputs, window ``i`` is ``floor(i n / m) .. ceil((i + 1) n / m)``, as PyTorch's.
Windows are products of intervals, so both kinds of pooling are done one axis at a time.
"""

from __future__ import annotations

import numpy as np


def adaptive_bounds(n: int, m: int) -> list[tuple[int, int]]:
    """List the (start, stop) of the ``m`` windows that cover ``n`` inputs."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def adaptive_avg_pool(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Average adaptive windows, one axis after the other."""
    out = x.astype(np.float32) if x.dtype == np.float16 else x
    for axis, size in enumerate(output_size, 2):
        shape = (*out.shape[:axis], size, *out.shape[axis + 1 :])
        source, reduced = np.moveaxis(out, axis, 0), np.empty(shape, out.dtype)
        target = np.moveaxis(reduced, axis, 0)
        for i, (start, stop) in enumerate(adaptive_bounds(out.shape[axis], size)):
            np.add.reduce(source[start:stop], axis=0, out=target[i, ...])
            target[i, ...] /= stop - start
        out = reduced
    return out.astype(x.dtype)


def adaptive_avg_pool_grad(g: np.ndarray, spatial: tuple[int, ...]) -> np.ndarray:
    """Spread gradients evenly over adaptive windows: the adjoint of `adaptive_avg_pool`."""
    grad = g.astype(np.float32) if g.dtype == np.float16 else g
    for axis, n in enumerate(spatial, 2):
        wider = np.zeros((*grad.shape[:axis], n, *grad.shape[axis + 1 :]), grad.dtype)
        source, target = np.moveaxis(grad, axis, 0), np.moveaxis(wider, axis, 0)
        for i, (start, stop) in enumerate(adaptive_bounds(n, grad.shape[axis])):
            target[start:stop] += source[i] / grad.dtype.type(stop - start)
        grad = wider
    return grad.astype(g.dtype)


def adaptive_max_indices(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Find each window's first maximum in row-major order, or its last NaN, as a flat index into the spatial axes.

    Taking the last axis first and the first axis last makes the choice lexicographic, so it separates by axis.
    """
    spatial = x.shape[2:]
    best = x
    where = np.broadcast_to(np.arange(int(np.prod(spatial))).reshape(spatial), x.shape)
    for axis in reversed(range(2, x.ndim)):
        shape = (*best.shape[:axis], output_size[axis - 2], *best.shape[axis + 1 :])
        best_next, where_next = np.empty(shape, x.dtype), np.empty(shape, np.int64)
        for i, (start, stop) in enumerate(adaptive_bounds(spatial[axis - 2], output_size[axis - 2])):
            part = (slice(None),) * axis + (slice(start, stop),)
            slot = (slice(None),) * axis + (slice(i, i + 1),)
            choice = best[part].argmax(axis, keepdims=True)
            if x.dtype.kind == "f":
                lost = np.isnan(best[part])
                last = stop - start - 1 - np.flip(lost, axis).argmax(axis, keepdims=True)
                choice = np.where(lost.any(axis, keepdims=True), last, choice)
            best_next[slot] = np.take_along_axis(best[part], choice, axis)
            where_next[slot] = np.take_along_axis(where[part], choice, axis)
        best, where = best_next, where_next
    return where.astype(np.int64)


def adaptive_max_pool(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Take the largest input of each adaptive window; NaN if it has one."""
    return adaptive_max_pool_select(x, x, output_size)


def adaptive_max_pool_grad(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Send each window's gradient to the input it chose: the adjoint of `adaptive_max_pool_select`."""
    where = adaptive_max_indices(x, g.shape[2:])
    images, size = x.shape[0] * x.shape[1], int(np.prod(x.shape[2:]))
    flat = where.reshape(images, int(np.prod(g.shape[2:]))) + np.arange(images)[:, None] * size
    grad = np.bincount(flat.ravel(), g.ravel().astype(np.float64), images * size)
    return grad.reshape(x.shape).astype(g.dtype)


def adaptive_max_pool_select(t: np.ndarray, x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Take from ``t`` what lies where ``x`` has its maxima; linear in ``t``."""
    where = adaptive_max_indices(x, output_size)
    images, size, positions = x.shape[:2], int(np.prod(x.shape[2:])), int(np.prod(output_size))
    flat = np.take_along_axis(t.reshape(*images, size), where.reshape(*images, positions), 2)
    return flat.reshape(*images, *output_size)


def adaptive_max_pool_reference(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Define `adaptive_max_pool` by nested loops."""
    out = np.empty(x.shape[:2] + output_size, x.dtype)
    bounds = [adaptive_bounds(n, m) for n, m in zip(x.shape[2:], output_size, strict=True)]
    for place in np.ndindex(*out.shape):
        window = tuple(slice(*bound[p]) for bound, p in zip(bounds, place[2:], strict=True))
        out[place] = x[(*place[:2], *window)].max()
    return out


def adaptive_avg_pool_reference(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
    """Define `adaptive_avg_pool` by nested loops."""
    out = np.empty(x.shape[:2] + output_size, x.dtype)
    bounds = [adaptive_bounds(n, m) for n, m in zip(x.shape[2:], output_size, strict=True)]
    for place in np.ndindex(*out.shape):
        window = tuple(slice(*bound[p]) for bound, p in zip(bounds, place[2:], strict=True))
        out[place] = x[(*place[:2], *window)].mean(dtype=np.float32 if x.dtype == np.float16 else x.dtype)
    return out
