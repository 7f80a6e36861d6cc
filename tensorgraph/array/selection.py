"""Choosing between values, rounding to decimals, squares: small elementwise composites."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray, promote
from tensorgraph.errors import DTypeError
from tensorgraph.ir.provenance import located
from tensorgraph.ops import elementwise as ops

__all__ = ["clip", "nan_to_num", "positive", "reciprocal", "round", "square", "where"]


def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """`x1` where the condition holds, else `x2`.

    The gradient of the value not taken is exactly 0, even where its own derivative is infinite or NaN.

    Parameters
    ----------
    condition
        Bool array.
    x1, x2
        Values; all three broadcast.

    Raises
    ------
    DTypeError
        If the condition is not bool.

    Examples
    --------
    >>> where([True, False], [1.0, 2.0], 0.0)
    Tensor([1., 0.], float64)
    """
    return apply(ops.Where(), asarray(condition), *promote(x1, x2))


def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """`x` held between `min` and `max`; None leaves that side open.

    The derivative with respect to `x` is 1 inside and at the bounds, and 0 outside (as PyTorch).

    Examples
    --------
    >>> clip([-1.0, 0.5, 2.0], 0.0, 1.0)
    Tensor([0. , 0.5, 1. ], float64)
    """
    x = asarray(x)
    if min is None and max is None:
        return x
    if x.dtype.kind == "c":
        raise located(DTypeError(f"clip: {x.node.type} is not ordered"))
    low: Any = _least(x.dtype) if min is None else min
    high: Any = _greatest(x.dtype) if max is None else max
    return apply(ops.Clip(), *promote(x, low, high))


def _least(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _greatest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else int(np.iinfo(dtype).max)


def round(x: TensorLike, /, decimals: int = 0) -> Tensor:
    """The nearest value with this many decimals; halves to even.

    Examples
    --------
    >>> round([0.5, 1.5, 2.675], 0)
    Tensor([0., 2., 3.], float64)
    """
    x = asarray(x)
    if x.dtype.kind in "biu":
        return x if decimals >= 0 else x - x % 10**-decimals
    if decimals == 0:
        return apply(ops.Rint(), x)
    scale = 10.0 ** abs(decimals)
    return apply(ops.Rint(), x * scale) / scale if decimals > 0 else apply(ops.Rint(), x / scale) * scale


def square(x: TensorLike, /) -> Tensor:
    """X * x.

    Examples
    --------
    >>> square([2.0, -3.0])
    Tensor([4., 9.], float64)
    """
    x = asarray(x)
    return x * x


def reciprocal(x: TensorLike, /) -> Tensor:
    """1 / x.

    Examples
    --------
    >>> reciprocal([2.0, 4.0])
    Tensor([0.5 , 0.25], float64)
    """
    return 1 / asarray(x)


def positive(x: TensorLike, /) -> Tensor:
    """X.

    Examples
    --------
    >>> positive([2.0])
    Tensor([2.], float64)
    """
    return asarray(x)


def nan_to_num(x: TensorLike, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """`x` with NaN replaced by `nan`, and infinities by large finite numbers.

    Examples
    --------
    >>> nan_to_num([float("nan"), 1.0], nan=-1.0)
    Tensor([-1.,  1.], float64)
    """
    x = asarray(x)
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    infinite = apply(ops.IsInf(), x)
    bounded = where(infinite, where(x > 0, asarray(high, x.dtype), asarray(low, x.dtype)), x)
    return where(apply(ops.IsNan(), x), asarray(nan, x.dtype), bounded)
