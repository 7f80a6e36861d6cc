"""Normalizations: to mean 0 and variance 1 over some axes, then scale and shift."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.array.functions import mean, pad, reshape, sqrt
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.dims import DimLike, same_shape
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import as_shape, format_shape

__all__ = ["batch_norm", "batch_statistics", "group_norm", "instance_norm", "layer_norm", "local_response_norm"]


def _centred(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """`x` less its mean over axes, divided by its standard deviation."""
    middle = mean(x, axes, keepdims=True)
    distance = x - middle
    return distance * (1 / sqrt(mean(distance * distance, axes, keepdims=True) + eps))


def _scaled(x: Tensor, weight: TensorLike | None, bias: TensorLike | None, shape: Sequence[DimLike]) -> Tensor:
    if weight is not None:
        x = x * reshape(asarray(weight), shape)
    return x if bias is None else x + reshape(asarray(bias), shape)


def batch_statistics(input: TensorLike, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over all other axes.

    Parameters
    ----------
    input
        ``[batch, channels, …]``.
    keepdims
        Whether the other axes stay, with size 1.

    Returns
    -------
    mean, variance
        ``[channels]`` each, or ``[1, channels, 1, …]``; the variance is that of the elements, without correction.

    Examples
    --------
    >>> batch_statistics([[1.0], [3.0]])
    (Tensor([2.], float64), Tensor([1.], float64))
    """
    x = asarray(input)
    axes = _all_but_channels(x)
    middle = mean(x, axes, keepdims=True)
    distance = x - middle
    spread = mean(distance * distance, axes, keepdims=True)
    return (middle, spread) if keepdims else (reshape(middle, (-1,)), reshape(spread, (-1,)))


def _all_but_channels(x: Tensor) -> tuple[int, ...]:
    if x.ndim < 2:
        raise located(ShapeError(f"batch_norm: the input is {x.node.type}: it must be [batch, channels, …]"))
    return (0, *range(2, x.ndim))


