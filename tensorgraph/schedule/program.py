"""`Program`: statements in order, the memory they write, and the updates that end a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from tensorgraph.ir.dims import DimLike, evaluate_dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import TensorType
from tensorgraph.rewrite.law import Law
from tensorgraph.schedule.blocks import Block, Reduced
from tensorgraph.schedule.lanes import law_used
from tensorgraph.schedule.machine import Machine

__all__ = ["Arena", "Buffer", "Part", "Program", "Ref", "Statement", "Step", "Update"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory of a workspace that statements take turns in.

    Attributes
    ----------
    slot
        Which piece of the workspace it lies in: buffers that are never alive together may share one.
    whole, offset
        The name of the row that it is a part of, if it is, and the number of elements before it.
    """

    name: str
    type: TensorType
    slot: int
    whole: str = ""
    offset: DimLike = 0


@dataclass(frozen=True, slots=True)
class Arena:
    """Arrays side by side, so that one call serves all of them.

    Attributes
    ----------
    members
        The variables, or the values, that lie in it, in order.
    state
        Whether it holds variables, and so outlives calls.
    """

    name: str
    dtype: np.dtype[np.generic]
    members: tuple[Node, ...]
    state: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return sum(evaluate_dim(node.type.size, {}) for node in self.members)

    def offsets(self) -> list[int]:
        """The number of elements before each member."""
        found = [0]
        for node in self.members:
            found.append(found[-1] + evaluate_dim(node.type.size, {}))
        return found[:-1]


@dataclass(frozen=True, slots=True)
class Statement:
    """One node computed, or copied.

    Attributes
    ----------
    buffer
        Where the result goes; fresh memory if there is none.
    scratch
        Memory that is needed while it is computed.
    copied
        Whether the value is there already and is only copied to `buffer`.
    block
        The loop that it is computed in.
    reordered
        Whether the result may lie in another order than row-major, and is brought into it.
    frees
        Values in fresh memory that nothing reads any more.
    """

    node: Node
    buffer: Buffer | None = None
    scratch: tuple[Buffer, ...] = ()
    copied: bool = False
    reordered: bool = False
    frees: tuple[Node, ...] = ()
    block: Block | None = None


class Part(NamedTuple):
    """A part of an update: an arena of variables (role "state") or of values ("work"), or memory between ("temp")."""

    role: str
    number: int


Ref: TypeAlias = "Part | Node"  # a node is a scalar, the same for all elements


@dataclass(frozen=True, slots=True)
class Step:
    """One elementwise operation of an update; without a node it is a copy."""

    node: Node | None
    operands: tuple[Ref, ...]
    out: Ref


@dataclass(frozen=True, slots=True)
class Update:
    """Variables that are written by the same steps, side by side.

    Attributes
    ----------
    state, work
        Arenas of variables, and of values computed for them, such as gradients.
    temps
        Memory in which steps hand values over to each other: one block of elements each.
    steps
        What is done, the same for every element.
    block
        The number of elements at a time.
    """

    state: tuple[Arena, ...]
    work: tuple[Arena, ...]
    temps: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    block: int

    @property
    def size(self) -> int:
        """Number of elements of each arena."""
        return self.state[0].size


@dataclass(frozen=True, slots=True)
class Program:
    """A graph in the order in which it runs.

    Attributes
    ----------
    names
        What each value is called.
    bound
        Values that are made with the workspace: they depend on sizes and constants only, or are views of memory
        that stays where it is.
    statements
        What runs in every call.
    updates
        What is written at the end, all at once.
    buffers
        Where statements put their results.
    slots
        For each piece of the workspace, the numbers of bytes that are asked of it; the largest one counts.
    own
        The pieces that every thread has for itself.
    picks
        The results read of each node that has several, by number.
    copied
        Outputs that share memory with something else and are copied at the end.
    machine
        What costs were reckoned for.
    blocks
        Loops over blocks of rows.
    joint
        The values that one call computes side by side, by the node of that call.
    """

    graph: Graph
    names: Mapping[Node, str]
    bound: tuple[Node, ...]
    statements: tuple[Statement, ...]
    updates: tuple[Update, ...]
    buffers: tuple[Buffer, ...]
    slots: tuple[tuple[DimLike, ...], ...]
    own: frozenset[int]
    places: Mapping[Node, Buffer]
    picks: Mapping[Node, Mapping[int, Node]]
    copied: frozenset[Node]
    machine: Machine
    blocks: tuple[Block, ...] = ()
    joint: Mapping[Node, tuple[Node, ...]] = field(default_factory=dict)

    def with_rows(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """These sizes, and the numbers of rows, lanes and threads of each block."""
        found = dict(sizes)
        for block in self.blocks:
            found.update(block.cut.numbers(sizes))
        return found

    @property
    def reduced(self) -> list[Reduced]:
        """Values of the graph that loops reduce over their rows: their statements compute these in parts."""
        return [each for block in self.blocks for each in block.reduced]

    def threads(self, sizes: Mapping[str, int]) -> int:
        """How many threads share loops, at these sizes."""
        return max([1, *(block.cut.numbers(sizes)[block.cut.threads] for block in self.blocks)])

    @property
    def laws(self) -> Mapping[Law, int]:
        """The laws that loops use, and how often."""
        return Counter(law for each in self.reduced if (law := law_used(each.node)) is not None)

    def targets(self, node: Node) -> list[str]:
        """A name per result; ``_`` for one that is not read."""
        if len(node.types) == 1:
            return [self.names[node]]
        picks = self.picks.get(node, {})
        return [self.names[picks[i]] if i in picks else "_" for i in range(len(node.types))]

    def __str__(self) -> str:
        lines = [f"{buffer.name}: {buffer.type} in piece {buffer.slot}" for buffer in self.buffers]
        lines += [f"{self.names[node]} = {node.op.name} -> bound" for node in self.bound]
        for s in self.statements:
            freed = f", frees {', '.join(self.names[n] for n in s.frees)}" if s.frees else ""
            place = s.buffer.name if s.buffer else "view" if s.node.op.view else "fresh"
            what = f"copy of {self.names[s.node]}" if s.copied else s.node.op.name
            lines.append(f"{', '.join(self.targets(s.node))} = {what} -> {place}{freed}")
        return "\n".join([*lines, *(_update_line(update) for update in self.updates)])


def _update_line(update: Update) -> str:
    operations = ", ".join(step.node.op.name if step.node else "copy" for step in update.steps)
    count = len(update.state[0].members)
    return f"{', '.join(arena.name for arena in update.state)}: {operations} over {update.size} elements of {count}"
