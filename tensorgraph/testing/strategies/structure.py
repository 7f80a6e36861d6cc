"""How a random graph goes on: movement, indexing, orders, segments, windows and random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array import random
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.autodiff.transforms import gradients
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import conv as cv
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import meta, scan
from tensorgraph.ops import ordering as od
from tensorgraph.ops import pool as pl
from tensorgraph.ops import random as rn
from tensorgraph.ops import segment as sg
from tensorgraph.ops import shape as sh
from tensorgraph.testing.strategies.choice import Choice, Recipe, integers, literal_size
from tensorgraph.testing.strategies.recipes import has_axes, kind_is, zero
from tensorgraph.testing.strategies.shapes import indices

__all__ = ["movement_recipes", "order_recipes", "random_recipes", "window_recipes"]

Function = Callable[..., Any]


# ---- movement and indexing


def movement_recipes() -> list[Recipe]:
    """Shapes changed, elements read and written."""
    some, matrix, one = kind_is("biufc"), has_axes(2), has_axes(1)
    return [
        Recipe("flatten", (sh.Reshape,), _nonzero(2), lambda c, x: f.reshape(x, (-1,))),
        Recipe("merge", (sh.Reshape,), matrix, lambda c, x: f.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))),
        Recipe("permute_dims", (sh.PermuteDims,), matrix, _permuted),
        Recipe("expand_dims", (sh.ExpandDims,), some, lambda c, x: f.expand_dims(x, c.integer(0, x.ndim))),
        Recipe("squeeze", (sh.Squeeze,), _has_one, _squeezed),
        Recipe("broadcast_to", (sh.BroadcastTo,), some, lambda c, x: f.broadcast_to(x, (c.pick([2, 1, 3]), *x.shape))),
        Recipe("concat", (sh.Concat,), one, _concat),
        Recipe("stack", (sh.Concat, sh.ExpandDims), some, lambda c, x: f.stack([x, _alike(c, x)], axis=0)),
        Recipe("pad", (sh.Pad,), has_axes(1, "fi"), _padded),
        Recipe("slice", (ix.Slice,), one, lambda c, x: x[_index(c, x, advanced=False)]),
        Recipe("gather", (ix.Gather,), _literal, lambda c, x: x[_index(c, x, advanced=True)]),
        Recipe("take", (ix.Gather,), _nonzero_first, _take),
        Recipe("set", (ix.IndexSet,), has_axes(1, "fi"),
               lambda c, x: x.at[_index(c, x, advanced=False)].set(c.integer(0, 2))),
        Recipe("set_rows", (ix.IndexSet,), _nonzero_first, _set_rows),
        Recipe("add_at", (ix.IndexAdd,), has_axes(1, "fi"), lambda c, x: x.at[_index(c, x, advanced=False)].add(1)),
        Recipe("add_rows", (ix.IndexAdd,), _nonzero_first, _add_rows),
        Recipe("roll", (sh.Concat, ix.Slice), one,
               lambda c, x: f.roll(x, c.integer(0, 2), axis=c.integer(0, x.ndim - 1))),
        Recipe("barrier", (meta.Barrier,), some,
               lambda c, x: apply(meta.Barrier(1), x, c.pick(c.tensors)), smooth=False),
        Recipe("arange", (sh.Arange,), kind_is("fi"), lambda c, x: x[..., None] + f.arange(3, dtype=x.dtype)),
    ]  # fmt: skip


def _has_one(kind: TensorType) -> bool:
    return any(isinstance(n, int) and n == 1 for n in kind.shape)


def _literal(kind: TensorType) -> bool:
    return kind.ndim > 0 and not kind.symbolic


def _nonzero(least: int) -> Callable[[TensorType], bool]:
    return lambda kind: kind.ndim >= least and not zero(kind)


def _nonzero_first(kind: TensorType) -> bool:
    return kind.ndim > 0 and isinstance(kind.shape[0], int) and kind.shape[0] > 0 and kind.dtype.kind in "fi"


def _squeezed(c: Choice, x: Tensor) -> Tensor:
    return f.squeeze(x, next(i for i, n in enumerate(x.shape) if isinstance(n, int) and n == 1))


def _permuted(c: Choice, x: Tensor) -> Tensor:
    order = list(range(x.ndim))
    for i in range(x.ndim - 1):
        j = x.ndim - 1 - c.integer(0, x.ndim - 1 - i)
        order[i], order[j] = order[j], order[i]
    return f.permute_dims(x, tuple(order))


def _alike(c: Choice, x: Tensor) -> Tensor:
    return c.partner(x, lambda y: y.node.type == x.node.type)


def _concat(c: Choice, x: Tensor) -> Tensor:
    axis = c.integer(0, x.ndim - 1)
    return f.concat([x, _alike(c, x), x][: c.integer(2, 3)], axis=axis)


def _padded(c: Choice, x: Tensor) -> Tensor:
    return f.pad(x, tuple((c.integer(0, 1), c.integer(0, 2)) for _ in range(x.ndim)), constant_values=c.pick([0, 3]))


def _index(c: Choice, x: Tensor, *, advanced: bool) -> tuple[Any, ...]:
    """An index of the leading axes whose sizes are known; one of the others that holds for every size."""
    known = next((i for i, n in enumerate(x.shape) if not isinstance(n, int)), x.ndim)
    if known == 0:
        return (c.pick([slice(None, None, -1), slice(1, None), slice(None, 1), slice(None, None, 2)]),)
    sizes = tuple(int(n) for n in x.shape[:known])
    found = c.draw(indices(sizes, advanced=advanced))
    return found if known == x.ndim else tuple(item for item in found if item is not Ellipsis)


def _rows(c: Choice, x: Tensor, count: int) -> Tensor:
    """Row numbers of `x`: drawn ones, or ones that follow from an integer tensor."""
    n = int(x.shape[0])
    made = [i for i in c.tensors if i.ndim == 1 and i.dtype == np.int64 and not count]
    if made and c.coin():
        return integers(c.pick(made), n)
    return asarray(np.array([c.integer(0, n - 1) for _ in range(count or 3)], np.int64))


def _take(c: Choice, x: Tensor) -> Tensor:
    return f.take(x, _rows(c, x, 0), axis=0)


def _set_rows(c: Choice, x: Tensor) -> Tensor:
    return x.at[_rows(c, x, 2)].set(x[:1])


def _add_rows(c: Choice, x: Tensor) -> Tensor:
    return x.at[_rows(c, x, 3)].add(x[:1])


# ---- orders, running sums, segments


def order_recipes() -> list[Recipe]:
    """Sorting, cumulative operations, and reductions by row number."""
    segments: Sequence[tuple[Any, Function, str]] = [
        (sg.SegmentSum, f.segment_sum, "fic"), (sg.SegmentProd, f.segment_prod, "fic"),
        (sg.SegmentMax, f.segment_max, "fi"), (sg.SegmentMin, f.segment_min, "fi"),
    ]  # fmt: skip
    return [
        _along(scan.CumulativeSum, f.cumulative_sum, "fic"),
        _along(scan.CumulativeProd, f.cumulative_prod, "fic"),
        _along(od.Sort, f.sort, "fi", smooth=False),
        _along(od.ArgSort, f.argsort, "fi", smooth=False),
        Recipe("search_sorted", (od.SearchSorted, od.Sort), _vector, _searched, smooth=False),
        *[
            Recipe(op.name, (op,), _rows_of(kinds), _segmented(function), smooth=op is sg.SegmentSum)
            for op, function, kinds in segments
        ],
    ]


def _along(op: Any, function: Function, kinds: str, *, smooth: bool = True) -> Recipe:
    def make(c: Choice, x: Tensor) -> Tensor:
        made: Tensor = function(x, axis=c.integer(0, x.ndim - 1))
        return made

    return Recipe(op.name, (op,), has_axes(1, kinds), make, smooth=smooth)


def _vector(kind: TensorType) -> bool:
    return kind.ndim == 1 and kind.dtype.kind in "fi"


def _searched(c: Choice, x: Tensor) -> Tensor:
    y = c.partner(x, lambda y: y.dtype == x.dtype)
    return f.searchsorted(f.sort(x), y, side=c.pick(["left", "right"]))


def _rows_of(kinds: str) -> Callable[[TensorType], bool]:
    return lambda kind: kind.ndim > 0 and isinstance(kind.shape[0], int) and kind.dtype.kind in kinds


def _segmented(function: Function) -> Callable[[Choice, Tensor], Tensor]:
    def make(c: Choice, x: Tensor) -> Tensor:
        ids = np.array([c.integer(0, 2) for _ in range(int(x.shape[0]))], np.int64)
        made: Tensor = function(x, asarray(ids), 3)
        return made

    return make


# ---- windows


def window_recipes() -> list[Recipe]:
    """Convolution and pooling of the last axes, and their derivatives."""
    fits, smooth = _windowed("f"), _windowed("fc")
    pools = (pl.MaxPool, pl.MaxPoolGrad)
    return [
        Recipe("conv", (cv.Conv,), smooth, _conv),
        Recipe("conv_grad", (cv.Conv, cv.ConvInputGrad, cv.ConvWeightGrad), fits, _conv_gradient),
        Recipe("conv_transpose", (cv.ConvInputGrad,), smooth, _conv_transpose),
        Recipe("unfold", (cv.Unfold,), smooth, lambda c, x: f.unfold(_lines(x), 1, stride=c.integer(1, 2), padding=1)),
        Recipe("fold", (cv.Fold, cv.Unfold), fits, _folded),
        Recipe("max_pool", (pl.MaxPool,), fits, _max_pool, smooth=False),
        Recipe("max_pool_grad", pools, fits, lambda c, x: _squared_gradient(x, _max_pool(c, x)), smooth=False),
        Recipe("max_pool_hvp", (*pools, pl.MaxPoolSelect), fits, _max_pool_second, smooth=False),
        Recipe("avg_pool", (pl.AvgPool,), smooth, _avg_pool),
        Recipe("avg_pool_grad", (pl.AvgPoolGrad,), fits, lambda c, x: _squared_gradient(x, _avg_pool(c, x))),
        Recipe("adaptive_avg_pool", (pl.AdaptiveAvgPool,), smooth, lambda c, x: f.adaptive_avg_pool(_lines(x), 2)),
        Recipe("adaptive_avg_grad", (pl.AdaptiveAvgPoolGrad,), fits,
               lambda c, x: _squared_gradient(x, f.adaptive_avg_pool(_lines(x), 2))),
        Recipe("adaptive_max_pool", (pl.AdaptiveMaxPool,), fits,
               lambda c, x: f.adaptive_max_pool(_lines(x), 2), smooth=False),
        Recipe("adaptive_max_grad", (pl.AdaptiveMaxPoolGrad,), fits,
               lambda c, x: _squared_gradient(x, f.adaptive_max_pool(_lines(x), 2)), smooth=False),
    ]  # fmt: skip


def _windowed(kinds: str) -> Callable[[TensorType], bool]:
    def fits(kind: TensorType) -> bool:
        if not kind.ndim or kind.dtype.kind not in kinds or kind.dtype.itemsize < 4:
            return False
        return isinstance(kind.shape[-1], int) and kind.shape[-1] > 0 and not zero(kind)

    return fits


def _lines(x: Tensor) -> Tensor:
    """As ``[n, 1, length]``."""
    return f.reshape(x, (-1, 1, x.shape[-1]))


def _weights(c: Choice, length: int, dtype: Any) -> Tensor:
    values = [c.integer(0, 3) * 0.5 - 0.75 for _ in range(2 * length)]
    return asarray(np.array(values, dtype).reshape(2, 1, length))


def _conv(c: Choice, x: Tensor) -> Tensor:
    kernel = c.integer(1, min(3, int(x.shape[-1])))
    w = _weights(c, kernel, x.dtype)
    return f.conv(_lines(x), w, stride=c.integer(1, 2), padding=c.integer(0, 1), dilation=1)


def _conv_transpose(c: Choice, x: Tensor) -> Tensor:
    w = f.reshape(_weights(c, 2, x.dtype), (1, 2, 2))
    return f.conv_transpose(_lines(x), w, stride=c.integer(1, 2))


def _conv_gradient(c: Choice, x: Tensor) -> list[Tensor]:
    w = _weights(c, min(2, int(x.shape[-1])), x.dtype)
    y = f.conv(_lines(x), w, stride=c.integer(1, 2), padding=c.integer(0, 1))
    found: list[Tensor] = gradients(f.sum(y * y), [x, w])
    return found


def _squared_gradient(x: Tensor, y: Tensor) -> Tensor:
    found: Tensor = gradients(f.sum(y * y), x)
    return found


def _max_pool(c: Choice, x: Tensor) -> Tensor:
    kernel = c.integer(1, min(3, int(x.shape[-1])))
    return f.max_pool(_lines(x), kernel, stride=c.integer(1, 2), padding=c.integer(0, kernel // 2), ceil_mode=c.coin())


def _avg_pool(c: Choice, x: Tensor) -> Tensor:
    kernel = c.integer(1, min(3, int(x.shape[-1])))
    options: dict[str, Any] = {"ceil_mode": c.coin(), "count_include_pad": c.coin()}
    return f.avg_pool(_lines(x), kernel, stride=c.integer(1, 2), padding=c.integer(0, kernel // 2), **options)


def _max_pool_second(c: Choice, x: Tensor) -> Tensor:
    """A derivative of the derivative: it picks the maxima of another tensor."""
    first = _squared_gradient(x, _max_pool(c, x) ** 2)
    return _squared_gradient(x, first)


def _folded(c: Choice, x: Tensor) -> Tensor:
    columns = f.unfold(_lines(x), min(2, int(x.shape[-1])))
    return f.fold(columns, int(x.shape[-1]), min(2, int(x.shape[-1])))


# ---- random numbers

KEY = np.array([1, 2], np.uint32)


def random_recipes() -> list[Recipe]:
    """Random numbers, of a key that is part of the graph."""
    draws: Sequence[tuple[Any, Function]] = [
        (rn.RandomBits, lambda k: random.bits(k, (2, 3))),
        (rn.RandomUniform, lambda k: random.uniform(k, (2, 3), "float32", -1, 1)),
        (rn.RandomNormal, lambda k: random.normal(k, (3,))),
        (rn.RandomExponential, lambda k: random.exponential(k, (2,))),
        (rn.RandomGumbel, lambda k: random.gumbel(k, (3,), "float32")),
        (rn.RandomTruncatedNormal, lambda k: random.truncated_normal(k, -1, 2, (3,))),
        (rn.RandomInt, lambda k: random.randint(k, (3,), 1, 7, "int64")),
        (rn.RandomBernoulli, lambda k: random.bernoulli(k, 0.25, (2, 2))),
        (rn.RandomPermutation, lambda k: random.permutation(k, 4)),
        (rn.RandomSplit, lambda k: random.split(k, 2)),
        (rn.RandomFoldIn, lambda k: random.fold_in(k, 12)),
    ]
    return [Recipe(op.name, (op,), lambda kind: True, _drawn(function), smooth=False) for op, function in draws]


def _drawn(function: Function) -> Callable[[Choice, Tensor], Tensor]:
    """From a key that depends on an input, so that folding leaves it."""

    def make(c: Choice, x: Tensor) -> Tensor:
        if literal_size(x.shape) and x.dtype.kind == "i" and c.coin():
            made: Tensor = function(random.fold_in(KEY, f.sum(integers(x, 7))))
            return made
        plain: Tensor = function(asarray(KEY))
        return plain

    return make
