"""The reverse pass: the chain rule, as more graph.

Three things that every rule needs are done here, once: the adjoint of broadcasting, the dtype of a
cotangent, and masks. A mask says where a cotangent is zero because ``where`` took the other branch; what
that branch's derivative is there, perhaps infinite or NaN, does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.array.functions import any as any_
from tensorgraph.array.functions import astype, broadcast_to, conj, expand_dims, real, reshape, sum, where, zeros
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.rules import NONDIFFERENTIABLE, RULES, Adjoint, Each
from tensorgraph.errors import GradientError
from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.node import Node, Pick, Result, topological
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.ops import elementwise, indexing, reduction, shape
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.meta import Override
from tensorgraph.rewrite.stabilize import stabilized

__all__ = ["pull_back"]

# Elementwise ops whose adjoint multiplies by nothing that could be infinite.
_PASSING = (
    elementwise.Add, elementwise.Subtract, elementwise.Negative, elementwise.Where, elementwise.Cast, elementwise.Conj,
    elementwise.Real, elementwise.Imag,
)  # fmt: skip

# Ops whose adjoint multiplies by what may be infinite or NaN where it does not count.
_MULTIPLYING = (elementwise.Elementwise, reduction.Reduction, Matmul, Vecdot)


class Cotangent(NamedTuple):
    """A derivative with respect to a node, and where it is not zero by construction (None: anywhere)."""

    value: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What a rule sees of a node: the operation and its result."""

    op: Op
    y: Tensor | None  # None of an operation with several results


def pull_back(
    seeds: Sequence[tuple[Node, Tensor]], wrt: Sequence[Node], *, independent: bool = False
) -> list[Tensor | None]:
    """Cotangents of `wrt` for cotangents of other nodes, whose formulas are made stable first.

    Parameters
    ----------
    seeds
        Pairs of a node and its cotangent, of the same shape.
    wrt
        The nodes asked for.
    independent
        None of `wrt` depends on another, so that nothing below them needs to be looked at.

    Returns
    -------
    cotangents
        One per node of `wrt`; None where nothing connects it to the seeds.

    Raises
    ------
    GradientError
        If a node on the way has no derivative rule.
    """
    stable = stabilized([node for node, _ in seeds], wrt)
    seeds = [(node, value) for node, (_, value) in zip(stable, seeds, strict=True)]
    order = topological(stable, stop=frozenset(wrt) if independent else frozenset())
    active = _active(order, wrt)
    found: dict[Node, list[Cotangent]] = {}
    for node, value in seeds:
        found.setdefault(node, []).append(Cotangent(_conformed(value, node)))
    kept: dict[Node, Tensor] = {}
    wanted = set(wrt)
    for node in reversed(order):
        if node not in found:
            continue
        parts = found.pop(node)
        if node not in active:
            continue
        with context(Context(node.scope, node, node.site)):
            total = _results(node, parts) if len(node.types) > 1 else _united(parts)
            if node in wanted:
                assert isinstance(total, Cotangent)
                kept[node] = total.value
            own = _by_own_rule(node, total) if any(source in active for source in node.inputs) else None
            parts_of: dict[Node, list[Any]] = {}
            for i, source in enumerate(node.inputs):
                part = _contribution(node, total, i, own) if source in active else None
                if part is not None:
                    parts_of.setdefault(source, []).append(part)
            for source, given in parts_of.items():  # those of x * x first: their sum is one of them, doubled
                found.setdefault(source, []).append(_united(given) if len(given) > 1 else given[0])
    return [kept.get(node) for node in wrt]


def _active(order: Sequence[Node], wrt: Sequence[Node]) -> set[Node]:
    """Nodes through which a derivative flows: they depend on `wrt` and are not integers."""
    active = set(wrt)
    for node in order:
        if any(source in active for source in node.inputs) and _differentiable(node):
            active.add(node)
    return active


def _differentiable(node: Node) -> bool:
    return type(node.op) not in _STOPS and any(kind.dtype.kind in "fc" for kind in node.types)


_STOPS = frozenset(cls for cls in NONDIFFERENTIABLE if cls is not Override)


def _united(parts: Sequence[Any]) -> Cotangent:
    total, mask = parts[0]
    for value, other in parts[1:]:
        total = total + value
        mask = None if mask is None or other is None else mask | other
    return Cotangent(total, mask)


class _Indexed(NamedTuple):
    """The cotangent of one result among several."""

    position: int
    cotangent: Cotangent


def _results(node: Node, parts: Sequence[Any]) -> list[Tensor | None]:
    total: list[Tensor | None] = [None] * len(node.types)
    for position, cotangent in parts:
        known = total[position]
        total[position] = cotangent.value if known is None else known + cotangent.value
    return total


