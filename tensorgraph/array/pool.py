"""Pooling: the largest or the mean of windows that slide over the axes after batch and channels."""

from __future__ import annotations

import numpy as np

from tensorgraph.array.reduction import mean
from tensorgraph.array.shape import astype
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.array.windows import Padding, Sizes, channels_first, one_per_axis, pairs, refuse, same_padding
from tensorgraph.ops import pool as ops

__all__ = [
    "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "max_pool",
]  # fmt: skip


def max_pool(
    x: TensorLike,
    kernel: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
) -> Tensor:
    """The largest element of each window; NaN if it has one.

    All of the gradient goes to the first maximum of a window in row-major order, as in PyTorch.

    Parameters
    ----------
    x
        ``[n, c, *spatial]``, with one to three spatial axes.
    kernel
        Size of the windows; one number, or one per spatial axis.
    stride
        Step between windows; that of their size by default.
    padding
        As for `conv`, at most half a window. Padding is never the largest.
    dilation
        Step between the elements of a window.
    ceil_mode
        Whether a last window may overhang the end: sizes are rounded up, not down.
    layout
        ``"NCHW"``, or ``"NHWC"`` with channels last, for any number of spatial axes.

    Returns
    -------
    Tensor
        ``[n, c, *windows]`` of the same dtype.

    Raises
    ------
    ShapeError
        If a window is larger than the padded input.
    DTypeError
        If the input is bool or complex.

    Examples
    --------
    >>> max_pool([[[1.0, 3.0, 2.0, 5.0, 4.0]]], 2, ceil_mode=True)
    Tensor([[[3., 5., 4.]]], float64)
    """
    x = asarray(x)
    rank = x.ndim - 2
    x, back = channels_first("max_pool", x, layout, rank)
    taps, steps, around, gaps = _windows("max_pool", x, kernel, stride, padding, dilation)
    return back(apply(ops.MaxPool(steps, around, gaps, taps, bool(ceil_mode)), x))


def avg_pool(
    x: TensorLike,
    kernel: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NCHW",
) -> Tensor:
    """The mean of each window; of integers in float64.

    Parameters
    ----------
    x, kernel, stride, padding, ceil_mode, layout
        As for `max_pool`.
    count_include_pad
        Whether padding counts as zeros. What overhangs in ceil mode never counts.

    Returns
    -------
    Tensor
        ``[n, c, *windows]``.

    Raises
    ------
    ShapeError
        If a window is larger than the padded input.

    Examples
    --------
    >>> avg_pool([[[1.0, 3.0, 2.0, 6.0]]], 2)
    Tensor([[[2., 4.]]], float64)
    """
    x = _floating(asarray(x))
    rank = x.ndim - 2
    x, back = channels_first("avg_pool", x, layout, rank)
    taps, steps, around, gaps = _windows("avg_pool", x, kernel, stride, padding, 1)
    return back(apply(ops.AvgPool(steps, around, gaps, taps, bool(ceil_mode), bool(count_include_pad)), x))


def _floating(x: Tensor) -> Tensor:
    return astype(x, np.float64) if x.dtype.kind in "biu" else x


def _windows(
    name: str, x: Tensor, kernel: Sizes, stride: Sizes | None, padding: Padding, dilation: Sizes
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...]]:
    rank = x.ndim - 2
    taps = one_per_axis(name, "kernel", kernel, rank)
    steps = taps if stride is None else one_per_axis(name, "stride", stride, rank)
    gaps = one_per_axis(name, "dilation", dilation, rank)
    if padding == "same":
        return taps, steps, same_padding(name, x.shape[2:], taps, steps, gaps), gaps
    around = ((0, 0),) * rank if padding == "valid" else pairs(name, padding, rank)
    for axis, (pair, k, d) in enumerate(zip(around, taps, gaps, strict=True)):
        if max(pair) > (d * (k - 1) + 1) // 2:
            refuse(f"{name}: padding {pair} along spatial axis {axis} is more than half a window of {d * (k - 1) + 1}")
    return taps, steps, around, gaps


def adaptive_max_pool(x: TensorLike, output_size: Sizes, *, layout: str = "NCHW") -> Tensor:
    """The largest element of each of so many windows as to give this size.

    Window i of m on an axis of n runs from floor(i n / m) to ceil((i + 1) n / m), as PyTorch's.

    Parameters
    ----------
    x
        ``[n, c, *spatial]``.
    output_size
        Spatial sizes of the result; one number, or one per spatial axis.
    layout
        ``"NCHW"`` or ``"NHWC"``.

    Returns
    -------
    Tensor
        ``[n, c, *output_size]``.

    Examples
    --------
    >>> adaptive_max_pool([[[1.0, 3.0, 2.0, 5.0, 4.0]]], 2)
    Tensor([[[3., 5.]]], float64)
    """
    x = asarray(x)
    x, back = channels_first("adaptive_max_pool", x, layout, x.ndim - 2)
    size = one_per_axis("adaptive_max_pool", "output_size", output_size, x.ndim - 2)
    return back(apply(ops.AdaptiveMaxPool(size), x))


def adaptive_avg_pool(x: TensorLike, output_size: Sizes, *, layout: str = "NCHW") -> Tensor:
    """The mean of each of so many windows as to give this size; of integers in float64.

    Windows and parameters are those of `adaptive_max_pool`.

    Examples
    --------
    >>> adaptive_avg_pool([[[1.0, 3.0, 2.0, 5.0, 5.0]]], 2)
    Tensor([[[2., 4.]]], float64)
    """
    x = _floating(asarray(x))
    x, back = channels_first("adaptive_avg_pool", x, layout, x.ndim - 2)
    size = one_per_axis("adaptive_avg_pool", "output_size", output_size, x.ndim - 2)
    return back(apply(ops.AdaptiveAvgPool(size), x))


def global_max_pool(x: TensorLike, *, layout: str = "NCHW") -> Tensor:
    """The largest element over all spatial axes, which stay with size 1; the first maximum has all of the gradient.

    Examples
    --------
    >>> global_max_pool([[[1.0, 3.0, 2.0]]])
    Tensor([[[3.]]], float64)
    """
    return adaptive_max_pool(x, 1, layout=layout)


def global_avg_pool(x: TensorLike, *, layout: str = "NCHW") -> Tensor:
    """The mean over all spatial axes, which stay with size 1.

    Examples
    --------
    >>> global_avg_pool([[[1.0, 3.0, 2.0]]])
    Tensor([[[2.]]], float64)
    """
    x = asarray(x)
    x, back = channels_first("global_avg_pool", x, layout, x.ndim - 2)
    return back(mean(x, tuple(range(2, x.ndim)), keepdims=True))
