"""Values of operations by Python itself, element by element, or by another NumPy function than the spelling's."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from tensorgraph.ir.op import Op
from tensorgraph.ops import conv as cv
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import linalg as la
from tensorgraph.ops import meta, scan
from tensorgraph.ops import ordering as od
from tensorgraph.ops import pool as pl
from tensorgraph.ops import reduction as r
from tensorgraph.ops import segment as sg
from tensorgraph.ops import shape as sh

__all__ = ["REFERENCES"]

Reference = Callable[..., Any]  # of the operation and arrays


def each(function: Callable[..., Any]) -> Reference:
    """A function of Python numbers, element by element."""

    def apply(op: Op, *arrays: np.ndarray) -> np.ndarray:
        rows = np.broadcast_arrays(*arrays)
        made = [function(*(a[i].item() for a in rows)) for i in np.ndindex(rows[0].shape)]
        return np.array(made).reshape(rows[0].shape)

    return apply


def along(function: Callable[[list[Any]], Any]) -> Reference:
    """A function of the list of elements that a reduction joins."""

    def apply(op: Any, x: np.ndarray) -> np.ndarray:
        axes = op.axis if isinstance(op.axis, tuple) else (op.axis,)
        kept = [i for i in range(x.ndim) if i not in axes]
        shape = [x.shape[i] for i in kept]
        made = np.empty(shape, object)
        for index in np.ndindex(*shape):
            where: list[Any] = [slice(None)] * x.ndim
            for axis, i in zip(kept, index, strict=True):
                where[axis] = i
            made[index] = function(np.atleast_1d(x[tuple(where)]).ravel().tolist())
        values = np.array(made.tolist()).reshape(shape)
        return np.expand_dims(values, axes) if op.keepdims else values

    return apply


def running(join: Callable[[Any, Any], Any]) -> Reference:
    """Joined with all elements before."""

    def apply(op: Any, x: np.ndarray) -> np.ndarray:
        out = np.array(x)
        rows = np.moveaxis(out, op.axis, 0)
        for i in range(1, rows.shape[0]):
            rows[i] = join(rows[i - 1], rows[i])
        return out

    return apply


def segments(join: Callable[[Any, Any], Any], empty: Callable[[np.dtype[Any]], Any]) -> Reference:
    """Rows of the same number joined, one after the other; numbers outside are left out."""

    def apply(op: Any, x: np.ndarray, ids: np.ndarray) -> np.ndarray:
        out = np.full((op.count, *x.shape[1:]), empty(x.dtype), x.dtype)
        for row, i in zip(x, ids.tolist(), strict=True):
            if 0 <= i < op.count:
                out[i] = join(out[i], row)
        return out

    return apply


def _extreme(kind: np.dtype[Any], sign: int) -> Any:
    if kind.kind == "f":
        return sign * np.inf
    return np.iinfo(kind).max if sign > 0 else np.iinfo(kind).min


def _pad(op: Any, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, op.widths, strict=True)], v, np.result_type(x, v))
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, op.widths, strict=True))] = x
    return out


def _index(op: Any, at: tuple[np.ndarray, ...], first: int) -> Any:
    return tuple(at[item.position - first] if hasattr(item, "position") else item for item in op.index)


def _set(op: Any, x: np.ndarray, v: np.ndarray, *at: np.ndarray) -> np.ndarray:
    out = x.astype(np.result_type(x, v))
    out[_index(op, at, 2)] = v
    return out


def _add(op: Any, x: np.ndarray, v: np.ndarray, *at: np.ndarray) -> np.ndarray:
    out = x.astype(np.result_type(x, v))
    places = np.arange(x.size).reshape(x.shape)[_index(op, at, 2)]
    for place, value in zip(np.ravel(places), np.ravel(np.broadcast_to(v, places.shape)), strict=True):
        out[np.unravel_index(place, out.shape)] += value
    return out


def _vecdot(op: Op, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    products = np.conj(a) * b
    return products.any(-1) if products.dtype.kind == "b" else products.sum(-1, dtype=np.result_type(a, b))


def _matmul(op: Op, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left, right = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    out = (left[..., :, :, None] * right[..., None, :, :]).sum(-2)
    out = out[..., 0, :] if a.ndim == 1 else out
    return np.asarray(out[..., 0] if b.ndim == 1 else out)


def _reshaped(op: Any, x: np.ndarray) -> np.ndarray:
    return np.array([x[i] for i in np.ndindex(x.shape)], x.dtype).reshape(op.shape)


def _joined(op: Any, *xs: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.array([row for x in xs for row in np.moveaxis(x, op.axis, 0)]), 0, op.axis)


def _transposed(op: Any, x: np.ndarray) -> np.ndarray:
    out = np.empty([x.shape[i] for i in op.order], x.dtype)
    for index in np.ndindex(x.shape):
        out[tuple(index[i] for i in op.order)] = x[index]
    return out


def _found(op: Any, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
    less = operator.lt if op.side == "left" else operator.le
    return np.array([sum(less(a, b) for a in rows) for b in x.ravel()]).reshape(x.shape)


def _sort(op: Any, x: np.ndarray) -> np.ndarray:
    return np.apply_along_axis(lambda row: np.array(sorted(row.tolist()), x.dtype), op.axis, x) if x.size else x


def _argsort(op: Any, x: np.ndarray) -> np.ndarray:
    if not x.size:
        return np.zeros(x.shape, np.int64)
    return np.apply_along_axis(lambda row: np.array(sorted(range(len(row)), key=row.__getitem__)), op.axis, x)


# ---- windows, by loops over their places


def _bounds(n: int, count: int) -> list[range]:
    return [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _places(spatial: tuple[int, ...], output: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], list[Any]]]:
    """Each window of adaptive pooling, and its places."""
    bounds = [_bounds(n, m) for n, m in zip(spatial, output, strict=True)]
    for at in np.ndindex(*output):
        yield at, list(product(*(b[i] for b, i in zip(bounds, at, strict=True))))


def _spread(op: Any, g: np.ndarray) -> np.ndarray:
    out = np.zeros((*g.shape[:2], *op.size), g.dtype)
    for at, places in _places(op.size, g.shape[2:]):
        for place in places:
            out[:, :, *place] += g[:, :, *at] / len(places)
    return out


def _chosen(x: np.ndarray, output: tuple[int, ...]) -> Iterator[tuple[Any, Any]]:
    """Each window, and the place of its first maximum."""
    for n, c in np.ndindex(*x.shape[:2]):
        for at, places in _places(x.shape[2:], output):
            best = max(places, key=lambda place: x[n, c, *place])
            yield (n, c, *at), (n, c, *best)


def _sent(op: Any, g: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.zeros(x.shape, g.dtype)
    for at, best in _chosen(x, g.shape[2:]):
        out[best] += g[at]
    return out


def _picked(op: Any, t: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.zeros((*x.shape[:2], *op.size), t.dtype)
    for at, best in _chosen(x, op.size):
        out[at] = t[best]
    return out


def _columns(op: Any, spatial: tuple[int, ...]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Taps and windows by number, and the place that they meet at, inside the image."""
    sizes = [
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(spatial, op.kernel, op.stride, op.padding, op.dilation, strict=True)
    ]
    for tap_number, tap in enumerate(np.ndindex(*op.kernel)):
        for number, window in enumerate(np.ndindex(*sizes)):
            steps = zip(window, op.stride, tap, op.dilation, op.padding, strict=True)
            place = tuple(w * s + t * d - low for w, s, t, d, (low, _) in steps)
            if all(0 <= i < n for i, n in zip(place, spatial, strict=True)):
                yield tap_number, number, place


