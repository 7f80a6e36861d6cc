"""Functions that cannot be checked: what is wrong with them, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.testing.forms import described, quickly
from tensorgraph.testing.graphed import Graphed, Program
from tensorgraph.testing.subject import Arrays

__all__ = ["called", "check_finite", "check_graph", "check_repeats", "check_unchanged"]

OFF = 2.0**-12  # how far from the point, relative to it, a function is called again


def called(
    f: Callable[..., Any], args: Sequence[Any], what: str, takes: str, hint: Callable[[], str | None] | None = None
) -> Any:
    """The result of a call; `hint` may know why it raised.

    Raises
    ------
    GradientError
        If the function raises anything but an error of this library; that one already says what to do.

    Examples
    --------
    >>> called(lambda x: x + 1, [1], "the function", "numbers")
    2
    """
    try:
        return f(*args)
    except TensorGraphError:
        raise
    except Exception as error:
        raised = f"{what} raised {type(error).__name__}: {error}"
        advice = (hint and hint()) or f"it is called with {takes}: call it so by itself and mend it"
        raise located(GradientError(f"check_gradients: {raised}: {advice}")) from error


def check_repeats(one: Arrays, other: Arrays) -> None:
    """Raise if two calls with the same arguments gave different results."""
    same = len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other, strict=True))
    if not same:
        advice = "fix its seeds or keys, and let it keep no state between calls"
        raise located(
            GradientError(
                f"check_gradients: two calls with the same arguments gave different results: a function that is not "
                f"deterministic has no derivative: {advice}"
            )
        )


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def check_unchanged(names: Sequence[str], before: Arrays, after: Arrays, what: str = "the function") -> None:
    """Raise if a call has written to an argument."""
    for name, a, b in zip(names, before, after, strict=True):
        if not _equal(np.asarray(a), np.asarray(b)):
            raise located(
                GradientError(f"check_gradients: {what} writes to {name}: let it work on a copy and return the result")
            )


def check_finite(values: Arrays, outputs: Sequence[Node] = ()) -> None:
    """Raise if a result is NaN or infinite, naming the operation of the graph where that began."""
    for k, value in enumerate(values):
        wrong = np.argwhere(~np.isfinite(value))
        if len(wrong):
            index = tuple(int(i) for i in wrong[0])
            where = f"result {k}, index {index}, is {value[index]}"
            advice = "choose arguments inside the domain of the function"
            raise located(
                GradientError(f"check_gradients: {where}, which has no derivative{_origin(outputs)}: {advice}")
            )


def _origin(outputs: Sequence[Node]) -> str:
    """The first operation whose result is not finite while its operands are."""
    nodes = [node for node in topological(outputs) if len(node.types) == 1 and node.type.dtype.kind in "fc"]
    finite = {node: bool(np.all(np.isfinite(v))) for node, v in zip(nodes, evaluate(nodes), strict=True)}
    for node in nodes:
        if not finite[node] and node.inputs and all(finite.get(source, True) for source in node.inputs):
            return f": it is {described(node)} that gives it"
    return ""


def check_graph(subject: Graphed, flat: Callable[..., Any], tensors: Callable[[Arrays], Sequence[Any]]) -> None:
    """Raise if the function computes something from its arguments that is not in the graph.

    Called beside the point it must give what the graph gives there. Only what differs on both sides counts, as
    Python's own branches may be different ones on one of them.
    """
    if not subject.points:
        return
    whole = Program([y.node for y in subject.outputs], [a.node for a in subject.aliases], stopped=False)
    if all(_leaves(subject, whole, flat, tensors, by) for by in (OFF, -OFF)):
        raise located(
            GradientError(
                "check_gradients: the result depends on an argument in a way that the graph does not know: stay in "
                "tensors (np.asarray, float and .numpy() leave the graph), say stop_gradient where no derivative is "
                "wanted, or give gradient="
            )
        )


def _leaves(subject: Graphed, whole: Program, flat: Callable[..., Any], tensors: Any, by: float) -> bool:
    points = [np.asarray(p + by * np.maximum(np.abs(p), OFF)) for p in subject.points]
    try:
        direct = evaluate([y.node for y in flat(*tensors(points))], compute=quickly)
    except Exception:
        return False  # it does not exist there
    graph = whole(points)
    if len(direct) != len(graph):
        return False
    for a, b, base in zip(direct, graph, subject.values, strict=True):
        if a.shape != b.shape:
            return False
        with np.errstate(all="ignore"):
            change = np.max(np.abs(b - base), initial=0.0) + np.max(np.abs(a - base), initial=0.0)
            size = np.max(np.abs(base), initial=0.0)
            if np.max(np.abs(a - b), initial=0.0) > 1e-2 * change + 1e-9 * size:
                return True
    return False
