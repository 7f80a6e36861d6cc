"""Matching the left side of a law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.leaves import Constant, constant
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import shape as sh

__all__ = ["COMMUTATIVE", "constant_of", "matches", "same_constant", "unrepeated"]

Bindings: TypeAlias = "dict[Node, Node]"

# Operands may be exchanged without changing a bit. Not of max and min: which zero they give depends on the order.
COMMUTATIVE = (
    e.Add, e.Multiply, e.Equal, e.NotEqual, e.LogicalAnd, e.LogicalOr, e.LogicalXor,
    e.BitwiseAnd, e.BitwiseOr, e.BitwiseXor,
)  # fmt: skip


def matches(pattern: Node, node: Node, variables: Mapping[Node, str]) -> Iterator[Bindings]:
    """Every way in which `pattern` is `node`: what each variable stands for.

    Parameters
    ----------
    pattern
        A graph over the variables.
    node
        What to match. Equal expressions below it are one node.
    variables
        The variables of the pattern, and the kinds of dtypes that each stands for.
    """
    return _matched(pattern, node, variables, {})


def _matched(pattern: Node, node: Node, variables: Mapping[Node, str], found: Bindings) -> Iterator[Bindings]:
    kinds = variables.get(pattern)
    if kinds is not None:
        known = found.get(pattern)
        if known is None:
            if len(node.types) == 1 and node.type.dtype.kind in kinds:
                yield {**found, pattern: node}
        elif known is node:
            yield found
    elif isinstance(pattern.op, Constant):
        if same_constant(pattern.op, node.op):
            yield found
    elif type(node.op) is type(pattern.op) and node.op == pattern.op:
        yield from _all_matched(pattern.inputs, node.inputs, variables, found)
        if isinstance(pattern.op, COMMUTATIVE) and node.inputs[0] is not node.inputs[1]:
            yield from _all_matched(pattern.inputs, node.inputs[::-1], variables, found)


def _all_matched(
    patterns: Sequence[Node], nodes: Sequence[Node], variables: Mapping[Node, str], found: Bindings
) -> Iterator[Bindings]:
    if not patterns:
        yield found
        return
    for first in _matched(patterns[0], nodes[0], variables, found):
        yield from _all_matched(patterns[1:], nodes[1:], variables, first)


def same_constant(pattern: Constant, op: object) -> bool:
    """Whether a scalar is this number, be it of another dtype; 0.0 is not -0.0."""
    if (
        not isinstance(op, Constant)
        or op.value.ndim
        or (op.value.dtype.kind == "b") != (pattern.value.dtype.kind == "b")
    ):
        return False
    return bool(op.value == pattern.value) and bool(_sign(op.value) == _sign(pattern.value))


def _sign(value: Any) -> Any:
    return np.signbit(value.real) if value.dtype.kind in "fc" else value < 0


def constant_of(node: Node) -> Any:
    """The number that a scalar constant is, as a NumPy scalar; None for anything else."""
    return node.op.value[()] if isinstance(node.op, Constant) and not node.op.value.ndim else None


def unrepeated(node: Node) -> Node:
    """What broadcasts as `node` does: itself without repetition, and without ones in front; one number as a scalar."""
    while isinstance(node.op, (sh.BroadcastTo, sh.ExpandDims, sh.Reshape)):
        (source,) = node.inputs
        front = node.type.ndim - source.type.ndim  # below 0 the rest is too short; ones, or there are no elements
        if not isinstance(node.op, sh.BroadcastTo) and not same_shape(node.type.shape[front:], source.type.shape):
            break
        node = source
    if isinstance(node.op, Constant) and node.type.ndim and all(n == 1 for n in node.op.value.shape):
        return constant(node.op.value.reshape(()))
    return node