def _unfold(op: Any, x: np.ndarray) -> np.ndarray:
    spatial, taps = x.shape[2:], math.prod(op.kernel)
    count = math.prod(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(spatial, op.kernel, op.stride, op.padding, op.dilation, strict=True)
    )
    out = np.zeros((x.shape[0], x.shape[1], taps, count), x.dtype)
    for tap, number, place in _columns(op, spatial):
        out[:, :, tap, number] = x[:, :, *place]
    return out.reshape(x.shape[0], -1, count)


def _fold(op: Any, y: np.ndarray) -> np.ndarray:
    columns = y.reshape(y.shape[0], -1, math.prod(op.kernel), y.shape[2])
    out = np.zeros((y.shape[0], columns.shape[1], *op.size), y.dtype)
    for tap, number, place in _columns(op, op.size):
        out[:, :, *place] += columns[:, :, tap, number]
    return out


def _one(op: Any, x: np.ndarray, *_: Any) -> np.ndarray:
    return x


REFERENCES: Mapping[type[Op], Reference] = {
    e.Equal: each(operator.eq), e.NotEqual: each(operator.ne), e.Less: each(operator.lt),
    e.LessEqual: each(operator.le),
    e.Greater: each(operator.gt), e.GreaterEqual: each(operator.ge),
    e.LogicalAnd: each(lambda a, b: bool(a) and bool(b)), e.LogicalOr: each(lambda a, b: bool(a) or bool(b)),
    e.LogicalXor: each(lambda a, b: bool(a) != bool(b)), e.LogicalNot: each(lambda a: not a),
    e.IsNan: each(lambda x: x != x),  # noqa: PLR0124
    e.IsInf: each(lambda x: x == x and abs(x) == math.inf),  # noqa: PLR0124
    e.IsFinite: each(lambda x: x == x and abs(x) != math.inf),  # noqa: PLR0124
    e.Signbit: each(lambda x: math.copysign(1, x) < 0),
    e.BitwiseAnd: each(operator.and_), e.BitwiseOr: each(operator.or_), e.BitwiseXor: each(operator.xor),
    e.BitwiseInvert: each(lambda x: not x if isinstance(x, bool) else ~x), e.BitwiseLeftShift: each(operator.lshift),
    e.BitwiseRightShift: each(operator.rshift),
    e.Conj: each(lambda x: complex(x).conjugate()), e.Real: each(lambda x: x.real), e.Imag: each(lambda x: x.imag),
    r.Sum: along(lambda xs: reduce(operator.add, xs, 0)), r.Prod: along(lambda xs: reduce(operator.mul, xs, 1)),
    r.Max: along(max), r.Min: along(min), r.AnyOf: along(any), r.All: along(all),
    r.LogSumExp: along(lambda xs: math.log(math.fsum(map(math.exp, xs)))),
    r.ArgMax: along(lambda xs: xs.index(max(xs))), r.ArgMin: along(lambda xs: xs.index(min(xs))),
    la.Matmul: _matmul, la.Vecdot: _vecdot,
    sh.Reshape: _reshaped, sh.PermuteDims: _transposed,
    sh.BroadcastTo: lambda op, x: np.zeros(op.shape, x.dtype) + x,
    sh.ExpandDims: lambda op, x: x[tuple(None if i in op.axis else slice(None) for i in range(x.ndim + len(op.axis)))],
    sh.Squeeze: lambda op, x: x[tuple(0 if i in op.axis else slice(None) for i in range(x.ndim))],
    sh.Concat: _joined,
    sh.Pad: _pad, sh.Arange: lambda op: np.array([op.start + i * op.step for i in range(op.count)]),
    ix.Slice: lambda op, x: x[op.index], ix.Gather: lambda op, x, *at: x[_index(op, at, 1)], ix.IndexSet: _set,
    ix.IndexAdd: _add,
    scan.CumulativeSum: running(operator.add), scan.CumulativeProd: running(operator.mul),
    od.Sort: _sort, od.ArgSort: _argsort, od.SearchSorted: _found,
    sg.SegmentSum: segments(operator.add, lambda kind: 0), sg.SegmentProd: segments(operator.mul, lambda kind: 1),
    sg.SegmentMax: segments(np.maximum, lambda kind: _extreme(kind, -1)),
    sg.SegmentMin: segments(np.minimum, lambda kind: _extreme(kind, 1)),
    pl.AdaptiveAvgPoolGrad: _spread, pl.AdaptiveMaxPoolGrad: _sent, pl.AdaptiveMaxPoolSelect: _picked,
    cv.Unfold: _unfold, cv.Fold: _fold,
    meta.StopGradient: _one, meta.Barrier: _one,
}  # fmt: skip
