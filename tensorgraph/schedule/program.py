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
    """One node computed; its result goes to a buffer, or to fresh memory if there is none."""

    node: Node
    buffer: Buffer | None


@dataclass(frozen=True, slots=True)
class Program:
    """A graph in the order in which it runs.

    Attributes
    ----------
    names
        What each value is called.
    copied
        Outputs and next values that share memory with something else and are copied at the end.
    """

    graph: Graph
    names: Mapping[Node, str]
    statements: tuple[Statement, ...]
    buffers: tuple[Buffer, ...]
    copied: frozenset[Node]

    def __str__(self) -> str:
        lines = [f"{buffer.name}: {buffer.type}" for buffer in self.buffers]
        lines += [
            f"{self.names[s.node]} = {s.node.op.name} -> {s.buffer.name if s.buffer else 'fresh'}"
            for s in self.statements
            if s.node in self.names
        ]
        return "\n".join(lines)
