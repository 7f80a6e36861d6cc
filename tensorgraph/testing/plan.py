"""Evaluating the same nodes for many sets of arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.node import Node, Pick, topological
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array

__all__ = ["Plan", "dependent"]

Compute = Callable[[Op, Sequence[Array]], Any]


def dependent(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The inputs and all nodes that depend on them, in order."""
    found = set(inputs)
    order = topological([*inputs, *outputs])
    for node in order:
        if any(source in found for source in node.inputs):
            found.add(node)
    return [node for node in order if node in found]


class Plan:
    """What `evaluate` does for these nodes, with all that is the same for all arguments done once.

    Parameters
    ----------
    outputs
        What to compute; all sizes are known.
    inputs
        Nodes below them that are fed.
    compute
        See `evaluate`.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((2,), "float64", name="x")
    >>> plan = Plan([(x * 3).node], [x.node], lambda op, arrays: op.evaluate(*arrays))
    >>> plan([np.array([1.0, 2.0])]), plan([np.array([0.0, 1.0])])
    ([array([3., 6.])], [array([0., 3.])])
    """

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node], compute: Compute) -> None:
        self._inputs, self._outputs, self._compute = inputs, outputs, compute
        fed = set(inputs)
        self._nodes = [node for node in dependent(outputs, inputs) if node not in fed]
        moving = fed.union(self._nodes)
        sources = dict.fromkeys([*(s for node in self._nodes for s in node.inputs), *outputs])
        still = [node for node in sources if node not in moving]
        self._known: Mapping[Node, Any] = dict(zip(still, evaluate(still, compute=compute), strict=True))
        self._done = self._last_readers(moving)

    def _last_readers(self, moving: set[Node]) -> list[list[Node]]:
        """For each node, the operands that no later one reads: they are freed."""
        kept, done = set(self._outputs), list[list[Node]]()
        for node in reversed(self._nodes):
            ending = [s for s in dict.fromkeys(node.inputs) if s in moving and s not in kept]
            kept.update(ending)
            done.append(ending)
        return done[::-1]

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The values for these arguments."""
        values: dict[Node, Any] = {**self._known}
        values.update((node, np.asarray(a, order="C")) for node, a in zip(self._inputs, arrays, strict=True))
        with np.errstate(all="ignore"):
            for node, done in zip(self._nodes, self._done, strict=True):
                values[node] = self._value(node, [values[source] for source in node.inputs])
                for source in done:
                    del values[source]
        return [values[node] for node in self._outputs]

    def _value(self, node: Node, operands: Sequence[Any]) -> Any:
        if isinstance(node.op, Pick):
            return operands[0][node.op.index]
        result = self._compute(node.op, operands)
        if len(node.types) > 1:
            return tuple(np.asarray(part, order="C") for part in result)
        return np.asarray(result, order=None if node.op.view else "C")
