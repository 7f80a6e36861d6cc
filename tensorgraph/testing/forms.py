"""Convolution and pooling have two forms: a definition in nested loops, and the functions of NumPy that kernels run.

A numeric derivative evaluates a function thousands of times, for which nested loops are too slow. So the two forms
are held to each other once, and the quick one is evaluated from then on: a mistake in either is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.interpret.difference import difference
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops import pool
from tensorgraph.ops.windows import Windowed
from tensorgraph.testing.mismatch import mismatch

__all__ = ["Forms", "described", "quickly"]

WINDOWED = (Windowed, pool.AdaptiveMaxPool, pool.AdaptiveAvgPool)


def quickly(op: Op, arrays: Sequence[Array]) -> Any:
    """The result of an operation, as NumPy spells it where its definition is nested loops."""
    return Op.evaluate(op, *arrays) if _defined(op) else op.evaluate(*arrays)


def _defined(op: Op) -> bool:
    return isinstance(op, WINDOWED) and type(op).evaluate is not Op.evaluate


class Forms:
    """Which operations have been held to their definition.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((1, 1, 4), "float64", name="x")
    >>> forms = Forms()
    >>> forms.hold([tg.max_pool(x, 2).node], {x.node: np.ones((1, 1, 4))})
    """

    def __init__(self) -> None:
        self._held: set[object] = set()

    def hold(self, outputs: Sequence[Node], feeds: Mapping[Node, Array]) -> None:
        """Compare both forms of what is below these nodes, where they are fed so.

        Raises
        ------
        GradientMismatch
            If they differ by more than the rounding of sums in another order.
        """
        found = {_key(node): node for node in topological(outputs) if _defined(node.op)}
        nodes = [node for key, node in found.items() if key not in self._held]
        operands = list(dict.fromkeys(source for node in nodes for source in node.inputs))
        values = dict(zip(operands, evaluate(operands, feeds, quickly), strict=True))
        rng = np.random.default_rng(0)
        for node in nodes:
            _compare(node, [values[source] for source in node.inputs])
            _compare(node, [_drawn(rng, source.type) for source in node.inputs])  # at zeros all forms agree
        self._held.update(found)


def _key(node: Node) -> object:
    return node.op.key(), *(str(source.type) for source in node.inputs)


def _drawn(rng: np.random.Generator, kind: TensorType) -> Array:
    shape = tuple(int(n) for n in kind.shape)
    if kind.dtype.kind not in "fc":
        return np.asarray(rng.integers(0, 4, shape), kind.dtype)
    parts = rng.normal(size=(2, *shape))
    return np.asarray(parts[0] + 1j * parts[1] if kind.dtype.kind == "c" else parts[0], kind.dtype)


def _compare(node: Node, operands: Sequence[Array]) -> None:
    if not all(np.all(np.isfinite(a)) for a in operands):
        return  # zeros around an image meet infinities in one form and not in the other
    found, wanted = np.asarray(quickly(node.op, operands)), np.asarray(node.op.evaluate(*operands))
    why = difference(found, wanted, atol=_rounding(node.op, operands, wanted))
    if why is not None:
        where = ": ".join(why.split(": ")[:2])  # without the allowance, which is that of sums
        wrong = f"what NumPy runs for {described(node)} is not its definition in nested loops, {where}"
        raise mismatch(f"{wrong}: this is a mistake of tensorgraph, not of the function: please report it")


def _rounding(op: Op, operands: Sequence[Array], result: Array) -> float:
    """How far two sums of the same terms may be apart if they are added in different orders.

    Each has at most as many terms as an operand has elements; the sizes of the terms are those of the operation
    applied to moduli.
    """
    if result.dtype.kind not in "fc":
        return 0.0
    info = np.finfo(result.dtype)
    terms = np.abs(np.asarray(quickly(op, [np.abs(a) for a in operands])))
    count = max(a.size for a in operands)
    return float(2 * info.eps * count * np.max(terms, initial=0.0) + info.tiny)  # tiny: 0.0 and -0.0 are one


def described(node: Node) -> str:
    """An operation and the user's line: ``relu (model.py:12)``; of a derivative, what it is the derivative of."""
    origin = node.primal or node
    place = f" ({origin.location})" if origin.location else ""
    return f"{node.op.name}{f' in the derivative of {origin.op.name}' if node.primal else ''}{place}"