def _contribution(node: Node, total: Any, i: int, own: Sequence[Tensor | None] | None) -> Any:
    """What flows to input i; `own` is what the node's own rule gave, if it has one."""
    if isinstance(node.op, Pick):
        return _Indexed(node.op.index, total)
    source = node.inputs[i]
    g = total.value if isinstance(total, Cotangent) else total
    mask = total.mask if isinstance(total, Cotangent) else None
    value = _by_rule(node, g, i, mask) if own is None else own[i]
    if value is None:
        return None
    if mask is not None:
        mask = _mask_below(node, mask, i)
        if mask is not None and isinstance(node.op, _MULTIPLYING) and not isinstance(node.op, _PASSING):
            value = where(mask, value, 0)
    if isinstance(node.op, elementwise.Where):
        taken = Tensor(node.inputs[0])
        taken = broadcast_to(taken if i == 1 else ~taken, node.type.shape)
        mask = taken if mask is None else mask & taken
    if mask is not None and len(mask.shape) == len(value.shape):
        mask = _reduced(mask, source) if _broadcasts(value, source) else mask
    return Cotangent(_conformed(value, source), mask)


def _by_own_rule(node: Node, total: Any) -> Sequence[Tensor | None] | None:
    """One cotangent per input by the rule that the operation carries; None if the table has one."""
    op = node.op
    if isinstance(op, Pick) or type(op) in RULES:
        return None
    g = total.value if isinstance(total, Cotangent) else total
    if isinstance(op, Override):
        return [*[None] * op.results, *op.vjp(node, g)]
    own = getattr(op, "vjp", None)
    if own is None:
        raise located(GradientError(f"{op.name}: there is no derivative rule: give its class a vjp method"))
    result: Any = Tensor(node)
    if len(node.types) > 1:
        kinds = node.types
        g = tuple(zeros(k.shape, dtype=k.dtype) if part is None else part for part, k in zip(g, kinds, strict=True))
        result = tuple(Tensor(Result(node, k)) for k in range(len(kinds)))
    found = own(g, result, *[Tensor(source) for source in node.inputs])
    given = list(found) if isinstance(found, (tuple, list)) else [found]
    if len(given) != len(node.inputs):
        message = f"{op.name}: there are {len(node.inputs)} inputs and the vjp gave {len(given)} cotangents"
        raise located(GradientError(message))
    return [None if part is None else asarray(part) for part in given]


def _by_rule(node: Node, g: Any, i: int, mask: Tensor | None = None) -> Tensor | None:
    """What flows to input i by the table."""
    inputs = [Tensor(source) for source in node.inputs]
    if mask is not None and isinstance(node.op, Matmul):  # rows and columns of no element that is taken do not count
        inputs = [where(any_(mask, k, keepdims=True), x, 0) for k, x in zip((-1, -2), inputs, strict=True)]
    rule = RULES[type(node.op)]
    applied = Applied(node.op, Tensor(node) if len(node.types) == 1 else None)
    if isinstance(rule, Each):
        return rule.function(applied, g, i, *inputs)
    if isinstance(rule, Adjoint):
        function = rule.functions[i]
        return None if function is None else function(applied, g, *inputs)
    derivative = rule.functions[i](applied, *inputs)
    return None if derivative is None else g * conj(derivative)


def _mask_below(node: Node, mask: Tensor, i: int) -> Tensor | None:
    """The mask of what flows to input i, in the shape of the contribution; None if it cannot be told."""
    op = node.op
    if isinstance(op, elementwise.Elementwise):
        return mask
    if isinstance(op, reduction.Reduction):
        kept = mask if op.keepdims or not op.axis else _expanded(mask, op.axis)
        return broadcast_to(kept, node.inputs[0].type.shape)
    if isinstance(op, Matmul):
        read = any_(mask, (-1, -2)[i], keepdims=True)
        return broadcast_to(read, (*mask.shape[:-2], *node.inputs[i].type.shape[-2:]))
    if isinstance(op, Vecdot):
        return broadcast_to(expand_dims(mask, -1), (*mask.shape, node.inputs[i].type.shape[-1]))
    if isinstance(op, (shape._Movement, indexing._Indexing)):
        pulled = _by_rule(node, astype(mask, np.float32), i)
        return None if pulled is None else pulled != 0
    return None


def _expanded(mask: Tensor, axis: tuple[int, ...]) -> Tensor:
    sizes = iter(mask.shape)
    return reshape(mask, [1 if k in axis else next(sizes) for k in range(mask.ndim + len(axis))])


def _broadcasts(value: Tensor, source: Node) -> bool:
    return [dim_key(n) for n in value.shape] != [dim_key(n) for n in source.type.shape]


def _summed_axes(value: Tensor, source: Node) -> tuple[int, ...]:
    """The axes along which an operand was repeated."""
    target = source.type.shape
    new = value.ndim - len(target)
    pairs = zip(target, value.shape[new:], strict=True)
    return (*range(new), *(new + k for k, (n, m) in enumerate(pairs) if dim_key(n) == 1 and dim_key(m) != 1))


def _reduced(mask: Tensor, source: Node) -> Tensor:
    axes = _summed_axes(mask, source)
    return reshape(any_(mask, axes), source.type.shape) if axes else mask


def _conformed(value: Tensor, source: Node) -> Tensor:
    """A cotangent in the shape and dtype of its node: broadcasting undone, real where the node is real."""
    kind = source.type
    axes = _summed_axes(value, source)
    if axes:
        value = reshape(sum(value, axes), kind.shape)
    elif _broadcasts(value, source):
        value = broadcast_to(value, kind.shape)
    if value.dtype.kind == "c" and kind.dtype.kind != "c":
        value = real(value)
    return value if value.dtype == kind.dtype else astype(value, kind.dtype)
