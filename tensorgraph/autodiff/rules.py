"""The derivative of every primitive: calculus on one page.

A rule has one function per input. `Partial` states the derivative of an elementwise function with respect
to that input; the engine multiplies the cotangent by its conjugate. `Adjoint` states the cotangent of the
input for a cotangent `g` of the result. `Each` is an adjoint for any number of inputs, told which by `i`.
``n.op`` is the operation and ``n.y`` its result. Broadcasting, dtypes and masks are the engine's.

At kinks: ties of max, min, maximum and minimum share equally; ``relu``, ``abs`` and ``sign`` have 0 at 0;
``clip`` passes at its bounds; a norm has 0 at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log as ln
from math import pi
from typing import Any, TypeAlias

from tensorgraph.array.functions import (
    conj,
    cos,
    cosh,
    digamma,
    exp,
    expand_dims,
    floor,
    hypot,
    permute_dims,
    polygamma,
    reshape,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    sum,
    where,
    zeros_like,
)
from tensorgraph.array.tensor import Tensor, apply
from tensorgraph.autodiff import library as lib
from tensorgraph.autodiff import structural as s
from tensorgraph.autodiff import windows as win
from tensorgraph.ir.op import Op
from tensorgraph.ops import conv as cv
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import linalg as la
from tensorgraph.ops import meta, pool, scan
from tensorgraph.ops import ordering as od
from tensorgraph.ops import random as rn
from tensorgraph.ops import reduction as r
from tensorgraph.ops import segment as sg
from tensorgraph.ops import shape as sh
from tensorgraph.ops import special as sp
from tensorgraph.ops import transcendental as t

__all__ = ["NONDIFFERENTIABLE", "RULES", "Adjoint", "Each", "Partial", "Rule"]

Function: TypeAlias = Callable[..., Tensor | None]


class Partial:
    """Derivatives of an elementwise function: ``f(n, *inputs)`` for each input."""

    def __init__(self, *functions: Function) -> None:
        self.functions = functions


class Adjoint:
    """Cotangents: ``f(n, g, *inputs)`` for each input; None where an input has no derivative."""

    def __init__(self, *functions: Function | None) -> None:
        self.functions = functions


@dataclass(frozen=True)
class Each:
    """Cotangents for any number of inputs: ``f(n, g, i, *inputs)`` for input i."""

    function: Function


Rule: TypeAlias = "Partial | Adjoint | Each"


def _zero(n: Any, g: Tensor, x: Tensor, *_: Tensor) -> Tensor:
    return zeros_like(x)


RULES: Mapping[type[Op], Rule] = {
    # arithmetic
    e.Add: Adjoint(lambda n, g, a, b: g, lambda n, g, a, b: g),
    e.Subtract: Adjoint(lambda n, g, a, b: g, lambda n, g, a, b: -g),
    e.Multiply: Partial(lambda n, a, b: b, lambda n, a, b: a),
    e.Divide: Adjoint(lambda n, g, a, b: g / conj(b), lambda n, g, a, b: -(g / conj(b) * conj(n.y))),
    e.FloorDivide: Adjoint(_zero, lambda n, g, a, b: zeros_like(b)),
    e.Remainder: Adjoint(lambda n, g, a, b: g, lambda n, g, a, b: -g * floor(a / b)),
    e.Power: Partial(lambda n, a, b: s.power_by_base(a, b), lambda n, a, b: s.power_by_exponent(n.y, a, b)),
    e.Negative: Adjoint(lambda n, g, x: -g),
    e.Abs: Adjoint(lambda n, g, x: g * sign(x)),
    e.Sign: Adjoint(lambda n, g, x: s.sign_adjoint(n.y, g, x)),
    e.Hypot: Partial(lambda n, a, b: s.ratio(a, n.y), lambda n, a, b: s.ratio(b, n.y)),
    # exponentials and logarithms
    t.Exp: Partial(lambda n, x: n.y),
    t.Expm1: Partial(lambda n, x: n.y + 1),
    t.Exp2: Partial(lambda n, x: n.y * ln(2)),
    t.Log: Partial(lambda n, x: 1 / x),
    t.Log1p: Partial(lambda n, x: 1 / (1 + x)),
    t.Log2: Partial(lambda n, x: 1 / (x * ln(2))),
    t.Log10: Partial(lambda n, x: 1 / (x * ln(10))),
    t.Logaddexp: Partial(lambda n, a, b: sigmoid(s.difference(a, b)), lambda n, a, b: sigmoid(s.difference(b, a))),
    t.Sqrt: Adjoint(lambda n, g, x: g / conj(n.y) * 0.5),  # outside, where it meets the 2 of a square
    t.Cbrt: Partial(lambda n, x: 1 / (3 * n.y * n.y)),
    # trigonometric and hyperbolic
    t.Sin: Partial(lambda n, x: cos(x)),
    t.Cos: Partial(lambda n, x: -sin(x)),
    t.Tan: Partial(lambda n, x: 1 + n.y * n.y),
    t.Asin: Partial(lambda n, x: 1 / sqrt(1 - x * x)),
    t.Acos: Partial(lambda n, x: -1 / sqrt(1 - x * x)),
    t.Atan: Partial(lambda n, x: 1 / (1 + x * x)),
    t.Atan2: Partial(lambda n, a, b: s.over_square(b, hypot(a, b)), lambda n, a, b: -s.over_square(a, hypot(a, b))),
    t.Sinh: Partial(lambda n, x: cosh(x)),
    t.Cosh: Partial(lambda n, x: sinh(x)),
    t.Tanh: Partial(lambda n, x: 1 - n.y * n.y),
    t.Asinh: Partial(lambda n, x: 1 / sqrt(1 + x * x)),
    t.Acosh: Partial(lambda n, x: 1 / (sqrt(x - 1) * sqrt(x + 1))),
    t.Atanh: Partial(lambda n, x: 1 / (1 - x * x)),
    # activations
    t.Sigmoid: Partial(lambda n, x: n.y * (1 - n.y)),
    t.Softplus: Partial(lambda n, x: sigmoid(x)),
    t.Relu: Adjoint(lambda n, g, x: where(n.y > 0, g, 0)),  # x need not be kept
    t.Sinc: Partial(lambda n, x: apply(t.Sinc(n.op.order + 1), x)),
    # rounding: constant between jumps
    e.Floor: Adjoint(_zero),
    e.Ceil: Adjoint(_zero),
    e.Trunc: Adjoint(_zero),
    e.Rint: Adjoint(_zero),
    # selection
    e.Where: Adjoint(None, lambda n, g, c, a, b: where(c, g, 0), lambda n, g, c, a, b: where(c, 0, g)),
    e.Maximum: Adjoint(lambda n, g, a, b: s.winner(g, a > b, a == b), lambda n, g, a, b: s.winner(g, b > a, a == b)),
    e.Minimum: Adjoint(lambda n, g, a, b: s.winner(g, a < b, a == b), lambda n, g, a, b: s.winner(g, b < a, a == b)),
    e.Clip: Adjoint(
        lambda n, g, x, low, high: where((x >= low) & (x <= high), g, 0),
        lambda n, g, x, low, high: where((x < low) & (low <= high), g, 0),
        lambda n, g, x, low, high: where((x > high) | (low > high), g, 0),
    ),
    # complex numbers and dtype
    e.Conj: Adjoint(lambda n, g, x: conj(g)),
    e.Real: Adjoint(lambda n, g, x: g),
    e.Imag: Adjoint(lambda n, g, x: g * 1j),
    e.Cast: Adjoint(lambda n, g, x: g),
    # reductions
    r.Sum: Adjoint(s.spread),
    r.Prod: Adjoint(s.prod_adjoint),
    r.Max: Adjoint(s.extreme_adjoint),
    r.Min: Adjoint(s.extreme_adjoint),
    r.LogSumExp: Adjoint(lambda n, g, x: s.spread(n, g, x) * s.softmax_weights(n, x)),
    # moving elements
    sh.Reshape: Adjoint(lambda n, g, x: reshape(g, x.shape)),
    sh.PermuteDims: Adjoint(lambda n, g, x: permute_dims(g, s.inverse(n.op.order))),
    sh.BroadcastTo: Adjoint(lambda n, g, x: g),
    sh.ExpandDims: Adjoint(lambda n, g, x: apply(sh.Squeeze(n.op.axis), g)),
    sh.Squeeze: Adjoint(lambda n, g, x: apply(sh.ExpandDims(n.op.axis), g)),
    sh.Concat: Each(s.concat_part),
    sh.Pad: Adjoint(lambda n, g, x, v: s.crop(n, g, x), lambda n, g, x, v: sum(g) - sum(s.crop(n, g, x))),
    # indexing
    ix.Slice: Adjoint(lambda n, g, x: apply(ix.IndexAdd(n.op.index), zeros_like(x, dtype=g.dtype), g)),
    ix.Gather: Each(lambda n, g, i, x, *at: s.scatter(n, g, x, at) if i == 0 else None),
    ix.IndexSet: Each(lambda n, g, i, x, v, *at: (s.erased(n, g, v, at), s.written(n, g, v, at))[i] if i < 2 else None),
    ix.IndexAdd: Each(lambda n, g, i, x, v, *at: (g, s.gathered(n, g, at))[i] if i < 2 else None),
    # matrix products
    la.Matmul: Adjoint(lambda n, g, a, b: g @ conj(b).mT, lambda n, g, a, b: conj(a).mT @ g),
    la.Vecdot: Adjoint(
        lambda n, g, a, b: expand_dims(conj(g), -1) * b,
        lambda n, g, a, b: expand_dims(g, -1) * a,
    ),
    # convolution and pooling: linear maps and their transposes
    cv.Conv: Adjoint(
        lambda n, g, x, w: win.conv_input(n, g, conj(w), x),
        lambda n, g, x, w: win.conv_weights(n, conj(x), g, w),
    ),
    cv.ConvInputGrad: Adjoint(
        lambda n, u, g, w: win.conv_of(n, u, conj(w)),
        lambda n, u, g, w: win.conv_weights(n, u, conj(g), w),
    ),
    cv.ConvWeightGrad: Adjoint(
        lambda n, u, x, g: win.conv_input(n, conj(g), u, x),
        lambda n, u, x, g: win.conv_of(n, conj(x), u),
    ),
    cv.Unfold: Adjoint(win.folded),
    cv.Fold: Adjoint(lambda n, u, g: win.unfolded(n, u)),
    pool.MaxPool: Adjoint(lambda n, g, x: win.like(n, pool.MaxPoolGrad, g, x)),
    pool.MaxPoolGrad: Adjoint(lambda n, u, g, x: win.like(n, pool.MaxPoolSelect, u, x), None),
    pool.MaxPoolSelect: Adjoint(lambda n, g, t, x: win.like(n, pool.MaxPoolGrad, g, x), None),
    pool.AvgPool: Adjoint(lambda n, g, x: win.like(n, pool.AvgPoolGrad, g, size=x.shape[2:])),
    pool.AvgPoolGrad: Adjoint(lambda n, u, g: win.like(n, pool.AvgPool, u)),
    pool.AdaptiveMaxPool: Adjoint(lambda n, g, x: apply(pool.AdaptiveMaxPoolGrad(), g, x)),
    pool.AdaptiveMaxPoolGrad: Adjoint(lambda n, u, g, x: apply(pool.AdaptiveMaxPoolSelect(g.shape[2:]), u, x), None),
    pool.AdaptiveMaxPoolSelect: Adjoint(lambda n, g, t, x: apply(pool.AdaptiveMaxPoolGrad(), g, x), None),
    pool.AdaptiveAvgPool: Adjoint(lambda n, g, x: apply(pool.AdaptiveAvgPoolGrad(x.shape[2:]), g)),
    pool.AdaptiveAvgPoolGrad: Adjoint(lambda n, u, g: apply(pool.AdaptiveAvgPool(g.shape[2:]), u)),
    # special functions
    sp.Erf: Partial(lambda n, x: exp(-x * x) * (2 / pi**0.5)),
    sp.Erfc: Partial(lambda n, x: exp(-x * x) * (-2 / pi**0.5)),
    sp.Erfinv: Partial(lambda n, x: exp(n.y * n.y) * (pi**0.5 / 2)),
    sp.Ndtri: Partial(lambda n, x: exp(n.y * n.y * 0.5) * (2 * pi) ** 0.5),
    sp.Lgamma: Partial(lambda n, x: digamma(x)),
    sp.Digamma: Partial(lambda n, x: polygamma(1, x)),
    sp.Polygamma: Partial(lambda n, x: polygamma(n.op.order + 1, x)),
    # along an axis, and by rows
    scan.CumulativeSum: Adjoint(lambda n, g, x: lib.cumulative_sum_adjoint(n, g)),
    scan.CumulativeProd: Adjoint(lib.cumulative_prod_adjoint),
    od.Sort: Adjoint(lib.unsorted),
    sg.SegmentSum: Adjoint(lib.segment_sum_adjoint, None),
    sg.SegmentProd: Adjoint(lib.segment_prod_adjoint, None),
    sg.SegmentMax: Adjoint(lib.segment_extreme_adjoint, None),
    sg.SegmentMin: Adjoint(lib.segment_extreme_adjoint, None),
    # identities
    meta.Alias: Adjoint(lambda n, g, x: g),
    meta.Barrier: Each(lambda n, g, i, *xs: s.barrier_part(n, g, i)),
}  # fmt: skip

# Everything else, and why it has no rule.
NONDIFFERENTIABLE: Mapping[type[Op], str] = {
    **dict.fromkeys(
        (
            e.Equal, e.NotEqual, e.Less, e.LessEqual, e.Greater, e.GreaterEqual, e.LogicalAnd, e.LogicalOr,
            e.LogicalXor, e.LogicalNot, e.IsNan, e.IsInf, e.IsFinite, e.Signbit, r.AnyOf, r.All,
        ),
        "the result is bool",
    ),
    **dict.fromkeys(
        (
            e.BitwiseAnd, e.BitwiseOr, e.BitwiseXor, e.BitwiseInvert, e.BitwiseLeftShift, e.BitwiseRightShift, r.ArgMax,
            r.ArgMin, od.ArgSort, od.SearchSorted,
        ),
        "the result is an integer",
    ),
    **dict.fromkeys((sh.DimSize, sh.Arange), "there are no inputs"),
    **dict.fromkeys(
        (
            rn.RandomBits, rn.RandomUniform, rn.RandomNormal, rn.RandomExponential, rn.RandomGumbel,
            rn.RandomTruncatedNormal, rn.RandomInt, rn.RandomBernoulli, rn.RandomPermutation, rn.RandomSplit,
            rn.RandomFoldIn,
        ),
        "a key is no real number",
    ),
    meta.StopGradient: "that is its purpose",
    meta.Override: "the node carries its own rule",
}  # fmt: skip
