"""Adding at index: what gradients of indexing are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tensorgraph.array.functions import arange, broadcast_to, negative, sum, zeros_like
from tensorgraph.array.tensor import Tensor, apply
from tensorgraph.ir.dims import dim_key, same_shape
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Operand
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.rewrite.law import Sample, node_law

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
    return isinstance(node.op, Constant) and not node.op.value.any() and not np.signbit(node.op.value).any()


def _distinct_places(node: Node) -> bool:
    """Whether no place is named twice: some index array has no number twice, and there is one place for each."""
    assert isinstance(node.op, ix.IndexAdd)
    blocks = [source.type.shape for source in node.inputs[2:]]
    longest = max(blocks, key=len, default=())
    if len(longest) != 1:
        return not blocks
    return any(
        same_shape(source.type.shape, longest) and _has_no_number_twice(source) for source in node.inputs[2:]
    ) and not any(dim_key(shape[0]) != dim_key(longest[0]) and dim_key(shape[0]) != 1 for shape in blocks if shape)


def _has_no_number_twice(node: Node) -> bool:
    """Whether these are different rows: positions counted from the front only."""
    if isinstance(node.op, sh.Arange):
        return isinstance(node.op.start, int) and node.op.start >= 0 and node.op.step > 0
    if isinstance(node.op, Constant):
        values = node.op.value
        return bool(np.unique(values).size == values.size and (values >= 0).all())
    return False


@node_law(ix.IndexAdd, samples=[Sample(_added, ("m 2", "m", "i:m"))])
def scatter_to_rows(node: Node) -> Tensor | None:
    """x.at[arange(n), i].add(v) = x with x[arange(n), i] += v: no place is named twice"""
    if not isinstance(node.op, ix.IndexAdd) or node.op.distinct or len(node.inputs) < 3 or not _distinct_places(node):
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


@node_law(e.Subtract, samples=[Sample(lambda x, v, i: x - _scattered(v, i), ("m 2", "m", "i:m"))], tier="stable")
def subtract_scatter(node: Node) -> Tensor | None:
    """y - zeros.at[i].add(v) = y.at[i].add(-v), for places named once (the sign of zero may differ)"""
    y, other = node.inputs
    found = _into_zeros(other)
    if found is None or y.type != node.type or found.type != node.type:
        return None
    _, v, *at = map(Tensor, found.inputs)
    return apply(found.op, Tensor(y), negative(v), *at)


@node_law(e.Negative, samples=[Sample(lambda v, i: -_scattered(v, i), ("m", "i:m"))], tier="stable")
def neg_scatter(node: Node) -> Tensor | None:
    """-zeros.at[i].add(v) = zeros.at[i].add(-v) (the sign of zero may differ)"""
    (inner,) = node.inputs
    if not isinstance(inner.op, ix.IndexAdd) or not _is_zeros(inner.inputs[0]):
        return None
    zeros, v, *at = map(Tensor, inner.inputs)
    return apply(inner.op, zeros, negative(v), *at)


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
    assert isinstance(found.op, ix.IndexAdd)
    if found.op.index != FLAT:
        return None
    rows = found.inputs[2]
    size = found.type.shape[0]
    all_rows = isinstance(rows.op, sh.Arange) and rows.op.start == 0 and dim_key(rows.op.count) == dim_key(size)
    if not all_rows and not _counts(rows, size):
        return None
    made = broadcast_to(Tensor(found.inputs[1]), (size,))
    return made.reshape((size, 1)) if node.op.keepdims else made


def _counts(node: Node, size: object) -> bool:
    """Whether a constant is 0, 1, … below `size`."""
    return (
        isinstance(node.op, Constant)
        and np.array_equal(node.op.value, np.arange(len(node.op.value)))
        and (len(node.op.value) == size)
    )
