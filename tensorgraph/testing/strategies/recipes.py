"""How a random graph goes on: elementwise operations, reductions, products and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array.tensor import Tensor
from tensorgraph.autodiff.transforms import gradients
from tensorgraph.errors import ShapeError
from tensorgraph.ir.leaves import Placeholder, Variable
from tensorgraph.ir.node import topological
from tensorgraph.ir.op import Interval, Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import linalg as la
from tensorgraph.ops import meta
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops import special as sp
from tensorgraph.ops import transcendental as t
from tensorgraph.testing.samples import ELEMENTWISE
from tensorgraph.testing.strategies.choice import Choice, Recipe, accepts, broadcasts, guarded, literal_size

__all__ = ["arithmetic_recipes", "product_recipes", "reduction_recipes"]

Function = Callable[..., Any]

SPECIAL: dict[type[Op], Function] = {
    sp.Erf: f.erf, sp.Erfc: f.erfc, sp.Erfinv: f.erfinv, sp.Ndtri: f.ndtri, sp.Lgamma: f.lgamma,
    sp.Digamma: f.digamma, sp.Polygamma: lambda x: f.polygamma(1, x),
}  # fmt: skip
SHIFTS = (e.BitwiseLeftShift, e.BitwiseRightShift)
PIECEWISE = (e.Floor, e.Ceil, e.Trunc, e.Rint, e.Sign, e.FloorDivide, e.Remainder)


def kind_is(kinds: str) -> Callable[[TensorType], bool]:
    """Whether a type is of one of these kinds."""
    return lambda kind: kind.dtype.kind in kinds


def has_axes(least: int, kinds: str = "biufc") -> Callable[[TensorType], bool]:
    """Whether a type has so many axes, and is of one of these kinds."""
    return lambda kind: kind.ndim >= least and kind.dtype.kind in kinds


# ---- elementwise


def arithmetic_recipes() -> list[Recipe]:
    """Every elementwise operation, simple ones first, and identities."""
    special = [e.Where, e.Clip, e.Cast]
    ordinary = [(op, function) for op, function in ELEMENTWISE.items() if op not in special]
    return [
        *[_elementwise(op, function) for op, function in [*ordinary, *SPECIAL.items()]],
        Recipe("scale", (e.Multiply, e.Add), kind_is("fc"), lambda c, x: x * c.pick([2.0, -0.5]) + c.pick([1.0, 0.25])),
        Recipe("where", (e.Where,), kind_is("biufc"), _where),
        Recipe("clip", (e.Clip,), kind_is("if"), lambda c, x: f.clip(x, -1, c.pick([1, 2])), smooth=False),
        Recipe("cast", (e.Cast,), kind_is("biuf"), _cast, smooth=False),
        Recipe("stop_gradient", (meta.StopGradient,), kind_is("fc"), lambda c, x: f.stop_gradient(x), smooth=False),
    ]


def _elementwise(op: type[Op], function: Function) -> Recipe:
    count = op.numpy.count("{") - op.takes_out() - (op in {t.Sinc, sp.Polygamma})
    intervals = [op.domain.interval(i) for i in range(count)]
    kinked = bool(op.domain.kinks) or op.domain.ties or op in PIECEWISE

    def fits(kind: TensorType) -> bool:
        return kind.dtype.kind in op.domain.kinds and accepts(function, *[kind] * count)

    def make(c: Choice, x: Tensor) -> Tensor:
        operands = [x]
        if count == 2:
            operands.append(c.partner(x, lambda y: broadcasts(x, y) and accepts(function, x, y)))
        return _applied(c, op, function, operands, intervals)

    return Recipe(op.name, (op,), fits, make, smooth=not kinked)


def _applied(
    c: Choice, op: type[Op], function: Function, operands: Sequence[Tensor], intervals: Sequence[Interval]
) -> Tensor:
    if (op in SHIFTS or op is e.Power) and all(x.dtype.kind in "biu" for x in operands):
        below = f.remainder(f.astype(operands[1], np.int64), 4)  # of others there is no result, or none that is defined
        return _as_tensor(function(operands[0], f.astype(below, operands[0].dtype)))
    return _as_tensor(function(*[c.guard(x, i) for x, i in zip(operands, intervals, strict=True)]))


def _as_tensor(x: Any) -> Tensor:
    assert isinstance(x, Tensor)
    return x


def _where(c: Choice, x: Tensor) -> Tensor:
    y = c.partner(x, lambda y: broadcasts(x, y) and y.dtype == x.dtype)
    masks = [m for m in c.tensors if m.dtype.kind == "b" and broadcasts(m, x) and broadcasts(m, y)]
    if masks and broadcasts(x + x if x.dtype.kind != "b" else x, y):
        mask = c.pick(masks)
        try:
            return f.where(mask, x, y)
        except ShapeError:  # pairs broadcast, and all three do not
            pass
    return f.where(f.not_equal(x, 0), x, y)


def _cast(c: Choice, x: Tensor) -> Tensor:
    names = ["float64", "float32", "float16", "complex64"]
    if x.dtype.kind in "bi":
        names += ["int32", "int8", "bool"]
    return f.astype(x, c.pick([name for name in names if name != x.dtype.name]))


# ---- reductions


def reduction_recipes() -> list[Recipe]:
    """Every reduction over drawn axes, and the functions made of them."""
    plain: list[tuple[type[Op], Function, str]] = [
        (r.Sum, f.sum, "fic"), (r.Prod, f.prod, "fic"), (r.AnyOf, f.any, "bif"), (r.All, f.all, "bif"),
    ]  # fmt: skip
    nonempty: list[tuple[type[Op], Function, str, bool]] = [
        (r.Max, f.max, "fi", False), (r.Min, f.min, "fi", False), (r.LogSumExp, f.logsumexp, "f", True),
    ]  # fmt: skip
    return [
        *[_reduced(op, function, kinds) for op, function, kinds in plain],
        *[_reduced(op, function, kinds, empty=False, smooth=smooth) for op, function, kinds, smooth in nonempty],
        _reduced(r.Sum, f.mean, "fc", empty=False, name="mean"),
        _reduced(r.Sum, f.var, "f", empty=False, name="var"),
        Recipe("argmax", (r.ArgMax,), has_axes(1, "fi"), lambda c, x: _place(c, x, f.argmax), smooth=False),
        Recipe("argmin", (r.ArgMin,), has_axes(1, "fi"), lambda c, x: _place(c, x, f.argmin), smooth=False),
        Recipe("softmax", (r.Max, t.Exp, r.Sum), has_axes(1, "f"), _centred(f.softmax)),
        Recipe("log_softmax", (r.LogSumExp,), has_axes(1, "f"), _centred(f.log_softmax)),
    ]


def _reduced(
    op: type[Op], function: Function, kinds: str, *, empty: bool = True, smooth: bool = True, name: str = ""
) -> Recipe:
    def make(c: Choice, x: Tensor) -> Tensor:
        axes = [i for i in range(x.ndim) if empty or not _is(x.shape[i], 0)]
        if x.ndim and not axes:
            return x
        options: list[Any] = [None] if len(axes) == x.ndim else []
        options += [*axes, *[i - x.ndim for i in axes], *[(a, b) for a in axes for b in axes if a < b]]
        return _as_tensor(function(x, axis=c.pick(options), keepdims=c.coin()))

    smooth = smooth and op not in {r.AnyOf, r.All}
    return Recipe(name or op.name, (op,), lambda kind: kind.dtype.kind in kinds and not zero(kind), make, smooth=smooth)


def zero(kind: TensorType) -> bool:
    """Whether it certainly has no elements."""
    return any(isinstance(n, int) and n == 0 for n in kind.shape)


def _is(size: Any, number: int) -> bool:
    """Whether a size is certainly this number."""
    return isinstance(size, int) and size == number


def _centred(function: Function) -> Callable[[Choice, Tensor], Tensor]:
    """A function that takes the largest element along an axis first."""

    def make(c: Choice, x: Tensor) -> Tensor:
        axes = [i for i in range(x.ndim) if not _is(x.shape[i], 0)]
        return _as_tensor(function(x, axis=c.pick(axes))) if axes else x

    return make


def _place(c: Choice, x: Tensor, function: Function) -> Tensor:
    axes = [i for i in range(x.ndim) if not _is(x.shape[i], 0)]
    return _as_tensor(function(x, axis=c.pick(axes), keepdims=c.coin())) if axes else x


# ---- products and derivatives


def product_recipes() -> list[Recipe]:
    """Matrix products, and derivatives of what was made so far."""
    return [
        Recipe("matmul", (la.Matmul,), has_axes(1, "fic"), _matmul),
        Recipe("gram", (la.Matmul, sh.PermuteDims), has_axes(2, "fc"), lambda c, x: x @ f.matrix_transpose(x)),
        Recipe("vecdot", (la.Vecdot,), has_axes(1, "fic"), lambda c, x: f.vecdot(x, c.pick([x, x[..., ::-1]]))),
        Recipe("outer", (e.Multiply,), _small_vector, lambda c, x: f.expand_dims(x, -1) * f.expand_dims(x, 0)),
        Recipe("einsum", (la.Matmul,), has_axes(2, "f"), lambda c, x: f.einsum("...ij,...kj->...ik", x, f.tanh(x))),
        Recipe("gradient", (), kind_is("f"), _gradient, smooth=False),
    ]


def _small_vector(kind: TensorType) -> bool:
    return kind.ndim == 1 and kind.dtype.kind in "fic" and literal_size(kind.shape) <= 8


def _matmul(c: Choice, x: Tensor) -> Tensor:
    def fits(y: Tensor) -> bool:
        if y.ndim == 0 or y.dtype.kind not in "fic":
            return False
        try:
            la.Matmul().infer(x.node.type, y.node.type)
        except ShapeError:
            return False
        return True

    options = [y for y in [x, *c.tensors] if fits(y)]
    if options:
        return f.matmul(x, c.pick(options))
    return f.matmul(x, f.matrix_transpose(x)) if x.ndim > 1 else f.vecdot(x, x)


def _gradient(c: Choice, x: Tensor) -> Tensor | list[Tensor]:
    """Of a sum of `x` with respect to the floating leaves it follows from."""
    leaves = [
        Tensor(node)
        for node in topological([x.node])
        if isinstance(node.op, (Placeholder, Variable)) and node.type.dtype.kind == "f"
    ]
    if not leaves or isinstance(x.node.op, (Placeholder, Variable)):
        return guarded(x, Interval())
    found: list[Tensor] = gradients(f.sum(x), leaves, disconnected="zero")
    return found
