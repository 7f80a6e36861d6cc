"""Numeric derivatives with bounds on their own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.ir.types import Array

__all__ = [
    "EPS", "STEP", "TINY", "Estimate", "Line", "Slope", "central_difference", "complex_step", "diverges", "one_sided",
    "plain", "slope_of",
]  # fmt: skip

EPS = float(np.finfo(np.float64).eps)
LEVELS = 5
TINY = 1e-40  # the step of the complex step: its error is of the order of its square
STEP = 2.0**-7  # along a direction that is scaled to the point
SHRINKS = (0, 5, 10, 15, 20)  # how often the first step is halved where a kink is near
SETTLED = 1e-6  # a relative error below which no smaller step is tried
POINTS = 5  # of a one-sided difference
ODD = 0.377  # of the first step: no multiple of the others


class Estimate(NamedTuple):
    """A derivative and a bound on its error, elementwise."""

    value: Array
    error: Array


class Slope(NamedTuple):
    """A derivative along a line.

    Attributes
    ----------
    value, error
        The derivative and a bound on its error, elementwise.
    low, high
        The one-sided derivatives, the smaller first; away from kinks, both are the value.
    method
        What gave it.
    kink
        Whether the point is at a kink along this line, or nearer to one than any step.
    border
        Whether the function is defined on one side of the point only.
    """

    value: Array
    error: Array
    low: Array
    high: Array
    method: str
    kink: bool = False
    border: bool = False


class _Kink(Exception):  # noqa: N818 (no error: it asks for a shorter step)
    """There is one on the way."""


class Line:
    """A function of one real number: what lies along a direction.

    Parameters
    ----------
    run
        ``run(t)`` gives the values, which are real, and the key of the side of every kink, or None where
        kinks are not known.
    noise
        Size of the error of the values.
    wide
        The values for complex t, where their imaginary part is a derivative.
    step
        The first step.
    """

    def __init__(
        self,
        run: Callable[[float], tuple[Array, bytes | None]],
        noise: Array,
        wide: Callable[[complex], Array] | None = None,
        step: float = STEP,
    ) -> None:
        self._run, self.noise, self.wide, self.step = run, np.asarray(noise), wide, step
        self._known: dict[float, tuple[Array, bytes | None]] = {}

    def _at(self, t: float) -> tuple[Array, bytes | None]:
        if t not in self._known:
            with np.errstate(all="ignore"):
                self._known[t] = self._run(t) if t == 0 else self._beside(t)
        return self._known[t]

    def _beside(self, t: float) -> tuple[Array, bytes | None]:
        """Where a function raises it is not defined: it has no value there, and is on another side."""
        try:
            return self._run(t)
        except Exception:
            return np.full(self.noise.shape, np.nan), None if self.blind else b"outside"

    def values(self, t: float) -> Array:
        """The values at t."""
        return self._at(t)[0]

    def same(self, t: float, other: float = 0.0) -> bool:
        """Whether no kink is known between two points."""
        return self._at(t)[1] == self._at(other)[1]

    @property
    def nearest(self) -> tuple[float, float]:
        """The shortest step to both sides."""
        step = self.step / 2 ** SHRINKS[-1]
        return -step, step

    def smooth(self, t: float) -> Array:
        """The values at t, if no kink is known on the way."""
        if not self.same(t):
            raise _Kink
        return self.values(t)

    def real(self, noise: Any = None, step: float | None = None) -> Line:
        """The same without complex arguments, and perhaps of other noise, or with another first step."""
        return Line(self._run, self.noise if noise is None else noise, None, step or self.step)

    @property
    def blind(self) -> bool:
        """Whether kinks are unknown."""
        return self._at(0.0)[1] is None


def complex_step(values: Callable[[complex], Array], step: float = TINY) -> Estimate:
    """The derivative of a real analytic function, exact to rounding.

    Parameters
    ----------
    values
        The function along a direction: ``values(t)`` for complex t.
    step
        At a branch point or near a singular one the result follows the step; elsewhere it does not.

    Notes
    -----
    W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", 1998. The error is of
    the order of the square of the step times the third derivative: far less than the step times the function.

    Examples
    --------
    >>> float(complex_step(lambda t: np.sin(np.asarray(t))).value)
    1.0
    """
    found = np.asarray(values(1j * step))
    value = found.imag / step
    sizes = [np.abs(part.real) for part in (found, np.asarray(values(complex(STEP))))]
    size = np.maximum(*[np.where(np.isfinite(part), part, 0.0) for part in sizes])
    return Estimate(value, np.asarray(EPS * np.abs(value) + step * size))


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
    rounding of the values and of the argument divided by the step, bound the error. Once a difference is no more
    than rounding, a shorter step would only add to it.

    Examples
    --------
    >>> found = central_difference(lambda t: np.asarray(np.exp(t)), 2.0**-7, np.asarray(1e-16))
    >>> bool(abs(found.value - 1) < found.error < 1e-11)
    True
    """
    before: list[Array] = []
    best = Estimate(np.full(np.shape(noise), np.nan), np.full(np.shape(noise), np.inf))

    def plainly(h: float) -> Array:
        return np.asarray((values(h) - values(-h)) / (2 * h))

    with np.errstate(all="ignore"):
        for level in range(LEVELS):
            h = step / 2**level
            row = [plainly(h)]
            done = False
            for j, older in enumerate(before, 1):
                row.append(row[-1] + (row[-1] - older) / (4**j - 1))
                apart = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - older))
                rounding = (noise + EPS * np.abs(row[j])) / h
                best = _better(Estimate(row[j], np.asarray(apart + rounding)), best)
                done = done or bool(np.all(apart <= rounding))
            if done:
                break
            before = row
        return _steady(best, plainly(step), plainly(ODD * step), noise / step)


