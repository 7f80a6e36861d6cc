"""Reductions over the rows of a loop: each lane of it has a result of its own, and afterwards they are joined.

A lane is a run of blocks. One thread computes them in order, and threads take lanes. So what a lane reduces, and the
order in which lanes are joined, depend on the sizes and on the machine that was planned for, but not on the number of
threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorgraph.ir.dims import Dim, dim_key
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op, format_attribute
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.reduction import All, AnyOf, Max, Min, Reduction, Sum
from tensorgraph.ops.shape import BroadcastTo
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws.parts import extreme_of_parts, sum_of_parts

__all__ = ["InLanes", "in_lanes", "is_row", "joined_lanes", "law_used", "may_be_cut", "operand", "operation"]

# By what the results of two parts are joined. A product with a row of ones is a sum over rows.
JOINS: dict[type[Op], type[Reduction]] = {
    Sum: Sum,
    Max: Max,
    Min: Min,
    AnyOf: AnyOf,
    All: All,
    Matmul: Sum,
    Vecdot: Sum,
}


@dataclass(frozen=True, eq=False, repr=False)
class InLanes(Op):
    """A reduction over rows, its result kept apart for each lane: one axis more, in front."""

    reduction: Op
    lanes: Dim

    def infer(self, *types: TensorType) -> TensorType:
        """The reduction's own type, once for each lane."""
        (kind,) = self._kinds(types)
        return TensorType(kind.dtype, (self.lanes, *kind.shape))

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The reduction of one block, joined with that of the blocks before it."""
        (way,) = self.reduction.statements(types, known)
        for name, value in self.reduction.attributes().items():
            way = way.replace(f"{{{name}}}", format_attribute(value))
        join = JOINS[type(self.reduction)].ufunc
        assert join is not None
        out = "out={out}" if join in {np.maximum, np.minimum} else "{out}"  # these take it by name only
        return way.replace("{out}", "{s0}"), f"np.{join.__name__}({{out}}, {{s0}}, {out})"

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """What one block gives."""
        return self._kinds(types)

    def _kinds(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        found = self.reduction.infer(*types)
        return found if isinstance(found, tuple) else (found,)

    def idle(self, dtype: np.dtype[np.generic]) -> str:
        """What a lane holds before its first block, as source: it leaves every other value as it is."""
        join = JOINS[type(self.reduction)]
        if join in {Max, Min} and dtype.kind in "iu":
            limits = np.iinfo(dtype)  # type: ignore[type-var]
            return str(limits.min if join is Max else limits.max)
        if join in {Max, Min} and dtype.kind == "f":
            return "-np.inf" if join is Max else "np.inf"
        return "0" if join is Sum else str(join in {All, Min})


def may_be_cut(node: Node) -> bool:
    """Whether it reduces rows so that reductions of parts, joined, are that of all: but for the rounding of a sum.

    Sums of float16 are left whole, as each part would be rounded to three digits; and products, as a part may overflow
    where all of it does not.
    """
    halves = node.type.dtype.kind == "f" and node.type.dtype.itemsize == 2
    if isinstance(node.op, Reduction):
        return type(node.op) in JOINS and 0 in node.op.axis and not (halves and isinstance(node.op, Sum))
    if isinstance(node.op, Vecdot):
        return not node.type.ndim and not halves
    return isinstance(node.op, Matmul) and isinstance(node.inputs[0].op, BroadcastTo) and is_row(node.inputs[0])


def is_row(node: Node) -> bool:
    """Whether it is one row, of which a part is some of its columns."""
    return node.type.ndim == 2 and dim_key(node.type.shape[0]) == 1


def operand(node: Node) -> Node:
    """The operand whose rows are reduced: the last one."""
    return node.inputs[-1]


def operation(node: Node) -> Op:
    """What a node of a program computes: of a part of a reduction, the reduction."""
    return node.op.reduction if isinstance(node.op, InLanes) else node.op


def law_used(node: Node) -> Law | None:
    """The law by which a reduction is made of parts; None if it has the same bits."""
    if node.type.dtype.kind not in "fc":
        return None
    return sum_of_parts if JOINS[type(node.op)] is Sum else extreme_of_parts


def in_lanes(node: Node, lanes: str) -> Node:
    """What the lanes of a loop have of a reduction over its rows."""
    with context(Context(node.scope, node.primal, node.site)):
        return Node(InLanes(node.op, Dim.symbol(lanes)), *node.inputs)


def joined_lanes(node: Node, parts: Node) -> Node:
    """The same reduction, of what the lanes have of it."""
    with context(Context(node.scope, node.primal, node.site)):
        return Node(JOINS[type(node.op)](axis=(0,)), parts)
