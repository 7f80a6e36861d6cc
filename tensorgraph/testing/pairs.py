"""Delta debugging of two graphs that differ: what they share is cut away, above and below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import Node, substitute, topological
from tensorgraph.ir.types import Array
from tensorgraph.testing.minimise import PLAINER, TRIALS, Case, Search, cut_at, numbered, numbers, only, results

__all__ = ["Pair", "joined", "minimise_pair"]

Tells: TypeAlias = "Callable[[Graph, Graph, list[Array]], bool]"


@dataclass(frozen=True)
class Pair:
    """Two graphs of the same inputs, in one: the results of the first, then those of the second.

    Nodes that both have are the same nodes.

    Attributes
    ----------
    graph
        Of all results.
    count
        The number of results of the first.
    """

    graph: Graph
    count: int

    @property
    def first(self) -> Graph:
        """The first graph."""
        return Graph(self.graph.inputs, self.graph.outputs[: self.count])

    @property
    def second(self) -> Graph:
        """The second graph."""
        return Graph(self.graph.inputs, self.graph.outputs[self.count :])


def joined(first: Graph, second: Graph, arrays: Sequence[Array]) -> Pair | None:
    """Two graphs as a pair; None if they do not take the same number of arrays, of the same dtypes.

    Sizes become numbers where the graphs call them by other names; None, too, if they cannot: an argmax of nothing.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x, y = (tg.placeholder(("n",), "float64", name=name) for name in "xy")
    >>> one, other = (tg.Graph([v.node], [tg.exp(tg.sin(v)).node]) for v in (x, y))
    >>> pair = joined(one, other, [np.ones(2)])
    >>> len(pair.graph.nodes), pair.first == pair.second
    (3, True)
    """
    if [n.type for n in first.inputs] != [n.type for n in second.inputs]:
        if len(first.inputs) != len(second.inputs):
            return None
        try:
            first, second = numbered(first, arrays), numbered(second, arrays)
        except TensorGraphError:
            return None
    if [n.type for n in first.inputs] != [n.type for n in second.inputs]:
        return None
    mine, others = results(first), substitute(results(second), dict(zip(second.inputs, first.inputs, strict=True)))
    return Pair(Graph(first.inputs, [*mine, *others]), len(mine))


def minimise_pair(
    pair: Pair, arrays: Sequence[Array], tells: Tells, *, trials: int = TRIALS, seconds: float = np.inf
) -> tuple[Pair, list[Array]]:
    """Make two graphs and their inputs smaller while something still tells them apart.

    Of several results one is kept. While both graphs end in the same operation, an operand takes the place of the
    result, and what both compute of the inputs alike becomes an input.

    Parameters
    ----------
    pair, arrays
        What differs.
    tells
        Whether two smaller graphs differ as well.
    trials, seconds
        As for `minimise`.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from tensorgraph.interpret.evaluate import evaluate_graph
    >>> x = tg.placeholder((2,), "float64", name="x")
    >>> one, other = (tg.Graph([x.node], [tg.exp(f(tg.cos(x)) + 1).node]) for f in (tg.sin, tg.tanh))
    >>> def tells(one, other, arrays):
    ...     return evaluate_graph(one, arrays)[0][0][0] != evaluate_graph(other, arrays)[0][0][0]
    >>> pair, arrays = minimise_pair(joined(one, other, [np.ones(2)]), [np.ones(2)], tells)
    >>> print(pair.graph)
    def graph(v):
        v = placeholder('v')  # float64[1]
        sin = np.sin(v)  # float64[1]
        tanh = np.tanh(v)  # float64[1]
        return sin, tanh
    """
    alike = 2 * pair.count == len(pair.graph.outputs)

    def of(graph: Graph) -> Pair:
        return Pair(graph, len(graph.outputs) // 2 if alike else pair.count)

    def shows(graph: Graph, fed: list[Array]) -> bool:
        return tells(of(graph).first, of(graph).second, fed)

    case: Case = (pair.graph, [np.asarray(a) for a in arrays])
    steps = (*((_fewer, _peeled) if alike else ()), numbers, lambda g, a: _cut_shared(of(g), a), *PLAINER)
    graph, fed = Search[Case](shows, trials, seconds).smallest(case, steps)
    return of(graph), fed


def _fewer(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """One result of each."""
    count = len(graph.outputs) // 2
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for i in range(count if count > 1 else 0):
        yield only(graph.inputs, [graph.outputs[i], graph.outputs[count + i]], feeds)


def _peeled(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """An operand of each, where both are results of the same operation."""
    if len(graph.outputs) != 2:
        return
    one, other = graph.outputs
    if one.op.leaf or one.op.key() != other.op.key() or len(one.inputs) != len(other.inputs):
        return
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for a, b in zip(one.inputs, other.inputs, strict=True):
        if a.types == b.types and len(a.types) == 1:
            yield only(graph.inputs, [a, b], feeds)


def _cut_shared(pair: Pair, arrays: list[Array]) -> Iterator[Case]:
    """Nodes that both graphs have replaced by their values: all that others read, else one, of a large subgraph first.

    One after the other the first would take from a graph what makes the next ones shared.
    """
    outputs = pair.graph.outputs
    shared: set[Node] = set(topological(outputs[: pair.count])) & set(topological(outputs[pair.count :]))
    inner = [
        node
        for node in reversed(pair.graph.nodes)
        if node in shared
        and node not in outputs
        and len(node.types) == 1
        and not isinstance(node.op, (Placeholder, Constant))
    ]
    read = {source for node in pair.graph.nodes if node not in shared for source in node.inputs}
    last = [node for node in inner if node in read]
    if len(last) > 1:
        case: Case | None = (pair.graph, arrays)
        for node in last:  # none follows from a later one, so each is still there
            case = next(cut_at(*case, node), None) if case is not None else None
        if case is not None:
            yield case
    for node in inner:
        yield from cut_at(pair.graph, arrays, node)
