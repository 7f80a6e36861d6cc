"""Formulas of derivative rules for cumulative products, sorting and segments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.functions import (
    arange,
    argsort,
    astype,
    broadcast_to,
    concat,
    conj,
    cumulative_prod,
    expand_dims,
    flip,
    full,
    moveaxis,
    prod,
    reshape,
    segment_sum,
    sum,
    take,
    take_along_axis,
    where,
)
from tensorgraph.array.tensor import Tensor, apply

__all__ = [
    "cumulative_prod_adjoint", "cumulative_sum_adjoint", "segment_extreme_adjoint", "segment_prod_adjoint",
    "segment_sum_adjoint", "unsorted",
]  # fmt: skip


# ---- along an axis


def cumulative_sum_adjoint(n: Any, g: Tensor) -> Tensor:
    """The sum from each element on."""
    from_end = flip(g, n.op.axis)
    return flip(apply(n.op, from_end), n.op.axis)


def cumulative_prod_adjoint(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """The sum over later results of cotangents times the other factors, exact where factors are zero.

    With the product p of the elements before i, it is p times s, where s[i] = g[i] + x[i + 1] s[i + 1]. Along a known
    axis that recurrence takes log2(n) steps; along a symbolic one the products are an n by n table.
    """
    axis = n.op.axis
    x, g = moveaxis(conj(x), axis, -1), moveaxis(g, axis, -1)
    size = x.shape[-1]
    if isinstance(size, int):
        tails = _recurrence(g, x, size)
        before = _shifted(cumulative_prod(x, axis=-1), 1)
        return moveaxis(before * tails, -1, axis)
    places = arange(size)
    diagonal = expand_dims(places, 1) == places
    others = cumulative_prod(where(diagonal, 1, expand_dims(x, -2)), axis=-1)
    later = expand_dims(places, 1) <= places
    return moveaxis(sum(where(later, expand_dims(g, -2) * others, 0), -1), -1, axis)


def _recurrence(g: Tensor, x: Tensor, size: int) -> Tensor:
    """``s[i] = g[i] + x[i + 1] s[i + 1]``: windows that double, each its sum and the product that leads beyond it."""
    tails, step = g, 1
    leads = x[..., 1:]  # leads[i]: the product of x[i + 1 .. i + step]
    while step < size:
        tails = concat([tails[..., : size - step] + leads * tails[..., step:], tails[..., size - step :]], axis=-1)
        rest = size - 2 * step
        if rest > 0:
            leads = leads[..., :rest] * leads[..., step : step + rest]
        step *= 2
    return tails


def _shifted(y: Tensor, first: int) -> Tensor:
    """Moved one place to the right along the last axis, with `first` coming in."""
    start = full((*y.shape[:-1], 1), first, dtype=y.dtype)
    return concat([start, y[..., :-1]], axis=-1) if y.shape[-1] != 0 else y


def unsorted(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """The cotangent of sorted elements, each put back where its element was."""
    ranks = argsort(argsort(x, axis=n.op.axis), axis=n.op.axis)
    return take_along_axis(g, ranks, axis=n.op.axis)


# ---- segments


def _inside(n: Any, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows count, as a mask with the axes of `x`; and their numbers, 0 for the others."""
    kept = (ids >= 0) & (ids < dim_scalar(n.op.count, np.dtype("int64")))
    return reshape(kept, (ids.shape[0], *[1] * (x.ndim - 1))), where(kept, ids, 0)


def _spread(n: Any, g: Tensor, x: Tensor, ids: Tensor) -> Tensor:
    """What each row's segment has."""
    if isinstance(n.op.count, int) and n.op.count == 0:
        return broadcast_to(full((), 0, dtype=g.dtype), x.shape)
    kept, safe = _inside(n, x, ids)
    return where(kept, take(g, safe, axis=0), 0)


def segment_sum_adjoint(n: Any, g: Tensor, x: Tensor, ids: Tensor) -> Tensor:
    """Each row has the cotangent of its segment."""
    return _spread(n, g, x, ids)


def segment_extreme_adjoint(n: Any, g: Tensor, x: Tensor, ids: Tensor) -> Tensor:
    """Elements equal to the extreme of their segment share the cotangent equally."""
    chosen = x == _spread(n, n.y, x, ids)
    count = segment_sum(astype(chosen, g.dtype), ids, n.op.count)
    share = g / where(count == 0, 1, count)
    return where(chosen, _spread(n, share, x, ids), 0)


def segment_prod_adjoint(n: Any, g: Tensor, x: Tensor, ids: Tensor) -> Tensor:
    """The cotangent times the other factors of the segment, exact where factors are zero.

    For a known number of rows by products that double, over the rows in order of their segments; otherwise by a table
    of all pairs of rows.
    """
    spread = _spread(n, g, x, ids)
    size = x.shape[0]
    if not isinstance(size, int):
        places = arange(size)
        mine = (expand_dims(ids, 1) == ids) & (expand_dims(places, 1) != places)
        mask = reshape(mine, (size, size, *[1] * (x.ndim - 1)))
        return spread * conj(prod(where(mask, expand_dims(x, 0), 1), axis=1))
    order = argsort(ids)
    rows, numbers = take(x, order, axis=0), take(ids, order)
    before = _running(rows, numbers, size)
    after = flip(_running(flip(rows, 0), flip(numbers, 0), size), 0)
    others = take(before * after, argsort(order), axis=0)
    return spread * conj(others)


def _running(rows: Tensor, numbers: Tensor, size: int) -> Tensor:
    """The product of the rows of the same segment that stand before each."""
    if size == 0:
        return rows
    first = full((1, *rows.shape[1:]), 1, dtype=rows.dtype)
    product, step = concat([first, rows[:-1]], axis=0), 1
    product = where(_together(rows, numbers, 1), product, 1)
    while step < size:
        moved = concat([broadcast_to(first, (step, *rows.shape[1:])), product[: size - step]], axis=0)
        product = where(_together(rows, numbers, step), product * moved, product)
        step *= 2
    return product


def _together(rows: Tensor, numbers: Tensor, step: int) -> Tensor:
    """Whether the row so many places before is of the same segment."""
    same = numbers[step:] == numbers[:-step]
    padded = concat([full((step,), False, dtype=bool), same], axis=0)
    return reshape(padded, (rows.shape[0], *[1] * (rows.ndim - 1)))
