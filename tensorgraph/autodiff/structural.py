"""The longer formulas that `tensorgraph.autodiff.rules` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tensorgraph.array.functions import (
    abs,
    arange,
    astype,
    broadcast_to,
    concat,
    conj,
    exp,
    expand_dims,
    full,
    isinf,
    log,
    permute_dims,
    pow,
    prod,
    real,
    reshape,
    sum,
    where,
    zeros_like,
)
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.dims import DimLike, product
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.op import Operand
from tensorgraph.ops import indexing as ix

# ---- elementwise


def power_by_base(a: Tensor, b: Tensor) -> Tensor:
    """``b * a**(b - 1)``, and 0 where b is 0: there 0 * inf would say NaN."""
    known = b.node.op.value if isinstance(b.node.op, Constant) else None
    if known is not None and known.ndim == 0:
        exponent = known.item()
        if exponent == 0:
            return zeros_like(a)
        return a * 2 if exponent == 2 else b if exponent == 1 else b * pow(a, exponent - 1)
    zero = b == 0
    return where(zero, 0, b * pow(a, where(zero, 1, b - 1)))


def power_by_exponent(y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``a**b * log(a)``, and 0 where a is 0 and b is not negative: there 0 * -inf would say NaN."""
    if a.dtype.kind == "c" or b.dtype.kind == "c":
        return y * log(where(a == 0, 1, a))
    flat = (a == 0) & (b >= 0)
    return where(flat, 0, y * log(where(flat, 1, a)))


def sign_adjoint(y: Tensor, g: Tensor, x: Tensor) -> Tensor:
    """0 for real numbers; for complex ones the part of g across the direction of x, over abs(x)."""
    if x.dtype.kind != "c":
        return zeros_like(x)
    zero = x == 0
    return where(zero, 0, (g - real(g * conj(y)) * y) / where(zero, 1, abs(x)))


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """``a / b``, and 0 where b is 0."""
    zero = b == 0
    return where(zero, 0, a / where(zero, 1, b))


def over_square(a: Tensor, b: Tensor) -> Tensor:
    """``a / b**2``, where the square may overflow or underflow; 0 where b is 0."""
    return ratio(ratio(a, b), b)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """``a - b``, and 0 for equal infinities."""
    tie = isinf(a) & (a == b)
    return where(tie, 0, a - where(tie, 0, b))


def winner(g: Tensor, wins: Tensor, tie: Tensor) -> Tensor:
    """All of the cotangent where this operand wins, half of it at a tie."""
    return where(wins, g, where(tie, g * 0.5, 0))


# ---- reductions


def restored(n: Any, y: Tensor) -> Tensor:
    """A result or cotangent of a reduction with the reduced axes put back with size 1."""
    return y if n.op.keepdims or not n.op.axis else expand_dims(y, n.op.axis)


