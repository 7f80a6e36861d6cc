"""Elementwise functions and reductions that take more than one NumPy call."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)): to a few units in the last place, and 0 where exp(-x) is too large to be held."""
    x = x if x.dtype.kind == "f" else x + np.float16(0)  # the dtype that np.exp gives; negation needs a sign
    result: NDArray[Any] = np.reciprocal(np.exp(-x) + 1)
    return result


def softplus(x: NDArray[Any]) -> NDArray[Any]:
    """log(1 + exp(x)) without overflow."""
    x = x if x.dtype.kind == "f" else x + np.float16(0)  # the dtype that np.exp gives; negation needs a sign
    result: NDArray[Any] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def relu(x: NDArray[Any]) -> NDArray[Any]:
    """max(x, 0)."""
    result: NDArray[Any] = np.maximum(x, 0)
    return result


def sinc_derivative(x: NDArray[Any], order: int) -> NDArray[Any]:
    """The `order`-th derivative of sin(pi x) / (pi x).

    Near 0 by its Taylor series; elsewhere by differentiating x f = sin(pi x) / pi, which gives
    x f^(k) + k f^(k-1) = pi^(k-1) sin(pi x + k pi / 2).
    """
    plain: NDArray[Any] = np.sinc(x)
    if order == 0:
        return plain
    z = np.asarray(x, np.float64)
    near = np.abs(z) < 0.5 + 0.25 * order
    series = np.zeros_like(z)
    inside = np.where(near, z, 0.0)
    for j in reversed(range((order + 1) // 2, order // 2 + 16 + 4 * order)):
        power = 2 * j - order
        c = (-1.0) ** j * np.pi ** (2 * j) / factorial(2 * j + 1) * (factorial(2 * j) // factorial(power))
        series = series + c * inside**power
    outside = np.where(near, 1.0, z)
    f = np.sinc(outside)
    for k in range(1, order + 1):
        f = (np.pi ** (k - 1) * np.sin(np.pi * outside + k * np.pi / 2) - k * f) / outside
    return np.where(near, series, f).astype(plain.dtype)


def logsumexp(x: NDArray[Any], axis: tuple[int, ...], keepdims: bool) -> NDArray[Any]:
    """log(sum(exp(x))) without overflow; right where elements are infinite."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    finite = np.where(np.isfinite(top), top, np.zeros_like(top))
    terms = np.exp(np.subtract(x, finite, order="C"))  # the order of a sum follows from the layout
    total: NDArray[Any] = np.log(np.sum(terms, axis=axis, keepdims=True)) + finite
    return total if keepdims else np.squeeze(total, axis=axis)
