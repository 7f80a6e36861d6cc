"""Points near one at which no derivative can be judged, where the function is still defined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from tensorgraph.ir.types import Array
from tensorgraph.testing.subject import SMALL, Arrays

__all__ = ["FAR", "nearby"]

FAR = 2.0**-6  # how far a point may be moved, relative to it
PATIENCE = 256  # how often a function is called to find out where it is defined

Defined: TypeAlias = "Callable[[Arrays], bool]"


def nearby(points: Arrays, seed: int, defined: Defined) -> list[Array] | None:
    """The points, each number moved by a little: the same for the same seed.

    Parameters
    ----------
    points
        Where the function is defined.
    seed
        Of how far each number is moved.
    defined
        Whether the function is defined at other points.

    Returns
    -------
    points
        Those at which all numbers are moved up; or, if they lie outside the domain, down, towards 0 or away from it;
        or each number to the side on which the function is defined. None if it is defined on neither.

    Examples
    --------
    >>> inside = lambda points: bool(np.all(np.abs(points[0]) <= 1))
    >>> [moved] = nearby([np.array([1.0, -1.0, 0.5])], 0, inside)
    >>> moved[0] < 1, moved[1] > -1, moved[2] == 0.5
    (np.True_, np.True_, np.False_)
    """
    rng = np.random.default_rng(1 + seed)
    steps = [np.asarray(rng.uniform(0.25, 1, p.shape) * FAR * np.maximum(np.abs(p), SMALL)) for p in points]
    away = [np.where(np.real(p) < 0, -1.0, 1.0) for p in points]
    up = [np.ones(p.shape) for p in points]
    for signs in (up, [-s for s in up], [-s for s in away], away):
        if defined(moved := _moved(points, signs, steps)):
            return moved
    moved = _moved(points, _Sides(points, steps, defined).found(), steps)
    return moved if defined(moved) else None


def _moved(points: Arrays, signs: Sequence[Array], steps: Sequence[Array]) -> list[Array]:
    return [np.asarray(p + s * d, p.dtype) for p, s, d in zip(points, signs, steps, strict=True)]


class _Sides:
    """To which side each number can be moved, the others staying where they are: found out by halves."""

    def __init__(self, points: Arrays, steps: Sequence[Array], defined: Defined) -> None:
        self.points, self.steps, self.defined, self.calls = points, steps, defined, 0
        self.cuts = np.cumsum([p.size for p in points])[:-1]
        self.signs = np.zeros(sum(p.size for p in points))

    def found(self) -> list[Array]:
        """The signs."""
        self._settle(np.arange(self.signs.size))
        return self._split(self.signs)

    def _split(self, signs: Array) -> list[Array]:
        parts = np.split(signs, self.cuts)
        return [np.asarray(part).reshape(p.shape) for part, p in zip(parts, self.points, strict=True)]

    def _settle(self, some: Array) -> None:
        for sign in (1.0, -1.0):
            alone = np.zeros_like(self.signs)
            alone[some] = sign
            self.calls += 1
            if self.defined(_moved(self.points, self._split(alone), self.steps)):
                self.signs[some] = sign
                return
        if len(some) > 1 and self.calls < PATIENCE:
            for half in np.array_split(some, 2):
                self._settle(half)
