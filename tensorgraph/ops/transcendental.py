"""Elementwise transcendental functions and activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.errors import DTypeError
from tensorgraph.ir.op import Domain, Interval
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.elementwise import Elementwise, ufunc_dtype
from tensorgraph.ops.numerics.basic import relu, sigmoid, sinc_derivative, softplus

POSITIVE = Domain((Interval(0.0, np.inf, open=True),))
UNIT = Domain((Interval(-1.0, 1.0, open=True),))
REAL = Domain(kinds="biuf")


# ---- exponentials and logarithms


class Exp(Elementwise):
    """e to the power x."""

    ufunc = np.exp


class Expm1(Elementwise):
    """exp(x) - 1, accurate near 0."""

    ufunc = np.expm1


class Exp2(Elementwise):
    """2 to the power x."""

    ufunc = np.exp2


class Log(Elementwise):
    """The natural logarithm."""

    ufunc = np.log
    domain = POSITIVE


class Log1p(Elementwise):
    """log(1 + x), accurate near 0."""

    ufunc = np.log1p
    domain = Domain((Interval(-1.0, np.inf, open=True),))


class Log2(Elementwise):
    """The logarithm to base 2."""

    ufunc = np.log2
    domain = POSITIVE


class Log10(Elementwise):
    """The logarithm to base 10."""

    ufunc = np.log10
    domain = POSITIVE


class Logaddexp(Elementwise):
    """log(exp(x) + exp(y)) without overflow."""

    ufunc = np.logaddexp
    domain = Domain(kinds="biuf", analytic=False)


class Sqrt(Elementwise):
    """The square root."""

    ufunc = np.sqrt
    domain = POSITIVE


class Cbrt(Elementwise):
    """The cube root."""

    ufunc = np.cbrt
    domain = Domain((Interval(0.0, np.inf, open=True),), kinds="biuf", analytic=False)


# ---- trigonometric and hyperbolic


class Sin(Elementwise):
    """The sine."""

    ufunc = np.sin


class Cos(Elementwise):
    """The cosine."""

    ufunc = np.cos


class Tan(Elementwise):
    """The tangent."""

    ufunc = np.tan
    domain = Domain((Interval(-1.5, 1.5),))


class Asin(Elementwise):
    """The inverse sine."""

    ufunc = np.arcsin
    domain = UNIT


class Acos(Elementwise):
    """The inverse cosine."""

    ufunc = np.arccos
    domain = UNIT


class Atan(Elementwise):
    """The inverse tangent."""

    ufunc = np.arctan


class Atan2(Elementwise):
    """The angle of the point (y, x), in the right quadrant."""

    ufunc = np.arctan2
    domain = Domain((Interval(0.0, np.inf, open=True),), kinds="biuf", analytic=False)


class Sinh(Elementwise):
    """The hyperbolic sine."""

    ufunc = np.sinh


class Cosh(Elementwise):
    """The hyperbolic cosine."""

    ufunc = np.cosh


class Tanh(Elementwise):
    """The hyperbolic tangent."""

    ufunc = np.tanh


class Asinh(Elementwise):
    """The inverse hyperbolic sine."""

    ufunc = np.arcsinh


class Acosh(Elementwise):
    """The inverse hyperbolic cosine."""

    ufunc = np.arccosh
    domain = Domain((Interval(1.0, np.inf, open=True),))


class Atanh(Elementwise):
    """The inverse hyperbolic tangent."""

    ufunc = np.arctanh
    domain = UNIT


# ---- activations and other functions that NumPy has no ufunc for


class _Floating(Elementwise):
    """Base of functions whose dtype rule is that of ``np.exp`` on real numbers."""

    __slots__ = ()
    domain = REAL

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Real floating point."""
        if dtypes[0].kind == "c":
            raise DTypeError(f"is not supported: {self.name} takes real numbers")
        return ufunc_dtype(np.exp, dtypes)


class Sigmoid(_Floating):
    """The logistic function 1 / (1 + exp(-x))."""

    numpy = "sigmoid({0})"
    helpers = (sigmoid,)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The definition, in place."""
        floating = types[0].dtype.kind == "f"
        return (
            *(() if floating else ('np.copyto({out}, {0}, casting="unsafe")',)),
            "np.negative({0}, {out})" if floating else "np.negative({out}, {out})",
            "np.exp({out}, {out})",
            "np.add({out}, {=1}, {out})",
            "np.reciprocal({out}, {out})",
        )


class Softplus(_Floating):
    """log(1 + exp(x)) without overflow."""

    numpy = "softplus({0})"
    helpers = (softplus,)
    domain = Domain(kinds="biuf", analytic=False)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The definition: the larger part in the result's memory, the smaller beside it."""
        first: tuple[str, ...] = ("np.absolute({0}, {s0})",)
        if types[0].dtype.kind != "f":  # negation needs a sign, and the dtype that np.exp gives
            first = 'np.copyto({s0}, {0}, casting="unsafe")', "np.absolute({s0}, {s0})"
        smaller = "np.negative({s0}, {s0})", "np.exp({s0}, {s0})", "np.log1p({s0}, {s0})"
        return *first, *smaller, "np.maximum({0}, {=0}, out={out})", "np.add({out}, {s0}, {out})"

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The smaller part."""
        return (TensorType(self.dtype(types[0].dtype), types[0].shape),)


class Relu(Elementwise):
    """max(x, 0); its derivative at 0 is 0."""

    numpy = "relu({0})"
    helpers = (relu,)
    domain = Domain(kinds="biuf", kinks=(0.0,), analytic=False)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The definition."""
        return ("np.maximum({0}, {=0}, out={out})",)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The same."""
        if dtypes[0].kind == "c":
            raise DTypeError("is not ordered: relu takes real numbers")
        return dtypes[0] if dtypes[0].kind != "b" else np.dtype("int64")


@dataclass(frozen=True, eq=False, repr=False)
class Sinc(_Floating):
    """The derivative, `order` times, of sin(pi x) / (pi x)."""

    order: int = 0
    numpy = "sinc_derivative({0}, {order})"
    helpers = (sinc_derivative,)
    domain = Domain(kinds="biuf", analytic=False)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """That of ``np.sinc``: of integers, however small, float64."""
        found = super().dtype(*dtypes)
        return found if dtypes[0].kind == "f" else np.dtype(np.float64)

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The steps of ``np.sinc``; of a derivative those of the recurrence, in float64."""
        (x,) = types
        width = self.dtype(x.dtype).itemsize
        return int(x.size) * (2 * width if self.order == 0 else 49 if x.dtype == np.float64 else 57)