def _steady(best: Estimate, first: Array, other: Array, rounding: Array) -> Estimate:
    """The best estimate, with a bound that also holds where steps skip whole periods.

    Those that are halves of each other may all do so at once; one that is no such multiple contradicts them. Of a
    smooth function it comes nearer than the first, by the square of the step.
    """
    beyond = np.abs(other - best.value) - 2 * ODD**2 * np.abs(first - best.value) - 32 * rounding
    return Estimate(best.value, np.asarray(np.fmax(best.error, beyond)))


def one_sided(
    values: Callable[[float], Array], step: float, noise: Array | float = 0.0, *, at: bool = False
) -> Estimate:
    """The derivative at 0 from one side only.

    Parameters
    ----------
    values
        The function along a direction.
    step
        The first step; if it is negative, the side is the left one.
    noise
        Size of the error of the values.
    at
        Use the value at 0 too. Unless it is used, the function may jump there.

    Notes
    -----
    The derivative of the polynomial through five values, for three sizes of steps, or two if they differ by no
    more than rounding; the one that differs least from the one before it is taken.

    Examples
    --------
    >>> [round(float(one_sided(lambda t: np.asarray(abs(t)), h).value), 6) for h in (-0.01, 0.01)]
    [-1.0, 1.0]
    """
    first = 0 if at else 1
    weights = _weights(first)
    best, older = Estimate(np.asarray(np.nan), np.asarray(np.inf)), None
    with np.errstate(all="ignore"):
        for level in range(3):
            h = step / POINTS / 4**level
            value = np.asarray(sum(w * values((first + k) * h) for k, w in enumerate(weights)) / h)
            if older is not None:
                apart, rounding = np.abs(value - older), noise * float(np.sum(np.abs(weights))) / abs(h)
                best = _better(Estimate(value, np.asarray(apart + rounding)), best)
                if np.all(apart <= rounding):
                    break
            older = value
    return best


@cache
def _weights(first: int) -> Any:
    """Weights of values at first, first + 1, … that give the derivative at 0."""
    nodes = np.arange(first, first + POINTS, dtype=np.float64)
    unit = np.zeros(POINTS)
    unit[1] = 1
    return np.linalg.solve(np.vander(nodes, increasing=True).T, unit)


def _better(new: Estimate, old: Estimate) -> Estimate:
    return _chosen(np.asarray(new.error < old.error), new, old)


# ---- which of them


