"""Delta debugging of graphs: the smallest graph, and the plainest arrays, that still show a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from time import monotonic
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable, constant
from tensorgraph.ir.node import Effect, Node, Pick, substitute
from tensorgraph.ir.op import resolve
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Case", "Search", "Shows", "minimise", "minimise_arrays"]

C = TypeVar("C", bound="tuple[Any, ...]")
Case: TypeAlias = "tuple[Graph, list[Array]]"
Shows: TypeAlias = "Callable[[Graph, list[Array]], bool]"
Step: TypeAlias = "Callable[[Graph, list[Array]], Iterator[Case]]"

TRIALS = 400  # a graph is run at most so often
ROUNDS = 8
FEW = 16  # elements: the zeros of a larger array are not looked for one by one


def minimise(
    graph: Graph, arrays: Sequence[Array], shows: Shows, *, trials: int = TRIALS, seconds: float = np.inf
) -> Case:
    """Make a graph and its inputs smaller while they still show something.

    Outputs are left away, nodes become the only output, and subgraphs are replaced by inputs that hold
    their values; sizes become numbers, axes shorter; values become round.

    Parameters
    ----------
    graph, arrays
        What shows it.
    shows
        Whether a smaller case shows it as well. What it raises counts as no.
    trials
        How often to ask, at most.
    seconds
        How long to ask, at most.

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
        v = placeholder('v')  # float64[1]
        exp = np.exp(v)  # float64[1]
        return exp
    """
    search = Search[Case](shows, trials, seconds)
    steps = (fewer_outputs, earlier, shorter, numbers, cut, *PLAINER)  # while a size is a symbol nothing else has it
    return search.smallest((graph, [np.asarray(a) for a in arrays]), steps)


def minimise_arrays(
    arrays: Sequence[Array], shows: Callable[[list[Array]], bool], *, trials: int = TRIALS, seconds: float = np.inf
) -> list[Array]:
    """Arrays with shorter axes and plainer numbers that still show something.

    Parameters
    ----------
    arrays
        What shows it.
    shows, trials, seconds
        As for `minimise`.

    Examples
    --------
    >>> minimise_arrays([np.array([0.3, 2.0, 0.7])], lambda fed: bool(fed[0].max() >= 1))
    [array([1.])]
    """

    def fewer(fed: list[Array]) -> Iterator[tuple[list[Array]]]:
        return ((smaller,) for smaller in shortened(fed))

    def rounder(fed: list[Array]) -> Iterator[tuple[list[Array]]]:
        return ((smaller,) for smaller in rounded(fed))

    search = Search[tuple[list[Array]]](shows, trials, seconds)
    return search.smallest(([np.asarray(a) for a in arrays],), (fewer, rounder))[0]


class Search(Generic[C]):
    """Tries smaller cases, so many and so long."""

    def __init__(self, shows: Callable[..., bool], trials: int = TRIALS, seconds: float = np.inf) -> None:
        self._shows = shows
        self._left = trials
        self._end = monotonic() + seconds

    def smallest(self, case: C, steps: Sequence[Callable[..., Iterator[C]]]) -> C:
        """What the steps lead to, taken in turn until none of them leads further."""
        for _ in range(ROUNDS):
            smaller = case
            for step in steps:
                smaller = self._first(smaller, step)
            if smaller is case:
                break
            case = smaller
        return case

    def _first(self, case: C, step: Callable[..., Iterator[C]]) -> C:
        """Follow a step as long as one of its candidates shows it."""
        while True:
            found = next((c for c in step(*case) if self._holds(c)), None)
            if found is None:
                return case
            case = found

    def _holds(self, case: C) -> bool:
        if self._left <= 0 or monotonic() > self._end:
            return False
        self._left -= 1
        try:
            return self._shows(*case)
        except Exception:
            return False


# ---- steps


def only(
    inputs: Sequence[Node], outputs: Sequence[Node], feeds: dict[Node, Array], updates: Sequence[Effect] = ()
) -> Case:
    """The graph of these outputs and updates, without inputs that nothing reads."""
    graph = Graph(inputs, outputs, updates)
    read = {source for node in graph.nodes for source in node.inputs} | set(results(graph))
    # An input may be read only for a size: those go when sizes have become numbers.
    kept = [node for node in inputs if node in read or node.type.symbolic]
    return Graph(kept, outputs, updates), [feeds[node] for node in kept]


def results(graph: Graph) -> list[Node]:
    """Outputs and next values."""
    return [*graph.outputs, *(value for _, value in graph.updates)]


def apart(graph: Graph, nodes: Sequence[Node]) -> tuple[Sequence[Node], list[Effect]]:
    """Outputs and updates again, of nodes in the place of the results."""
    count = len(graph.outputs)
    return nodes[:count], list(zip((variable for variable, _ in graph.updates), nodes[count:], strict=True))


def fewer_outputs(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Each result alone, without updates; all of them without updates; without one of the updates or outputs."""
    nodes = list(dict.fromkeys(results(graph)))
    if len(nodes) == 1 and not graph.updates and len(graph.outputs) == 1:
        return
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for node in nodes:
        yield only(graph.inputs, [node], feeds)
    if graph.updates or len(graph.outputs) > len(nodes):
        yield only(graph.inputs, nodes, feeds)
    outputs, updates = graph.outputs, graph.updates
    for i in range(len(updates)):
        yield only(graph.inputs, outputs, feeds, [*updates[:i], *updates[i + 1 :]])
    for i in range(len(outputs) if updates else 0):
        yield only(graph.inputs, [*outputs[:i], *outputs[i + 1 :]], feeds, updates)


