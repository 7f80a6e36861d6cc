"""Evaluate nodes one at a time: the oracle that compiled programs are held against.

Results lie in row-major order, except views: the order of a sum's terms, and with it the last bit, follows from
the layout, so it may not depend on how a result was computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import SymbolicError, TensorGraphError, VerifyError
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.node import Node, Pick, topological
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ir.types import Array

__all__ = ["evaluate", "evaluate_graph"]

Compute: TypeAlias = "Callable[[Op, Sequence[Array]], Any]"


def by_definition(op: Op, arrays: Sequence[Array]) -> Any:
    """The result of an operation: by its reference definition if it has one, else by its spelling."""
    return op.evaluate(*arrays)


def evaluate(
    roots: Sequence[Node], feeds: Mapping[Node, Array] | None = None, compute: Compute = by_definition
) -> list[Array]:
    """The values of nodes.

    Parameters
    ----------
    roots
        What to compute.
    feeds
        An array for each placeholder below them, of its dtype.
    compute
        How an operation that is no leaf is computed.

    Returns
    -------
    values
        One array per root. They may share memory with the feeds.

    Raises
    ------
    SymbolicError
        If a placeholder has no array.
    InputError
        If the shapes fed do not fit the placeholders.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> evaluate([(tg.asarray([1.0, 2.0]) * 3).node])
    [array([3., 6.])]
    """
    values: dict[Node, Any] = {node: np.asarray(array, order="C") for node, array in (feeds or {}).items()}
    known = {node for node in topological(roots, stop=set(values)) if node.memo is not None or node in values}
    order = topological(roots, stop=known)
    sizes = bind_sizes(
        (node.op.label, node.type, array.shape) for node, array in values.items() if isinstance(node.op, Placeholder)
    )
    readers = _count_readers(order, roots, known)
    with np.errstate(all="ignore"):
        for node in order:
            if node not in values:
                values[node] = node.memo if node.memo is not None else _compute(node, values, sizes, compute)
            for source in () if node in known else node.inputs:
                readers[source] -= 1
                if not readers[source]:
                    del values[source]  # the last reader is done: free it
    return [values[root] for root in roots]


def _count_readers(order: Sequence[Node], roots: Sequence[Node], known: set[Node]) -> dict[Node, int]:
    readers = dict.fromkeys(order, 0)
    for node in order:
        for source in () if node in known else node.inputs:
            readers[source] += 1
    for root in roots:
        readers[root] += 1
    return readers


def _compute(node: Node, values: Mapping[Node, Any], sizes: Mapping[str, int], compute: Compute) -> Any:
    op = node.op
    if isinstance(op, Constant):
        return np.asarray(op.value, order="C")
    if isinstance(op, Variable):
        return np.asarray(op.storage.value, order="C")
    if isinstance(op, Placeholder):
        raise SymbolicError(f"placeholder {op.label!r} ({op.type}) has no value: feed it, or compile and call")
    if isinstance(op, Pick):
        return values[node.inputs[0]][op.index]
    try:
        result = compute(resolve(op, sizes), [values[source] for source in node.inputs])
    except TensorGraphError:
        raise
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        place = f" ({node.location})" if node.location else ""
        raise type(error)(f"{op.name}: {error}{place}") from error
    if len(node.types) > 1:
        return tuple(np.asarray(part, order="C") for part in result)
    return _checked(node, np.asarray(result, order=None if op.view else "C"), sizes)


def _checked(node: Node, value: Array, sizes: Mapping[str, int]) -> Array:
    """Hold the type rule to what NumPy really gave."""
    expected = node.type.with_sizes(sizes) if node.type.symbolic else node.type
    if value.dtype != expected.dtype or value.shape != expected.shape:
        raise VerifyError(f"{node.op!r} should give {expected} and gave {value.dtype}{list(value.shape)}")
    return value


def evaluate_graph(graph: Graph, inputs: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Outputs and next values of variables, for one array per graph input."""
    feeds = dict(zip(graph.inputs, inputs, strict=True))
    values = evaluate([*graph.outputs, *(value for _, value in graph.updates)], feeds)
    return values[: len(graph.outputs)], values[len(graph.outputs) :]
