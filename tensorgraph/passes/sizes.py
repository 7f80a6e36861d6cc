"""Sizes whose names the emitted source needs for itself get others: ``range`` becomes ``range_1``."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping

from tensorgraph.ir.dims import Dim, rename_dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.names import Namer, symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import rename_sizes
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ir.types import TensorType

__all__ = ["with_free_names"]


def with_free_names(graph: Graph, reserved: Iterable[str]) -> Graph:
    """The graph with no size called like a built-in function, a helper of its operations, or one of these."""
    symbols = symbols_of(graph)
    helpers = {helper.__name__ for node in graph.nodes for helper in node.op.helpers}
    taken = {"np", *dir(builtins), *helpers, *reserved}
    if taken.isdisjoint(symbols):
        return graph
    namer = Namer([*taken, *symbols])
    return _renamed(graph, {symbol: namer(symbol) for symbol in symbols if symbol in taken})


def _renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    new: dict[Node, Node] = {}
    for node in (*graph.inputs, *graph.nodes):
        primal = new.get(node.primal, node.primal) if node.primal else None
        with context(Context(node.scope, primal, node.site)):
            if node not in new:
                new[node] = _renamed_node(node, [new[source] for source in node.inputs], names)
    return Graph(
        [new[node] for node in graph.inputs],
        [new[node] for node in graph.outputs],
        [(new[variable], new[value]) for variable, value in graph.updates],
    )


def _renamed_node(node: Node, operands: list[Node], names: Mapping[str, str]) -> Node:
    op = node.op
    if isinstance(op, Placeholder):
        shape = tuple(rename_dim(n, names) if isinstance(n, Dim) else n for n in op.type.shape)
        return Node(Placeholder(op.label, TensorType(op.type.dtype, shape)))
    return node if op.leaf else Node(rename_sizes(op, names), *operands)
