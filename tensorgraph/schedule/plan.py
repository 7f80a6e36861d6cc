"""Liveness: which results may share memory, and which must be fresh.

A result lives until the last statement that reads it or a view of it. Then its buffer is free for the next
result of the same type. An elementwise operation may write over an operand that dies in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import Namer, name_nodes, symbols_of
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.meta import Barrier
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["plan"]


def plan(graph: Graph) -> Program:
    """Order the statements and give each result its memory."""
    names = name_nodes(graph, reserved=["state", "memory", "compute", "buffers"])
    roots = _memory_roots(graph)
    last = _last_reads(graph, roots)
    kept = set(graph.outputs)
    pool = _Pool(Namer([*names.values(), *symbols_of(graph)]))
    statements: list[Statement] = []
    owners: dict[Node, Buffer] = {}
    deaths: dict[int, list[Node]] = {}
    for position, node in enumerate(graph.nodes):
        if not (node.op.leaf or isinstance(node.op, Pick)):
            in_place = _written_over(node, deaths.get(position, ()), roots)
            for source in in_place:
                pool.free(owners.pop(source))
            buffer = None
            if node.op.takes_out() and node not in kept and roots[node] == {node}:
                buffer = owners[node] = pool.take(node)
                deaths.setdefault(last[node], []).append(node)
            statements.append(Statement(node, buffer))
        for source in deaths.pop(position, ()):
            if source in owners:
                pool.free(owners.pop(source))
    return Program(graph, names, tuple(statements), tuple(pool.made), _copied(graph, roots))


class _Pool:
    """Buffers by type, and which of them are free."""

    def __init__(self, namer: Namer) -> None:
        self.made: list[Buffer] = []
        self._free: dict[object, list[Buffer]] = {}
        self._namer = namer

    def take(self, node: Node) -> Buffer:
        free = self._free.get(node.type.key())
        if free:
            return free.pop()
        buffer = Buffer(self._namer(f"m{len(self.made)}"), node.type)
        self.made.append(buffer)
        return buffer

    def free(self, buffer: Buffer) -> None:
        self._free.setdefault(buffer.type.key(), []).append(buffer)


def _memory_roots(graph: Graph) -> dict[Node, set[Node]]:
    """The nodes in whose memory the value of each node may lie: itself, unless it is a view."""
    roots: dict[Node, set[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Custom):  # it may return what it was given
            roots[node] = {node}.union(*[roots[source] for source in node.inputs])
        elif isinstance(node.op, Barrier):
            roots[node] = set().union(*[roots[source] for source in node.inputs[: node.op.results]])
        elif node.op.view:
            roots[node] = {node, *roots[node.inputs[0]]} if not isinstance(node.op, Pick) else roots[node.inputs[0]]
        else:
            roots[node] = {node}
    return roots


def _last_reads(graph: Graph, roots: Mapping[Node, Iterable[Node]]) -> dict[Node, int]:
    """The position of the statement after which the memory of each node is not read any more."""
    last: dict[Node, int] = {}
    for position, node in enumerate(graph.nodes):
        last.setdefault(node, position)
        for source in node.inputs:
            for root in roots[source]:
                last[root] = position
    for node in (*graph.outputs, *(value for _, value in graph.updates)):
        for root in roots[node]:
            last[root] = len(graph.nodes)
    return last


def _written_over(node: Node, dying: Iterable[Node], roots: Mapping[Node, set[Node]]) -> list[Node]:
    """Operands that die in an elementwise operation, so that their memory may take its result."""
    if not isinstance(node.op, Elementwise):
        return []
    ready = [source for source in dying if source in node.inputs and source.type == node.type]
    others = [source for source in node.inputs if source not in ready]
    # a view of the same memory, read in another order, would be overwritten while it is read
    return [source for source in ready if not any(source in roots[other] for other in others)]


def _copied(graph: Graph, roots: Mapping[Node, set[Node]]) -> frozenset[Node]:
    """Outputs whose memory belongs to an input, a constant, a parameter or another output; next values likewise."""
    copied: set[Node] = set()
    seen: set[Node] = set()
    for node in graph.outputs:
        if roots[node] != {node} or node.op.leaf or node in seen:
            copied.add(node)
        seen.add(node)
    for _, value in graph.updates:
        if any(root.op.leaf and not isinstance(root.op, Constant) for root in roots[value]):
            copied.add(value)
    return frozenset(copied)
