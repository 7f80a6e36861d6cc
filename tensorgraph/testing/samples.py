"""For every operation: operands inside its domain, and the public function that applies it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array.tensor import Tensor
from tensorgraph.ir.op import Domain, Interval, Op
from tensorgraph.ir.types import Array
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import linalg as la
from tensorgraph.ops import reduction as r
from tensorgraph.ops import transcendental as t
from tensorgraph.testing.draws import Shape, between_integers, draw_operands, laid_out

__all__ = ["ELEMENTWISE", "Draw", "Sample", "elementwise_samples", "linalg_samples", "reduction_samples"]

Draw: TypeAlias = "Callable[[np.random.Generator], tuple[Array, ...]]"
Pair: TypeAlias = "tuple[type[Op], Callable[..., Tensor]]"


@dataclass(frozen=True)
class Sample:
    """One way to apply an operation.

    Attributes
    ----------
    op
        The operation's class: a node of it is in the graph of the result.
    label
        Tells the samples of an operation apart.
    function
        Applies the public function to operands.
    draw
        Operands from a random generator.
    """

    op: type[Op]
    label: str
    function: Callable[..., Tensor]
    draw: Draw

    def __str__(self) -> str:
        return f"{self.op.name}-{self.label}"

    @property
    def differentiable(self) -> bool:
        """Whether an operand is a floating-point number."""
        return any(a.dtype.kind in "fc" for a in self.draw(np.random.default_rng(0)))


def of_shapes(
    op: type[Op], function: Callable[..., Tensor], shapes: Sequence[Shape], kind: str = "f",
    layout: str = "contiguous", note: str = "", domain: Domain | None = None,
) -> Sample:  # fmt: skip
    """A sample whose operands are drawn from the operation's domain."""
    label = "-".join([{"f": "real", "c": "complex", "i": "integer", "b": "bool"}[kind], *map(_shape_name, shapes)])
    label += "".join(f"-{word}" for word in (note, "" if layout == "contiguous" else layout) if word)
    return Sample(op, label, function, lambda rng: draw_operands(rng, domain or op.domain, shapes, kind, layout))


def _shape_name(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


# ---- elementwise

ELEMENTWISE: Mapping[type[Op], Callable[..., Tensor]] = {
    e.Add: f.add, e.Subtract: f.subtract, e.Multiply: f.multiply, e.Divide: f.divide, e.FloorDivide: f.floor_divide,
    e.Remainder: f.remainder, e.Power: f.pow, e.Negative: f.negative, e.Abs: f.abs, e.Sign: f.sign, e.Hypot: f.hypot,
    e.Floor: f.floor, e.Ceil: f.ceil, e.Trunc: f.trunc, e.Rint: f.round,
    e.Equal: f.equal, e.NotEqual: f.not_equal, e.Less: f.less, e.LessEqual: f.less_equal, e.Greater: f.greater,
    e.GreaterEqual: f.greater_equal, e.LogicalAnd: f.logical_and, e.LogicalOr: f.logical_or,
    e.LogicalXor: f.logical_xor, e.LogicalNot: f.logical_not, e.IsNan: f.isnan, e.IsInf: f.isinf,
    e.IsFinite: f.isfinite, e.Signbit: f.signbit,
    e.BitwiseAnd: f.bitwise_and, e.BitwiseOr: f.bitwise_or, e.BitwiseXor: f.bitwise_xor,
    e.BitwiseInvert: f.bitwise_invert, e.BitwiseLeftShift: f.bitwise_left_shift,
    e.BitwiseRightShift: f.bitwise_right_shift,
    e.Maximum: f.maximum, e.Minimum: f.minimum, e.Where: f.where, e.Clip: f.clip,
    e.Conj: f.conj, e.Real: f.real, e.Imag: f.imag,
    e.Cast: lambda x: f.astype(x, np.complex64 if x.dtype.kind == "c" else np.float32),
    t.Exp: f.exp, t.Expm1: f.expm1, t.Exp2: f.exp2, t.Log: f.log, t.Log1p: f.log1p, t.Log2: f.log2, t.Log10: f.log10,
    t.Logaddexp: f.logaddexp, t.Sqrt: f.sqrt, t.Cbrt: f.cbrt, t.Sin: f.sin, t.Cos: f.cos, t.Tan: f.tan, t.Asin: f.asin,
    t.Acos: f.acos, t.Atan: f.atan, t.Atan2: f.atan2, t.Sinh: f.sinh, t.Cosh: f.cosh, t.Tanh: f.tanh,
    t.Asinh: f.asinh, t.Acosh: f.acosh, t.Atanh: f.atanh, t.Sigmoid: f.sigmoid, t.Softplus: f.softplus, t.Relu: f.relu,
    t.Sinc: f.sinc,
}  # fmt: skip

ROUNDING = (e.Floor, e.Ceil, e.Trunc, e.Rint)
QUOTIENTS = (e.FloorDivide, e.Remainder)
CLASSES = (e.IsNan, e.IsInf, e.IsFinite, e.Signbit)
COMPARISONS = (e.Equal, e.NotEqual, e.Less, e.LessEqual, e.Greater, e.GreaterEqual)
HOSTILE = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5])
REAL_ONLY = (e.Conj, e.Real, e.Imag)  # of real numbers they record nothing

