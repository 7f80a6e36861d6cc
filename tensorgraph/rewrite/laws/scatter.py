"""Adding at index: what gradients of indexing are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tensorgraph.array.functions import arange, broadcast_to, expand_dims, negative, sum, zeros_like
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Operand
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.laws.structure import reshaped

FLAT = Operand(2), Operand(3)  # the index of one element in each of some rows


def _added(x: Tensor, v: Tensor, i: Tensor) -> Tensor:
    """`v` added at one place of each row."""
    return apply(ix.IndexAdd(FLAT), x, v, arange(x.shape[0]), i)


def _scattered(v: Tensor, i: Tensor, columns: int = 2, distinct: bool = True) -> Tensor:
    zeros = broadcast_to(v.dtype.type(0), (v.shape[0], columns))
    return apply(ix.IndexAdd(FLAT, distinct), zeros, v, arange(v.shape[0]), i)


def _is_zeros(node: Node) -> bool:
    """Whether a node is known to be 0.0 everywhere."""
    while isinstance(node.op, sh.BroadcastTo):
        (node,) = node.inputs
    return isinstance(node.op, Constant) and not any(node.op.value.tobytes())  # no sign of -0.0 either


def _counted(node: Node) -> Node:
    """An index array without the axes of size 1 that were put in."""
    while isinstance(node.op, (sh.Reshape, sh.ExpandDims, sh.Squeeze)) and _long(node.inputs[0]) == _long(node):
        (node,) = node.inputs
    return node


def _long(node: Node) -> list[object]:
    """The sizes that are not 1."""
    return [dim_key(n) for n in node.type.shape if dim_key(n) != 1]


def _distinct_places(node: Node) -> bool:
    """Whether no place is named twice: some index array has no number twice, and there is one place for each."""
    block = max(map(_long, node.inputs[2:]), key=len, default=[])
    if len(block) != 1:
        return False
    if len({_place_of_long(source) for source in node.inputs[2:] if _long(source)}) > 1:
        return False  # a column and a row of positions make a table of places
    return any(_long(source) == block and _has_no_number_twice(_counted(source)) for source in node.inputs[2:])


def _place_of_long(node: Node) -> int:
    """Where its long axis is, counted from the end."""
    return next(node.type.ndim - k for k, n in enumerate(node.type.shape) if dim_key(n) != 1)


def _has_no_number_twice(node: Node) -> bool:
    """Whether these are different rows: positions counted from the front only."""
    if isinstance(node.op, sh.Arange):
        return isinstance(node.op.start, int) and node.op.start >= 0 and node.op.step > 0
    if isinstance(node.op, Constant):
        values = node.op.value
        return bool(np.unique(values).size == values.size and (values >= 0).all())
    return False


def _added_in_column(x: Tensor, v: Tensor, i: Tensor) -> Tensor:
    return apply(ix.IndexAdd(FLAT), x, v, expand_dims(arange(x.shape[0]), 1), expand_dims(i, 1))


def _added_in_row(x: Tensor, v: Tensor, i: Tensor) -> Tensor:
    return apply(ix.IndexAdd(FLAT), x, v, expand_dims(arange(x.shape[0]), 0), i)


@node_law(
    ix.IndexAdd,
    samples=[
        Sample(_added, ("m 2", "m", "i:m")),
        Sample(_added, ("m 2", "m", "i:1")),
        Sample(_added_in_column, ("m 2", "m 1", "i:m")),
        Sample(_added_in_row, ("m 2", "m", "i:m")),
        Sample(lambda x, v: apply(ix.IndexAdd((Operand(2),)), x, v, arange(x.shape[0])), ("m n", "n")),
        Sample(lambda x, v, i: apply(ix.IndexAdd(FLAT), x, v, asarray(np.array([1, 0])), i), ("2 2", "2", "i:2")),
    ],
)
def scatter_to_rows(node: Node) -> Tensor | None:
    """x.at[arange(n), i].add(v) = x with x[arange(n), i] += v: no place is named twice"""
    if not isinstance(node.op, ix.IndexAdd) or node.op.distinct or not _distinct_places(node):
        return None
    return apply(replace(node.op, distinct=True), *map(Tensor, node.inputs))


@node_law(
    ix.IndexAdd,
    samples=[Sample(lambda x, v, i: _added(x, broadcast_to(v, x.shape[:1]), i), ("m 2", "", "i:m"))],
)
def scatter_of_broadcast(node: Node) -> Tensor | None:
    """x.at[i].add(broadcast(v)) = x.at[i].add(v), which broadcasts"""
    x, v, *at = node.inputs
    if not isinstance(v.op, sh.BroadcastTo):
        return None
    return apply(node.op, Tensor(x), Tensor(v.inputs[0]), *map(Tensor, at))


def _into_zeros(node: Node) -> Node | None:
    """The node itself, if it adds into zeros at places named once."""
    if isinstance(node.op, ix.IndexAdd) and (node.op.distinct or len(node.inputs) == 2) and _is_zeros(node.inputs[0]):
        return node
    return None


@node_law(
    e.Add,
    operands=(ix.IndexAdd,),
    samples=[
        Sample(lambda x, v, i: x + _scattered(v, i), ("m 2", "m", "i:m")),
        Sample(lambda x, v: zeros_like(x).at[1:].add(v) + x, ("3 n", "2 n")),
    ],
    tier="stable",
)
def add_scatter(node: Node) -> Tensor | None:
    """y + zeros.at[i].add(v) = y.at[i].add(v), for places named once (the sign of zero may differ)"""
    for y, other in (node.inputs, node.inputs[::-1]):
        found = _into_zeros(other)
        if found is not None and y.type == node.type == found.type:
            return apply(found.op, Tensor(y), *map(Tensor, found.inputs[1:]))
    return None


@node_law(
    e.Subtract,
    operands=(ix.IndexAdd,),
    samples=[Sample(lambda x, v, i: x - _scattered(v, i), ("m 2", "m", "i:m"))],
    tier="stable",
)
def subtract_scatter(node: Node) -> Tensor | None:
    """y - zeros.at[i].add(v) = y.at[i].add(-v), for places named once (the sign of zero may differ)"""
    y, other = node.inputs
    found = _into_zeros(other)
    if found is None or y.type != node.type or found.type != node.type:
        return None
    _, v, *at = map(Tensor, found.inputs)
    if v.dtype != node.type.dtype or v.dtype.kind == "b":
        return None  # the negation of a smaller integer may not fit its dtype
    return apply(found.op, Tensor(y), negative(v), *at)


@node_law(
    r.Sum,
    samples=[
        Sample(lambda v, i: sum(_scattered(v, i), axis=1), ("m", "i:m")),
        Sample(lambda v, i: sum(_scattered(v, i), axis=1, keepdims=True), ("m", "i:m")),
    ],
    tier="stable",
)
def sum_of_scatter(node: Node) -> Tensor | None:
    """sum(zeros.at[arange(n), i].add(v), axis=1) = v (the sign of zero may differ)"""
    found = _into_zeros(node.inputs[0])
    if found is None or not isinstance(node.op, r.Sum) or node.op.axis != (1,) or found.type.ndim != 2:
        return None
    op = found.op
    assert isinstance(op, ix.IndexAdd)
    if op.index != FLAT or not _is_count(_counted(found.inputs[2]), found.type.shape[0]):
        return None
    if found.inputs[1].type.dtype != node.type.dtype:
        return None
    places = {item.position: found.inputs[item.position].type for item in FLAT}
    each = ix.indexed_shape(found.type.shape, op.index, places)
    return reshaped(broadcast_to(Tensor(found.inputs[1]), each), node.type.shape)


def _is_count(node: Node, size: DimLike) -> bool:
    """Whether a node is 0, 1, … up to `size`."""
    if isinstance(node.op, sh.Arange):
        return dim_key(node.op.start) == 0 and node.op.step == 1 and dim_key(node.op.count) == dim_key(size)
    return isinstance(node.op, Constant) and isinstance(size, int) and np.array_equal(node.op.value, np.arange(size))