def earlier(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """A node on the way as the only output, the first ones first."""
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        if not node.op.leaf and len(node.types) == 1 and node not in graph.outputs:
            yield only(graph.inputs, [node], feeds)


def cut(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """A subgraph replaced by an input, or by a constant, of its value: the largest subgraphs first."""
    inner = [n for n in graph.nodes if len(n.types) == 1 and not isinstance(n.op, (Placeholder, Constant))]
    for node in reversed(inner):
        if node not in graph.outputs:
            yield from cut_at(graph, arrays, node)


def cut_at(graph: Graph, arrays: list[Array], node: Node) -> Iterator[Case]:
    """One node replaced by an input, then by a constant."""
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    names = {source.op.label for source in graph.inputs if isinstance(source.op, Placeholder)}
    name = next(label for label in ("v", *(f"v{i}" for i in range(len(names) + 1))) if label not in names)
    new = Node(Placeholder(name, node.type))
    try:
        if isinstance(node.op, Variable):
            value = np.array(node.op.storage.value)
        else:
            value = np.array(evaluate([node], {n: np.asarray(a, n.type.dtype) for n, a in feeds.items()})[0])
        for stand_in in (new,) if node.type.symbolic else (new, constant(value)):
            inputs = [*graph.inputs, *([new] if stand_in is new else [])]
            outputs, updates = apart(graph, substitute(results(graph), {node: stand_in}))
            yield only(inputs, outputs, {**feeds, new: value}, updates)
    except Exception:
        return  # it has no value, or what follows from it cannot be made of another


def numbers(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Every symbolic size replaced by the number it has."""
    if any(kind.symbolic for node in graph.nodes for kind in node.types):
        try:
            fixed = numbered(graph, arrays)
        except TensorGraphError:  # at these sizes it cannot be made, as an argmax of nothing
            return
        yield only(fixed.inputs, fixed.outputs, dict(zip(fixed.inputs, arrays, strict=True)), fixed.updates)


def numbered(graph: Graph, arrays: Sequence[Array]) -> Graph:
    """A graph for sizes that are numbers: those of the arrays."""
    fed = zip(graph.inputs, arrays, strict=True)
    sizes = bind_sizes((str(node), node.type, a.shape) for node, a in fed)

    return _retyped(graph, [node.type.with_sizes(sizes) for node in graph.inputs], sizes)


def _retyped(graph: Graph, types: Sequence[TensorType], sizes: Mapping[str, int] = MappingProxyType({})) -> Graph:
    """A graph whose inputs have other types, and sizes in attributes these values."""
    new: dict[Node, Node] = {
        node: Node(Placeholder(node.op.label, kind))
        for node, kind in zip(graph.inputs, types, strict=True)
        if isinstance(node.op, Placeholder)
    }
    for node in graph.nodes:
        inputs = [new[source] for source in node.inputs]
        if node.op.leaf:
            new.setdefault(node, node)
        elif isinstance(node.op, Pick) or not sizes:
            new[node] = node.with_inputs(inputs)
        else:
            new[node] = Node(resolve(node.op, sizes), *inputs)
    return Graph([new[node] for node in graph.inputs], *apart(graph, [new[node] for node in results(graph)]))


def shorter(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """All axes of one length cut, also in the graph."""
    for fed in shortened(arrays):
        try:
            kinds = [_shortened(node.type, a) for node, a in zip(graph.inputs, fed, strict=True)]
            smaller = _retyped(graph, kinds)
        except Exception:  # an operation takes no other length
            continue
        yield smaller, fed


def _shortened(kind: TensorType, array: Array) -> TensorType:
    """The type of an array; symbols stay."""
    pairs = zip(kind.shape, array.shape, strict=True)
    return TensorType(kind.dtype, tuple(m if isinstance(n, int) else n for n, m in pairs))


def shortened(arrays: Sequence[Array]) -> Iterator[list[Array]]:
    """Arrays of which all axes of one length are cut: to one element, to the first half, to the last half."""
    for length in sorted({n for a in arrays for n in a.shape if n > 1}, reverse=True):
        half = length // 2
        for part in dict.fromkeys([(0, 1), (0, half), (length - half, length)]):
            index = slice(*part)
            yield [a[tuple(index if n == length else slice(None) for n in a.shape)] for a in arrays]


def rounder(graph: Graph, arrays: list[Array]) -> Iterator[Case]:
    """Plainer numbers in one array."""
    return ((graph, fed) for fed in rounded(arrays))


def rounded(arrays: list[Array]) -> Iterator[list[Array]]:
    """Plainer numbers in one array: zeros, ones, whole numbers, few digits, contiguous memory."""
    for i, array in enumerate(arrays):
        for plainer in chain(_plainer(array), _with_zeros(array)):
            yield [*arrays[:i], plainer, *arrays[i + 1 :]]


def _plainer(array: Array) -> Iterator[Array]:
    """Arrays of the same shape, in order of plainness, up to the array itself."""
    native = array.astype(array.dtype.newbyteorder("="), order="C")
    options = [np.zeros_like(native)]
    if not np.all((native == 0) | (native == 1)):  # some ones and zeros are as plain as all ones
        options.append(np.ones_like(native))
    if native.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            options += [np.asarray(np.round(native)), np.asarray(np.round(native, 2))]
    simple = array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative
    for option in options:
        same = option.tobytes() == native.tobytes()
        if not (same and simple):
            yield option
        if same:
            return
    if not simple:
        yield native


def _with_zeros(array: Array) -> Iterator[Array]:
    """A small array with one of its elements set to zero."""
    for place in np.flatnonzero(array != 0) if array.size <= FEW else ():
        found = np.array(array, order="C")
        found.flat[place] = 0
        yield found


PLAINER: tuple[Step, ...] = (shorter, rounder)