def spread(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """The cotangent of a reduction, repeated along the reduced axes."""
    return broadcast_to(restored(n, g), x.shape)


def extreme_adjoint(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """Elements equal to the extreme share the cotangent equally."""
    chosen = x == restored(n, n.y)
    count = sum(astype(chosen, g.dtype), n.op.axis, keepdims=True)
    return where(chosen, restored(n, g) / count, 0)


def softmax_weights(n: Any, x: Tensor) -> Tensor:
    """``exp(x - logsumexp(x))``; infinite elements that equal the result share the weight equally."""
    y = restored(n, n.y)
    tie = isinf(x) & (x == y)
    count = sum(astype(tie, x.dtype), n.op.axis, keepdims=True)
    return where(tie, 1 / where(count == 0, 1, count), exp(where(tie, 0, x) - where(tie, 0, y)))


def prod_adjoint(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """The product of the other elements, exact where some are zero, to every order.

    Along a known axis by a tree of products, whose adjoint multiplies and never divides; along a symbolic
    one by a square table without its diagonal.
    """
    axes = n.op.axis
    kept = [i for i in range(x.ndim) if i not in axes]
    order = [*kept, *axes]
    count = product([x.shape[i] for i in axes])
    rows = reshape(permute_dims(x, order), (*[x.shape[i] for i in kept], count))
    others = _others_by_halves(rows) if isinstance(count, int) else _others_by_table(rows, count)
    back = permute_dims(reshape(others, [x.shape[i] for i in order]), inverse(order))
    return spread(n, g, x) * conj(back)


def _others_by_halves(x: Tensor) -> Tensor:
    """For each element of the last axis the product of the others, in log2(n) levels."""
    size = x.shape[-1]
    assert isinstance(size, int)
    levels = [x]
    while size > 1:  # up: products of pairs
        level = levels[-1]
        paired = level[..., 0 : size - 1 : 2] * level[..., 1:size:2]
        levels.append(_joined(paired, level[..., size - 1 :]) if size % 2 else paired)
        size = (size + 1) // 2
    others = full(levels[-1].shape, 1, dtype=x.dtype)
    for level in reversed(levels[:-1]):  # down: what is outside a pair, times the other of the pair
        size = level.shape[-1]
        pairs = size // 2
        outside = others[..., :pairs]
        left, right = outside * level[..., 1 : 2 * pairs : 2], outside * level[..., 0 : 2 * pairs : 2]
        both = reshape(_stacked(left, right), (*level.shape[:-1], 2 * pairs))
        others = _joined(both, others[..., pairs:]) if size % 2 else both
    return others


def _others_by_table(x: Tensor, count: DimLike) -> Tensor:
    positions = arange(count)
    diagonal = expand_dims(positions, 1) == positions
    return prod(where(diagonal, 1, expand_dims(x, -2)), axis=-1)


def _joined(a: Tensor, b: Tensor) -> Tensor:
    return concat([a, b], axis=-1)


def _stacked(a: Tensor, b: Tensor) -> Tensor:
    return concat([expand_dims(a, -1), expand_dims(b, -1)], axis=-1)


# ---- moving and indexing


def inverse(order: Sequence[int]) -> list[int]:
    """The permutation that undoes another."""
    return [list(order).index(i) for i in range(len(order))]


def concat_part(n: Any, g: Tensor, i: int, *parts: Tensor) -> Tensor:
    """The slice of the cotangent that belongs to part i."""
    start = _total(part.shape[n.op.axis] for part in parts[:i])
    stop = start + parts[i].shape[n.op.axis]
    return g[(*(slice(None),) * n.op.axis, slice(start, stop))]


def _total(sizes: Any) -> DimLike:
    total: DimLike = 0
    for size in sizes:
        total = total + size
    return total


def crop(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """The cotangent without the padding."""
    return g[tuple(slice(low, low + size) for (low, _), size in zip(n.op.widths, x.shape, strict=True))]


def scatter(n: Any, g: Tensor, x: Tensor, at: Sequence[Tensor]) -> Tensor:
    """The cotangent of ``x[index]``: added into zeros, once for each time a place was read."""
    return apply(ix.IndexAdd(_shifted(n.op.index, 1)), zeros_like(x, dtype=g.dtype), g, *at)


def gathered(n: Any, g: Tensor, at: Sequence[Tensor]) -> Tensor:
    """The cotangent at the places that were written."""
    return apply(ix.Gather(_shifted(n.op.index, -1)), g, *at) if at else apply(ix.Slice(n.op.index), g)


def erased(n: Any, g: Tensor, v: Tensor, at: Sequence[Tensor]) -> Tensor:
    """The cotangent, 0 where values were written."""
    return apply(n.op, g, asarray(np.zeros((), g.dtype)), *at)


def written(n: Any, g: Tensor, v: Tensor, at: Sequence[Tensor]) -> Tensor:
    """The cotangent of the values written; of values written to the same place, only the last counts."""
    read = gathered(n, g, at)
    if not at:
        return read
    numbers = reshape(arange(read.size), read.shape)
    last = apply(n.op, full(g.shape, -1), numbers, *at)
    return where(gathered(n, last, at) == numbers, read, 0)


def barrier_part(n: Any, g: Any, i: int) -> Tensor | None:
    """The cotangent of value i passes; what the values waited for has none."""
    if i >= n.op.results:
        return None
    return g if n.op.results == 1 else g[i]  # type: ignore[no-any-return]


def _shifted(index: ix.Index, by: int) -> ix.Index:
    return tuple(replace(item, position=item.position + by) if isinstance(item, Operand) else item for item in index)
