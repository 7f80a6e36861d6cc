"""Reductions in parts: what loops over blocks of rows make of them. They are used where a loop is planned."""

from __future__ import annotations

from tensorgraph.array.functions import max, maximum, min, minimum, sum
from tensorgraph.array.tensor import Tensor
from tensorgraph.ir.node import Node
from tensorgraph.ops import reduction as r
from tensorgraph.rewrite.law import Sample, node_law

__all__ = ["extreme_of_parts", "sum_of_parts"]


def _halves(node: Node) -> tuple[Tensor, Tensor] | None:
    """The first rows of an operand and the others, where a reduction is over rows whose number is known."""
    (x,) = node.inputs
    rows = x.type.shape[0] if x.type.ndim else 0
    if not isinstance(node.op, r.Reduction) or node.op.axis != (0,) or not isinstance(rows, int) or rows < 2:
        return None
    return Tensor(x)[: rows // 2], Tensor(x)[rows // 2 :]


@node_law(
    r.Sum,
    samples=[Sample(lambda x: sum(x, axis=0), ("6 n",)), Sample(lambda x: sum(x, axis=0), ("7",))],
    tier="rounded",
    ulp=1,
    per_term=True,
)
def sum_of_parts(node: Node) -> Tensor | None:
    """sum(x, axis=0) = sum(x[:k], axis=0) + sum(x[k:], axis=0)"""
    parts = _halves(node)
    if parts is None:
        return None
    assert isinstance(node.op, r.Sum)
    kept = node.op.keepdims
    return sum(parts[0], axis=0, keepdims=kept) + sum(parts[1], axis=0, keepdims=kept)


@node_law(
    r.Max,
    r.Min,
    samples=[Sample(lambda x: max(x, axis=0), ("6 n",)), Sample(lambda x: min(x, axis=0), ("7",))],
    tier="stable",
)
def extreme_of_parts(node: Node) -> Tensor | None:
    """max(x, axis=0) = maximum(max(x[:k], axis=0), max(x[k:], axis=0)); so min (of two zeros either may come out)"""
    parts = _halves(node)
    if parts is None:
        return None
    assert isinstance(node.op, r.Max | r.Min)
    kept = node.op.keepdims
    if isinstance(node.op, r.Max):
        return maximum(max(parts[0], axis=0, keepdims=kept), max(parts[1], axis=0, keepdims=kept))
    return minimum(min(parts[0], axis=0, keepdims=kept), min(parts[1], axis=0, keepdims=kept))
