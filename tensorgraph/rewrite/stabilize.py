"""What is to be differentiated, in formulas that neither overflow nor lose digits.

The chain rule takes a formula as it stands: of ``log(1 + exp(x))`` it makes ``exp(x) / (1 + exp(x))``, which is NaN
where the logarithm, compiled as softplus, is right. So the laws of stability are applied before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node, substitute, topological
from tensorgraph.ir.op import Op
from tensorgraph.ops.meta import StopGradient
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import stability

__all__ = ["stabilized"]

LAWS: tuple[Law, ...] = tuple(law for law in vars(stability).values() if isinstance(law, Law))
BY_ROOT: Mapping[type[Op], tuple[Law, ...]] = {
    root: tuple(law for law in LAWS if root in law.roots) for root in {root for law in LAWS for root in law.roots}
}


def stabilized(roots: Sequence[Node], keep: Collection[Node]) -> list[Node]:
    """The roots in stable formulas; what is in `keep` stays, with all below it.

    Parameters
    ----------
    roots
        Nodes that are about to be differentiated.
    keep
        Nodes by which: a formula that reaches beyond one of them is left alone.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((), "float64", name="x")
    >>> [stabilized([tg.log(1 + tg.exp(x)).node], [x.node])[0].op]
    [Softplus()]
    """
    order = topological(roots, stop=set(keep))
    if not any(type(node.op) in BY_ROOT for node in order):
        return list(roots)
    hidden = {node: Node(Placeholder("kept", node.type)) for node in order if node in keep and not node.op.leaf}
    found = _rewritten(substitute(roots, hidden) if hidden else roots)
    return substitute(found, {new: old for old, new in hidden.items()}) if hidden else found


def _rewritten(roots: Sequence[Node]) -> list[Node]:
    """Rewritten from the leaves up; equal nodes are one, as laws look for the same node in two places."""
    new: dict[Node, Node] = {}
    known: dict[object, Node] = {}
    for node in topological(roots):
        moved = any(new[source] is not source for source in node.inputs)
        made = node.with_inputs([new[source] for source in node.inputs], new) if moved else node
        if not node.op.leaf and not node.effects:
            made = known.setdefault((made.op.key(), *map(id, made.inputs)), made)
        stable = _stable(made)
        new[node] = stable if stable is made or not node.effects else stable.with_effects(node.effects)
    return [new[root] for root in roots]


def _stable(node: Node) -> Node:
    """What laws make of a node, one after the other."""
    applied = True
    while applied:
        applied = False
        for law in BY_ROOT.get(type(node.op), ()):
            made = law.apply(node)
            if made is not None:
                node, applied = _held(made) if law is stability.softmax_centred else made, True
                break
    return node


def _held(softmax: Node) -> Node:
    """With the largest element held constant: a softmax does not depend on it, so that its derivative is 0."""
    top = softmax.inputs[0].inputs[0].inputs[1]  # of exp(x - top)
    return substitute([softmax], {top: Node(StopGradient(), top)})[0]
