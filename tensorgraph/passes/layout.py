"""Weights that are read transposed are stored so.

``x @ w.T`` with a weight of ``[out, in]`` has BLAS read `w` across its rows, and the gradient ``d.T @ x`` is a product
with few rows where ``x.T @ d`` has many. So a large matrix whose forward products all read its transposition is stored
with its axes exchanged, and with it whatever is updated together with it: its moments, and its gradient. The
user's parameter is a view of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorgraph.ir.dims import dim_key, product, same_shape
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import TurnedStorage, Variable
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.linalg import Matmul
from tensorgraph.ops.shape import PermuteDims

__all__ = ["lay_out"]

LEAST = 8192  # elements: with fewer, a product is a call
BLAS = (np.dtype("float32"), np.dtype("float64"))


def lay_out(graph: Graph) -> tuple[Graph, int]:
    """The graph with such weights stored transposed, and how many products were turned round for that."""
    finder = _Finder(graph)
    found = [unit for variable in graph.variables if (unit := finder.unit(variable)) is not None]
    return _Turned(graph, found).graph() if found else (graph, 0)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Variables that are turned together, and the operations that lead to their next values.

    Attributes
    ----------
    variables
        A weight, and what is updated with it.
    inside
        Elementwise operations on them.
    products
        Matrix products and transpositions among the operands: gradients.
    """

    variables: frozenset[Node]
    inside: frozenset[Node]
    products: frozenset[Node]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self._readers: dict[Node, list[Node]] = {}
        for node in graph.nodes:
            for source in node.inputs:
                self._readers.setdefault(source, []).append(node)
        self._next = dict(graph.updates)
        self._kept = set(graph.outputs)
        self._copied = {value for _, value in graph.updates if isinstance(value.op, Variable)}

    def unit(self, variable: Node) -> _Unit | None:
        """What must be turned if a variable is; None if it is better left, or cannot be."""
        kind = variable.type
        large = kind.ndim == 2 and isinstance(kind.size, int) and kind.size >= LEAST
        found = self._updated(variable) if large and kind.dtype in BLAS else None
        if found is None or not self._closed(variable, found):
            return None
        outer = [reader for reader in self._readers.get(variable, ()) if reader not in found.inside]
        turns = [reader for reader in outer if _transposes(reader)]
        products = [reader for turn in turns for reader in self._readers.get(turn, ())]
        products += [reader for reader in outer if reader not in turns]
        if not self._kept.isdisjoint(turns) or not all(isinstance(node.op, Matmul) for node in products):
            return None
        forward = [reader for reader in outer if reader.primal is None]
        if not forward or not all(reader in turns for reader in forward):
            return None
        # the products of one example read a weight once, and go along its rows either way
        return None if all(_is_row(node) for node in products if node.primal is None) else found

    def _updated(self, variable: Node) -> _Unit | None:
        """Everything that leads to the next value of a variable, element by element; None if something else does."""
        variables, inside, products = {variable}, set[Node](), set[Node]()
        waiting = [self._next[variable]] if variable in self._next else []
        while waiting:
            node = waiting.pop()
            if node in variables or node in inside or node in products:
                continue
            if not same_shape(node.types[0].shape, variable.type.shape):
                return None
            if node in self._next:
                variables.add(node)
                waiting.append(self._next[node])
            elif isinstance(node.op, Elementwise):
                inside.add(node)
                waiting += [source for source in node.inputs if source.types[0].ndim]
            elif isinstance(node.op, Matmul) or _transposes(node):
                products.add(node)
            else:
                return None
        return _Unit(frozenset(variables), frozenset(inside), frozenset(products))

    def _closed(self, variable: Node, unit: _Unit) -> bool:
        """Whether nothing else reads what is turned; of the variable itself, others may."""
        own = unit.variables | unit.inside | unit.products
        if not own.isdisjoint(self._kept) or not unit.variables.isdisjoint(self._copied):
            return False
        return all(reader in unit.inside for node in own - {variable} for reader in self._readers.get(node, ()))


def _is_row(node: Node) -> bool:
    return dim_key(product(node.type.shape[:-1])) == 1


def _transposes(node: Node) -> bool:
    return isinstance(node.op, PermuteDims) and node.op.order == (1, 0)


class _Turned:
    """A graph in which some values are replaced by their transpositions."""

    def __init__(self, graph: Graph, units: Sequence[_Unit]) -> None:
        self._graph = graph
        self._variables = {variable for unit in units for variable in unit.variables}
        self._inside = {node for unit in units for node in unit.inside}
        self._products = {node for unit in units for node in unit.products}
        self._new: dict[Node, Node] = {}  # what stands for a node
        self._turned: dict[Node, Node] = {variable: _turned(variable) for variable in self._variables}

    def graph(self) -> tuple[Graph, int]:
        """The new graph, and the number of products turned round."""
        for node in self._graph.nodes:
            with context(Context(node.scope, node.primal, node.site)):
                self._take(node)
        outputs = [self._new[node] for node in self._graph.outputs]
        updates = [self._update(*pair) for pair in self._graph.updates]
        products = [node for node in self._products if isinstance(node.op, Matmul)]
        return Graph(self._graph.inputs, outputs, updates), len(products)

    def _take(self, node: Node) -> None:
        if node in self._variables:
            return
        if node in self._inside:
            turned = (self._turned[s] if s.types[0].ndim else self._new[s] for s in node.inputs)
            self._turned[node] = Node(node.op, *turned)
        elif node in self._products and isinstance(node.op, Matmul):
            a, b = node.inputs
            self._turned[node] = Node(node.op, self._transposed(b), self._transposed(a))
        elif node in self._products:
            self._turned[node] = self._of(node.inputs[0])
        elif _transposes(node) and node.inputs[0] in self._variables:
            self._new[node] = self._turned[node.inputs[0]]
        else:
            operands = [self._of(source) for source in node.inputs]
            same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
            self._new[node] = node if same else node.with_inputs(operands, self._new)

    def _of(self, node: Node) -> Node:
        """What stands for an operand."""
        return Node(PermuteDims((1, 0)), self._turned[node]) if node in self._variables else self._new[node]

    def _transposed(self, node: Node) -> Node:
        if node in self._variables:
            return self._turned[node]
        return self._of(node.inputs[0]) if _transposes(node) else Node(PermuteDims((1, 0)), self._new[node])

    def _update(self, variable: Node, value: Node) -> tuple[Node, Node]:
        if variable in self._variables:
            return self._turned[variable], self._turned[value]
        return variable, self._new[value]


def _turned(variable: Node) -> Node:
    """The leaf of the same storage with its axes exchanged."""
    op = variable.op
    assert isinstance(op, Variable)
    rows, columns = op.type.shape
    kind = TensorType(op.type.dtype, (columns, rows))
    with context(Context(variable.scope, variable.primal, variable.site)):
        return Node(Variable(op.label, kind, TurnedStorage(op.storage)))
