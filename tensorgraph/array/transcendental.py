"""Exponential, trigonometric, hyperbolic functions and activations, by the Array API's names.

Each takes tensors or anything that `tensorgraph.asarray` takes, and gives a tensor of the broadcast shape.
Operands that do not broadcast raise `ShapeError`, dtypes that are not supported `DTypeError`. Dtypes promote
as in NumPy 2.
"""

from __future__ import annotations

from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.ops import transcendental as ops

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "relu",
    "sigmoid",
    "sin",
    "sinc",
    "sinh",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
]


def acos(x: TensorLike, /) -> Tensor:
    """Inverse cosine, in radians from 0 to pi.

    Examples
    --------
    >>> acos([1.0, 0.0])
    Tensor([0.        , 1.57079633], float64)
    """
    return apply(ops.Acos(), asarray(x))


def acosh(x: TensorLike, /) -> Tensor:
    """Inverse hyperbolic cosine.

    Examples
    --------
    >>> acosh([1.0, 2.0])
    Tensor([0.       , 1.3169579], float64)
    """
    return apply(ops.Acosh(), asarray(x))


def asin(x: TensorLike, /) -> Tensor:
    """Inverse sine, in radians from -pi/2 to pi/2.

    Examples
    --------
    >>> asin([0.0, 1.0])
    Tensor([0.        , 1.57079633], float64)
    """
    return apply(ops.Asin(), asarray(x))


def asinh(x: TensorLike, /) -> Tensor:
    """Inverse hyperbolic sine.

    Examples
    --------
    >>> asinh([0.0, 1.0])
    Tensor([0.        , 0.88137359], float64)
    """
    return apply(ops.Asinh(), asarray(x))


def atan(x: TensorLike, /) -> Tensor:
    """Inverse tangent, in radians from -pi/2 to pi/2.

    Examples
    --------
    >>> atan([0.0, 1.0])
    Tensor([0.        , 0.78539816], float64)
    """
    return apply(ops.Atan(), asarray(x))


def atan2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The angle of the point (x2, x1), in radians from -pi to pi.

    Examples
    --------
    >>> atan2([1.0, -1.0], 1.0)
    Tensor([ 0.78539816, -0.78539816], float64)
    """
    return apply(ops.Atan2(), x1, x2)


def atanh(x: TensorLike, /) -> Tensor:
    """Inverse hyperbolic tangent.

    Examples
    --------
    >>> atanh([0.0, 0.5])
    Tensor([0.        , 0.54930614], float64)
    """
    return apply(ops.Atanh(), asarray(x))


def cbrt(x: TensorLike, /) -> Tensor:
    """Cube roots.

    Examples
    --------
    >>> cbrt([8.0, 27.0])
    Tensor([2., 3.], float64)
    """
    return apply(ops.Cbrt(), asarray(x))


def cos(x: TensorLike, /) -> Tensor:
    """Cosine of angles in radians.

    Examples
    --------
    >>> cos([0.0, 1.0])
    Tensor([1.        , 0.54030231], float64)
    """
    return apply(ops.Cos(), asarray(x))


def cosh(x: TensorLike, /) -> Tensor:
    """Hyperbolic cosine.

    Examples
    --------
    >>> cosh([0.0, 1.0])
    Tensor([1.        , 1.54308063], float64)
    """
    return apply(ops.Cosh(), asarray(x))


def exp(x: TensorLike, /) -> Tensor:
    """E to the power x.

    Examples
    --------
    >>> exp([0.0, 1.0])
    Tensor([1.        , 2.71828183], float64)
    """
    return apply(ops.Exp(), asarray(x))


def exp2(x: TensorLike, /) -> Tensor:
    """2 to the power x.

    Examples
    --------
    >>> exp2([0.0, 3.0])
    Tensor([1., 8.], float64)
    """
    return apply(ops.Exp2(), asarray(x))


def expm1(x: TensorLike, /) -> Tensor:
    """exp(x) - 1, accurate near 0.

    Examples
    --------
    >>> expm1([0.0, 1e-9])
    Tensor([0.e+00, 1.e-09], float64)
    """
    return apply(ops.Expm1(), asarray(x))


def log(x: TensorLike, /) -> Tensor:
    """Natural logarithm.

    Examples
    --------
    >>> log([1.0, 10.0])
    Tensor([0.        , 2.30258509], float64)
    """
    return apply(ops.Log(), asarray(x))


def log10(x: TensorLike, /) -> Tensor:
    """Logarithm to base 10.

    Examples
    --------
    >>> log10([1.0, 100.0])
    Tensor([0., 2.], float64)
    """
    return apply(ops.Log10(), asarray(x))


def log1p(x: TensorLike, /) -> Tensor:
    """log(1 + x), accurate near 0.

    Examples
    --------
    >>> log1p([0.0, 1e-9])
    Tensor([0.00000000e+00, 9.99999999e-10], float64)
    """
    return apply(ops.Log1p(), asarray(x))


def log2(x: TensorLike, /) -> Tensor:
    """Logarithm to base 2.

    Examples
    --------
    >>> log2([1.0, 8.0])
    Tensor([0., 3.], float64)
    """
    return apply(ops.Log2(), asarray(x))


def logaddexp(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log(exp(x) + exp(y)) without overflow.

    Examples
    --------
    >>> logaddexp([1000.0], 1000.0)
    Tensor([1000.69314718], float64)
    """
    return apply(ops.Logaddexp(), x1, x2)


