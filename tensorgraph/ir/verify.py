"""The invariants of graphs, checked after every pass in tests and on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorgraph.errors import TensorGraphError, VerifyError
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Pick

if TYPE_CHECKING:
    from tensorgraph.ir.graph import Graph
    from tensorgraph.ir.node import Node

__all__ = ["verify"]


def verify(graph: Graph) -> Graph:
    """Check order, types, merging and ownership of constants; returns the graph.

    Raises
    ------
    VerifyError
        Names the node and the invariant that it breaks.
    """
    seen: set[Node] = set()
    keys: dict[object, Node] = {}
    for i, node in enumerate(graph.nodes):
        where = f"node {i} ({node.op.name})"
        if any(source not in seen for source in node.inputs):
            raise VerifyError(f"{where} stands before one of its inputs")
        _check_types(node, where)
        if isinstance(node.op, Constant) and node.op.value.flags.writeable:
            raise VerifyError(f"{where}: the array of a constant can be written")
        key = id(node) if node.op.leaf and not isinstance(node.op, Constant) else (node.op.key(), *map(id, node.inputs))
        if keys.setdefault(key, node) is not node:
            raise VerifyError(f"{where} equals an earlier node: equal expressions are merged")
        seen.add(node)
    for variable, value in graph.updates:
        if variable.type != value.type:
            raise VerifyError(f"the update of {variable.op!r} changes its type to {value.type}")
    return graph


def _check_types(node: Node, where: str) -> None:
    if isinstance(node.op, Pick):
        expected: object = (node.inputs[0].types[node.op.index],)
    else:
        try:
            found = node.op.infer(*[source.type for source in node.inputs])
        except (TensorGraphError, TypeError) as error:
            raise VerifyError(f"{where} refuses its inputs: {error}") from None
        expected = found if isinstance(found, tuple) else (found,)
    if expected != node.types:
        raise VerifyError(f"{where} says its type is {node.types} and should be {expected}")
