"""Compute what is known, and drop identities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, constant
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ops.meta import StopGradient
from tensorgraph.ops.shape import BroadcastTo

__all__ = ["drop_identities", "fold_constants", "folded", "rewritten"]

FOLDED = 64 * 1024  # bytes: a larger result is folded only if it is no larger than its operands


def rewritten(graph: Graph, change: Callable[[Node, list[Node]], Node | None]) -> Graph:
    """The graph with every node replaced by what `change` makes of it and its new inputs; None keeps it."""
    new: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = [new[source] for source in node.inputs]
        made = change(node, inputs)
        if made is None:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            made = node if same else node.with_inputs(inputs, new)
        new[node] = made
    updates = [(variable, new[value]) for variable, value in graph.updates]
    return Graph(graph.inputs, [new[node] for node in graph.outputs], updates)


def fold_constants(graph: Graph) -> Graph:
    """Nodes whose inputs are constants become constants, unless the result would be large."""
    return rewritten(graph, folded)


def folded(node: Node, inputs: Sequence[Node]) -> Node | None:
    """The constant that a node is, if its inputs are constants and it is not large."""
    if node.op.leaf or isinstance(node.op, (Pick, BroadcastTo)) or len(node.types) != 1:
        return None  # what is repeated takes no memory and no time as it is
    if node.type.symbolic or not node.concrete:
        return None
    known = [source.op for source in inputs if isinstance(source.op, Constant)]
    size = node.type.nbytes
    operands = sum(op.value.nbytes for op in known)
    if len(known) < len(inputs) or not isinstance(size, int) or size > max(FOLDED, operands):
        return None
    return constant(evaluate([node.with_inputs(inputs)])[0])


def drop_identities(graph: Graph) -> Graph:
    """Without the nodes that only told derivatives where to stop."""
    return rewritten(graph, lambda node, inputs: inputs[0] if isinstance(node.op, StopGradient) else None)
