"""Activation functions: elementwise, or over one axis."""

from __future__ import annotations

import numpy as np

from tensorgraph.array.functions import (
    abs,
    astype,
    clip,
    expm1,
    log_softmax,
    relu,
    reshape,
    sigmoid,
    softmax,
    split,
    stop_gradient,
    tanh,
    where,
)
from tensorgraph.array.functions import softplus as _softplus
from tensorgraph.array.special import elu, silu
from tensorgraph.array.special import gelu as _gelu
from tensorgraph.array.special import leaky_relu as _leaky_relu
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.provenance import located

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_sigmoid",
    "log_softmax", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus",
    "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _floating(x: TensorLike) -> Tensor:
    x = asarray(x)
    return astype(x, np.float64) if x.dtype.kind in "biu" else x


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6).

    Examples
    --------
    >>> relu6([-1.0, 3.0, 8.0])
    Tensor([0., 3., 6.], float64)
    """
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: TensorLike, negative_slope: float = 0.01) -> Tensor:
    """`x` where it is positive, else `negative_slope` times `x`.

    Examples
    --------
    >>> leaky_relu([-1.0, 3.0], 0.1)
    Tensor([-0.1,  3. ], float64)
    """
    return _leaky_relu(x, negative_slope)


def prelu(x: TensorLike, weight: TensorLike) -> Tensor:
    """`leaky_relu` whose slope is learned: one number, or one per channel.

    Parameters
    ----------
    x
        ``[batch, channels, …]``.
    weight
        ``[1]`` or ``[channels]``.

    Raises
    ------
    ShapeError
        If the weight has neither one element nor one per channel.

    Examples
    --------
    >>> prelu([[-1.0, -1.0]], [0.1, 0.2])
    Tensor([[-0.1, -0.2]], float64)
    """
    x, weight = _floating(x), asarray(weight)
    if weight.size != 1:
        if x.ndim < 2 or not same_shape(weight.shape, (x.shape[1],)):
            message = f"prelu: the weight {weight.node.type} needs one element, or one per channel of {x.node.type}"
            raise located(ShapeError(message))
        weight = reshape(weight, [-1, *[1] * (x.ndim - 2)])
    return where(x > 0, x, x * weight)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`x` where it is positive, else alpha * (exp(x / alpha) - 1).

    Examples
    --------
    >>> celu([-1.0, 3.0])
    Tensor([-0.63212056,  3.        ], float64)
    """
    x = _floating(x)
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x) / alpha))


def selu(x: TensorLike) -> Tensor:
    """ELU scaled so that layers keep mean 0 and variance 1.

    Examples
    --------
    >>> selu([-1.0, 1.0])
    Tensor([-1.11133074,  1.05070099], float64)
    """
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """`x` times the probability that a standard normal variable is less than `x`.

    Parameters
    ----------
    x
        Array of any shape.
    approximate
        ``"none"``: by erf; ``"tanh"``: by a formula with tanh.

    Raises
    ------
    InputError
        If `approximate` is none of these.

    Examples
    --------
    >>> gelu([-1.0, 1.0], approximate="tanh")
    Tensor([-0.15880801,  0.84119199], float64)
    """
    if approximate not in {"none", "tanh"}:
        raise located(InputError(f"gelu: approximate is {approximate!r}: say 'none' or 'tanh'"))
    return _gelu(x, approximate=approximate == "tanh")


def mish(x: TensorLike) -> Tensor:
    """X * tanh(softplus(x)).

    Examples
    --------
    >>> mish([-1.0, 1.0])
    Tensor([-0.30340146,  0.86509839], float64)
    """
    x = _floating(x)
    return x * tanh(_softplus(x))


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)), accurate where the sigmoid underflows.

    Examples
    --------
    >>> log_sigmoid([0.0, -1000.0])
    Tensor([-6.93147181e-01, -1.00000000e+03], float64)
    """
    return -_softplus(-_floating(x))


def softplus(x: TensorLike, beta: float = 1.0, threshold: float | None = None) -> Tensor:
    """log(1 + exp(beta * x)) / beta, without overflow.

    Parameters
    ----------
    x
        Array of any shape.
    beta
        Sharpness.
    threshold
        Where beta * x is greater, the result is `x`; PyTorch has 20. By default nowhere: there is no need.

    Examples
    --------
    >>> softplus([0.0, 1000.0])
    Tensor([6.93147181e-01, 1.00000000e+03], float64)
    """
    x = _floating(x)
    scaled = x if beta == 1 else x * beta
    smooth = _softplus(scaled) if beta == 1 else _softplus(scaled) / beta
    return smooth if threshold is None else where(scaled > threshold, x, smooth)


def softsign(x: TensorLike) -> Tensor:
    """X / (1 + abs(x)).

    Examples
    --------
    >>> softsign([-1.0, 3.0])
    Tensor([-0.5 ,  0.75], float64)
    """
    x = _floating(x)
    return x / (1 + abs(x))


def hardtanh(x: TensorLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`x` held between two bounds, with derivative 0 at them (as PyTorch).

    Examples
    --------
    >>> hardtanh([-3.0, 0.5])
    Tensor([-1. ,  0.5], float64)
    """
    x = _floating(x)
    return where((x > min_val) & (x < max_val), x, stop_gradient(clip(x, min_val, max_val)))


def hardsigmoid(x: TensorLike) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    Examples
    --------
    >>> hardsigmoid([-3.0, 0.0, 3.0])
    Tensor([0. , 0.5, 1. ], float64)
    """
    return relu6(_floating(x) + 3) / 6


def hardswish(x: TensorLike) -> Tensor:
    """X * hardsigmoid(x).

    Examples
    --------
    >>> hardswish([-4.0, 0.0, 3.0])
    Tensor([-0.,  0.,  3.], float64)
    """
    x = _floating(x)
    return x * hardsigmoid(x)


def hardshrink(x: TensorLike, lambd: float = 0.5) -> Tensor:
    """`x` where its modulus is greater than `lambd`, else 0.

    Examples
    --------
    >>> hardshrink([-3.0, 0.5])
    Tensor([-3.,  0.], float64)
    """
    x = _floating(x)
    return where(abs(x) > lambd, x, 0)


def softshrink(x: TensorLike, lambd: float = 0.5) -> Tensor:
    """`x` moved towards 0 by `lambd`.

    Examples
    --------
    >>> softshrink([-3.0, 0.5])
    Tensor([-2.5,  0. ], float64)
    """
    x = _floating(x)
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0))


def tanhshrink(x: TensorLike) -> Tensor:
    """X - tanh(x).

    Examples
    --------
    >>> tanhshrink([0.0, 2.0])
    Tensor([0.        , 1.03597242], float64)
    """
    x = _floating(x)
    return x - tanh(x)


def threshold(x: TensorLike, threshold: float, value: float) -> Tensor:
    """`x` where it is greater than `threshold`, else `value`.

    Examples
    --------
    >>> threshold([0.0, 2.0], 1.0, -1.0)
    Tensor([-1.,  2.], float64)
    """
    x = _floating(x)
    return where(x > threshold, x, value)


def softmin(x: TensorLike, axis: int = -1) -> Tensor:
    """Softmax of -x.

    Examples
    --------
    >>> softmin([0.0, 0.0])
    Tensor([0.5, 0.5], float64)
    """
    return softmax(-_floating(x), axis)


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second.

    Raises
    ------
    ShapeError
        If the axis does not divide into halves.

    Examples
    --------
    >>> glu([4.0, 0.0])
    Tensor([2.], float64)
    """
    value, gate = split(_floating(x), 2, axis)
    return value * sigmoid(gate)
