"""Reductions and statistics, by the Array API's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.axes import Axes, one_axis, some_axes
from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.elementwise import maximum, multiply
from tensorgraph.array.selection import where
from tensorgraph.array.shape import astype, reshape, stop_gradient
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.array.transcendental import exp, log, sqrt
from tensorgraph.ir.dims import DimLike
from tensorgraph.ops import elementwise, reduction

__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "log_softmax", "logsumexp", "max", "mean", "min", "prod",
    "softmax", "std", "sum", "var",
]  # fmt: skip


def sum(x: TensorLike, /, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Sum over axes; of integers in 64 bits.

    Parameters
    ----------
    x
        Array of any shape.
    axis
        Axis or axes to sum over; all of them by default.
    dtype
        Cast to this first.
    keepdims
        Keep the axes, with size 1.

    Raises
    ------
    AxisError
        If an axis does not exist or is named twice.

    Examples
    --------
    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    Tensor([4., 6.], float64)
    """
    x = _cast(x, dtype)
    return apply(reduction.Sum(some_axes("sum", axis, x.ndim), keepdims), x)


def prod(x: TensorLike, /, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Product over axes; of integers in 64 bits. Parameters as for `sum`.

    The gradient is exact where elements are zero, to every order.

    Examples
    --------
    >>> prod([[1.0, 2.0], [3.0, 4.0]], axis=0)
    Tensor([3., 8.], float64)
    """
    x = _cast(x, dtype)
    return apply(reduction.Prod(some_axes("prod", axis, x.ndim), keepdims), x)


def max(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Largest element over axes; NaN if there is one. Equal largest elements share the gradient equally.

    Parameters as for `sum`.

    Raises
    ------
    ShapeError
        If an axis has no elements.

    Examples
    --------
    >>> max([[1.0, 2.0], [3.0, 0.0]], axis=0)
    Tensor([3., 2.], float64)
    """
    x = asarray(x)
    return apply(reduction.Max(some_axes("max", axis, x.ndim), keepdims), x)


def min(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Smallest element over axes; NaN if there is one. Equal smallest elements share the gradient equally.

    Parameters as for `sum`.

    Raises
    ------
    ShapeError
        If an axis has no elements.

    Examples
    --------
    >>> min([[1.0, 2.0], [3.0, 0.0]], axis=0)
    Tensor([1., 0.], float64)
    """
    x = asarray(x)
    return apply(reduction.Min(some_axes("min", axis, x.ndim), keepdims), x)


def argmax(x: TensorLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Position of the first largest element along an axis, or in the flattened array; int64.

    Examples
    --------
    >>> argmax([[1.0, 2.0], [3.0, 0.0]], axis=1)
    Tensor([1, 0], int64)
    """
    return _position("argmax", reduction.ArgMax, asarray(x), axis, keepdims)


def argmin(x: TensorLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Position of the first smallest element along an axis, or in the flattened array; int64.

    Examples
    --------
    >>> argmin([[1.0, 2.0], [3.0, 0.0]], axis=1)
    Tensor([0, 1], int64)
    """
    return _position("argmin", reduction.ArgMin, asarray(x), axis, keepdims)


def _position(
    name: str, op: type[reduction.ArgMax | reduction.ArgMin], x: Tensor, axis: int | None, keepdims: bool
) -> Tensor:
    if axis is not None:
        return apply(op(one_axis(name, axis, x.ndim), keepdims), x)
    flat = apply(op(0, False), reshape(x, (-1,)))
    return reshape(flat, (1,) * x.ndim) if keepdims else flat


def any(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true (not zero). Parameters as for `sum`.

    Examples
    --------
    >>> any([[True, False], [False, False]], axis=1)
    Tensor([ True, False], bool)
    """
    x = asarray(x)
    return apply(reduction.AnyOf(some_axes("any", axis, x.ndim), keepdims), x)


def all(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true (not zero). Parameters as for `sum`.

    Examples
    --------
    >>> all([[True, False], [True, True]], axis=1)
    Tensor([False,  True], bool)
    """
    x = asarray(x)
    return apply(reduction.All(some_axes("all", axis, x.ndim), keepdims), x)


def count_nonzero(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Number of elements over axes that are not zero; int64. Parameters as for `sum`.

    Examples
    --------
    >>> count_nonzero([[1, 0], [2, 3]])
    Tensor(3, int64)
    """
    x = asarray(x)
    return sum(apply(elementwise.NotEqual(), x, 0), axis, keepdims=keepdims)


def mean(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over axes; of integers in float64, of float16 accumulated in float32.

    Parameters as for `sum`.

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 4.0]])
    Tensor(2.5, float64)
    """
    x = asarray(x)
    axes = some_axes("mean", axis, x.ndim)
    wide = _accumulated(x)
    total = sum(wide, axes, keepdims=keepdims)
    return _narrowed(total / dim_scalar(_count(x, axes), total.dtype), x)


def var(x: TensorLike, /, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Variance over axes: the mean of ``abs(x - mean)**2``, with n - `correction` for n.

    Parameters
    ----------
    x
        Array of any shape; integers are taken as float64.
    axis, keepdims
        As for `sum`.
    correction
        0 for the variance of the elements, 1 for the unbiased estimate (NumPy's ``ddof``).

    Examples
    --------
    >>> var([1.0, 2.0, 3.0, 4.0])
    Tensor(1.25, float64)
    """
    x = asarray(x)
    axes = some_axes("var", axis, x.ndim)
    wide = _accumulated(x)
    distance = wide - mean(wide, axes, keepdims=True)
    squares = distance * distance if x.dtype.kind != "c" else _square_of_modulus(distance)
    total = sum(squares, axes, keepdims=keepdims)
    count = dim_scalar(_count(x, axes), total.dtype)
    return _narrowed(total / (maximum(count - correction, 0) if correction else count), x)


def std(x: TensorLike, /, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes: the square root of `var`. The gradient at a constant is 0.

    Examples
    --------
    >>> std([1.0, 2.0, 3.0, 4.0])
    Tensor(1.11803399, float64)
    """
    return sqrt_at_zero(var(x, axis, correction=correction, keepdims=keepdims))


def sqrt_at_zero(x: Tensor) -> Tensor:
    """The square root of a sum of squares, with derivative 0 where it is 0: a minimum, not a pole."""
    zero = x == 0
    return where(zero, 0, sqrt(where(zero, 1, x)))


def logsumexp(x: TensorLike, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes without overflow. Parameters as for `sum`.

    The gradient is the softmax; where elements are infinite, those that dominate share it equally.

    Examples
    --------
    >>> logsumexp([1000.0, 1000.0])
    Tensor(1000.69314718, float64)
    """
    x = _floating(x)
    return apply(reduction.LogSumExp(some_axes("logsumexp", axis, x.ndim), keepdims), x)


def softmax(x: TensorLike, /, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    Tensor([0.5, 0.5], float64)
    """
    weights = exp(_centred("softmax", _floating(x), axis))
    return weights / sum(weights, axis, keepdims=True)


def log_softmax(x: TensorLike, /, axis: int = -1) -> Tensor:
    """The logarithm of `softmax`, accurate where that underflows.

    Examples
    --------
    >>> log_softmax([0.0, 10000.0])
    Tensor([-10000.,      0.], float64)
    """
    centred = _centred("log_softmax", _floating(x), axis)
    return centred - log(sum(exp(centred), axis, keepdims=True))


def _centred(name: str, x: Tensor, axis: int) -> Tensor:
    """`x` less its largest element, which changes no softmax and so carries no gradient."""
    top = stop_gradient(max(x, one_axis(name, axis, x.ndim), keepdims=True))
    return x - top


def _cast(x: TensorLike, dtype: Any) -> Tensor:
    x = asarray(x)
    return x if dtype is None else astype(x, dtype)


def _floating(x: TensorLike) -> Tensor:
    x = asarray(x)
    return astype(x, np.float64) if x.dtype.kind in "biu" else x


def _accumulated(x: Tensor) -> Tensor:
    if x.dtype == np.float16:
        return astype(x, np.float32)
    return _floating(x)


def _narrowed(y: Tensor, x: Tensor) -> Tensor:
    return astype(y, np.float16) if x.dtype == np.float16 else y


def _count(x: Tensor, axes: tuple[int, ...]) -> DimLike:
    total: DimLike = 1
    for a in axes:
        total = total * x.shape[a]
    return total


def _square_of_modulus(x: Tensor) -> Tensor:
    return multiply(x.real, x.real) + multiply(x.imag, x.imag)
