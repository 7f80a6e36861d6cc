"""Liveness: which results may share memory, and which must be fresh.

A result lives until the last statement that reads it or a view of it. Then its buffer is free for the next
result of the same type. An elementwise operation may write over an operand that dies in it.

Results lie in row-major order, whatever the layout of their operands: the order of a sum's terms, and with
it the last bit, follows from the layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorgraph.ir.graph import Graph
from tensorgraph.ir.names import Namer, name_nodes, symbols_of
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.indexing import IndexAdd, IndexSet
from tensorgraph.ops.linalg import Matmul
from tensorgraph.ops.meta import Barrier
from tensorgraph.ops.reduction import Reduction
from tensorgraph.ops.shape import Arange, Concat, ExpandDims, Reshape, Squeeze
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["MODULE_NAMES", "plan"]

# What emitted and saved modules call their own parts.
MODULE_NAMES = (
    "Path", "STATE", "UPDATED", "allow_pickle", "buffers", "call", "checked", "compute", "file", "held", "init_state",
    "load", "load_state", "memory", "os", "outputs", "save", "save_state", "state", "values", "zipfile",
)  # fmt: skip
KEEPING = (Elementwise, Reduction, Matmul, Concat, IndexSet, IndexAdd, Arange, Reshape, ExpandDims, Squeeze)
SMALL = 1024  # bytes: less is not worth a line that frees it

Roots = Mapping[Node, frozenset[Node]]


def plan(graph: Graph) -> Program:
    """Order the statements and give each result its memory."""
    names = name_nodes(graph, reserved=MODULE_NAMES)
    roots = _memory_roots(graph)
    last = _last_reads(graph, roots)
    ordered = _row_major(graph)
    freed = _freed(graph)
    kept = set(graph.outputs)
    pool = _Pool(Namer([*names.values(), *symbols_of(graph), *MODULE_NAMES]))
    statements: list[Statement] = []
    owners: dict[Node, Buffer] = {}
    deaths: dict[int, list[Node]] = {}
    for position, node in enumerate(graph.nodes):
        if not (node.op.leaf or isinstance(node.op, Pick)):
            for source in _written_over(node, deaths.get(position, ()), roots):
                pool.free(owners.pop(source))
            buffer = None
            if node.op.takes_out() and node not in kept:
                buffer = owners[node] = pool.take(node)
                deaths.setdefault(last[node], []).append(node)
            reordered = buffer is None and node not in ordered and not node.op.view and len(node.types) == 1
            statements.append(Statement(node, buffer, reordered, tuple(freed.get(position, ()))))
        for source in deaths.pop(position, ()):
            if source in owners:
                pool.free(owners.pop(source))
    return Program(graph, names, tuple(statements), tuple(pool.made), _picks(graph), _copied(graph, roots))


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


def _picks(graph: Graph) -> dict[Node, dict[int, Node]]:
    picks: dict[Node, dict[int, Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Pick):
            picks.setdefault(node.inputs[0], {})[node.op.index] = node
    return picks


def _memory_roots(graph: Graph) -> dict[Node, frozenset[Node]]:
    """The nodes in whose memory the value of each node may lie: itself, unless it is a view."""
    roots: dict[Node, frozenset[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Custom):  # it may return what it was given
            roots[node] = _union([roots[source] for source in node.inputs])
        elif isinstance(node.op, Barrier):
            roots[node] = _union([roots[source] for source in node.inputs[: node.op.results]])
        elif node.op.view:
            roots[node] = roots[node.inputs[0]]
        else:
            roots[node] = frozenset([node])
    return roots


def _union(sets: list[frozenset[Node]]) -> frozenset[Node]:
    """One of the sets itself if it holds all the others, so that a long chain shares one."""
    if not sets:
        return frozenset()
    largest = max(sets, key=len)
    return largest if all(s <= largest for s in sets) else largest.union(*sets)


def _last_reads(graph: Graph, roots: Roots) -> dict[Node, int]:
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


def _written_over(node: Node, dying: Iterable[Node], roots: Roots) -> list[Node]:
    """Operands that die in an elementwise operation, so that their memory may take its result."""
    if not isinstance(node.op, Elementwise):
        return []
    ready = [source for source in dying if source in node.inputs and source.type == node.type]
    others = [source for source in node.inputs if source not in ready]
    # a view of the same memory, read in another order, would be overwritten while it is read
    return [source for source in ready if not any(source in roots[other] for other in others)]


def _row_major(graph: Graph) -> set[Node]:
    """Nodes whose fresh result lies in row-major order because their operands do."""
    known: set[Node] = set()
    kept = set(graph.outputs)
    for node in graph.nodes:
        op = node.op
        keeps = isinstance(op, KEEPING) or op.takes_out()
        scalar = len(node.types) == 1 and node.type.ndim == 0
        buffered = op.takes_out() and node not in kept
        if op.leaf or buffered or scalar or (keeps and all(source in known for source in node.inputs)):
            known.add(node)
    return known


def _freed(graph: Graph) -> dict[int, list[Node]]:
    """By position: values in fresh memory that are read for the last time there, if that is worth saying."""
    kept = {*graph.outputs, *(value for _, value in graph.updates)}
    fresh: set[Node] = set()
    last: dict[Node, int] = {}
    for position, node in enumerate(graph.nodes):
        if node.op.leaf:
            continue
        own = not node.op.view and (not node.op.takes_out() or node in kept)
        if own or any(source in fresh for source in node.inputs if node.op.view):
            fresh.add(node)
        for source in node.inputs:
            last[source] = position
    end = len(graph.nodes) - 1
    freed: dict[int, list[Node]] = {}
    for node, position in last.items():
        if node in fresh and node not in kept and position < end and _worth_freeing(node):
            freed.setdefault(position, []).append(node)
    return freed


def _worth_freeing(node: Node) -> bool:
    if len(node.types) != 1 or node.type.ndim == 0:
        return False
    size = node.type.nbytes
    return not isinstance(size, int) or size > SMALL


def _copied(graph: Graph, roots: Roots) -> frozenset[Node]:
    """Outputs whose memory belongs to something else; next values in the memory of an input or a parameter."""
    copied: set[Node] = set()
    seen: set[Node] = set()
    for node in graph.outputs:
        if node.op.leaf or node.op.view or isinstance(node.op, Custom) or node in seen:
            copied.add(node)
        seen.add(node)
    for _, value in graph.updates:
        if any(root.op.leaf for root in roots[value]):
            copied.add(value)
    return frozenset(copied)