def slope_of(line: Line) -> Slope:
    """The derivative along a line at 0, by the method that suits it.

    The complex step where there is one. Else central differences, with steps that cross no kink; else
    differences from the side that the point belongs to; at a kink, from both sides.

    Examples
    --------
    >>> line = Line(lambda t: (np.asarray(max(t, 0.0)), b"-0+"[1 + int(np.sign(t)) :][:1]), np.asarray(0.0))
    >>> found = slope_of(line)
    >>> found.kink, round(abs(float(found.low)), 6), round(float(found.high), 6)
    (True, 0.0, 1.0)
    """
    if line.wide is not None:
        exact = complex_step(line.wide)
        return plain(exact, "complex step")
    tried: list[Estimate] = []
    best = Estimate(np.full(line.noise.shape, np.nan), np.full(line.noise.shape, np.inf))
    size = float(np.max(np.abs(line.values(0.0)), initial=0.0))
    for shrink in SHRINKS:
        try:
            tried.append(central_difference(line.smooth, line.step / 2**shrink, line.noise))
        except _Kink:
            if not all(line.same(t) for t in line.nearest):
                break  # no step is short enough
            continue
        best = _better(tried[-1], best)
        scale = np.maximum(np.max(np.abs(best.value), initial=0.0), size)
        if np.all(best.error <= SETTLED * scale):
            break
    best = _doubted(best, tried)
    if line.blind:
        return _blind(line, best)
    return plain(best, "central difference") if tried else _aside(line)


def _doubted(best: Estimate, tried: Sequence[Estimate]) -> Estimate:
    """The best estimate; bounds that exclude each other bound nothing, as where all steps skip whole periods."""
    error = best.error
    with np.errstate(all="ignore"):
        for other in tried:
            error = np.fmax(error, np.abs(best.value - other.value) - 8 * (best.error + other.error))
    return Estimate(best.value, np.asarray(error))


def diverges(line: Line) -> Any:
    """Whether difference quotients grow without end as the step shrinks, on either side, elementwise.

    Examples
    --------
    >>> bool(diverges(Line(lambda t: (np.asarray(np.sqrt(abs(t))), None), np.asarray(1e-16))))
    True
    >>> bool(diverges(Line(lambda t: (np.asarray(abs(t) ** 1.5), None), np.asarray(1e-16))))
    False
    """
    base, found = line.values(0.0), np.zeros(line.noise.shape, bool)
    with np.errstate(all="ignore"):
        for sign in (-1, 1):
            steps = [sign * line.step / 2**shrink for shrink in SHRINKS]
            changes = [np.abs(line.values(h) - base) for h in steps]
            clear = np.all([change > 1e3 * line.noise for change in changes], axis=0)
            growth = np.diff([change / abs(h) for change, h in zip(changes, steps, strict=True)], axis=0)
            found |= clear & np.all(growth > 0, axis=0) & np.all(growth[1:] >= growth[:-1] / 2, axis=0)
    return found


def plain(found: Estimate, method: str) -> Slope:
    """A derivative away from kinks."""
    return Slope(found.value, found.error, found.value, found.value, method)


def _aside(line: Line) -> Slope:
    """At a kink, or too near to one for a central difference."""
    signs = [np.sign(t) for t in line.nearest[::-1] if line.same(t)]
    for shrink in SHRINKS[:3]:
        for step in (sign * line.step / 2**shrink for sign in signs):
            if line.same(step):
                found = one_sided(line.values, step, line.noise, at=True)
                return plain(found, "one-sided difference")._replace(kink=True)
    return _both_sides(line)


def _both_sides(line: Line, shrinks: Sequence[int] = SHRINKS) -> Slope:
    """The derivatives on both sides; where the function is defined on one side only, the one there."""
    left, right = (_side(line, sign, shrinks) for sign in (-1, 1))
    defined = [np.isfinite(line.values(t)) for t in line.nearest]
    border = np.asarray(defined[0] != defined[1])
    left, right = _chosen(border & defined[1], right, left), _chosen(border & defined[0], left, right)
    error = np.maximum(left.error, right.error)
    low, high = np.minimum(left.value, right.value), np.maximum(left.value, right.value)
    method = "one-sided difference" if np.all(border) else "one-sided differences"
    return Slope((low + high) / 2, error, low, high, method, True, bool(np.any(border)))


def _chosen(where: Array, one: Estimate, other: Estimate) -> Estimate:
    return Estimate(np.where(where, one.value, other.value), np.where(where, one.error, other.error))


