"""`Program`: statements in order, and the buffers they write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import TensorType

__all__ = ["Buffer", "Program", "Statement"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory that statements take turns in."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class Statement:
    """One node computed.

    Attributes
    ----------
    buffer
        Where the result goes; fresh memory if there is none.
    reordered
        Whether the result may lie in another order than row-major, and is brought into it.
    frees
        Values in fresh memory that nothing reads any more.
    """

    node: Node
    buffer: Buffer | None = None
    reordered: bool = False
    frees: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A graph in the order in which it runs.

    Attributes
    ----------
    names
        What each value is called.
    picks
        The results read of each node that has several, by number.
    copied
        Outputs and next values that share memory with something else and are copied at the end.
    """

    graph: Graph
    names: Mapping[Node, str]
    statements: tuple[Statement, ...]
    buffers: tuple[Buffer, ...]
    picks: Mapping[Node, Mapping[int, Node]]
    copied: frozenset[Node]

    def targets(self, node: Node) -> list[str]:
        """A name per result; ``_`` for one that is not read."""
        if len(node.types) == 1:
            return [self.names[node]]
        picks = self.picks.get(node, {})
        return [self.names[picks[i]] if i in picks else "_" for i in range(len(node.types))]

    def __str__(self) -> str:
        lines = [f"{buffer.name}: {buffer.type}" for buffer in self.buffers]
        for s in self.statements:
            freed = f", frees {', '.join(self.names[n] for n in s.frees)}" if s.frees else ""
            place = s.buffer.name if s.buffer else "view" if s.node.op.view else "fresh"
            lines.append(f"{', '.join(self.targets(s.node))} = {s.node.op.name} -> {place}{freed}")
        return "\n".join(lines)
