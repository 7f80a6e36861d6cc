"""Every elementwise operation with a derivative, as SymPy writes it; values and derivatives by mpmath.

A kink or a jump is taken at points away from it: the branch, or the integer that a floor gives, is then constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sy
from mpmath import mp

from tensorgraph.array import functions as f
from tensorgraph.ir.op import Op
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import special as sp
from tensorgraph.ops import transcendental as t

__all__ = ["EXEMPT", "SCALARS", "Scalar", "derivatives", "points", "values"]

DIGITS = 50


@dataclass(frozen=True)
class Scalar:
    """A function of real numbers.

    Attributes
    ----------
    function
        Ours.
    expression
        SymPy's, of as many symbols.
    ranges
        Where each operand is drawn.
    ulp
        How many units in the last place of the value, and of the first and second derivatives, are allowed; relative
        to the largest of the value and `scale`.
    scale
        Below this, errors are absolute: where a rule subtracts numbers of this size.
    """

    function: Callable[..., Any]
    expression: Callable[..., Any]
    ranges: Sequence[tuple[float, float]]
    ulp: tuple[float, float, float] = (4, 16, 64)
    scale: float = 0.0


WIDE, PLUS, UNIT = (-3.0, 3.0), (0.1, 4.0), (-0.95, 0.95)
ONE = sy.Integer(1)


def _chosen(condition: Any, yes: Any, no: Any) -> Any:
    return sy.Piecewise((yes, condition), (no, True))


SCALARS: Mapping[type[Op], Scalar] = {
    e.Add: Scalar(f.add, lambda a, b: a + b, [WIDE] * 2),
    e.Subtract: Scalar(f.subtract, lambda a, b: a - b, [WIDE] * 2),
    e.Multiply: Scalar(f.multiply, lambda a, b: a * b, [WIDE] * 2),
    e.Divide: Scalar(f.divide, lambda a, b: a / b, [WIDE, PLUS]),
    e.FloorDivide: Scalar(f.floor_divide, lambda a, b: sy.Integer(2) + 0 * a * b, [(2.3, 2.6), (1.0, 1.1)]),
    e.Remainder: Scalar(f.remainder, lambda a, b: a - 2 * b, [(2.3, 2.6), (1.0, 1.1)]),
    e.Power: Scalar(f.pow, lambda a, b: a**b, [PLUS, WIDE]),
    e.Negative: Scalar(f.negative, lambda x: -x, [WIDE]),
    e.Abs: Scalar(f.abs, lambda x: _chosen(x > 0, x, -x), [WIDE]),
    e.Sign: Scalar(f.sign, lambda x: _chosen(x > 0, ONE, -ONE), [WIDE]),
    e.Hypot: Scalar(f.hypot, lambda a, b: sy.sqrt(a**2 + b**2), [WIDE] * 2, scale=0.1),
    e.Floor: Scalar(f.floor, lambda x: sy.Integer(2) + 0 * x, [(2.1, 2.9)]),
    e.Ceil: Scalar(f.ceil, lambda x: sy.Integer(3) + 0 * x, [(2.1, 2.9)]),
    e.Trunc: Scalar(f.trunc, lambda x: -sy.Integer(2) + 0 * x, [(-2.9, -2.1)]),
    e.Rint: Scalar(f.round, lambda x: sy.Integer(2) + 0 * x, [(1.6, 2.4)]),
    e.Maximum: Scalar(f.maximum, lambda a, b: _chosen(a > b, a, b), [WIDE] * 2),
    e.Minimum: Scalar(f.minimum, lambda a, b: _chosen(a < b, a, b), [WIDE] * 2),
    e.Clip: Scalar(
        f.clip, lambda x, low, high: sy.Piecewise((low, x < low), (high, x > high), (x, True)),
        [WIDE, (-1.5, -1.0), (1.0, 1.5)],
    ),
    e.Where: Scalar(
        lambda c, a, b: f.where(c > 0, a, b), lambda c, a, b: _chosen(c > 0, a, b), [WIDE] * 3
    ),
    e.Cast: Scalar(lambda x: f.real(f.astype(x, np.complex128)), lambda x: x, [WIDE]),
    t.Exp: Scalar(f.exp, sy.exp, [(-20.0, 20.0)]),
    t.Expm1: Scalar(f.expm1, lambda x: sy.exp(x) - 1, [(-3.0, 20.0)]),
    t.Exp2: Scalar(f.exp2, lambda x: 2**x, [(-20.0, 20.0)]),
    t.Log: Scalar(f.log, sy.log, [(0.01, 100.0)]),
    t.Log1p: Scalar(f.log1p, lambda x: sy.log(1 + x), [(-0.9, 100.0)]),
    t.Log2: Scalar(f.log2, lambda x: sy.log(x) / sy.log(2), [(0.01, 100.0)]),
    t.Log10: Scalar(f.log10, lambda x: sy.log(x) / sy.log(10), [(0.01, 100.0)]),
    t.Logaddexp: Scalar(f.logaddexp, lambda a, b: sy.log(sy.exp(a) + sy.exp(b)), [(-15.0, 15.0)] * 2, scale=1.0),
    t.Sqrt: Scalar(f.sqrt, sy.sqrt, [(0.01, 100.0)]),
    t.Cbrt: Scalar(f.cbrt, lambda x: x ** sy.Rational(1, 3), [(0.01, 100.0)]),
    t.Sin: Scalar(f.sin, sy.sin, [(-20.0, 20.0)]),
    t.Cos: Scalar(f.cos, sy.cos, [(-20.0, 20.0)]),
    t.Tan: Scalar(f.tan, sy.tan, [(-1.5, 1.5)]),
    t.Asin: Scalar(f.asin, sy.asin, [UNIT]),
    t.Acos: Scalar(f.acos, sy.acos, [UNIT]),
    t.Atan: Scalar(f.atan, sy.atan, [(-20.0, 20.0)]),
    t.Atan2: Scalar(f.atan2, sy.atan2, [WIDE] * 2, scale=0.1),
    t.Sinh: Scalar(f.sinh, sy.sinh, [(-20.0, 20.0)]),
    t.Cosh: Scalar(f.cosh, sy.cosh, [(-20.0, 20.0)]),
    t.Tanh: Scalar(f.tanh, sy.tanh, [(-20.0, 20.0)], scale=1.0),
    t.Asinh: Scalar(f.asinh, sy.asinh, [(-20.0, 20.0)]),
    t.Acosh: Scalar(f.acosh, sy.acosh, [(1.01, 20.0)]),
    t.Atanh: Scalar(f.atanh, sy.atanh, [UNIT]),
    t.Sigmoid: Scalar(f.sigmoid, lambda x: 1 / (1 + sy.exp(-x)), [(-20.0, 20.0)], scale=1.0),
    t.Softplus: Scalar(f.softplus, lambda x: sy.log(1 + sy.exp(x)), [(-20.0, 20.0)], scale=1.0),
    t.Relu: Scalar(f.relu, lambda x: _chosen(x > 0, x, 0 * x), [WIDE]),
    t.Sinc: Scalar(f.sinc, lambda x: sy.sin(sy.pi * x) / (sy.pi * x), [(-5.0, 5.0)], scale=1.0),
    sp.Erf: Scalar(f.erf, sy.erf, [WIDE]),
    sp.Erfc: Scalar(f.erfc, sy.erfc, [(-3.0, 5.0)]),
    sp.Erfinv: Scalar(f.erfinv, sy.erfinv, [UNIT]),
    sp.Ndtri: Scalar(f.ndtri, lambda x: sy.sqrt(2) * sy.erfinv(2 * x - 1), [(0.01, 0.99)]),
    sp.Lgamma: Scalar(f.lgamma, sy.loggamma, [(0.1, 20.0)]),
    sp.Digamma: Scalar(f.digamma, lambda x: sy.polygamma(0, x), [(0.1, 20.0)]),
    sp.Polygamma: Scalar(lambda x: f.polygamma(2, x), lambda x: sy.polygamma(2, x), [(0.1, 20.0)]),
}  # fmt: skip

# Elementwise operations with a rule that are no functions of real numbers.
EXEMPT: Mapping[type[Op], str] = {
    e.Conj: "complex numbers: checked by differences along both axes",
    e.Real: "complex numbers: checked by differences along both axes",
    e.Imag: "complex numbers: checked by differences along both axes",
}


def points(scalar: Scalar, count: int, seed: int) -> list[np.ndarray]:
    """Operands, drawn at random."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, count) for low, high in scalar.ranges]


@cache
def _lambdified(op: type[Op], wrt: tuple[int, ...]) -> Callable[..., Any]:
    scalar = SCALARS[op]
    symbols = sy.symbols(f"x:{len(scalar.ranges)}", real=True)
    expression = scalar.expression(*symbols)
    for i in wrt:
        expression = sy.diff(expression, symbols[i])
    return sy.lambdify(symbols, expression, "mpmath")


def values(op: type[Op], arrays: Sequence[np.ndarray]) -> list[Any]:
    """True values, as numbers of many digits."""
    return derivatives(op, (), arrays)


def derivatives(op: type[Op], wrt: tuple[int, ...], arrays: Sequence[np.ndarray]) -> list[Any]:
    """The true derivative with respect to these operands, one after the other."""
    function = _lambdified(op, wrt)
    with mp.workdps(DIGITS):
        return [mp.re(function(*map(mp.mpf, row))) for row in zip(*(a.tolist() for a in arrays), strict=True)]
