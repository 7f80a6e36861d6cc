"""First values of weights, as NumPy arrays.

Every function takes the shape, then its own settings, then ``rng`` (a seed, a ``numpy.random.Generator``, or
None for a fresh one) and ``dtype``. Fans are counted as in PyTorch: a weight is ``[outputs, inputs, *kernel]``,
its fan-in is inputs times the kernel's elements and its fan-out outputs times those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array

__all__ = [
    "calculate_gain",
    "constant",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "trunc_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Rng = np.random.Generator | int | None

_GAINS = {
    "linear": 1.0, "conv": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75,
}  # fmt: skip


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Number of inputs that reach one output of a weight, and of outputs that one input reaches.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    Examples
    --------
    >>> fans((32, 16, 3, 3))
    (144, 288)
    """
    if len(shape) < 2:
        raise located(ShapeError(f"init: a weight of shape {list(shape)} has no fans: it needs at least two axes"))
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of activations through a nonlinearity.

    Parameters
    ----------
    nonlinearity
        ``"linear"``, ``"conv"``, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"`` or ``"selu"``.
    param
        The negative slope of ``"leaky_relu"``; 0.01 unless given.

    Raises
    ------
    InputError
        If the nonlinearity is none of these.

    Examples
    --------
    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise located(InputError(f"init: unknown nonlinearity {nonlinearity!r}: use one of {known}"))
    return _GAINS[nonlinearity]


def uniform(shape: Sequence[int], low: float = 0.0, high: float = 1.0, *, rng: Rng = None, dtype: Any = None) -> Array:
    """Uniform between `low` and `high`.

    Examples
    --------
    >>> uniform((2, 3), -1, 1, rng=0).shape
    (2, 3)
    """
    return _cast(np.random.default_rng(rng).uniform(low, high, tuple(shape)), dtype)


def normal(shape: Sequence[int], mean: float = 0.0, std: float = 1.0, *, rng: Rng = None, dtype: Any = None) -> Array:
    """Normal with this mean and standard deviation.

    Examples
    --------
    >>> normal((2, 3), rng=0).dtype
    dtype('float32')
    """
    return _cast(np.random.default_rng(rng).normal(mean, std, tuple(shape)), dtype)


def trunc_normal(
    shape: Sequence[int], mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0, *,
    rng: Rng = None, dtype: Any = None,
) -> Array:  # fmt: skip
    """Normal, drawn again where outside ``[low, high]``, which are values and not multiples of `std`.

    Raises
    ------
    InputError
        If the interval is empty or lies where the distribution has almost nothing.

    Examples
    --------
    >>> bool(abs(trunc_normal((1000,), rng=0)).max() <= 2)
    True
    """
    if not low < high or (low - mean) > 6 * std or (mean - high) > 6 * std:
        raise located(InputError(f"init: trunc_normal of mean {mean} and std {std} has nothing in [{low}, {high}]"))
    generator = np.random.default_rng(rng)
    values = generator.normal(mean, std, tuple(shape))
    wrong = (values < low) | (values > high)
    while wrong.any():
        values[wrong] = generator.normal(mean, std, int(wrong.sum()))
        wrong = (values < low) | (values > high)
    return _cast(values, dtype)


def constant(shape: Sequence[int], value: float, *, dtype: Any = None) -> Array:
    """One value everywhere.

    Examples
    --------
    >>> constant((2,), 0.5)
    array([0.5, 0.5], dtype=float32)
    """
    return np.full(tuple(shape), value, np.float32 if dtype is None else dtype)


def zeros(shape: Sequence[int], *, dtype: Any = None) -> Array:
    """Zeros.

    Examples
    --------
    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return constant(shape, 0.0, dtype=dtype)


def ones(shape: Sequence[int], *, dtype: Any = None) -> Array:
    """Ones.

    Examples
    --------
    >>> ones((2,))
    array([1., 1.], dtype=float32)
    """
    return constant(shape, 1.0, dtype=dtype)


def xavier_uniform(shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: Any = None) -> Array:
    """Glorot's: uniform within gain * sqrt(6 / (fan_in + fan_out)).

    Examples
    --------
    >>> xavier_uniform((4, 3), rng=0).shape
    (4, 3)
    """
    bound = gain * math.sqrt(6 / max(sum(fans(shape)), 1))
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


def xavier_normal(shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: Any = None) -> Array:
    """Glorot's: normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Examples
    --------
    >>> xavier_normal((4, 3), rng=0).shape
    (4, 3)
    """
    return normal(shape, 0.0, gain * math.sqrt(2 / max(sum(fans(shape)), 1)), rng=rng, dtype=dtype)


def kaiming_uniform(
    shape: Sequence[int], a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *,
    rng: Rng = None, dtype: Any = None,
) -> Array:  # fmt: skip
    """He's: uniform within gain * sqrt(3 / fan).

    Parameters
    ----------
    shape
        Of the weight.
    a
        Negative slope of the leaky ReLU that follows.
    mode
        ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward.
    nonlinearity
        As for `calculate_gain`.
    rng, dtype
        See the module.

    Examples
    --------
    >>> kaiming_uniform((4, 3), nonlinearity="relu", rng=0).shape
    (4, 3)
    """
    bound = math.sqrt(3) * _he_std(shape, a, mode, nonlinearity)
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


def kaiming_normal(
    shape: Sequence[int], a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *,
    rng: Rng = None, dtype: Any = None,
) -> Array:  # fmt: skip
    """He's: normal with standard deviation gain / sqrt(fan). Parameters as for `kaiming_uniform`.

    Examples
    --------
    >>> kaiming_normal((4, 3), nonlinearity="relu", rng=0).shape
    (4, 3)
    """
    return normal(shape, 0.0, _he_std(shape, a, mode, nonlinearity), rng=rng, dtype=dtype)


def _he_std(shape: Sequence[int], a: float, mode: str, nonlinearity: str) -> float:
    if mode not in {"fan_in", "fan_out"}:
        raise located(InputError(f"init: mode is {mode!r}: say 'fan_in' or 'fan_out'"))
    fan = fans(shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def lecun_uniform(shape: Sequence[int], *, rng: Rng = None, dtype: Any = None) -> Array:
    """LeCun's: uniform within sqrt(3 / fan_in).

    Examples
    --------
    >>> lecun_uniform((4, 3), rng=0).shape
    (4, 3)
    """
    bound = math.sqrt(3 / max(fans(shape)[0], 1))
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


def lecun_normal(shape: Sequence[int], *, rng: Rng = None, dtype: Any = None) -> Array:
    """LeCun's: normal with standard deviation sqrt(1 / fan_in).

    Examples
    --------
    >>> lecun_normal((4, 3), rng=0).shape
    (4, 3)
    """
    return normal(shape, 0.0, math.sqrt(1 / max(fans(shape)[0], 1)), rng=rng, dtype=dtype)


def orthogonal(shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: Any = None) -> Array:
    """Gain times a matrix with orthonormal rows or columns, whichever are fewer; axes after the first are one.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    Examples
    --------
    >>> q = orthogonal((2, 3), rng=0, dtype="float64")
    >>> bool(np.allclose(q @ q.T, np.eye(2)))
    True
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(np.random.default_rng(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else the distribution would not be uniform
    return _cast(gain * (q if rows >= columns else q.T).reshape(tuple(shape)), dtype)


def _cast(values: Array, dtype: Any) -> Array:
    return np.asarray(values).astype(np.float32 if dtype is None else dtype)
