"""Max and average pooling over any number of spatial axes, channels first, with their adjoints.

``kernel``, ``stride`` and ``dilation`` hold one number per spatial axis, ``padding`` one (low, high) pair. Padding is
never stored: each tap of the kernel meets only the windows for which it falls inside the input.
Sizes, ties and NaN follow PyTorch: a window's first maximum wins, in row-major order, or its last NaN if it has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def pool_output_size(
    n: int, kernel: int, stride: int, padding_pair: tuple[int, int], dilation: int, ceil_mode: bool
) -> int:
    """Count the windows on an axis; in ceil mode the last may overhang if it starts in the input or the low padding."""
    low, high = padding_pair
    room = n + low + high - dilation * (kernel - 1) - 1
    size = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (size - 1) * stride >= n + low:
        size -= 1
    return max(size, 0)


def pool_output_shape(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> tuple[int, ...]:
    """Count the windows on every axis."""
    return tuple(
        pool_output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def pool_taps(
    spatial: tuple[int, ...],
    output: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> Iterator[tuple[Any, Any]]:
    """Give for each tap, in row-major order, the index of the inputs it reads and of the windows that read them."""
    for tap in np.ndindex(*kernel):
        source, target = [], []
        for t, n, size, s, (low, _), d in zip(tap, spatial, output, stride, padding, dilation, strict=True):
            shift = t * d - low
            first = max(-(shift // s), 0)
            last = max(min((n - 1 - shift) // s + 1, size), first)
            source.append(slice(first * s + shift, max(last * s + shift, 0), s))
            target.append(slice(first, last))
        if all(part.start < part.stop for part in target):
            yield (..., *source), (..., *target)


def pool_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut the batch into blocks whose temporaries stay in the cache (64 K inputs)."""
    step = max(1, (1 << 16) // max(int(np.prod(shape[1:])), 1))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def max_pool(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Take the largest input of each window; NaN if it has one, the lowest value if it holds no input."""
    spatial = x.shape[2:]
    output = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    out = np.full(x.shape[:2] + output, lowest, x.dtype)
    for source, target in pool_taps(spatial, output, kernel, stride, padding, dilation):
        np.maximum(out[target], x[source], out=out[target])
    return out


def max_pool_hits(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> Iterator[tuple[Any, Any, np.ndarray]]:
    """Give for each tap its inputs, their windows, and where that input is the one that its window chose."""
    spatial = x.shape[2:]
    best = max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    taps = list(pool_taps(spatial, best.shape[2:], kernel, stride, padding, dilation))
    free = np.ones(best.shape, bool)
    if x.dtype.kind == "f" and np.isnan(best).any():
        for source, target in reversed(taps):
            hit = np.isnan(x[source]) & free[target]
            free[target] ^= hit
            yield source, target, hit
    for source, target in taps:
        hit = (x[source] == best[target]) & free[target]
        free[target] ^= hit
        yield source, target, hit


def pool_keep(values: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Give ``values`` where ``hit``, else 0, by masking bits: no branch to mispredict, no NaN from infinity times 0."""
    mask = np.negative(hit.view(np.int8), dtype=f"i{min(values.dtype.itemsize, 8)}")
    if values.dtype.itemsize > 8:  # a complex number of two words
        mask = np.repeat(mask, 2, axis=-1)
    return (np.ascontiguousarray(values).view(mask.dtype) & mask).view(values.dtype)


def max_pool_grad(
    g: np.ndarray,
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Send each window's gradient to the input it chose: the adjoint of `max_pool_select`."""
    grad = np.zeros(x.shape, np.float32 if g.dtype == np.float16 else g.dtype)
    values = g.astype(grad.dtype, copy=False)
    for rows in pool_blocks(x.shape):
        for source, target, hit in max_pool_hits(x[rows], kernel, stride, padding, dilation, ceil_mode):
            grad[rows][source] += pool_keep(values[rows][target], hit)
    return grad.astype(g.dtype, copy=False)


def max_pool_select(
    t: np.ndarray,
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Take from ``t`` what lies where ``x`` has its maxima, 0 for a window without inputs; linear in ``t``."""
    output = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    out = np.zeros(x.shape[:2] + output, t.dtype)
    for rows in pool_blocks(x.shape):
        for source, target, hit in max_pool_hits(x[rows], kernel, stride, padding, dilation, ceil_mode):
            out[rows][target] += pool_keep(t[rows][source], hit)
    return out


def avg_pool_counts(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
) -> np.ndarray:
    """Count what each window averages over: its inputs, and its padding if that counts, never its overhang."""
    counts = np.ones((), np.int64)
    for n, k, s, (low, high), d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        size = pool_output_size(n, k, s, (low, high), d, ceil_mode)
        places = np.arange(size)[:, None] * s + np.arange(k) * d - low
        inside = (places < n + high) if count_include_pad else (places >= 0) & (places < n)
        counts = counts[..., None] * inside.sum(1)
    return np.maximum(counts, 1)


def avg_pool(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
) -> np.ndarray:
    """Average each window of a floating or complex input."""
    spatial = x.shape[2:]
    output = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    out = np.zeros(x.shape[:2] + output, np.float32 if x.dtype == np.float16 else x.dtype)
    for source, target in pool_taps(spatial, output, kernel, stride, padding, dilation):
        out[target] += x[source]
    out /= avg_pool_counts(spatial, kernel, stride, padding, dilation, ceil_mode, count_include_pad).astype(out.dtype)
    return out.astype(x.dtype, copy=False)


def avg_pool_grad(
    g: np.ndarray,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
) -> np.ndarray:
    """Spread each window's gradient evenly over what it averaged: the adjoint of `avg_pool`."""
    grad = np.zeros(g.shape[:2] + spatial, np.float32 if g.dtype == np.float16 else g.dtype)
    counts = avg_pool_counts(spatial, kernel, stride, padding, dilation, ceil_mode, count_include_pad)
    share = g / counts.astype(grad.dtype)
    for source, target in pool_taps(spatial, g.shape[2:], kernel, stride, padding, dilation):
        grad[source] += share[target]
    return grad.astype(g.dtype, copy=False)


def pool_windows(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Enumerate the definition: each output place with the places of the inputs in its window, in row-major order."""
    for place in np.ndindex(*pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)):
        inside = []
        for tap in np.ndindex(*kernel):
            where = tuple(
                p * s + t * d - low for p, s, t, d, (low, _) in zip(place, stride, tap, dilation, padding, strict=True)
            )
            if all(0 <= p < n for p, n in zip(where, spatial, strict=True)):
                inside.append(where)
        yield place, inside


def max_pool_choices(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Enumerate by nested loops each window that holds an input, with the index of the input it chooses."""
    for channel in np.ndindex(*x.shape[:2]):
        for place, inside in pool_windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode):
            chosen: tuple[int, ...] | None = None
            for where in inside:
                value = x[channel + where]
                if chosen is None or value > x[channel + chosen] or value != value:  # noqa: PLR0124 (NaN)
                    chosen = where
            if chosen is not None:
                yield channel + place, channel + chosen


def max_pool_reference(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Define `max_pool` by nested loops."""
    output = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    out = np.full(x.shape[:2] + output, lowest, x.dtype)
    for place, where in max_pool_choices(x, kernel, stride, padding, dilation, ceil_mode):
        out[place] = x[where]
    return out


def max_pool_grad_reference(
    g: np.ndarray,
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Define `max_pool_grad` by nested loops."""
    grad = np.zeros(x.shape, np.float32 if g.dtype == np.float16 else g.dtype)
    for place, where in max_pool_choices(x, kernel, stride, padding, dilation, ceil_mode):
        with np.errstate(over="ignore"):  # integers wrap
            grad[where] += g[place]
    return grad.astype(g.dtype, copy=False)


def max_pool_select_reference(
    t: np.ndarray,
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> np.ndarray:
    """Define `max_pool_select` by nested loops."""
    output = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    out = np.zeros(x.shape[:2] + output, t.dtype)
    for place, where in max_pool_choices(x, kernel, stride, padding, dilation, ceil_mode):
        out[place] = t[where]
    return out


def avg_pool_count(
    place: tuple[int, ...],
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> int:
    """Count by nested loops the taps of one window that fall on input or padding, at least 1."""
    count = 0
    for tap in np.ndindex(*kernel):
        axes = zip(place, tap, spatial, stride, padding, dilation, strict=True)
        count += all(p * s + t * d - low < n + high for p, t, n, s, (low, high), d in axes)
    return max(count, 1)


def avg_pool_reference(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
) -> np.ndarray:
    """Define `avg_pool` by nested loops."""
    spatial = x.shape[2:]
    output = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    out = np.zeros(x.shape[:2] + output, np.float32 if x.dtype == np.float16 else x.dtype)
    for channel in np.ndindex(*x.shape[:2]):
        for place, inside in pool_windows(spatial, kernel, stride, padding, dilation, ceil_mode):
            count = avg_pool_count(place, spatial, kernel, stride, padding, dilation)
            for where in inside:
                out[channel + place] += x[channel + where]
            out[channel + place] /= out.dtype.type(count if count_include_pad else max(len(inside), 1))
    return out.astype(x.dtype, copy=False)


def avg_pool_grad_reference(
    g: np.ndarray,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
) -> np.ndarray:
    """Define `avg_pool_grad` by nested loops."""
    grad = np.zeros(g.shape[:2] + spatial, np.float32 if g.dtype == np.float16 else g.dtype)
    for channel in np.ndindex(*g.shape[:2]):
        for place, inside in pool_windows(spatial, kernel, stride, padding, dilation, ceil_mode):
            count = avg_pool_count(place, spatial, kernel, stride, padding, dilation)
            for where in inside:
                divisor = grad.dtype.type(count if count_include_pad else len(inside))
                grad[channel + where] += grad.dtype.type(g[channel + place]) / divisor
    return grad.astype(g.dtype, copy=False)
