"""Operations that move elements: chains of them are one, or none."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from tensorgraph.array.functions import astype, broadcast_to, expand_dims, permute_dims, reshape, squeeze, sum
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.dims import Shape, dim_key, same_shape
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops import transcendental as t
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.match import unrepeated

ALL = "biufc"
RESHAPES = (sh.Reshape, sh.ExpandDims, sh.Squeeze)

# Their results are the nearest floats, or no arithmetic at all, so they are the same however operands are laid out.
NEAREST = (
    e.Add, e.Subtract, e.Multiply, e.Divide, e.Negative, e.Abs, e.Sign, e.Floor, e.Ceil, e.Trunc, e.Rint, e.Equal,
    e.NotEqual, e.Less, e.LessEqual, e.Greater, e.GreaterEqual, e.LogicalAnd, e.LogicalOr, e.LogicalXor, e.LogicalNot,
    e.IsNan, e.IsInf, e.IsFinite, e.Signbit, e.BitwiseAnd, e.BitwiseOr, e.BitwiseXor, e.BitwiseInvert, e.Maximum,
    e.Minimum, e.Where, e.Clip, e.Cast, t.Sqrt, t.Relu,
)  # fmt: skip


# ---- reshapes


def _ones_inserted(before: Shape, after: Shape) -> tuple[int, ...] | None:
    """Places of the ones in `after` that make it from `before`, if that is the difference."""
    axes, i = [], 0
    for k, size in enumerate(after):
        if i < len(before) and dim_key(size) == dim_key(before[i]):
            i += 1
        elif dim_key(size) == 1:
            axes.append(k)
        else:
            return None
    return tuple(axes) if i == len(before) else None


def reshaped(x: Tensor, shape: Shape) -> Tensor:
    """In another shape, by the simplest operation that does it."""
    if same_shape(x.node.type.shape, shape):
        return x
    inserted = _ones_inserted(x.node.type.shape, shape)
    if inserted is not None:
        return expand_dims(x, inserted)
    removed = _ones_inserted(shape, x.node.type.shape)
    return squeeze(x, removed) if removed is not None else reshape(x, shape)


@node_law(
    *RESHAPES,
    samples=[
        Sample(lambda x: reshape(reshape(x, (-1,)), x.shape), ("m n",)),
        Sample(lambda x: reshape(expand_dims(x, 1), (-1,)), ("m n",)),
        Sample(lambda x: squeeze(expand_dims(x, (0, 2)), 0), ("m n",)),
        Sample(lambda x: expand_dims(squeeze(x, 0), 1), ("1 n",)),
    ],
    kinds=ALL,
)
def reshape_reshape(node: Node) -> Tensor | None:
    """reshape(reshape(x)) = reshape(x)"""
    (inner,) = node.inputs
    return reshaped(Tensor(inner.inputs[0]), node.type.shape) if isinstance(inner.op, RESHAPES) else None


@node_law(
    sh.Reshape,
    samples=[
        Sample(lambda x: apply(sh.Reshape(x.node.type.shape), x), ("m n",)),
        Sample(lambda x: reshape(x, (1, *x.shape, 1)), ("m n",)),
        Sample(lambda x: reshape(x, (*x.shape, 1)), ("1 n",)),
        Sample(lambda x: reshape(x, x.shape[1:]), ("1 n",)),
    ],
    kinds=ALL,
)
def reshape_by_ones(node: Node) -> Tensor | None:
    """reshape(x) = x, expand_dims(x) or squeeze(x), where only axes of size 1 come or go"""
    made = reshaped(Tensor(node.inputs[0]), node.type.shape)
    return None if isinstance(made.node.op, sh.Reshape) else made


# ---- transposition


@node_law(
    sh.PermuteDims,
    samples=[
        Sample(lambda x: permute_dims(permute_dims(x, (1, 0)), (1, 0)), ("m n",)),
        Sample(lambda x: permute_dims(permute_dims(x, (1, 2, 0)), (0, 2, 1)), ("m n k",)),
    ],
    kinds=ALL,
)
def permute_permute(node: Node) -> Tensor | None:
    """permute(permute(x)) = permute(x)"""
    (inner,) = node.inputs
    if not isinstance(inner.op, sh.PermuteDims) or not isinstance(node.op, sh.PermuteDims):
        return None
    return permute_dims(Tensor(inner.inputs[0]), [inner.op.order[k] for k in node.op.order])


@node_law(
    sh.PermuteDims,
    samples=[
        Sample(lambda x: apply(sh.PermuteDims((0, 1)), x), ("m n",)),
        Sample(lambda x: permute_dims(x, (1, 0)), ("m 1",)),
        Sample(lambda x: permute_dims(x, (1, 0, 2)), ("m 1 n",)),
    ],
    kinds=ALL,
)
def permute_ones(node: Node) -> Tensor | None:
    """permute(x) = reshape(x), where only axes of size 1 change their place"""
    assert isinstance(node.op, sh.PermuteDims)
    (x,) = node.inputs
    kept = [k for k in node.op.order if dim_key(x.type.shape[k]) != 1]
    return reshaped(Tensor(x), node.type.shape) if kept == sorted(kept) else None


# ---- repetition


@node_law(
    sh.BroadcastTo,
    samples=[
        Sample(lambda x: apply(sh.BroadcastTo(x.node.type.shape), x), ("m n",)),
        Sample(lambda x: broadcast_to(broadcast_to(x, (3, *x.shape)), (2, 3, *x.shape)), ("m n",)),
        Sample(lambda x: broadcast_to(expand_dims(x, (0, 1)), (2, 3, *x.shape)), ("m n",)),
    ],
    kinds=ALL,
)
def broadcast_broadcast(node: Node) -> Tensor | None:
    """broadcast(broadcast(x)) = broadcast(x); so with ones put in front, and where the shape stays"""
    (inner,) = node.inputs
    if same_shape(inner.type.shape, node.type.shape):
        return Tensor(inner)
    source = unrepeated(inner)
    return None if source is inner else broadcast_to(Tensor(source), node.type.shape)


@node_law(
    *NEAREST,
    operands=(sh.BroadcastTo, sh.ExpandDims, sh.Reshape, Constant),
    samples=[
        Sample(lambda x, y: x * broadcast_to(y, x.shape), ("m n", "n")),
        Sample(lambda x, y: broadcast_to(y, x.shape) - x, ("m n", "")),
        Sample(lambda x, y: x / expand_dims(y, 0), ("m n", "n")),
        Sample(lambda x, y: x / expand_dims(y, 0), ("m n", "m n")),
        Sample(lambda x, y: apply(e.Maximum(), broadcast_to(x, (2, *x.shape)), y), ("m n", "")),
        Sample(lambda x: -broadcast_to(x, (2, *x.shape)), ("m n",)),
        Sample(lambda x: x * asarray(np.full((1, 1), 3, x.dtype)), ("m n",)),
        Sample(lambda x: astype(broadcast_to(x, (2, *x.shape)), "complex128"), ("m n",)),
    ],
    kinds="f",
)
def elementwise_of_broadcast(node: Node) -> Tensor | None:
    """f(broadcast(x), y) = f(x, y), repeated afterwards where that is needed"""
    sources = [unrepeated(source) for source in node.inputs]
    if all(a is b for a, b in zip(sources, node.inputs, strict=True)):
        return None
    made = apply(node.op, *map(Tensor, sources))
    if made.dtype != node.type.dtype:
        return None
    return made if same_shape(made.node.type.shape, node.type.shape) else broadcast_to(made, node.type.shape)


@node_law(
    *RESHAPES, sh.PermuteDims, ix.Slice,
    samples=[
        Sample(lambda x: reshape(broadcast_to(x, (2, 3)), (6,)), ("",)),
        Sample(lambda x: permute_dims(broadcast_to(x, (2, 3)), (1, 0)), ("",)),
        Sample(lambda x: broadcast_to(x, (2, 3))[1:, 0], ("",)),
        Sample(lambda x: expand_dims(broadcast_to(x, (3,)), 1), ("",)),
    ],
    kinds=ALL,
)  # fmt: skip
def move_scalar(node: Node) -> Tensor | None:
    """reshape(broadcast(x)) = broadcast(x), where x is one number; so permute and slice"""
    source = unrepeated(node.inputs[0])
    if source.type.ndim or source is node.inputs[0]:
        return None
    return broadcast_to(Tensor(source), node.type.shape)


# ---- slices


@node_law(
    ix.Slice,
    samples=[
        Sample(lambda x: apply(ix.Slice((slice(None), slice(None))), x), ("m n",)),
        Sample(lambda x: apply(ix.Slice((slice(None, None, 1),)), x), ("m n",)),
    ],
    kinds=ALL,
)
def slice_all(node: Node) -> Tensor | None:
    """x[:] = x"""
    assert isinstance(node.op, ix.Slice)
    all_of = (slice(None), slice(None, None, 1))
    whole = all(isinstance(i, slice) and i in all_of for i in node.op.index)
    return Tensor(node.inputs[0]) if whole else None


@node_law(
    ix.Slice,
    samples=[
        Sample(lambda x: x[1:5][::2], ("6 n",)),
        Sample(lambda x: x[:, ::-1][1:, ::-1], ("4 3",)),
        Sample(lambda x: x[1:][2], ("6 3",)),
        Sample(lambda x: x[1:][:, 1:], ("3 4",)),
        Sample(lambda x: x[:, 1:][1:], ("3 4",)),
    ],
    kinds=ALL,
)
def slice_slice(node: Node) -> Tensor | None:
    """x[i][j] = x[k], for slices of known sizes"""
    assert isinstance(node.op, ix.Slice)
    (inner,) = node.inputs
    if not isinstance(inner.op, ix.Slice):
        return None
    (x,) = inner.inputs
    if not all(isinstance(i, slice) for i in inner.op.index) or any(i is None for i in node.op.index):
        return None
    index = []
    for axis in range(max(len(inner.op.index), len(node.op.index))):
        first = inner.op.index[axis] if axis < len(inner.op.index) else slice(None)
        then = node.op.index[axis] if axis < len(node.op.index) else slice(None)
        composed = _composed(first, then, x.type.shape[axis])
        if composed is None:
            return None
        index.append(composed)
    return apply(ix.Slice(tuple(index)), Tensor(x))


def _composed(first: slice, then: slice | int, size: Any) -> slice | int | None:
    """One index for two, along an axis of this size; None where that is not known."""
    if then == slice(None):
        return first
    if first == slice(None):
        return then
    if not isinstance(size, int):
        return None  # of a known size, bounds are known, too
    taken = range(size)[first][then]
    if isinstance(taken, int):
        return taken
    stop = None if taken.stop < 0 else taken.stop
    return slice(taken.start, stop, taken.step) if len(taken) else slice(0, 0)


# ---- casts


@node_law(
    e.Cast,
    samples=[
        Sample(lambda x: apply(e.Cast(x.dtype), x), ("m n",)),
    ],
    kinds=ALL,
)
def cast_same(node: Node) -> Tensor | None:
    """astype(x, its own dtype) = x"""
    return Tensor(node.inputs[0]) if node.inputs[0].type.dtype == node.type.dtype else None


@node_law(e.Cast, samples=[Sample(lambda x: astype(astype(x, "complex128"), "complex64"), ("m n",))], kinds="b")
def cast_cast(node: Node) -> Tensor | None:
    """astype(astype(x, wider), dtype) = astype(x, dtype), where the wider dtype holds every value"""
    (inner,) = node.inputs
    if not isinstance(inner.op, e.Cast):
        return None
    (x,) = inner.inputs
    first, middle, last = x.type.dtype, inner.type.dtype, node.type.dtype
    if not _holds(middle, first) or (last.kind not in "fc" and last != first):
        return None
    return Tensor(x) if last == first else astype(Tensor(x), last)


def _holds(wide: np.dtype[Any], narrow: np.dtype[Any]) -> bool:
    """Whether every value of the narrow dtype is one of the wide."""
    if narrow.kind in "iu" and wide.kind in "fc":
        digits = int(np.finfo(wide).nmant) + 1
        return narrow.itemsize * 8 - (narrow.kind == "i") <= digits
    return bool(np.can_cast(narrow, wide, "safe"))


# ---- reductions


def _is_reduction(op: Any) -> TypeGuard[r.Reduction]:
    return isinstance(op, r.Reduction)


@node_law(
    *RESHAPES,
    samples=[
        Sample(lambda x: expand_dims(sum(x, axis=1), 1), ("m n",)),
        Sample(lambda x: reshape(sum(x, axis=(0, 1)), (1, 1)), ("m n",)),
        Sample(lambda x: squeeze(sum(x, axis=1, keepdims=True), 1), ("m n",)),
    ],
    kinds="iuf",
)
def reduce_keepdims(node: Node) -> Tensor | None:
    """reshape(sum(x, axis)) = sum(x, axis, keepdims=True), and back; so other reductions"""
    (reduced,) = node.inputs
    op = reduced.op
    if not _is_reduction(op):
        return None
    (x,) = reduced.inputs
    other = type(op)(op.axis, not op.keepdims)
    shape = r.reduced_shape(x.type.shape, op.axis, not op.keepdims)
    return apply(other, Tensor(x)) if same_shape(shape, node.type.shape) else None


@node_law(
    r.Max, r.Min, r.AnyOf, r.All,
    samples=[Sample(lambda x: apply(r.Max((0,)), apply(r.Max((1,)), x)), ("2 3 n",))],
    kinds="iu",
)  # fmt: skip
def reduce_reduce(node: Node) -> Tensor | None:
    """max(max(x, a), b) = max(x, a and b); so min, any and all (not of floats: which zero comes out may differ)"""
    (inner,) = node.inputs
    if type(inner.op) is not type(node.op) or node.type.dtype.kind == "f":
        return None
    return _merged(node)


def _merged(node: Node) -> Tensor | None:
    """Two reductions by the same monoid as one."""
    (inner,) = node.inputs
    outer_op, inner_op = node.op, inner.op
    if not _is_reduction(outer_op) or not _is_reduction(inner_op) or inner.inputs[0].type.dtype != node.type.dtype:
        return None
    (x,) = inner.inputs
    kept = list(range(x.type.ndim)) if inner_op.keepdims else [k for k in range(x.type.ndim) if k not in inner_op.axis]
    axes = tuple(sorted({*inner_op.axis, *(kept[a] for a in outer_op.axis)}))
    keeps = outer_op.keepdims and inner_op.keepdims
    made = apply(type(outer_op)(axes, keeps), Tensor(x))
    return reshaped(made, node.type.shape)


@node_law(
    r.Sum,
    late=True,
    samples=[
        Sample(lambda x: sum(sum(x, axis=0), axis=1), ("m n k",)),
        Sample(lambda x: sum(sum(x, axis=1, keepdims=True), axis=0), ("m n",)),
        Sample(lambda x: sum(sum(x, axis=1, keepdims=True), axis=0, keepdims=True), ("m n",)),
    ],
    tier="rounded",
    ulp=1,
    per_term=True,
)
def sum_sum(node: Node) -> Tensor | None:
    """sum(sum(x, a), b) = sum(x, a and b)"""
    return _merged(node) if isinstance(node.inputs[0].op, r.Sum) else None


@node_law(
    r.Prod, r.Max, r.Min,
    samples=[
        Sample(lambda x: apply(r.Max((1,)), x), ("m 1",)),
        Sample(lambda x: apply(r.Min((0, 1), keepdims=True), x), ("1 1",)),
        Sample(lambda x: apply(r.Prod((1,)), x), ("m 1",)),
    ],
)  # fmt: skip
def reduce_one(node: Node) -> Tensor | None:
    """max(x, axis) = reshape(x), where the axis has size 1; so min and prod"""
    return _of_one(node)


@node_law(r.Sum, samples=[Sample(lambda x: apply(r.Sum((1,)), x), ("m 1",))], tier="stable")
def sum_one(node: Node) -> Tensor | None:
    """sum(x, axis) = reshape(x), where the axis has size 1 (NumPy's sum of -0.0 is 0.0)"""
    return _of_one(node)


def _of_one(node: Node) -> Tensor | None:
    (x,) = node.inputs
    if not _is_reduction(node.op) or x.type.dtype != node.type.dtype:
        return None
    if not all(dim_key(x.type.shape[a]) == 1 for a in node.op.axis):
        return None
    return reshaped(Tensor(x), node.type.shape)


@node_law(
    r.Sum,
    samples=[
        Sample(lambda x: sum(broadcast_to(x, (3, *x.shape)), axis=0), ("m n",)),
        Sample(lambda x: sum(broadcast_to(x, (*x.shape[:1], 5)), axis=1, keepdims=True), ("m 1",)),
        Sample(lambda x: sum(broadcast_to(x, (7, 3)), axis=(0, 1)), ("",)),
    ],
    tier="stable",
)
def sum_of_broadcast(node: Node) -> Tensor | None:
    """sum(broadcast(x), axis) = x * n, where x is repeated n > 0 times along the axis"""
    (repeated,) = node.inputs
    op = node.op
    if not isinstance(op, r.Sum) or not isinstance(repeated.op, sh.BroadcastTo) or node.type.dtype.kind != "f":
        return None
    (x,) = repeated.inputs
    front = repeated.type.ndim - x.type.ndim
    shape = (*(1 for _ in range(front)), *x.type.shape)
    count = 1
    for a in op.axis:
        size = repeated.type.shape[a]
        if dim_key(shape[a]) != 1 or not isinstance(size, int) or size == 0:
            return None
        count *= size
    if count > 2 ** (np.finfo(node.type.dtype).nmant + 1) or count > float(np.finfo(node.type.dtype).max):
        return None  # the number is not exact
    rest = r.reduced_shape(repeated.type.shape, op.axis, op.keepdims)
    inner = reshaped(Tensor(x), r.reduced_shape(shape, op.axis, op.keepdims))
    return broadcast_to(inner * float(count), rest)
