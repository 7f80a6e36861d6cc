"""Whether results are those of the interpreter, whose definitions may add in another order than NumPy does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.interpret.difference import Ulp, difference
from tensorgraph.interpret.evaluate import evaluate, evaluate_graph
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ir.types import Array
from tensorgraph.ops.custom import Custom

__all__ = ["differs_from_interpreter", "results_difference"]

LOOSE = 64  # units in the last place of the largest value, where the definition adds in another order


def results_difference(
    found: Sequence[Array], wanted: Sequence[Array], ulp: Ulp, atol: float, dtypes: bool
) -> str | None:
    """How lists of results differ: the first that does, and where."""
    if len(found) != len(wanted):
        return f"{len(found)} results are not {len(wanted)}"
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        why = difference(a, b, ulp=ulp, atol=atol, dtypes=dtypes)
        if why is not None:
            return f"result {i} {why}"
    return None


def differs_from_interpreter(
    found: Sequence[Array], graph: Graph, arrays: Sequence[Array], ulp: Ulp = 0, atol: float = 0.0
) -> str | None:
    """How results differ from what the interpreter gives, by definition or else by NumPy's spelling."""
    wanted = [y for part in evaluate_graph(graph, arrays) for y in part]
    why = results_difference(found, wanted, *_loosened(graph, wanted, ulp, atol), True)
    if why is None or not _summed_otherwise(graph):
        return why
    # A last bit may decide a comparison further on, and zeros around an image meet infinities: neither is wrong.
    other = _spelled(graph, arrays)
    return why if results_difference(found, other, *_loosened(graph, other, ulp, atol), True) is not None else None


def _spelled(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The results with every node computed as NumPy spells it."""
    fed = dict(zip(graph.inputs, arrays, strict=True))
    sizes = bind_sizes((str(node.op), node.type, array.shape) for node, array in fed.items())
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            known = [values[source] for source in node.inputs]
            if node in fed:
                values[node] = np.asarray(fed[node], order="C")
            elif isinstance(node.op, Pick):
                values[node] = known[0][node.op.index]
            elif node.op.leaf:
                values[node] = evaluate([node])[0]
            else:
                op = resolve(node.op, sizes)
                values[node] = Op.evaluate(op, *known) if op.helpers and op.numpy else op.evaluate(*known)
    return [np.asarray(values[node]) for node in (*graph.outputs, *(v for _, v in graph.updates))]


def _summed_otherwise(graph: Graph) -> bool:
    """Whether the interpreter computes a node by its definition, adding in another order than NumPy."""
    return any(
        bool(node.op.helpers) and type(node.op).evaluate is not Op.evaluate and not isinstance(node.op, Custom)
        for node in graph.nodes
    )


def _loosened(graph: Graph, wanted: Sequence[Array], ulp: Ulp, atol: float) -> tuple[Ulp, float]:
    """What is allowed where the definition adds in another order: some units of the largest value."""
    if not _summed_otherwise(graph):
        return ulp, atol
    floats = [y for y in wanted if y.dtype.kind in "fc"]
    largest = max([1.0, *(float(np.max(np.abs(y[np.isfinite(y)]), initial=0.0)) for y in floats)])
    eps = max([float(np.finfo(y.dtype).eps) for y in floats], default=0.0)
    return ulp, atol + LOOSE * eps * largest
