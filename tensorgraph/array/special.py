"""Special functions, and the activations made of them.

Each takes tensors or anything that `tensorgraph.asarray` takes. Floating-point numbers keep their dtype, integers are
taken in float64, complex numbers raise `DTypeError`.
"""

from __future__ import annotations

from math import pi, sqrt

from tensorgraph.array.selection import where
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.array.transcendental import expm1, sigmoid, tanh
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located
from tensorgraph.ops import special as ops

__all__ = ["digamma", "elu", "erf", "erfc", "erfinv", "gelu", "leaky_relu", "lgamma", "ndtri", "polygamma", "silu"]


def erf(x: TensorLike, /) -> Tensor:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to `x`.

    Examples
    --------
    >>> erf([0.0, 1.0])
    Tensor([0.        , 0.84270079], float64)
    """
    return apply(ops.Erf(), asarray(x))


def erfc(x: TensorLike, /) -> Tensor:
    """1 - erf(x), accurate where that is small.

    Examples
    --------
    >>> erfc([0.0, 10.0])
    Tensor([1.00000000e+00, 2.08848758e-45], float64)
    """
    return apply(ops.Erfc(), asarray(x))


def erfinv(x: TensorLike, /) -> Tensor:
    """The inverse of `erf`; infinite at -1 and 1, NaN beyond.

    Examples
    --------
    >>> erfinv([0.0, 0.5])
    Tensor([0.        , 0.47693628], float64)
    """
    return apply(ops.Erfinv(), asarray(x))


def ndtri(x: TensorLike, /) -> Tensor:
    """The inverse of the standard normal distribution function; infinite at 0 and 1, NaN beyond.

    Examples
    --------
    >>> ndtri([0.5, 0.975])
    Tensor([0.        , 1.95996398], float64)
    """
    return apply(ops.Ndtri(), asarray(x))


def lgamma(x: TensorLike, /) -> Tensor:
    """The logarithm of the absolute value of the gamma function; infinite at 0, -1, -2 and so on.

    Examples
    --------
    >>> lgamma([4.0])
    Tensor([1.79175947], float64)
    """
    return apply(ops.Lgamma(), asarray(x))


def digamma(x: TensorLike, /) -> Tensor:
    """The derivative of `lgamma`.

    Examples
    --------
    >>> digamma([1.0])
    Tensor([-0.57721566], float64)
    """
    return apply(ops.Digamma(), asarray(x))


def polygamma(order: int, x: TensorLike, /) -> Tensor:
    """The derivative of `digamma`, `order` times, at least once; below 0 only once.

    Examples
    --------
    >>> polygamma(1, [1.0])
    Tensor([1.64493407], float64)
    """
    if order < 1:
        raise located(InputError(f"polygamma: the order must be at least 1, not {order}"))
    return apply(ops.Polygamma(int(order)), asarray(x))


# ---- activations


def gelu(x: TensorLike, /, *, approximate: bool = False) -> Tensor:
    """`x` times the standard normal distribution function of `x`.

    Parameters
    ----------
    x
        Array of any shape.
    approximate
        By the hyperbolic tangent of a cubic instead of the error function, as the models that were trained so.

    Notes
    -----
    D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> gelu([-1.0, 0.0, 1.0])
    Tensor([-0.15865525,  0.        ,  0.84134475], float64)
    >>> gelu(1.0, approximate=True)
    Tensor(0.84119199, float64)
    """
    x = asarray(x)
    if approximate:
        slope = sqrt(2 / pi)
        return 0.5 * x * (1 + tanh(x * (slope + 0.044715 * slope * (x * x))))
    return 0.5 * x * (1 + erf(x * sqrt(0.5)))


def silu(x: TensorLike, /) -> Tensor:
    """X times its logistic function: "swish".

    Examples
    --------
    >>> silu([-1.0, 0.0, 1.0])
    Tensor([-0.26894142,  0.        ,  0.73105858], float64)
    """
    x = asarray(x)
    return x * sigmoid(x)


def leaky_relu(x: TensorLike, /, slope: float = 0.01) -> Tensor:
    """`x` where it is positive, else `slope` times `x`; the derivative at 0 is `slope`.

    Examples
    --------
    >>> leaky_relu([-1.0, 2.0])
    Tensor([-0.01,  2.  ], float64)
    """
    x = asarray(x)
    return where(x > 0, x, slope * x)


def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """`x` where it is positive, else `alpha` times exp(x) - 1.

    Examples
    --------
    >>> elu([-1.0, 2.0])
    Tensor([-0.63212056,  2.        ], float64)
    """
    x = asarray(x)
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x)))
