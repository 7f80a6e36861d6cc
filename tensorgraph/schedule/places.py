"""Where values lie: what is known before a call, what is a view, and in whose memory."""

from __future__ import annotations

from collections.abc import Mapping, Set

from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import Elementwise, Imag
from tensorgraph.ops.indexing import IndexAdd, IndexSet, Slice
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.meta import Barrier
from tensorgraph.ops.reduction import Reduction
from tensorgraph.ops.shape import Arange, BroadcastTo, Concat, ExpandDims, PermuteDims, Reshape, Squeeze

__all__ = [
    "Roots",
    "contiguous_nodes",
    "fixed_nodes",
    "in_memory",
    "is_filled",
    "is_view",
    "may_overwrite",
    "memory_roots",
    "row_major_nodes",
]

KEEPING = (Elementwise, Reduction, Matmul, Vecdot, Concat, IndexSet, IndexAdd, Arange, Reshape, ExpandDims, Squeeze)

Roots = Mapping[Node, frozenset[Node]]


def in_memory(node: Node) -> tuple[str, ...]:
    """The statements that put a node's value into memory which is there already; none if there is no such way."""
    if len(node.types) != 1 or node.op.leaf or isinstance(node.op, Pick):
        return ()
    known = [source.op.value if isinstance(source.op, Constant) else None for source in node.inputs]
    return node.op.statements([source.types[0] for source in node.inputs], known)


def may_overwrite(node: Node, ways: tuple[str, ...]) -> tuple[int, ...]:
    """The operands that may lie in the memory of the result when it is put there in these ways."""
    if isinstance(node.op, Elementwise) and len(ways) == 1:
        return tuple(range(len(node.inputs)))
    return node.op.overwrites if ways else ()


def is_filled(node: Node, ways: tuple[str, ...]) -> bool:
    """Whether the value, in memory of its own, is put there by statements, as no single call makes it by itself."""
    several = len(ways) > 1 or (ways and node.op.scratch([source.types[0] for source in node.inputs]))
    return bool(several) and not node.op.view


def fixed_nodes(graph: Graph) -> set[Node]:
    """Nodes that depend on sizes and constants only: they are computed once, with the workspace."""
    fixed: set[Node] = set()
    for node in graph.nodes:
        if node.op.leaf or isinstance(node.op, (Custom, Pick, Barrier)) or len(node.types) != 1:
            continue
        if all(isinstance(source.op, Constant) or source in fixed for source in node.inputs):
            fixed.add(node)
    return fixed


def contiguous_nodes(graph: Graph) -> set[Node]:
    """Nodes whose value surely lies in row-major order without gaps: all but some views."""
    found: set[Node] = set()
    for node in graph.nodes:
        if not node.op.view or (node.inputs[0] in found and _keeps_order(node)):
            found.add(node)
    return found


def _keeps_order(node: Node) -> bool:
    op, kind = node.op, node.inputs[0].types[0]
    if isinstance(op, PermuteDims):
        moved = [axis for axis in op.order if dim_key(kind.shape[axis]) != 1]
        return moved == sorted(moved)
    if isinstance(op, BroadcastTo):
        return node.type == kind
    if isinstance(op, Slice):
        first, *rest = op.index or (slice(None),)
        along = isinstance(first, int) or (isinstance(first, slice) and first.step in {None, 1})
        return along and all(item == slice(None) for item in rest)
    return isinstance(op, (Reshape, ExpandDims, Squeeze))


def is_view(node: Node, contiguous: set[Node]) -> bool:
    """Whether the value shares memory with the first input for certain."""
    if isinstance(node.op, Reshape):  # of what does not lie in row-major order, NumPy makes a copy
        return node.inputs[0] in contiguous
    if isinstance(node.op, Imag) and node.inputs[0].types[0].dtype.kind != "c":
        return False
    if isinstance(node.op, Slice) and not node.type.ndim:  # NumPy gives a number, which does not follow the memory
        return False
    return node.op.view and not isinstance(node.op, (Barrier, Pick))


def memory_roots(graph: Graph, buffered: Set[Node]) -> dict[Node, frozenset[Node]]:
    """The nodes in whose memory the value of each node may lie: itself, unless it is a view."""
    roots: dict[Node, frozenset[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Custom):  # it may return what it was given
            roots[node] = _union([roots[source] for source in node.inputs])
        elif isinstance(node.op, Barrier):
            roots[node] = _union([roots[source] for source in node.inputs[: node.op.results]])
        elif node.op.view and node not in buffered:
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


def row_major_nodes(graph: Graph, buffered: Set[Node], fixed: Set[Node]) -> set[Node]:
    """Nodes whose value lies in row-major order because it is put there, or because their operands do."""
    known: set[Node] = set()
    for node in graph.nodes:
        op = node.op
        keeps = isinstance(op, KEEPING) or op.takes_out()
        scalar = len(node.types) == 1 and node.type.ndim == 0
        placed = op.leaf or node in buffered or (node in fixed and not op.view)
        if placed or scalar or (keeps and all(source in known for source in node.inputs)):
            known.add(node)
    return known
