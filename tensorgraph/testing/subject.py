"""What is checked: values, derivatives and kinks of a function at a point, whoever computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from tensorgraph.array.tensor import Tensor
from tensorgraph.ir.types import Array
from tensorgraph.testing.numeric import Line

__all__ = [
    "SMALL", "Arrays", "Flat", "Subject", "beside", "line_of", "magnitude", "moved", "projected", "real_parts",
    "size_of", "unit",
]  # fmt: skip

Arrays: TypeAlias = "Sequence[Array]"
Flat: TypeAlias = "Callable[..., list[Tensor]]"
SMALL = 2.0**-3  # steps are relative to the argument, or to this


class Subject(Protocol):
    """A function at a point.

    Attributes
    ----------
    points, values
        The arguments that are differentiated, and the floating-point results.
    eps
        Coarseness of the values.
    step
        The first step of a numeric derivative.
    wide
        The results for complex arguments, where their imaginary parts are derivatives.
    takes_cotangent
        Whether the reverse derivative is of results times a cotangent; if not, it is that of one scalar.
    """

    points: Arrays
    values: Arrays
    eps: float
    step: float
    wide: Callable[[Arrays], list[Array]] | None
    takes_cotangent: bool

    @property
    def rounding(self) -> float:
        """What rounding may add to a derivative, relative to the largest one."""

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


def beside(points: Arrays, by: float, seed: int) -> list[Array]:
    """The points, each number moved by up to so much of itself."""
    rng = np.random.default_rng(seed)

    def off(p: Array) -> Array:
        signs = rng.uniform(-1, 1, p.shape) + (1j * rng.uniform(-1, 1, p.shape) if p.dtype.kind == "c" else 0)
        return np.asarray(p + by * signs * np.maximum(np.abs(p), SMALL), p.dtype)

    return [off(p) for p in points]


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