def relu(x: TensorLike, /) -> Tensor:
    """max(x, 0), with derivative 0 at 0 (as PyTorch and JAX).

    Examples
    --------
    >>> relu([-1.0, 2.0])
    Tensor([0., 2.], float64)
    """
    return apply(ops.Relu(), asarray(x))


def sigmoid(x: TensorLike, /) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)), accurate in both tails.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0])
    Tensor([0. , 0.5], float64)
    """
    return apply(ops.Sigmoid(), asarray(x))


def sin(x: TensorLike, /) -> Tensor:
    """Sine of angles in radians.

    Examples
    --------
    >>> sin([0.0, 1.0])
    Tensor([0.        , 0.84147098], float64)
    """
    return apply(ops.Sin(), asarray(x))


def sinc(x: TensorLike, /) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    Examples
    --------
    >>> sinc([0.0, 0.5])
    Tensor([1.        , 0.63661977], float64)
    """
    return apply(ops.Sinc(), asarray(x))


def sinh(x: TensorLike, /) -> Tensor:
    """Hyperbolic sine.

    Examples
    --------
    >>> sinh([0.0, 1.0])
    Tensor([0.        , 1.17520119], float64)
    """
    return apply(ops.Sinh(), asarray(x))


def softplus(x: TensorLike, /) -> Tensor:
    """log(1 + exp(x)) without overflow.

    Examples
    --------
    >>> softplus([0.0, 1000.0])
    Tensor([6.93147181e-01, 1.00000000e+03], float64)
    """
    return apply(ops.Softplus(), asarray(x))


def sqrt(x: TensorLike, /) -> Tensor:
    """Square roots.

    Examples
    --------
    >>> sqrt([4.0, 2.0])
    Tensor([2.        , 1.41421356], float64)
    """
    return apply(ops.Sqrt(), asarray(x))


def tan(x: TensorLike, /) -> Tensor:
    """Tangent of angles in radians.

    Examples
    --------
    >>> tan([0.0, 1.0])
    Tensor([0.        , 1.55740772], float64)
    """
    return apply(ops.Tan(), asarray(x))


def tanh(x: TensorLike, /) -> Tensor:
    """Hyperbolic tangent.

    Examples
    --------
    >>> tanh([0.0, 1.0])
    Tensor([0.        , 0.76159416], float64)
    """
    return apply(ops.Tanh(), asarray(x))
