"""Apply laws until none applies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tensorgraph.ir.graph import Builder, Graph
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import Context, context
from tensorgraph.passes.fold import folded
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import laws_at

__all__ = ["Simplified", "simplify"]

_Laws: TypeAlias = "Callable[[Node], Sequence[Law]]"
_Told: TypeAlias = "Callable[[Law, Node, Node], object]"  # of a law that is used

STEPS = 64  # rewrites a node, on average; laws that need more undo each other


@dataclass(frozen=True)
class Simplified:
    """What `simplify` gives.

    Attributes
    ----------
    graph
        The graph, in which no law applies any more.
    laws
        The laws used, and how often each was.
    """

    graph: Graph
    laws: Mapping[Law, int]


def simplify(
    graph: Graph,
    *,
    fast_math: bool = False,
    laws: Callable[[type[Op]], Sequence[Law]] | None = None,
    applied: Callable[[Law, Node, Node], object] | None = None,
) -> Simplified:
    """Apply laws to a fixpoint, folding constants on the way.

    A law looks at a node and at what is below it. So nodes are rewritten from the leaves up, each until no law
    applies, and what a law makes joins the work: every node is visited once. Laws that come late are used in a second
    round, in which a node that is as the first has left it needs no others.

    Parameters
    ----------
    graph
        What to simplify.
    fast_math
        Whether laws that hold for real numbers only may be used.
    laws
        The laws to use at an operation of a class, in order; by default all.
    applied
        Told of each law that is used: the law, the node, and what it is replaced by.

    Raises
    ------
    RuntimeError
        If laws undo each other.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((3,), "float32", name="x")
    >>> result = simplify(tg.Graph([x.node], [(-(-x) * 1).node]))
    >>> print(result.graph)
    def graph(x):
        x = placeholder('x')  # float32[3]
        return x
    >>> {law.name: count for law, count in result.laws.items()}
    {'neg_neg': 1, 'mul_one': 1}
    """
    most = STEPS * (len(graph.nodes) + 16)
    roots = [*graph.outputs, *(value for _, value in graph.updates)]
    if laws is not None:
        work = _Work(lambda node: [law for law in laws(type(node.op)) if law.takes(_operands(node))], most, applied)
        roots = work.done(roots)
    else:
        work = _Work(lambda node: laws_at(type(node.op), fast_math, "early", _operands(node)), most, applied)
        roots = work.done(roots)
        settled = work.nodes
        if any(laws_at(cls, fast_math, "late", None) for cls in {type(node.op) for node in settled}):

            def left(node: Node) -> Sequence[Law]:
                return laws_at(type(node.op), fast_math, "late" if node in settled else "any", _operands(node))

            work = _Work(left, most, applied, work.used)
            roots = work.done(roots)
    outputs, values = roots[: len(graph.outputs)], roots[len(graph.outputs) :]
    updates = [(variable, value) for (variable, _), value in zip(graph.updates, values, strict=True)]
    return Simplified(Graph(graph.inputs, outputs, updates), dict(work.used))


def _operands(node: Node) -> frozenset[type[Op]]:
    return frozenset([type(source.op) for source in node.inputs])


class _Work:
    """Nodes, and what stands for each."""

    def __init__(self, laws: _Laws, most: int, applied: _Told | None, used: Mapping[Law, int] = {}) -> None:
        self._laws = laws
        self._applied = applied
        self._left = most
        self._builder = Builder()
        self._new: dict[Node, Node] = {}
        self.used: Counter[Law] = Counter(used)

    @property
    def nodes(self) -> frozenset[Node]:
        """What stands for nodes that are done."""
        return frozenset(self._new.values())

    def done(self, roots: Sequence[Node]) -> list[Node]:
        """What stands for each root, when every node below and every one that laws made is done."""
        new = self._new
        becomes: dict[Node, Node] = {}
        waiting = list(reversed(roots))
        while waiting:
            node = waiting[-1]
            if node in new:
                waiting.pop()
                continue
            made = becomes.get(node)
            if made is None:
                pending = [source for source in node.inputs if source not in new]
                if pending:
                    waiting.extend(reversed(pending))
                    continue
                same = self._builder.add(node, [new[i] for i in node.inputs], new)
                made = becomes[node] = new.get(same) or self._step(same)
                if made is same:
                    new[same] = same  # no law applies
            if made in new:
                new[node] = new[made]
                waiting.pop()
            else:
                waiting.append(made)
        return [new[root] for root in roots]

    def _step(self, node: Node) -> Node:
        """What one law makes of a node whose inputs are done; the node itself if none applies."""
        if node.op.leaf:
            return node
        known = folded(node, node.inputs)
        if known is not None:
            return known
        laws = self._laws(node)
        if not laws:
            return node
        with context(Context(node.scope, node.primal, node.site)):
            for law in laws:
                made = law.replacement(node)
                if made is not None:
                    self._count(law)
                    if self._applied is not None:
                        self._applied(law, node, made)
                    return made
        return node

    def _count(self, law: Law) -> None:
        self.used[law] += 1
        self._left -= 1
        if self._left < 0:
            most = ", ".join(f"{law.name} {n:,} times" for law, n in self.used.most_common(4))
            raise RuntimeError(f"simplify: laws undo each other; used most: {most}")
