"""Delta debugging of graphs: the smallest graph, and the plainest arrays, that still show a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable, constant
from tensorgraph.ir.node import Node, substitute
from tensorgraph.ir.op import resolve
from tensorgraph.ir.types import Array

__all__ = ["Case", "Shows", "minimise"]

Case: TypeAlias = "tuple[Graph, list[Array]]"
Shows: TypeAlias = "Callable[[Graph, list[Array]], bool]"

TRIALS = 400  # a graph is run at most so often
ROUNDS = 8


def minimise(graph: Graph, arrays: Sequence[Array], shows: Shows, *, trials: int = TRIALS) -> Case:
    """Make a graph and its inputs smaller while they still show something.

    Outputs are left away, nodes become the only output, and subgraphs are replaced by inputs that hold
    their values; sizes become numbers; values become round.

    Parameters
    ----------
    graph, arrays
        What shows it.
    shows
        Whether a smaller case shows it as well. What it raises counts as no.
    trials
        How often to ask, at most.

    Returns
    -------
    graph, arrays
        The smallest case found.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from tensorgraph.ops.transcendental import Exp
    >>> x = tg.placeholder((2,), "float64", name="x")
    >>> graph = tg.Graph([x.node], [tg.sum(tg.sin(tg.exp(x * 2)) + 1).node])
    >>> found, arrays = minimise(graph, [np.ones(2)], lambda g, _: any(isinstance(n.op, Exp) for n in g.nodes))
    >>> print(found)
    def graph(v):
        v = placeholder('v')  # float64[2]
        exp = np.exp(v)  # float64[2]
        return exp
    """
    search = _Search(shows, trials)
    best: Case = (graph, [np.asarray(a) for a in arrays])
    for _ in range(ROUNDS):
        smaller = best
        for step in (_fewer_outputs, _earlier, _numbers, _cut, _rounder):
            smaller = search.first(smaller, step)
        if smaller is best:
            break
        best = smaller
    return best


class _Search:
    def __init__(self, shows: Shows, trials: int) -> None:
        self._shows = shows
        self._left = trials

    def first(self, case: Case, step: Callable[[Graph, list[Array]], Iterator[Case]]) -> Case:
        """Follow a step as long as one of its candidates shows it."""
        while True:
            found = next((c for c in step(*case) if self.holds(c)), None)
            if found is None:
                return case
            case = found

    def holds(self, case: Case) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        try:
            return self._shows(*case)
        except Exception:
            return False


def _case(inputs: Sequence[Node], outputs: Sequence[Node], feeds: dict[Node, Array]) -> Case:
    """The graph of these outputs, without inputs that nothing reads."""
    graph = Graph(inputs, outputs)
    read = {source for node in graph.nodes for source in node.inputs} | set(outputs)
    # An input may be read only for a size: those go when sizes have become numbers.
    kept = [node for node in inputs if node in read or node.type.symbolic]
    return Graph(kept, outputs), [feeds[node] for node in kept]


def _results(graph: Graph) -> list[Node]:
    return list(dict.fromkeys([*graph.outputs, *(value for _, value in graph.updates)]))


def _fewer_outputs(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Each result alone, without updates."""
    results = _results(graph)
    if len(results) == 1 and not graph.updates and len(graph.outputs) == 1:
        return
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for node in results:
        yield _case(graph.inputs, [node], feeds)
    if graph.updates or len(graph.outputs) > len(results):
        yield _case(graph.inputs, results, feeds)


def _earlier(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """A node on the way as the only output, the first ones first."""
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        if not node.op.leaf and len(node.types) == 1 and node not in graph.outputs:
            yield _case(graph.inputs, [node], feeds)


def _cut(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """A subgraph replaced by an input, or by a constant, of its value: the largest subgraphs first."""
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    inner = [n for n in graph.nodes if len(n.types) == 1 and not isinstance(n.op, (Placeholder, Constant))]
    names = {node.op.label for node in graph.inputs if isinstance(node.op, Placeholder)}
    name = next(label for label in ("v", *(f"v{i}" for i in range(len(names) + 1))) if label not in names)
    for node in reversed(inner):
        if node in graph.outputs:
            continue
        value = np.array(node.op.storage.value if isinstance(node.op, Variable) else evaluate([node], feeds)[0])
        new = Node(Placeholder(name, node.type))
        for stand_in in (new, constant(value)):
            if stand_in is not new and node.type.symbolic:
                continue
            try:
                outputs = substitute(_results(graph), {node: stand_in})
                yield _case([*graph.inputs, *([new] if stand_in is new else [])], outputs, {**feeds, new: value})
            except TensorGraphError:
                continue


def _numbers(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Every symbolic size replaced by the number it has."""
    if not any(kind.symbolic for node in graph.nodes for kind in node.types):
        return
    fed = zip(graph.inputs, arrays, strict=True)
    sizes = bind_sizes((str(node), node.type, a.shape) for node, a in fed)
    new: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = [new[source] for source in node.inputs]
        if isinstance(node.op, Placeholder):
            new[node] = Node(Placeholder(node.op.label, node.type.with_sizes(sizes)))
        elif node.op.leaf:
            new[node] = node
        elif type(node) is not Node:
            new[node] = node.with_inputs(inputs)
        else:
            new[node] = Node(resolve(node.op, sizes), *inputs)
    feeds = {new[node]: a for node, a in zip(graph.inputs, arrays, strict=True)}
    yield _case([new[node] for node in graph.inputs], [new[node] for node in _results(graph)], feeds)


def _rounder(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Plainer numbers in one array: zeros, ones, whole numbers, few digits, contiguous memory."""
    for i, array in enumerate(arrays):
        for plainer in _plainer(array):
            if plainer.tobytes() != array.tobytes() or not array.flags.c_contiguous:
                yield graph, [*arrays[:i], plainer, *arrays[i + 1 :]]


def _plainer(array: Array) -> Iterator[Array]:
    """In order of plainness, up to the array's own."""
    options = [np.zeros_like(array, order="C"), np.ones_like(array, order="C")]
    if array.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            options += [np.round(array), np.round(array, 2)]
    for option in options:
        if option.tobytes() == array.tobytes() and array.flags.c_contiguous:
            return
        yield np.ascontiguousarray(option).reshape(array.shape)
    if not array.flags.c_contiguous:
        yield np.array(array, order="C")
