"""Where derivatives jump: which side of its kinks each operation of a graph is on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
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
    border
        Whether the kinks are where the operation's domain ends, or its derivative does; there the side is 0.
    alike
        If given: equal for operations that are on the same side for the same operands.
    """

    node: Node
    operands: tuple[Node, ...]
    side: Side
    border: bool = False
    alike: object = None


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
    if isinstance(op, _POOLS):
        select, shape = pool.MaxPoolSelect(**op.attributes()), tuple(int(n) for n in node.inputs[-1].type.shape)
        return Branch(node, node.inputs[-1:], partial(_chosen, _windows(select, shape)), alike=select)
    if isinstance(op, _ADAPTIVE):
        size: Any = getattr(op, "size", None) or node.inputs[0].type.shape[2:]
        return Branch(node, node.inputs[-1:], partial(_adaptive, tuple(size)), alike=("adaptive", tuple(size)))
    if type(op) in _RESULTS:
        return Branch(node, (node,), np.asarray)
    if type(op) in _BORDERS:
        return Branch(node, node.inputs[:1], partial(_beside, _BORDERS[type(op)]), border=True)
    if isinstance(op, e.Power):
        return Branch(node, node.inputs, _base, border=True)
    if op.domain.kinks:
        return Branch(node, node.inputs[:1], partial(_beside, op.domain.kinks))
    return None


def _beside(kinks: Sequence[float], x: Array) -> Array:
    """Below, at or above each kink."""
    if np.iscomplexobj(x):
        return np.asarray([_shell(np.abs(x - kink)) for kink in kinks])
    return np.asarray([np.sign(x - kink) for kink in kinks])


def _base(x: Array, y: Array) -> Array:
    """The side of 0 of a base, where the exponent is no integer."""
    if np.iscomplexobj(x) or np.iscomplexobj(y):
        return np.where(y == np.rint(np.real(y)), 1.0, _shell(np.abs(x)))
    return np.where(y == np.rint(y), 1.0, np.sign(x))


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


def _windows(op: Any, shape: tuple[int, ...]) -> Array:
    """The numbers of the elements of each window, along the last axis; what lies outside has the next number."""
    counts = op.windows(shape[2:], op.kernel, op.ceil_mode)
    spans = [d * (k - 1) + 1 for k, d in zip(op.kernel, op.dilation, strict=True)]
    ends = [(n - 1) * s + span for n, s, span in zip(counts, op.stride, spans, strict=True)]
    sides = [(low, max(end - low - size, 0)) for (low, _), end, size in zip(op.padding, ends, shape[2:], strict=True)]
    numbers = np.arange(prod(shape)).reshape(shape)
    padded = np.pad(numbers, [(0, 0), (0, 0), *sides], constant_values=numbers.size)
    found: Any = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(2, len(shape))))
    steps = [slice(0, n * s, s) for n, s in zip(counts, op.stride, strict=True)]
    found = found[(..., *steps, *[slice(None, None, d) for d in op.dilation])]
    return np.asarray(found.reshape(*found.shape[: len(shape)], -1))


def _chosen(windows: Array, x: Array) -> Array:
    """Which of its elements each window takes: of equal ones the first."""
    return np.asarray(np.argmax(np.append(np.ravel(x), -np.inf)[windows], axis=-1))


def _adaptive(size: tuple[int, ...], x: Array) -> Array:
    numbers = np.arange(x.size, dtype=np.float64).reshape(x.shape)
    return np.asarray(adaptive_max_pool_select(numbers, x, size))


_SIDES: Mapping[type[Op], Side] = {
    e.Maximum: _order, e.Minimum: _order, e.Clip: _bounds, e.Remainder: _quotient, e.Hypot: _corner, t.Atan2: _cut,
    r.Max: _extreme, r.Min: _extreme, od.Sort: _ranks, sg.SegmentMax: _segment, sg.SegmentMin: _segment,
}  # fmt: skip
_POOLS = (pool.MaxPool, pool.MaxPoolGrad, pool.MaxPoolSelect)
_ADAPTIVE = (pool.AdaptiveMaxPool, pool.AdaptiveMaxPoolGrad, pool.AdaptiveMaxPoolSelect)
_BORDERS: Mapping[type[Op], Sequence[float]] = {
    t.Sqrt: (0.0,), t.Cbrt: (0.0,), t.Asin: (-1.0, 1.0), t.Acos: (-1.0, 1.0), t.Acosh: (1.0,),
}  # fmt: skip
_RESULTS = frozenset({e.Floor, e.Ceil, e.Trunc, e.Rint, e.FloorDivide})
