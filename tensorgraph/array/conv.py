"""Convolution in one, two and three dimensions: cross-correlation, as every neural-network library means it.

``y[n, o, p] = sum over c and k of x[n, c, p * stride + k * dilation - padding] * w[o, c, k]``, zero outside the input.
"""

from __future__ import annotations

import numpy as np

from tensorgraph.array.shape import reshape
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.array.windows import Padding, Sizes, channels_first, one_per_axis, pairs, refuse, same_padding
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ops import conv as ops

__all__ = ["conv", "conv1d", "conv2d", "conv3d", "conv_transpose", "fold", "unfold"]


def conv(
    x: TensorLike,
    w: TensorLike,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NCHW",
) -> Tensor:
    """Convolution over one to three spatial axes: sums of products of weights and the windows they slide over.

    It is cross-correlation, as in every neural-network library: the kernel is not flipped.

    Parameters
    ----------
    x
        Input ``[n, c, *spatial]``.
    w
        Weights ``[o, c / groups, *kernel]``, in either layout.
    stride
        Step between windows; one number, or one per spatial axis.
    padding
        Zeros around the input: one number, one per spatial axis (both sides), a pair (before, after) per spatial
        axis, ``"valid"`` (none), or ``"same"`` (ceil(size / stride) windows; the odd zero stands at the end).
    dilation
        Step between the elements of a window.
    groups
        Parts into which channels divide; output channels of a part see the input channels of that part only. As
        many groups as input channels make a depthwise convolution.
    layout
        ``"NCHW"``, or ``"NHWC"`` with channels last in input and result, for any number of spatial axes.

    Returns
    -------
    Tensor
        ``[n, o, *windows]``, where an axis of size s has
        floor((s + padding - dilation * (kernel - 1) - 1) / stride) + 1 windows.

    Raises
    ------
    ShapeError
        If the channels do not match, the groups do not divide them, or the kernel is larger than the padded input.
    DTypeError
        If an operand is bool.

    Examples
    --------
    >>> conv([[[1.0, 2.0, 4.0, 8.0]]], [[[1.0, -1.0]]])
    Tensor([[[-1., -2., -4.]]], float64)
    """
    return _conv("conv", asarray(x), asarray(w), None, stride, padding, dilation, groups, layout)


def conv1d(
    x: TensorLike,
    w: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NCW",
) -> Tensor:
    """`conv` of ``[n, c, length]`` with ``[o, c / groups, kernel]``, plus `bias` ``[o]``.

    Examples
    --------
    >>> conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, -1.0]]], [10.0], padding="same")
    Tensor([[[ 9.,  8., 14.]]], float64)
    """
    return _ranked("conv1d", 1, asarray(x), asarray(w), bias, stride, padding, dilation, groups, layout)


def conv2d(
    x: TensorLike,
    w: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NCHW",
) -> Tensor:
    """`conv` of ``[n, c, height, width]`` with ``[o, c / groups, *kernel]``, plus `bias` ``[o]``.

    Examples
    --------
    >>> conv2d([[[[1.0, 2.0], [3.0, 4.0]]]], [[[[1.0, 1.0], [1.0, 1.0]]]], [0.5])
    Tensor([[[[10.5]]]], float64)
    """
    return _ranked("conv2d", 2, asarray(x), asarray(w), bias, stride, padding, dilation, groups, layout)


def conv3d(
    x: TensorLike,
    w: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NCDHW",
) -> Tensor:
    """`conv` of ``[n, c, depth, height, width]`` with ``[o, c / groups, *kernel]``, plus `bias` ``[o]``.

    Examples
    --------
    >>> import numpy as np
    >>> conv3d(np.ones((1, 1, 2, 2, 3)), np.ones((1, 1, 2, 2, 2)))
    Tensor([[[[[8., 8.]]]]], float64)
    """
    return _ranked("conv3d", 3, asarray(x), asarray(w), bias, stride, padding, dilation, groups, layout)


