"""`Graph`: a frozen function of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorgraph.errors import CompileError, InputError
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.names import name_nodes
from tensorgraph.ir.node import Effect, Node, Pick, flatten, substitute, topological, unflatten
from tensorgraph.ir.provenance import located
from tensorgraph.ir.text import format_graph, parse_graph
from tensorgraph.ir.types import Array
from tensorgraph.ir.verify import verify

if TYPE_CHECKING:
    import networkx

__all__ = ["Builder", "Graph", "collect_effects", "label_of"]


class Builder:
    """Makes nodes so that equal expressions are one node.

    A key is the op and the numbers of its inputs. Placeholders and variables are equal only to
    themselves; constants are equal by dtype and bytes. Of equal nodes the first keeps its place in the source.
    """

    def __init__(self) -> None:
        self._known: dict[object, Node] = {}

    def add(self, node: Node, inputs: Sequence[Node], new: Mapping[Node, Node] | None = None) -> Node:
        """The node that stands for `node` applied to `inputs`; `new` says what stands for its primal."""
        if isinstance(node.op, Placeholder):
            return self._known.setdefault(id(node), node)
        key = (node.op.key(), *map(id, inputs))
        known = self._known.get(key)
        if known is None:
            same = not node.effects and all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            self._known[key] = known = node if same else node.with_inputs(inputs, new).without_effects()
        return known

    def rebuild(self, roots: Iterable[Node]) -> dict[Node, Node]:
        """Map every node below `roots` to the one that stands for it."""
        new: dict[Node, Node] = {}
        for node in topological(roots):
            source = _forwarded(node)
            if source is not None:
                new[node] = new[source]
            elif node.op.forwards:
                new[node] = node  # only its results are read
            else:
                new[node] = self.add(node, [new[i] for i in node.inputs], new)
        return new


def _forwarded(node: Node) -> Node | None:
    """The node whose value this one simply repeats, if it does."""
    if isinstance(node.op, Pick) and node.inputs[0].op.forwards:
        return node.inputs[0].inputs[node.op.index]
    return node.inputs[0] if node.op.forwards and len(node.types) == 1 else None


def collect_effects(roots: Iterable[Node]) -> dict[Node, Node]:
    """State updates recorded by nodes below `roots`, and by what those updates compute."""
    found: dict[Node, Node] = {}
    seen: set[Node] = set()
    waiting = list(roots)
    while waiting:
        fresh = [node for node in topological(waiting, stop=seen) if node not in seen]
        seen.update(fresh)
        waiting = []
        for variable, value in (pair for node in fresh for pair in node.effects):
            known = found.setdefault(variable, value)
            if known is value:
                waiting.append(value)
            else:
                raise located(
                    CompileError(f"{label_of(variable)} is written twice in one graph, with different values")
                )
    return found


def label_of(variable: Node) -> str:
    """``parameter 'w'``."""
    return f"parameter {variable.op.label!r}" if isinstance(variable.op, Variable) else variable.op.name


class Graph:
    """A function from inputs to outputs and to the next values of variables.

    Equal expressions are merged, unused ones dropped, and state updates recorded by layers are added to
    `updates`. Two graphs are equal if they compute the same by the same steps, whatever the leaves are called.

    Parameters
    ----------
    inputs
        Placeholder nodes, in the order in which values are given.
    outputs
        Nodes to compute.
    updates
        Pairs of a variable node and the node of its next value.

    Attributes
    ----------
    nodes
        All nodes, inputs of a node before it.

    Raises
    ------
    InputError
        If an input is no placeholder or is given twice, or the outputs need one that is not listed.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("batch", 3), "float32", name="x")
    >>> print(Graph([x.node], [tg.exp(x).node]))
    def graph(x):
        x = placeholder('x')  # float32[batch, 3]
        exp = np.exp(x)  # float32[batch, 3]
        return exp
    """

    __slots__ = ("__weakref__", "_key", "inputs", "nodes", "outputs", "updates")

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[Effect, ...]
    nodes: tuple[Node, ...]
    _key: object

    def __init__(self, inputs: Iterable[Node], outputs: Iterable[Node], updates: Iterable[Effect] = ()) -> None:
        inputs, outputs, following = tuple(inputs), tuple(outputs), _distinct(updates)
        _check_inputs(inputs)
        for variable, value in collect_effects([*outputs, *following.values()]).items():
            if following.setdefault(variable, value) is not value:
                raise located(
                    CompileError(f"{label_of(variable)} is written by a layer and by updates=, with different values")
                )
        new = Builder().rebuild([*inputs, *outputs, *following, *following.values()])
        set_ = object.__setattr__
        set_(self, "inputs", inputs)
        set_(self, "outputs", tuple(new[node] for node in outputs))
        set_(self, "updates", tuple((variable, new[value]) for variable, value in following.items()))
        set_(self, "nodes", tuple(topological(self.roots)))
        set_(self, "_key", None)
        _check_placeholders(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Graph does not change: cannot set {name!r}")

    @property
    def roots(self) -> tuple[Node, ...]:
        """Inputs, outputs, and updated variables with their next values."""
        return (*self.inputs, *self.outputs, *(n for pair in self.updates for n in pair))

    @property
    def variables(self) -> tuple[Node, ...]:
        """Nodes with storage, in order."""
        return tuple(node for node in self.nodes if isinstance(node.op, Variable))

    def substitute(self, replacements: Mapping[Node, Node]) -> Graph:
        """The graph with some nodes replaced by others of the same type.

        An input that is replaced is no input any more; placeholders that come in become inputs.
        """
        for old, node in replacements.items():
            if old.types != node.types:
                raise located(InputError(f"substitute: {old.type} cannot be replaced by {node.type}"))
        values = substitute([*self.outputs, *(v for _, v in self.updates)], replacements)
        kept = [node for node in self.inputs if node not in replacements]
        new = [n for n in topological(values) if isinstance(n.op, Placeholder) and n not in kept]
        updates = zip((variable for variable, _ in self.updates), values[len(self.outputs) :], strict=True)
        return Graph([*kept, *new], values[: len(self.outputs)], updates)

    def verify(self) -> Graph:
        """Check every invariant; returns the graph, or raises `VerifyError`."""
        return verify(self)

    def to_networkx(self) -> networkx.DiGraph[int]:
        """The graph as a ``networkx.DiGraph``.

        Nodes are numbers in graph order, with ``op``, ``name``, ``dtype``, ``shape``, ``scope``, ``primal`` and
        ``node``; an edge carries ``operands``, the positions at which the value is read.
        """
        import networkx as nx  # slow to import, and only wanted here

        number = {node: i for i, node in enumerate(self.nodes)}
        drawn: networkx.DiGraph[int] = nx.DiGraph(
            inputs=[number[n] for n in self.inputs],
            outputs=[number[n] for n in self.outputs],
            updates=[(number[a], number[b]) for a, b in self.updates],
        )
        names = name_nodes(self)
        for node, i in number.items():
            kind = node.types[0] if len(node.types) == 1 else None
            drawn.add_node(
                i, op=node.op.name, name=names.get(node, ""), scope=node.scope, node=node,
                dtype=kind.dtype.name if kind else None, shape=kind.shape if kind else None,
                primal=number.get(node.primal) if node.primal else None,
            )  # fmt: skip
            for position, source in enumerate(node.inputs):
                if drawn.has_edge(number[source], i):
                    drawn.edges[number[source], i]["operands"].append(position)
                else:
                    drawn.add_edge(number[source], i, operands=[position])
        return drawn

    @staticmethod
    def parse(text: str, constants: Mapping[str, Array] | None = None) -> Graph:
        """Read a printed graph back: ``Graph.parse(str(graph), constants=graph.constants()) == graph``.

        Parameters
        ----------
        text
            What ``str(graph)`` gave.
        constants
            The arrays that the text names because they are too large to print.

        Raises
        ------
        ParseError
            Says which line and why.
        """
        return Graph(*parse_graph(text, constants or {}))

    def constants(self) -> dict[str, Array]:
        """Constants too large to print, by the names that the text gives them."""
        names = name_nodes(self)
        return {names[n]: n.op.value for n in self.nodes if isinstance(n.op, Constant) and n.op.large}

    def key(self) -> object:
        """Equal for equal graphs: rows of operations and input numbers, leaves numbered in order."""
        if self._key is None:
            object.__setattr__(self, "_key", _graph_key(self))
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __str__(self) -> str:
        return format_graph(self)

    def __repr__(self) -> str:
        return f"<Graph: {len(self.inputs)} inputs, {len(self.nodes)} nodes, {len(self.outputs)} outputs>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (flatten(self.roots), len(self.inputs), len(self.outputs))


def _restore(flat: Any, inputs: int, outputs: int) -> Graph:
    nodes = unflatten(flat)
    rest = nodes[inputs + outputs :]
    return Graph(nodes[:inputs], nodes[inputs : inputs + outputs], zip(rest[::2], rest[1::2], strict=True))


def _distinct(updates: Iterable[Effect]) -> dict[Node, Node]:
    found: dict[Node, Node] = {}
    for variable, value in updates:
        if not isinstance(variable.op, Variable):
            raise located(InputError(f"updates: {variable.op.name} has no storage to update; use a Parameter"))
        if variable in found:
            raise located(InputError(f"updates: {label_of(variable)} is given twice"))
        if variable.type != value.type:
            message = f"updates: {label_of(variable)} is {variable.type} and its next value is {value.type}"
            raise located(InputError(f"{message}; cast or reshape the value"))
        found[variable] = value
    return found


def _check_inputs(inputs: Sequence[Node]) -> None:
    for i, node in enumerate(inputs):
        if not isinstance(node.op, Placeholder):
            raise located(InputError(f"input {i} is the result of {node.op.name}: inputs are placeholders"))
        if node in inputs[:i]:
            raise located(InputError(f"placeholder {node.op.label!r} is given twice among the inputs"))
    labels = [node.op.label for node in inputs if isinstance(node.op, Placeholder)]
    doubled = next((label for i, label in enumerate(labels) if label in labels[:i]), None)
    if doubled is not None:
        raise located(InputError(f"two inputs are called {doubled!r}: give each placeholder a name of its own"))


def _check_placeholders(graph: Graph) -> None:
    given = set(graph.inputs)
    for node in graph.nodes:
        if isinstance(node.op, Placeholder) and node not in given:
            where = f", made at {node.location}" if node.location else ""
            raise located(
                InputError(
                    f"the outputs need placeholder {node.op.label!r} ({node.type}{where}): list it among the inputs"
                )
            )


def _graph_key(graph: Graph) -> object:
    number = {node: i for i, node in enumerate(graph.nodes)}
    position = {node: i for i, node in enumerate(graph.inputs)}
    rows = []
    for node in graph.nodes:
        op: object = node.op.key()
        if isinstance(node.op, Placeholder):
            op = "input", position[node], node.type.key()
        elif isinstance(node.op, Variable):
            op = "variable", node.type.key()
        elif isinstance(node.op, Constant):
            op = "constant", node.type.key(), node.op.value.tobytes()
        rows.append((op, tuple(number[i] for i in node.inputs)))
    updates = tuple((number[a], number[b]) for a, b in graph.updates)
    return tuple(rows), tuple(number[n] for n in graph.outputs), updates