def _side(line: Line, sign: int, shrinks: Sequence[int]) -> Estimate:
    """From one side, over the longest distance that crosses no kink."""
    for shrink in shrinks:
        step = sign * line.step / 2**shrink
        if line.same(step, step / 2**10):
            return one_sided(line.values, step, line.noise)
    step = sign * line.step / 2 ** SHRINKS[-1]
    if line.same(step, 63 / 64 * step):  # around a singular point: "near it" is another thing at each distance
        return one_sided(line.values, step, line.noise)
    return Estimate(np.full(line.noise.shape, np.nan), np.full(line.noise.shape, np.inf))  # kinks lie too close


def _blind(line: Line, best: Estimate) -> Slope:
    """Where kinks are not known they show in one-sided derivatives that differ, however short the steps."""
    sides = _both_sides(line)
    kink = _differ(sides) | (sides.border & np.isinf(best.error))
    if not _told(sides):  # noise may hide kinks that long steps cross and shorter ones do not
        for shrink in SHRINKS[1:3]:
            shorter = central_difference(line.values, line.step / 2**shrink, line.noise)
            contradicted = np.abs(best.value - shorter.value) > best.error + shorter.error
            best = _chosen(np.asarray(contradicted), shorter, best)
        error = np.where(diverges(line), np.inf, best.error)
        return plain(Estimate(best.value, error), "central difference")
    for k in range(1, len(SHRINKS)):
        if not np.any(kink):
            break
        nearer = _both_sides(line, SHRINKS[k:])
        if _told(nearer):  # else a kink lies among its points, or they are too near each other
            kink = kink & (_differ(nearer) | (nearer.border & np.isinf(best.error)))
            sides = _sharper(sides, nearer)
            best = _between(central_difference(line.values, line.step / 2 ** SHRINKS[k], line.noise), nearer)
    return _with_kinks(sides, kink, best)


def _sharper(sides: Slope, nearer: Slope) -> Slope:
    """Those from nearer points, which no kink beside the point spoils; or the sharper of both, if they are the same."""
    clear = _clearly(nearer)
    same = (np.abs(sides.low - nearer.low) <= clear) & (np.abs(sides.high - nearer.high) <= clear)
    return sides if np.all(same & (sides.error <= nearer.error)) else nearer


def _between(best: Estimate, sides: Slope) -> Estimate:
    """A central difference whose steps do not cross the kink; what one-sided ones say if its longer steps do."""
    astray = np.asarray(np.abs(best.value - sides.value) > _clearly(sides) + 8 * best.error)
    return _chosen(astray & ~_differ(sides), Estimate(sides.value, _clearly(sides)), best)


def _differ(sides: Slope) -> Array:
    """Whether one-sided derivatives are two."""
    return np.asarray(sides.high - sides.low > _clearly(sides))


def _clearly(sides: Slope) -> Array:
    return np.asarray(4 * sides.error + 1e-5 * np.maximum(np.abs(sides.low), np.abs(sides.high)) + TINY)


def _told(sides: Slope) -> bool:
    """Whether one-sided derivatives are known well enough to tell a kink, or that there is none."""
    size = np.max(np.abs(sides.high) + np.abs(sides.low), initial=1.0)
    clear = _differ(sides) & (sides.error <= 1e-2 * np.maximum(np.abs(sides.low), np.abs(sides.high)))
    return not np.any((sides.error > SETTLED * size) & ~clear)


def _with_kinks(sides: Slope, kink: Array, best: Estimate) -> Slope:
    """One-sided derivatives at kinks; unless what is between the sides lies beyond both, as where values jump."""
    clear = _clearly(sides)
    near = best.error <= SETTLED * np.maximum(np.abs(best.value), 1.0)
    beyond = (best.value < sides.low - clear) | (best.value > sides.high + clear)
    if not np.any(kink) or (np.all(near) and np.all(beyond)):
        return plain(best, "central difference")
    low, high = np.where(kink, sides.low, best.value), np.where(kink, sides.high, best.value)
    return Slope(
        np.where(kink, sides.value, best.value), np.where(kink, sides.error, best.error), low, high,
        sides.method, True, sides.border,
    )  # fmt: skip
