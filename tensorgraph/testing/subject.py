"""What is checked: values, derivatives and kinks of a function at a point, whoever computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.transforms import jvp, vjp
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import Array
from tensorgraph.ops.meta import Alias
from tensorgraph.testing.numeric import STEP, Line, Program

__all__ = [
    "SMALL", "Arrays", "Flat", "Graphed", "Subject", "described", "line_of", "magnitude", "moved", "projected",
    "real_parts", "size_of", "unit",
]  # fmt: skip

Arrays: TypeAlias = "Sequence[Array]"
Flat: TypeAlias = "Callable[..., list[Tensor]]"
SMALL = 2.0**-3  # steps are relative to the argument, or to this
ROUNDING = 16  # units of rounding that an operation may add


class Subject(Protocol):
    """A function at a point.

    Attributes
    ----------
    points, values
        The arguments that are differentiated, and the floating-point results.
    eps, rounding
        Coarseness of the numbers, and what rounding may add to a derivative, both relative.
    step
        The first step of a numeric derivative.
    wide
        The results for complex arguments, where their imaginary parts are derivatives.
    """

    points: Arrays
    values: Arrays
    eps: float
    rounding: float
    step: float
    wide: Callable[[Arrays], list[Array]] | None

    def run(self, points: Arrays) -> tuple[list[Array], bytes | None]:
        """The results, and the key of the side of every kink, or None if kinks are unknown."""

    def pull(self, cotangents: Arrays) -> Callable[[Arrays], list[Array]]:
        """The reverse derivative as a function of the point."""

    def push(self, directions: Arrays) -> Callable[[Arrays], list[Array]] | None:
        """The forward derivative as a function of the point; None if there is none."""

    def derived(self, mode: str, seeds: Arrays) -> Subject | None:
        """The derivative as a function to be checked in its turn; None if there is none."""

    def kinks(self, direction: Arrays, step: float) -> list[str]:
        """The operations that have a kink between the point and points beside it, with the user's lines."""


class Graphed:
    """A function of tensors, traced.

    Parameters
    ----------
    flat
        Takes tensors and gives a list of floating-point tensors.
    points
        Where.
    """

    def __init__(self, flat: Flat, points: Arrays) -> None:
        self.flat = flat
        self.points: Arrays = points
        self.aliases = [Tensor(Node(Alias(), asarray(p).node)) for p in points]
        self.outputs, self._pull = vjp(flat, *self.aliases)
        self.program = Program([y.node for y in self.outputs], [a.node for a in self.aliases])
        self.values: Arrays = self.program(points)
        real = all(p.dtype.kind == "f" for p in points)
        self.wide: Callable[[Arrays], list[Array]] | None = self.program.complexified() if real else None
        self.eps, self.step = self.program.eps, STEP
        self.rounding = ROUNDING * len(self.program.nodes) * self.eps

    def run(self, points: Arrays) -> tuple[list[Array], bytes | None]:
        """The results, and the key of the side of every kink."""
        return self.program.traced(points)

    def _program(self, tensors: Sequence[Tensor]) -> Program:
        return Program([t.node for t in tensors], [a.node for a in self.aliases])

    def pull(self, cotangents: Arrays) -> Callable[[Arrays], list[Array]]:
        """The reverse derivative as a function of the point."""
        return self._program(self._pull([asarray(c) for c in cotangents]))

    def push(self, directions: Arrays) -> Callable[[Arrays], list[Array]] | None:
        """The forward derivative as a function of the point."""
        return self._program(jvp(self.flat, self.aliases, directions)[1])

    def derived(self, mode: str, seeds: Arrays) -> Subject | None:
        """The derivative as a function to be checked in its turn."""
        flat = self.flat
        if mode == "reverse":
            given = [asarray(c) for c in seeds]
            return Graphed(lambda *xs: list(vjp(flat, *xs)[1](given)), self.points)
        return Graphed(lambda *xs: list(jvp(flat, xs, seeds)[1]), self.points)

    def kinks(self, direction: Arrays, step: float) -> list[str]:
        """The operations that have a kink between the point and points beside it, with the user's lines."""
        found: dict[str, None] = {}
        for t in (step, -step):
            nodes = self.program.crossed(self.points, moved(self, direction, t))
            found.update(dict.fromkeys(map(described, nodes)))
        return list(found)


def described(node: Node) -> str:
    """An operation and the user's line: ``relu (model.py:12)``; of a derivative, what it is the derivative of."""
    origin = node.primal or node
    place = f" ({origin.location})" if origin.location else ""
    return f"{node.op.name}{f' in the derivative of {origin.op.name}' if node.primal else ''}{place}"


# ---- lines through a point


def moved(subject: Subject, direction: Arrays, t: complex, base: Arrays | None = None) -> list[Array]:
    """The point plus t times a direction."""
    return [np.asarray(p + t * d) for p, d in zip(base or subject.points, direction, strict=True)]


def line_of(subject: Subject, direction: Arrays, pick: Callable[[Arrays], Any], noise: Any, base: Any = None) -> Line:
    """What `pick` makes of the results along a direction, as a function of one real number."""

    def run(t: float) -> tuple[Array, bytes | None]:
        results, key = subject.run(moved(subject, direction, t, base))
        return np.asarray(pick(results)), key

    wide = subject.wide
    if wide is None:
        return Line(run, noise, None, subject.step)
    return Line(run, noise, lambda t: np.asarray(pick(wide(moved(subject, direction, t, base)))), subject.step)


def unit(points: Arrays, i: int, index: Any, value: complex) -> list[Array]:
    """The direction of one element, scaled to it."""
    direction = [np.zeros_like(p) for p in points]
    direction[i][index] = value * size_of(points[i][index])
    return direction


def size_of(x: Any) -> float:
    """The modulus of an element, at least SMALL."""
    return max(float(abs(x)), SMALL)


def projected(cotangents: Arrays, values: Arrays) -> Any:
    """The real inner product; of values that are complex only for the complex step, with its imaginary part."""
    total: Any = 0.0
    for c, y in zip(cotangents, values, strict=True):
        total = total + (np.sum(c * y) if c.dtype.kind == "f" else np.sum((np.conj(c) * y).real))
    return total


def magnitude(cotangents: Arrays, values: Arrays) -> float:
    """The sum of the moduli of the terms of an inner product, of those that are finite."""
    terms = [np.abs(c) * np.abs(y) for c, y in zip(cotangents, values, strict=True)]
    return float(sum(np.sum(t[np.isfinite(t)]) for t in map(np.asarray, terms)))


def real_parts(values: Array) -> Array:
    """A complex array as real and imaginary parts along a new last axis; a real one as it is."""
    return np.stack([values.real, values.imag], axis=-1) if values.dtype.kind == "c" else values