def _ranked(
    name: str, rank: int, x: Tensor, w: Tensor, bias: TensorLike | None, stride: Sizes, padding: Padding,
    dilation: Sizes, groups: int, layout: str,
) -> Tensor:  # fmt: skip
    if x.ndim != rank + 2:
        refuse(f"{name}: {x.node.type} needs {rank + 2} axes: batch, channels and {rank} spatial ones")
    return _conv(name, x, w, bias, stride, padding, dilation, groups, layout)


def _conv(
    name: str, x: Tensor, w: Tensor, bias: TensorLike | None, stride: Sizes, padding: Padding, dilation: Sizes,
    groups: int, layout: str,
) -> Tensor:  # fmt: skip
    rank = x.ndim - 2
    if rank not in (1, 2, 3):
        refuse(f"{name}: {x.node.type} needs 3 to 5 axes: batch, channels and one to three spatial ones")
    if w.ndim != x.ndim:
        refuse(f"{name}: {x.node.type} and {w.node.type} need equally many axes: weights are [o, c / groups, *kernel]")
    x, back = channels_first(name, x, layout, rank)
    steps, gaps = one_per_axis(name, "stride", stride, rank), one_per_axis(name, "dilation", dilation, rank)
    (parts,) = one_per_axis(name, "groups", groups, 1)
    if padding == "same":
        around = same_padding(name, x.shape[2:], _kernel(name, w), steps, gaps)
    else:
        around = ((0, 0),) * rank if padding == "valid" else pairs(name, padding, rank)
    return back(_biased(name, apply(ops.Conv(steps, around, gaps, parts), x, w), bias))


def _kernel(name: str, w: Tensor) -> tuple[int, ...]:
    kernel = tuple(n for n in w.shape[2:] if isinstance(n, int))
    if len(kernel) != w.ndim - 2:
        refuse(f"{name}: {w.node.type} must have a kernel of known size")
    return kernel


def _biased(name: str, y: Tensor, bias: TensorLike | None) -> Tensor:
    if bias is None:
        return y
    b = asarray(bias)
    if b.ndim != 1 or dim_key(b.shape[0]) != dim_key(y.shape[1]):
        refuse(f"{name}: bias {b.node.type} must have one element per output channel, [{y.shape[1]}]")
    return y + reshape(b, (b.shape[0], *[1] * (y.ndim - 2)))