SHAPES: Mapping[int, Sequence[tuple[tuple[Shape, ...], str]]] = {
    1: [(((),), "contiguous"), (((3,),), "contiguous"), (((2, 3),), "strided"), (((0,),), "contiguous"),
        (((1, 2, 1),), "transposed"), (((3,),), "reversed")],
    2: [(((), ()), "contiguous"), (((3,), (3,)), "reversed"), (((2, 3), (3,)), "strided"),
        (((2, 1), (1, 3)), "transposed"), (((), (2,)), "contiguous"), (((0, 2), (2,)), "contiguous"),
        (((1,), (2, 0)), "contiguous")],
    3: [(((), (), ()), "contiguous"), (((3,), (3,), (3,)), "reversed"), (((2, 3), (), (3,)), "strided"),
        (((2, 1), (3,), ()), "transposed"), (((0,), (1,), ()), "contiguous")],
}  # fmt: skip


def elementwise_samples() -> list[Sample]:
    """Samples of every elementwise operation: broadcast, empty, strided, and of every kind of number taken."""
    return [sample for op in ELEMENTWISE for sample in _elementwise(op)]


def _elementwise(op: type[Op]) -> list[Sample]:
    function = ELEMENTWISE[op]
    if op is e.Where:
        return [_where(kind, shapes, layout) for kind in "fci" for shapes, layout in SHAPES[3]]
    count = 3 if op is e.Clip else op.numpy.count("{") - op.takes_out() - (op in {e.Cast, t.Sinc})
    made = []
    for kind in "fci":
        if kind not in op.domain.kinds or (op in REAL_ONLY and kind != "c") or (op is e.Rint and kind == "i"):
            continue
        few = kind == "i" and "f" in op.domain.kinds
        for shapes, layout in SHAPES[count][1:4] if few else SHAPES[count]:
            made.append(_drawn(op, function, kind, shapes, layout))
    if "b" in op.domain.kinds and (op in COMPARISONS or op.name.startswith(("logical", "bitwise"))):
        made += [
            of_shapes(op, function, shapes, "b", layout)
            for shapes, layout in SHAPES[count][1:3]
            if "shift" not in op.name
        ]
    if op in CLASSES:
        made.append(Sample(op, "hostile", function, lambda rng: (HOSTILE,)))
    if op in COMPARISONS:
        made.append(Sample(op, "hostile", function, lambda rng: (HOSTILE[:, None], HOSTILE)))
    return made


def _drawn(op: type[Op], function: Callable[..., Tensor], kind: str, shapes: tuple[Shape, ...], layout: str) -> Sample:
    domain = op.domain
    plain = of_shapes(op, function, shapes, kind, layout, domain=domain)
    if kind == "i":
        if op is e.Power:
            domain = Domain((Interval(1, 4), Interval(0, 4)))
        return of_shapes(op, function, shapes, kind, layout, domain=domain)
    if op in ROUNDING and kind == "f":
        return Sample(op, plain.label, function, lambda rng: (laid_out(between_integers(rng, shapes[0]), layout),))
    if op is e.Rint:
        return Sample(op, plain.label, function, lambda rng: (_complex_between(rng, shapes[0]),))
    if op in QUOTIENTS:
        return Sample(op, plain.label, function, lambda rng: _quotient(rng, shapes, layout))
    if op is e.Clip:
        return Sample(op, plain.label, function, lambda rng: _clipped(rng, shapes, layout))
    return plain


def _where(kind: str, shapes: tuple[Shape, ...], layout: str) -> Sample:
    plain = of_shapes(e.Where, f.where, shapes, kind, layout)

    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        (condition,) = draw_operands(rng, Domain(), shapes[:1], "b", layout)
        return (condition, *draw_operands(rng, Domain(), shapes[1:], kind, layout))

    return Sample(e.Where, plain.label, f.where, draw)


def _complex_between(rng: np.random.Generator, shape: Shape) -> Array:
    return np.asarray(between_integers(rng, shape) + 1j * between_integers(rng, shape))


def _quotient(rng: np.random.Generator, shapes: tuple[Shape, ...], layout: str) -> tuple[Array, ...]:
    """Quotients x / y that stay away from integers, whichever elements meet: x is in (y, 2y), (-2y, -y) or (0, y)."""
    divisor = rng.uniform(1.0, 1.2, shapes[1])
    x = rng.choice([-1.6, 0.5, 1.6], shapes[0]) + rng.uniform(-0.1, 0.1, shapes[0])
    return laid_out(np.asarray(x), layout), laid_out(np.asarray(divisor), layout)


def _clipped(rng: np.random.Generator, shapes: tuple[Shape, ...], layout: str) -> tuple[Array, ...]:
    x = rng.choice([-1.5, 0.0, 1.5], shapes[0]) + rng.uniform(-0.2, 0.2, shapes[0])
    low, high = rng.uniform(-1.0, -0.5, shapes[1]), rng.uniform(0.5, 1.0, shapes[2])
    return tuple(laid_out(np.asarray(a), layout) for a in (x, low, high))


