"""Which operation's rule is to blame for a derivative that is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.array.functions import where
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.rules import NONDIFFERENTIABLE
from tensorgraph.autodiff.transforms import vjp
from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.node import Node, Pick, Result, substitute, topological
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ir.types import Array
from tensorgraph.ops.meta import Alias, Override
from tensorgraph.testing.comparison import Comparison
from tensorgraph.testing.graphed import Graphed
from tensorgraph.testing.mismatch import MODES, Culprit, GradientMismatch
from tensorgraph.testing.subject import Arrays, Flat

__all__ = ["find_culprit"]

MOST = 24  # elements of an operand whose derivative is checked


def find_culprit(flat: Flat, points: Arrays, order: int) -> Culprit | None:
    """The first operation whose rule disagrees with its numeric local derivative, at the values that occurred.

    Parameters
    ----------
    flat
        Takes tensors and gives a list of floating-point tensors.
    points
        Where.
    order
        To which order the derivatives were checked.

    Returns
    -------
    culprit
        The operation's name and a sentence about it; None if every rule is right there.

    Notes
    -----
    First each operation of the graph, in topological order; then each operation of the graph of its derivative;
    then the derivatives of the first ones to the full order, in both directions.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> twice = tg.custom_op(lambda x: 2 * x, vjp=lambda g, y, x: 3 * g)
    >>> find_culprit(lambda x: [tg.exp(twice(x))], [np.array(1.0)], 1)[1].split(" (")[0]
    'the rule of <lambda> is to blame'
    """
    subject = Graphed(flat, points)
    nodes = _path([y.node for y in subject.outputs], [a.node for a in subject.aliases])
    return _first(nodes, 1, ("reverse",)) or _in_the_derivative(subject) or _last(nodes, order)


def _in_the_derivative(subject: Graphed) -> Culprit | None:
    flat, count = subject.flat, len(subject.points)
    rng = np.random.default_rng(1)
    cotangents = [np.asarray(rng.uniform(0.5, 1, y.shape), y.dtype) for y in subject.values]
    derived = Graphed(lambda *xs: list(vjp(flat, *xs[:count])[1](xs[count:])), [*subject.points, *cotangents])
    nodes = _path([y.node for y in derived.outputs], [a.node for a in derived.aliases])
    return _first(nodes, 1, ("reverse",))


def _path(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The nodes that a derivative passes through, inputs first."""
    wanted = set(outputs)
    order = topological([*inputs, *outputs])
    for node in reversed(order):
        if node in wanted:
            wanted.update(_sources(node))
    active = set(inputs)
    for node in order:
        if any(source in active for source in _sources(node)):
            active.add(node)
    return [node for node in order if node in wanted and node in active and node.inputs and node not in inputs]


def _sources(node: Node) -> Sequence[Node]:
    """The inputs that a derivative flows to."""
    if isinstance(node.op, Override):
        return node.inputs[node.op.results :]
    stops = type(node.op) in NONDIFFERENTIABLE or all(kind.dtype.kind not in "fc" for kind in node.types)
    return () if stops else node.inputs


def _first(nodes: Sequence[Node], order: int, modes: tuple[str, ...]) -> Culprit | None:
    operations = [n for n in nodes if not isinstance(n.op, (Pick, Alias))]
    if order > 1:  # the rule of an override reads the values of its own trace, which stay what they are
        operations = [n for n in operations if not isinstance(n.op, Override)]
    operands = list(dict.fromkeys(source for node in operations for source in _sources_of_values(node)))
    values = dict(zip(operands, evaluate(operands), strict=True))
    for node in operations:
        problem = _problem(node, values, order, modes)
        if problem is not None:
            return problem
    return None


def _sources_of_values(node: Node) -> Sequence[Node]:
    return node.inputs[node.op.results :] if isinstance(node.op, Override) else node.inputs


def _problem(node: Node, values: Mapping[Node, Array], order: int, modes: tuple[str, ...]) -> Culprit | None:
    """What is wrong with the rule of one node, if anything is."""
    sources = _sources_of_values(node)
    floating = [i for i, source in enumerate(sources) if source.type.dtype.kind in "fc"]
    wide = {"f": np.float64, "c": np.complex128}
    points: list[Array] = [np.array(values[sources[i]], wide[sources[i].type.dtype.kind]) for i in floating]
    if not floating or not all(np.all(np.isfinite(p)) for p in points):
        return None
    names = [f"its operand {i}" for i in floating]
    comparison = Comparison(names, modes, most=MOST)
    try:
        subject = Graphed(_local(node, sources, floating, values), points)
        comparison.order(subject, (), order)
    except GradientMismatch as error:
        return _name(node), f"{_sentence(node)}: {_detail(error)}"
    except (GradientError, TensorGraphError):
        return None
    return None


def _local(node: Node, sources: Sequence[Node], floating: Sequence[int], values: Mapping[Node, Array]) -> Flat:
    """One operation as a function of its floating-point operands."""
    constants = [asarray(values[source]).node for source in sources]

    def flat(*xs: Tensor) -> list[Tensor]:
        filled = [*constants]
        for i, x in zip(floating, xs, strict=True):
            filled[i] = x.node
        with context(Context(node.scope, node.primal, node.site)):
            if isinstance(node.op, Override):
                inner = substitute(node.inputs[: node.op.results], dict(zip(sources, filled, strict=True)))
                filled = [*inner, *filled]
            made = Node(node.op, *filled)
            results = [made] if len(made.types) == 1 else [Result(made, k) for k in range(len(made.types))]
        return [_finite(Tensor(y)) for y in results if y.type.dtype.kind in "fc"]

    return flat


def _finite(y: Tensor) -> Tensor:
    """The result without what is infinite, as at a pole: there is no derivative to judge there."""
    inside = np.isfinite(y.numpy())
    return y if np.all(inside) else where(inside, y, 0)


# ---- words


def _name(node: Node) -> str:
    if not isinstance(node.op, Override):
        return node.op.name
    rule: Callable[..., Any] = node.op.vjp
    function = inspect.getclosurevars(rule).nonlocals.get("f")
    return str(getattr(function, "__name__", "override"))


def _sentence(node: Node) -> str:
    primal = f", in the derivative of {node.primal.op.name}," if node.primal is not None else ""
    origin = node.primal or node
    place = f" ({origin.location})" if origin.location else ""
    what = "custom gradient" if isinstance(node.op, Override) else "rule"
    return f"the {what} of {_name(node)}{primal} is to blame{place}"


def _detail(error: GradientMismatch) -> str:
    """The message of a local check, without what the sentence says already."""
    text = str(error).removeprefix("check_gradients: ")
    head, _, tail = text.rpartition(" (")
    text = head if tail.endswith(")") and ":" in tail else text
    return text.split("; condition")[0].replace("of the result times a random cotangent ", "")


def _last(nodes: Sequence[Node], order: int) -> Culprit | None:
    """To the full order; all else being right, an override whose rule cannot be differentiated again."""
    found = _first(nodes, order, MODES)
    node = next((n for n in nodes if isinstance(n.op, Override)), None)
    if found is not None or node is None or order == 1:
        return found
    return _name(node), f"{_sentence(node)}: its own derivative is wrong"