def conv_transpose(
    x: TensorLike,
    w: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NCHW",
) -> Tensor:
    """Transposed convolution: the linear map whose matrix is the transpose of that of `conv`.

    Parameters
    ----------
    x
        Input ``[n, c, *spatial]``.
    w
        Weights ``[c, o / groups, *kernel]``: those of the `conv` from o to c channels that it transposes.
    bias
        ``[o]``.
    stride, padding, dilation, groups, layout
        Those of the `conv` that it transposes; padding ``"same"`` makes sizes ``stride * size``.
    output_padding
        Added to the size of the result at the end, less than the stride: which of the sizes that `conv` takes to
        that of `x` is meant.

    Returns
    -------
    Tensor
        ``[n, o, *sizes]`` with (s - 1) * stride + dilation * (kernel - 1) + 1 - padding + output_padding for s.

    Raises
    ------
    ShapeError
        As `conv`, and if the output padding is not less than the stride.

    Examples
    --------
    >>> conv_transpose([[[1.0, 2.0]]], [[[1.0, 10.0]]], stride=2)
    Tensor([[[ 1., 10.,  2., 20.]]], float64)
    """
    name = "conv_transpose"
    x, w = asarray(x), asarray(w)
    rank = x.ndim - 2
    if rank not in (1, 2, 3):
        refuse(f"{name}: {x.node.type} needs 3 to 5 axes: batch, channels and one to three spatial ones")
    if w.ndim != x.ndim:
        refuse(f"{name}: {x.node.type} and {w.node.type} need equally many axes: weights are [c, o / groups, *kernel]")
    x, back = channels_first(name, x, layout, rank)
    steps, gaps = one_per_axis(name, "stride", stride, rank), one_per_axis(name, "dilation", dilation, rank)
    extra = one_per_axis(name, "output_padding", output_padding, rank, 0)
    (parts,) = one_per_axis(name, "groups", groups, 1)
    if any(e >= s for e, s in zip(extra, steps, strict=True)):
        refuse(f"{name}: output_padding {extra} must be less than stride {steps}")
    kernel = _kernel(name, w)
    if padding == "same":
        totals = [max(d * (k - 1) + 1 - s, 0) for k, s, d in zip(kernel, steps, gaps, strict=True)]
        around = tuple((total // 2, total - total // 2) for total in totals)
        extra = tuple(max(s - d * (k - 1) - 1, 0) for k, s, d in zip(kernel, steps, gaps, strict=True))
    else:
        around = ((0, 0),) * rank if padding == "valid" else pairs(name, padding, rank)
    size = []
    for n, k, s, (low, high), d, e in zip(x.shape[2:], kernel, steps, around, gaps, extra, strict=True):
        m: DimLike = (n - 1) * s + d * (k - 1) + 1 - low - high + e
        if isinstance(m, int) and m < 1:
            refuse(f"{name}: {x.node.type} and {w.node.type}: padding {(low, high)} leaves nothing of the result")
        size.append(m)
    return back(_biased(name, apply(ops.ConvInputGrad(steps, around, gaps, parts, tuple(size)), x, w), bias))


def unfold(x: TensorLike, kernel: Sizes, *, stride: Sizes = 1, padding: Padding = 0, dilation: Sizes = 1) -> Tensor:
    """Sliding windows as columns: "im2col", as ``torch.nn.functional.unfold``.

    Parameters
    ----------
    x
        ``[n, c, *spatial]`` with any number of spatial axes.
    kernel, stride, padding, dilation
        Size of the windows, and as for `conv`.

    Returns
    -------
    Tensor
        ``[n, c * elements, windows]``.

    Raises
    ------
    ShapeError
        If a window is larger than the padded input.

    Examples
    --------
    >>> unfold([[[1.0, 2.0, 3.0]]], 2)
    Tensor([[[1., 2.],
             [2., 3.]]], float64)
    """
    x = asarray(x)
    rank = x.ndim - 2
    if rank < 1:
        refuse(f"unfold: {x.node.type} needs at least 3 axes: batch, channels and spatial ones")
    taps = one_per_axis("unfold", "kernel", kernel, rank)
    steps, gaps = one_per_axis("unfold", "stride", stride, rank), one_per_axis("unfold", "dilation", dilation, rank)
    around = _around("unfold", padding, x.shape[2:], taps, steps, gaps)
    return apply(ops.Unfold(steps, around, gaps, taps), x)


def fold(
    x: TensorLike,
    size: Sizes | tuple[DimLike, ...],
    kernel: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Columns added back to where their windows lie: the transpose of `unfold`.

    Parameters
    ----------
    x
        ``[n, c * elements, windows]``.
    size
        Spatial sizes of the result, one per axis.
    kernel, stride, padding, dilation
        As for `unfold`.

    Returns
    -------
    Tensor
        ``[n, c, *size]``.

    Raises
    ------
    ShapeError
        If the rows or the number of windows do not fit.

    Examples
    --------
    >>> fold([[[1.0, 2.0], [10.0, 20.0]]], (3,), 2)
    Tensor([[[ 1., 12., 20.]]], float64)
    """
    x = asarray(x)
    sizes: tuple[DimLike, ...] = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    rank = len(sizes)
    taps = one_per_axis("fold", "kernel", kernel, rank)
    steps, gaps = one_per_axis("fold", "stride", stride, rank), one_per_axis("fold", "dilation", dilation, rank)
    around = _around("fold", padding, sizes, taps, steps, gaps)
    return apply(ops.Fold(steps, around, gaps, taps, sizes), x)


def _around(
    name: str, padding: Padding, spatial: tuple[DimLike, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    """Padding as pairs."""
    if padding == "same":
        return same_padding(name, spatial, kernel, stride, dilation)
    return ((0, 0),) * len(kernel) if padding == "valid" else pairs(name, padding, len(kernel))