# ---- reductions

AXES: Sequence[tuple[Shape, Any, bool, str]] = [
    ((3,), None, False, "contiguous"), ((2, 3), 0, False, "strided"), ((2, 3), -1, True, "transposed"),
    ((2, 1, 3), 0, False, "strided"),
    ((2, 3, 2), (0, 2), False, "contiguous"), ((2, 3, 2), (-1, -3), True, "reversed"), ((2, 0), 0, False, "contiguous"),
    ((), None, False, "contiguous"), ((1, 1), None, True, "contiguous"), ((2, 2), (), False, "contiguous"),
]  # fmt: skip
EMPTY: Sequence[tuple[Shape, Any, bool, str]] = [
    ((0,), None, False, "contiguous"), ((2, 0), 1, True, "contiguous"),
]  # fmt: skip


def _reduced(
    op: type[Op], function: Callable[..., Tensor], kind: str, empty: bool = True, values: Sequence[float] = ()
) -> list[Sample]:
    return [_one_reduced(op, function, kind, row, values) for row in [*AXES, *(EMPTY if empty else [])]]


def _one_reduced(
    op: type[Op], function: Callable[..., Tensor], kind: str, row: tuple[Shape, Any, bool, str], values: Sequence[float]
) -> Sample:
    shape, axis, keepdims, layout = row
    axes = "all" if axis is None else "_".join(map(str, np.atleast_1d(np.asarray(axis, int))))
    note = f"axis_{axes or 'none'}{'-keepdims' if keepdims else ''}{'-zeros' if values else ''}"
    plain = of_shapes(op, lambda x: function(x, axis=axis, keepdims=keepdims), [shape], kind, layout, note)
    if not values:
        return plain
    return Sample(
        op, plain.label, plain.function, lambda rng: (laid_out(rng.choice(np.asarray(values), shape), layout),)
    )


def reduction_samples() -> list[Sample]:
    """Samples of every reduction: over one, several, no and empty axes."""
    made: list[Sample] = []
    sums: Sequence[Pair] = ((r.Sum, f.sum), (r.Prod, f.prod))
    orders: Sequence[Pair] = ((r.Max, f.max), (r.Min, f.min))
    truths: Sequence[Pair] = ((r.AnyOf, f.any), (r.All, f.all))
    places: Sequence[Pair] = ((r.ArgMax, f.argmax), (r.ArgMin, f.argmin))
    for op, function in sums:
        made += [s for kind in "fci" for s in _reduced(op, function, kind)]
    made += _reduced(r.Prod, f.prod, "f", values=[0.0, 0.0, 1.5, -0.7])
    for op, function in orders:
        made += [s for kind in "fi" for s in _reduced(op, function, kind, empty=False)]
    for op, function in truths:
        made += [s for kind in "bif" for s in _reduced(op, function, kind)]
    made += _reduced(r.LogSumExp, f.logsumexp, "f", empty=False)  # of nothing it is -inf
    for op, function in places:
        made += [
            _one_reduced(op, function, kind, row, ())
            for kind in "fi"
            for row in AXES
            if isinstance(row[1], int) or (row[1] is None and row[0])
        ]
    return made


# ---- products of matrices and vectors


def linalg_samples() -> list[Sample]:
    """Samples of products of matrices and vectors: broadcast stacks, empty and strided ones."""
    shapes: Sequence[tuple[tuple[Shape, Shape], str]] = [
        (((2, 3), (3, 2)), "contiguous"), (((3,), (3,)), "reversed"), (((2, 3), (3,)), "strided"),
        (((3,), (3, 2)), "transposed"), (((2, 1, 1, 2), (3, 2, 1)), "transposed"), (((0, 3), (3, 2)), "contiguous"),
        (((2, 0), (0, 3)), "contiguous"), (((1, 1), (1, 1)), "contiguous"), (((2, 3), (3, 3, 1)), "contiguous"),
        (((2, 2, 3), (2, 3, 1)), "contiguous"),
    ]  # fmt: skip
    vectors: Sequence[tuple[tuple[Shape, Shape], str]] = [
        (((3,), (3,)), "reversed"), (((2, 3), (3,)), "strided"), (((2, 1, 3), (2, 3)), "transposed"),
        (((0, 3), (3,)), "contiguous"), (((2, 0), (1, 0)), "contiguous"), (((1,), (1,)), "contiguous"),
    ]  # fmt: skip
    first = partial(f.vecdot, axis=0)
    return [
        *(of_shapes(la.Matmul, f.matmul, pair, kind, layout) for kind in "fci" for pair, layout in shapes),
        *(of_shapes(la.Vecdot, f.vecdot, pair, kind, layout) for kind in "fcib" for pair, layout in vectors),
        *(of_shapes(la.Vecdot, first, ((3, 2), (3, 1)), kind, note="first axis") for kind in "fc"),
    ]