def batch_norm(
    input: TensorLike, mean: TensorLike, variance: TensorLike, weight: TensorLike | None = None,
    bias: TensorLike | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel less its mean, divided by the root of its variance, scaled and shifted.

    Parameters
    ----------
    input
        ``[batch, channels, …]``.
    mean, variance
        ``[channels]`` or ``[1, channels, 1, …]``: running ones, or those that `batch_statistics` gives, through which
        the gradient flows.
    weight, bias
        ``[channels]``.
    eps
        Added to the variance.

    Raises
    ------
    ShapeError
        If the input has no channel axis, or another number of channels.

    Examples
    --------
    >>> batch_norm([[1.0], [3.0]], [2.0], [1.0], eps=0)
    Tensor([[-1.],
            [ 1.]], float64)
    """
    x = asarray(input)
    _all_but_channels(x)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    middle, spread = (_per_channel(x, what, asarray(v)) for what, v in (("mean", mean), ("variance", variance)))
    scale = 1 / sqrt(spread + eps)
    if weight is not None:
        scale = scale * reshape(asarray(weight), shape)
    y = (x - middle) * scale
    return y if bias is None else y + reshape(asarray(bias), shape)


def _per_channel(x: Tensor, what: str, values: Tensor) -> Tensor:
    """Statistics shaped to broadcast along the channel axis."""
    channels = x.shape[1]
    shape = (1, channels, *[1] * (x.ndim - 2))
    if not same_shape(values.shape, shape) and not same_shape(values.shape, (channels,)):
        message = f"batch_norm: the input is {x.node.type}, with {channels} channels, and the {what} is"
        raise located(ShapeError(f"{message} {values.node.type}: one element per channel is needed"))
    return reshape(values, shape)


def layer_norm(
    input: TensorLike, normalized_shape: int | Sequence[int], weight: TensorLike | None = None,
    bias: TensorLike | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalized over the last axes.

    Parameters
    ----------
    input
        ``[…, *normalized_shape]``.
    normalized_shape
        Sizes of the axes to normalize over.
    weight, bias
        Of the normalized shape.
    eps
        Added to the variance.

    Raises
    ------
    ShapeError
        If the last axes have other sizes.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0]], 2, eps=0)
    Tensor([[-1.,  1.]], float64)
    """
    x = asarray(input)
    sizes = as_shape(normalized_shape)
    if not sizes or len(sizes) > x.ndim or not same_shape(x.shape[x.ndim - len(sizes) :], sizes):
        message = f"layer_norm: the input is {x.node.type}: its last axes must be {format_shape(sizes)}"
        raise located(ShapeError(message))
    return _scaled(_centred(x, tuple(range(x.ndim - len(sizes), x.ndim)), eps), weight, bias, sizes)


def group_norm(
    input: TensorLike, num_groups: int, weight: TensorLike | None = None, bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalized over each group of channels and all axes after them.

    Parameters
    ----------
    input
        ``[batch, channels, …]``.
    num_groups
        Divides the number of channels.
    weight, bias
        ``[channels]``.
    eps
        Added to the variance.

    Raises
    ------
    ShapeError
        If the channels do not divide into the groups.

    Examples
    --------
    >>> group_norm([[1.0, 3.0, 4.0, 8.0]], 2, eps=0)
    Tensor([[-1.,  1., -1.,  1.]], float64)
    """
    x = asarray(input)
    channels = x.shape[1] if x.ndim >= 2 else None
    if not isinstance(channels, int) or channels % num_groups:
        message = f"group_norm: the channels of {x.node.type} do not divide into {num_groups} groups"
        raise located(ShapeError(message))
    grouped = reshape(x, (x.shape[0], num_groups, channels // num_groups, *x.shape[2:]))
    centred = reshape(_centred(grouped, tuple(range(2, grouped.ndim)), eps), x.shape)
    return _scaled(centred, weight, bias, [-1, *[1] * (x.ndim - 2)])


def instance_norm(
    input: TensorLike, weight: TensorLike | None = None, bias: TensorLike | None = None, eps: float = 1e-5
) -> Tensor:
    """Each channel of each example normalized over the axes after it. Parameters as for `group_norm`.

    Raises
    ------
    ShapeError
        If there are no such axes.

    Examples
    --------
    >>> instance_norm([[[1.0, 3.0], [4.0, 8.0]]], eps=0)
    Tensor([[[-1.,  1.],
             [-1.,  1.]]], float64)
    """
    x = asarray(input)
    if x.ndim < 3:
        message = f"instance_norm: the input is {x.node.type}: it must be [batch, channels, …] with spatial axes"
        raise located(ShapeError(message))
    return _scaled(_centred(x, tuple(range(2, x.ndim)), eps), weight, bias, [-1, *[1] * (x.ndim - 2)])


def local_response_norm(
    input: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divided by (k + alpha * mean of squares over `size` neighbouring channels) ** beta.

    Parameters
    ----------
    input
        ``[batch, channels, …]``.
    size
        Number of channels, centred on each; those outside count as 0.
    alpha, beta, k
        Of the formula.

    Raises
    ------
    ShapeError
        If there is no channel axis.
    InputError
        If `size` is not positive.

    Examples
    --------
    >>> local_response_norm([[1.0, 1.0]], 2, alpha=2.0, beta=1.0)
    Tensor([[0.5       , 0.33333333]], float64)
    """
    x = asarray(input)
    if x.ndim < 2:
        raise located(ShapeError(f"local_response_norm: the input is {x.node.type}: it must be [batch, channels, …]"))
    if size < 1:
        raise located(InputError(f"local_response_norm: size is {size}: it must be at least 1"))
    channels = x.shape[1]
    around = pad(x * x, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    total = around[:, :channels]
    for i in range(1, size):
        total = total + around[:, i : channels + i]
    return x / (k + (alpha / size) * total) ** beta
