"""Convolution and pooling by PyTorch's names: one function per number of spatial axes."""

from __future__ import annotations

from tensorgraph.array.conv import conv1d, conv2d, conv3d, conv_transpose, fold, unfold
from tensorgraph.array.pool import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    global_avg_pool,
    global_max_pool,
    max_pool,
)
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.array.windows import Padding, Sizes
from tensorgraph.errors import ShapeError
from tensorgraph.ir.provenance import located

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "global_avg_pool",
    "global_max_pool",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "unfold",
]


def _spatial(name: str, x: TensorLike, rank: int) -> Tensor:
    """The input, if it has a batch, channels and so many spatial axes."""
    x = asarray(x)
    if x.ndim != rank + 2:
        message = f"{name}: the input is {x.node.type}: it must have {rank + 2} axes"
        raise located(ShapeError(f"{message}: batch, channels and {rank} spatial ones"))
    return x


def max_pool1d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`max_pool` of ``[batch, channels, length]``.

    Examples
    --------
    >>> max_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2)
    Tensor([[[3., 5.]]], float64)
    """
    x = _spatial("max_pool1d", input, 1)
    return max_pool(x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


def max_pool2d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`max_pool` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> max_pool2d([[[[1.0, 3.0], [2.0, 5.0]]]], 2)
    Tensor([[[[5.]]]], float64)
    """
    x = _spatial("max_pool2d", input, 2)
    return max_pool(x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


def max_pool3d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`max_pool` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> max_pool3d([[[[[1.0, 3.0], [2.0, 5.0]]]]], (1, 2, 2))
    Tensor([[[[[5.]]]]], float64)
    """
    x = _spatial("max_pool3d", input, 3)
    return max_pool(x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


def avg_pool1d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool` of ``[batch, channels, length]``.

    Examples
    --------
    >>> avg_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2)
    Tensor([[[2. , 3.5]]], float64)
    """
    x = _spatial("avg_pool1d", input, 1)
    return avg_pool(
        x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad
    )


def avg_pool2d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> avg_pool2d([[[[1.0, 3.0], [2.0, 5.0]]]], 2)
    Tensor([[[[2.75]]]], float64)
    """
    x = _spatial("avg_pool2d", input, 2)
    return avg_pool(
        x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad
    )


def avg_pool3d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> avg_pool3d([[[[[1.0, 3.0], [2.0, 5.0]]]]], (1, 2, 2))
    Tensor([[[[[2.75]]]]], float64)
    """
    x = _spatial("avg_pool3d", input, 3)
    return avg_pool(
        x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad
    )


def adaptive_max_pool1d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_max_pool` of ``[batch, channels, length]``.

    Examples
    --------
    >>> adaptive_max_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 1)
    Tensor([[[5.]]], float64)
    """
    return adaptive_max_pool(_spatial("adaptive_max_pool1d", input, 1), output_size)


def adaptive_max_pool2d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_max_pool` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> adaptive_max_pool2d([[[[1.0, 3.0], [2.0, 5.0]]]], 1)
    Tensor([[[[5.]]]], float64)
    """
    return adaptive_max_pool(_spatial("adaptive_max_pool2d", input, 2), output_size)


def adaptive_max_pool3d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_max_pool` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> adaptive_max_pool3d([[[[[1.0, 3.0], [2.0, 5.0]]]]], 1)
    Tensor([[[[[5.]]]]], float64)
    """
    return adaptive_max_pool(_spatial("adaptive_max_pool3d", input, 3), output_size)


def adaptive_avg_pool1d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_avg_pool` of ``[batch, channels, length]``.

    Examples
    --------
    >>> adaptive_avg_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 1)
    Tensor([[[2.75]]], float64)
    """
    return adaptive_avg_pool(_spatial("adaptive_avg_pool1d", input, 1), output_size)


def adaptive_avg_pool2d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_avg_pool` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> adaptive_avg_pool2d([[[[1.0, 3.0], [2.0, 5.0]]]], 1)
    Tensor([[[[2.75]]]], float64)
    """
    return adaptive_avg_pool(_spatial("adaptive_avg_pool2d", input, 2), output_size)


def adaptive_avg_pool3d(input: TensorLike, output_size: Sizes) -> Tensor:
    """`adaptive_avg_pool` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> adaptive_avg_pool3d([[[[[1.0, 3.0], [2.0, 5.0]]]]], 1)
    Tensor([[[[[2.75]]]]], float64)
    """
    return adaptive_avg_pool(_spatial("adaptive_avg_pool3d", input, 3), output_size)


def conv_transpose1d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """`conv_transpose` of ``[batch, channels, length]``.

    Examples
    --------
    >>> conv_transpose1d([[[1.0, 3.0, 2.0, 5.0]]], [[[2.0]]])
    Tensor([[[ 2.,  6.,  4., 10.]]], float64)
    """
    x = _spatial("conv_transpose1d", input, 1)
    return conv_transpose(
        x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )


def conv_transpose2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """`conv_transpose` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> conv_transpose2d([[[[1.0, 3.0], [2.0, 5.0]]]], [[[[2.0]]]])
    Tensor([[[[ 2.,  6.],
              [ 4., 10.]]]], float64)
    """
    x = _spatial("conv_transpose2d", input, 2)
    return conv_transpose(
        x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )


def conv_transpose3d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """`conv_transpose` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> conv_transpose3d([[[[[1.0, 3.0], [2.0, 5.0]]]]], [[[[[2.0]]]]])
    Tensor([[[[[ 2.,  6.],
               [ 4., 10.]]]]], float64)
    """
    x = _spatial("conv_transpose3d", input, 3)
    return conv_transpose(
        x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )
