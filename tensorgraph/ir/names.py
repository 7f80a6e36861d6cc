"""Names for the values of a graph: the user's where there are any, else what the operation is called."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.node import Node, Pick

if TYPE_CHECKING:
    from tensorgraph.ir.graph import Graph

__all__ = ["Namer", "is_literal", "name_nodes", "symbols_of"]

_RESERVED = frozenset(
    [*keyword.kwlist, *dir(builtins), "np", "placeholder", "parameter", "constant", "update", "graph"]
)


class Namer:
    """Gives out names, each once."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(_RESERVED).union(reserved)
        self._count: dict[str, int] = dict.fromkeys(self._taken, 0)  # a reserved word is numbered from 1

    def __call__(self, wish: str) -> str:
        """The wish as an identifier, numbered if it is taken."""
        base = re.sub(r"\W+", "_", wish).strip("_") or "value"
        base = f"v{base}" if base[0].isdigit() else base
        name = base
        while name in self._taken:
            self._count[base] = self._count.get(base, 1) + 1
            name = f"{base}_{self._count[base]}"
        self._taken.add(name)
        return name


def is_literal(node: Node) -> bool:
    """Whether a node is written in place, as a number."""
    return isinstance(node.op, Constant) and node.type.ndim == 0


def symbols_of(graph: Graph) -> list[str]:
    """Names of all symbolic sizes, in order of appearance."""
    found: dict[str, None] = {}
    for node in graph.nodes:
        for kind in node.types:
            for size in kind.shape:
                if not isinstance(size, int):
                    found.update(dict.fromkeys(size.symbols()))
    return list(found)


def name_nodes(graph: Graph, reserved: Iterable[str] = ()) -> dict[Node, str]:
    """A name for every node that gets a line of its own: deterministic, readable, unique."""
    helpers = (helper.__name__ for node in graph.nodes for helper in node.op.helpers)
    namer = Namer([*reserved, *helpers, *symbols_of(graph)])
    names: dict[Node, str] = {}
    for node in (*graph.inputs, *(n for n in graph.nodes if isinstance(n.op, Variable))):
        names.setdefault(node, namer(_wish(node)))  # leaves first: they carry the user's own names
    inner = {source for node in graph.nodes for source in node.inputs if node.site and node.site == source.site}
    for node in graph.nodes:
        if node not in names and not is_literal(node) and len(node.types) == 1:
            variable = node.location.variable if node.primal is None and node not in inner and node.location else None
            names[node] = namer(variable or _wish(node))
    return names


def _wish(node: Node) -> str:
    if isinstance(node.op, (Placeholder, Variable)):
        return node.op.label
    if isinstance(node.op, Constant):
        return f"c_{node.op.digest}" if node.op.large else "c"
    if isinstance(node.op, Pick):
        return f"{node.inputs[0].op.name}_{node.op.index}"
    return node.op.name if node.primal is None else f"d_{node.primal.op.name}"
