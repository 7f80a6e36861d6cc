"""Numeric derivatives with bounds on their own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node, substitute, topological
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Estimate", "Program", "central_difference", "complex_step", "one_sided"]

EPS = float(np.finfo(np.float64).eps)
LEVELS = 5
_COMPLEX = np.dtype(np.complex128)
TINY = 1e-40  # the step of the complex step: its error is of the order of its square


class Estimate(NamedTuple):
    """A derivative and a bound on its error, elementwise."""

    value: Array
    error: Array


class Program:
    """Nodes as a function of arrays.

    Parameters
    ----------
    outputs
        What to compute.
    inputs
        Nodes below them that stand for the arguments.
    """

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node]) -> None:
        self.inputs = [Node(Placeholder(f"x{i}", x.type)) for i, x in enumerate(inputs)]
        self.outputs = substitute(outputs, dict(zip(inputs, self.inputs, strict=True)))
        self.nodes = _dependent(self.outputs, self.inputs)
        self.eps = max((_eps(kind.dtype) for node in topological(self.outputs) for kind in node.types), default=EPS)

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for these arguments."""
        return evaluate(self.outputs, dict(zip(self.inputs, arrays, strict=True)))

    def complexified(self) -> Program | None:
        """The same function of complex arguments; None where its imaginary part would not be a derivative."""
        real = all(kind.dtype.kind == "f" for node in [*self.nodes, *self.outputs] for kind in node.types)
        if not real or not all(node.op.domain.analytic for node in self.nodes):
            return None
        wide = [Node(Placeholder(f"z{i}", TensorType(_COMPLEX, x.type.shape))) for i, x in enumerate(self.inputs)]
        try:
            made = Program(substitute(self.outputs, dict(zip(self.inputs, wide, strict=True))), wide)
        except TensorGraphError:
            return None  # an op holds on to the real dtype
        return made if all(kind.dtype.kind == "c" for node in made.nodes for kind in node.types) else None


def _dependent(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The inputs and all nodes that depend on them."""
    found = set(inputs)
    order = topological([*inputs, *outputs])
    for node in order:
        if any(source in found for source in node.inputs):
            found.add(node)
    return [node for node in order if node in found]


def _eps(dtype: np.dtype[Any]) -> float:
    """The coarseness of a dtype, at least that of float64."""
    return max(float(np.finfo(dtype).eps), EPS) if dtype.kind in "fc" else EPS


def complex_step(values: Callable[[complex], Array], weights: Array | None = None) -> Estimate:
    """The derivative of a real analytic function, exact to rounding.

    Parameters
    ----------
    values
        The function along a direction: ``values(t)`` for complex t.
    weights
        Sum over all elements times these; unless given, the derivative of each element.

    Notes
    -----
    W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", 1998.
    """
    value = np.asarray(values(1j * TINY)).imag / TINY
    if weights is None:
        return Estimate(value, EPS * np.abs(value) + TINY)
    return Estimate(np.asarray(np.sum(weights * value)), np.asarray(EPS * np.sum(np.abs(weights * value)) + TINY))


def central_difference(values: Callable[[float], Array], step: float, noise: Array) -> Estimate:
    """The derivative at 0 by central differences, extrapolated to step 0.

    Parameters
    ----------
    values
        The function along a direction.
    step
        The first step; each next one is half of it.
    noise
        Size of the error of the values.

    Notes
    -----
    C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", 1982. Of all entries of the
    extrapolation table that one is taken which differs least from its neighbours; that difference, and the
    rounding of the values divided by the step, bound the error.
    """
    before: list[Array] = []
    best = Estimate(np.full(np.shape(noise), np.nan), np.full(np.shape(noise), np.inf))
    with np.errstate(all="ignore"):
        for level in range(LEVELS):
            h = step / 2**level
            row = [np.asarray((values(h) - values(-h)) / (2 * h))]
            for j, older in enumerate(before, 1):
                row.append(row[-1] + (row[-1] - older) / (4**j - 1))
                error = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - older)) + noise / h
                better = error < best.error
                best = Estimate(np.where(better, row[j], best.value), np.where(better, error, best.error))
            before = row
    return best


def one_sided(values: Callable[[float], Array], step: float) -> tuple[Array, Array]:
    """The derivatives from the left and from the right, extrapolated once."""
    with np.errstate(all="ignore"):
        middle = values(0.0)

        def side(h: float) -> Array:
            near, far = (values(h / 2) - middle) / (h / 2), (values(h) - middle) / h
            return np.asarray(2 * near - far)

        return side(-step), side(step)
