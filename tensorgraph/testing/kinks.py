"""Where derivatives jump: which side of its kinks each operation of a graph is on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import ordering as od
from tensorgraph.ops import pool
from tensorgraph.ops import reduction as r
from tensorgraph.ops import segment as sg
from tensorgraph.ops import transcendental as t
from tensorgraph.ops.numerics.adaptive_pool import adaptive_max_pool_select

__all__ = ["Branch", "branches"]

NEAR = 2.0**-6

Side: TypeAlias = "Callable[..., Array]"


class Branch(NamedTuple):
    """An operation with kinks.

    Attributes
    ----------
    node
        What applies it.
    operands
        The nodes that decide.
    side
        Of their values: an array that is constant as long as no kink is crossed.
    """

    node: Node
    operands: tuple[Node, ...]
    side: Side


def branches(nodes: Sequence[Node]) -> list[Branch]:
    """The operations with kinks among nodes that depend on the arguments.

    Parameters
    ----------
    nodes
        In order.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.asarray([-1.0, 2.0])
    >>> [one] = branches([x.node, tg.abs(x).node])
    >>> one.node.op.name, one.side(np.array([-1.0, 2.0]))
    ('abs', array([[-1.,  1.]]))
    """
    found = (_branch(node) for node in nodes if node.inputs and len(node.types) == 1)
    return [branch for branch in found if branch is not None]


def _branch(node: Node) -> Branch | None:
    op = node.op
    if node.type.dtype.kind not in "fc":
        return Branch(node, (node,), np.asarray)  # a comparison, a position, a number cast to an integer
    made = _SIDES.get(type(op))
    if made is not None:
        return Branch(node, node.inputs, partial(made, op))
    if type(op) in _RESULTS:
        return Branch(node, (node,), np.asarray)
    if op.domain.kinks:
        return Branch(node, node.inputs[:1], partial(_beside, op))
    return None


def _beside(op: Op, x: Array) -> Array:
    """Below, at or above each kink."""
    if np.iscomplexobj(x):
        return np.asarray([_shell(np.abs(x - kink)) for kink in op.domain.kinks])
    return np.asarray([np.sign(x - kink) for kink in op.domain.kinks])


def _shell(distance: Array) -> Array:
    """How near a point is to a singular one: a step that changes it by much is too long, near as it may be."""
    with np.errstate(all="ignore"):
        return np.asarray(np.ceil(np.log2(np.minimum(distance, NEAR)) / 2))


def _order(op: Op, a: Array, b: Array) -> Array:
    return np.sign(np.subtract(a, b))


def _bounds(op: Op, x: Array, low: Array, high: Array) -> Array:
    return np.stack(np.broadcast_arrays(np.sign(x - low), np.sign(x - high), np.sign(low - high)))


def _quotient(op: Op, a: Array, b: Array) -> Array:
    return np.asarray(np.floor_divide(a, b))


def _corner(op: Op, a: Array, b: Array) -> Array:
    return _shell(np.maximum(np.abs(a), np.abs(b)))


def _cut(op: Op, a: Array, b: Array) -> Array:
    """The side of the branch cut."""
    return np.asarray(_corner(op, a, b) + 2 * (np.signbit(a) & (b < 0)))


def _extreme(op: Any, x: Array) -> Array:
    best: Any = np.max if isinstance(op, r.Max) else np.min
    return np.asarray(x == best(x, axis=op.axis, keepdims=True))


def _ranks(op: Any, x: Array) -> Array:
    order = np.argsort(x, axis=op.axis, kind="stable")
    ties = np.diff(np.take_along_axis(x, order, op.axis), axis=op.axis) == 0
    return np.concatenate([order, ties], axis=op.axis)


def _segment(op: Any, x: Array, ids: Array) -> Array:
    """Which rows bear the extreme of their segment."""
    inside = (ids >= 0) & (ids < op.count)
    if op.count == 0 or not x.size:
        return np.asarray(inside)
    spread = op.evaluate(x, ids)[np.where(inside, ids, 0)]
    return np.asarray((x == spread) & inside.reshape(-1, *[1] * (x.ndim - 1)))


def _numbers(x: Array) -> Array:
    return np.arange(x.size, dtype=np.float64).reshape(x.shape)


def _chosen(op: Any, *operands: Array) -> Array:
    """The element that each window takes: of equal ones the first."""
    x = operands[-1]
    return np.asarray(pool.MaxPoolSelect(**op.attributes()).evaluate(_numbers(x), x))


def _adaptive(op: Any, *operands: Array) -> Array:
    x = operands[-1]
    size = getattr(op, "size", None) or operands[0].shape[2:]
    return np.asarray(adaptive_max_pool_select(_numbers(x), x, tuple(size)))


_SIDES: Mapping[type[Op], Side] = {
    e.Maximum: _order, e.Minimum: _order, e.Clip: _bounds, e.Remainder: _quotient, e.Hypot: _corner, t.Atan2: _cut,
    r.Max: _extreme, r.Min: _extreme, od.Sort: _ranks, sg.SegmentMax: _segment, sg.SegmentMin: _segment,
    pool.MaxPool: _chosen, pool.MaxPoolGrad: _chosen, pool.MaxPoolSelect: _chosen,
    pool.AdaptiveMaxPool: _adaptive, pool.AdaptiveMaxPoolGrad: _adaptive, pool.AdaptiveMaxPoolSelect: _adaptive,
}  # fmt: skip
_RESULTS = frozenset({e.Floor, e.Ceil, e.Trunc, e.Rint, e.FloorDivide})
