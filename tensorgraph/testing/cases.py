"""Derivatives and the numeric ones that they are held against: of single numbers, and along directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.ir.types import Array
from tensorgraph.testing.noise import noise_of
from tensorgraph.testing.numeric import EPS, STEP, TINY, Line, Slope, central_difference, complex_step, plain, slope_of
from tensorgraph.testing.subject import SMALL, Arrays, Subject, beside, line_of, projected, real_parts, size_of, unit

__all__ = [
    "ABSURD", "Argument", "Case", "Scale", "around", "condition", "distance", "largest_of", "measured",
    "results_along", "settled", "shaken", "sharp", "shifts",
]  # fmt: skip

LITTLE = 1e-4  # a derivative that is no more, relative to the values, is as good as nought
UNSETTLED = 1e-2  # a numeric derivative whose relative error exceeds this decides nothing
SHARP = 1e-6  # one whose relative error exceeds this may be had more sharply, if the noise is measured
NOTHING = 1e-30  # an error that is none, whatever the size of the values
ABSURD = 1e-3  # a change by this much in the last place is a jump, not rounding
AROUND = 24  # points around a kink at which derivatives are taken
BESIDE = 2.0**-16  # how far these are, relative to the arguments
ORDERED = 2.0**-10  # how far those are at which equal numbers rise or fall
CHANGES = (
    2.0**-10
)  # a derivative that changes by more between two of them is met by another kink, or by a wild function
WIDE = 2.0**-3  # the first step for values with much noise
SINGLE = 2.0**-24  # the last place of single precision
WILD = 2.0**-6  # noise that is none, relative to the values
COARSE = 2.0**-30  # noise that is much, relative to the values
LUCK = 7.5  # errors with random signs add up to more than so many root mean squares once in 10**12 times


class Scale(NamedTuple):
    """What errors of derivatives are measured by.

    Attributes
    ----------
    largest
        The largest numeric derivative.
    rounding
        What rounding may add to one.
    share
        The size of the values, for each element, divided by that of the element: what a derivative may be expected to
        be. The derivatives of a sum do not grow with it.
    coarse
        Whether the values are of less than double precision.
    """

    largest: float
    rounding: float
    share: float
    coarse: bool = False

    @property
    def size(self) -> float:
        """That of a derivative that counts."""
        return max(self.largest, self.rounding, self.share)


class Case(NamedTuple):
    """One derivative and the numeric one.

    Attributes
    ----------
    where, place
        What messages call it, and the index of the element.
    found, slope
        The derivative and the numeric one.
    scale
        A derivative along the line is `scale` times that.
    at
        The point that the line runs through.
    direction
        Its direction.
    line
        Gives the results along the direction through another point, or through `at`.
    source, again
        All derivatives as a function of the point, and this one.
    spread
        The error that it may have if each element's derivative may have an error of one.
    weight
        The error that it has, typically, if one element's derivative has an error of one.
    """

    where: str
    place: tuple[int, ...]
    found: float
    slope: Slope
    scale: float
    at: Arrays
    direction: Callable[[], Arrays]
    line: Callable[[Any], Line]
    source: Any
    again: Callable[[Arrays], float]
    spread: float = 1.0
    weight: float = 1.0


class Argument:
    """The derivatives of the projected results with respect to one argument.

    Parameters
    ----------
    subject
        The function.
    name, i
        What to call the argument, and its number.
    pull
        The reverse derivative as a function of the point.
    cotangents
        On which the results are projected.
    values
        The size of the projected results.
    at, found
        Where, and the derivative there.
    """

    def __init__(
        self,
        subject: Subject,
        name: str,
        i: int,
        pull: Any,
        cotangents: Arrays,
        values: float,
        at: Arrays,
        found: Array,
    ) -> None:
        self.subject, self.name, self.i, self.pull, self.cotangents = subject, name, i, pull, cotangents
        self.values, self.at, self.point, self.found = values, at, at[i], found

    def moved(self, at: Arrays) -> Argument:
        """The same at another point."""
        found = self.pull(at)[self.i]
        return Argument(self.subject, self.name, self.i, self.pull, self.cotangents, self.values, at, found)

    def index(self, k: int) -> tuple[int, ...]:
        """The index of an element that is given by its number."""
        return tuple(int(n) for n in np.unravel_index(k, self.point.shape))

    def elements(self, k: int) -> list[Case]:
        """One element: of a complex one both parts."""
        axes = (1.0, 1j) if self.point.dtype.kind == "c" else (1.0,)
        return [self._element(self.index(k), axis) for axis in axes]

    def _element(self, index: tuple[int, ...], axis: complex) -> Case:
        def part(gradient: Array) -> float:
            return float(gradient[index].real if axis == 1.0 else gradient[index].imag)

        def direction() -> Arrays:
            return unit(self.at, self.i, index, axis)

        line, scale = self._lines(direction), size_of(self.point[index])
        return Case(
            f"{self.name}, index {index}", index, part(self.found), divided(slope_of(line(None)), scale), scale,
            self.at, direction, line, self.pull, lambda points: part(self.pull(points)[self.i]),
        )  # fmt: skip

    def together(self, numbers: Array, signs: Array) -> Case:
        """Elements along a direction: these signs, or phases, times the size of each."""
        weights = signs * np.maximum(np.abs(np.ravel(self.point)[numbers]), SMALL)

        def direction() -> Arrays:
            made = [np.zeros_like(p) for p in self.at]
            np.put(made[self.i], numbers, weights)
            return made

        def along(gradient: Array) -> float:
            return float(projected([weights], [np.ravel(gradient)[numbers]]))

        line, sizes = self._lines(direction), np.abs(weights)
        first = self.index(int(numbers[0]))
        where = f"{self.name}, along a random direction over {len(numbers)} elements, {first} among them"
        return Case(
            where, first, along(self.found), slope_of(line(None)), 1.0, self.at, direction, line,
            self.pull, lambda points: along(self.pull(points)[self.i]),
            min(float(np.sum(sizes)), LUCK * float(np.linalg.norm(sizes))), float(np.mean(sizes)),
        )  # fmt: skip

    def _lines(self, direction: Callable[[], Arrays]) -> Callable[[Any], Line]:
        noise = np.asarray(self.subject.eps * self.values)

        def line(base: Any) -> Line:
            through = self.at if base is None else base
            return line_of(self.subject, direction(), lambda ys: projected(self.cotangents, ys), noise, through)

        return line


def results_along(subject: Subject, push: Any, directions: Arrays, k: int, tangent: Array) -> list[Case]:
    """The derivatives of the elements of one result along a direction."""
    y = subject.values[k]
    noise = real_parts(np.asarray(subject.eps * np.abs(y) * (1 + 1j if y.dtype.kind == "c" else 1)))
    slopes = slope_of(line_of(subject, directions, lambda ys: _parts(ys[k], y), noise))
    values = real_parts(tangent.astype(np.result_type(tangent, y.dtype)))

    def one(index: tuple[int, ...]) -> Case:
        def line(base: Any) -> Line:
            return line_of(subject, directions, lambda ys: _parts(ys[k], y)[index], noise[index], base)

        place = index[: y.ndim]
        parts = (slopes.value, slopes.error, slopes.low, slopes.high)
        value, error, low, high = (np.asarray(part[index]) for part in parts)
        slope = slopes._replace(value=value, error=error, low=low, high=high)
        return Case(
            f"result {k}, index {place}, along a random direction", place, float(values[index]), slope, 1.0,
            subject.points, lambda: directions, line, push,
            lambda points: float(real_parts(push(points)[k])[index]),
        )  # fmt: skip

    return [one(index) for index in np.ndindex(values.shape)]


def _parts(values: Array, like: Array) -> Array:
    """Real numbers; a real function of complex arguments, for the complex step, stays complex."""
    return real_parts(values) if like.dtype.kind == "c" else values


def divided(slope: Slope, scale: float) -> Slope:
    """The derivative with respect to an element, from one along a direction."""
    value, error, low, high = (np.asarray(part / scale) for part in (slope.value, slope.error, slope.low, slope.high))
    return slope._replace(value=value, error=error, low=low, high=high)


# ---- what to make of a difference


def distance(found: float, slope: Slope) -> float:
    """How far outside the one-sided derivatives."""
    low, high = float(slope.low), float(slope.high)
    if not (np.isfinite(found) and np.isfinite(low) and np.isfinite(high)):
        return float("inf")
    return max(low - found, found - high, 0.0)


def measured(case: Case) -> tuple[Slope, bool]:
    """The numeric derivative with the noise of the values measured, and whether that is more than was assumed."""
    line = case.line(None)
    if case.slope.kink and not line.blind:
        return case.slope, False
    if line.wide is not None:
        other = float(complex_step(line.wide, step=TINY * 2**40).value) / case.scale
        if np.isclose(other, float(case.slope.value), rtol=1e-9, atol=0.0):
            return case.slope, False
        return divided(slope_of(line.real()), case.scale), False  # no analytic function
    steep = abs(float(case.slope.value)) * case.scale
    noise = noise_of(line, kink=case.slope.kink)
    noisy = bool(noise > 16 * (line.noise + EPS * steep))
    if not noisy and case.slope.method != "central difference":
        return case.slope, False
    size = max(float(np.abs(line.values(t))) for t in (0.0, line.step, -line.step))
    if noisy and noise > WILD * size:  # waves that no step resolves
        return case.slope._replace(error=np.asarray(np.inf)), False
    best = divided(slope_of(line.real(noise, WIDE if noise > COARSE * size else None)), case.scale)
    best = best if best.error < case.slope.error or noisy else case.slope
    return best if best.kink else _close_by(case, line.real(noise), best), noisy


def _close_by(case: Case, line: Line, best: Slope) -> Slope:
    """Where numbers are tiny beside the steps, the function may be another one at their own scale."""
    parts = [(np.abs(p[d != 0]), np.abs(d[d != 0])) for p, d in zip(case.at, case.direction(), strict=True)]
    reach = max(float(np.max(p / d, initial=0.0)) for p, d in parts)
    if not line.blind or not 0 < reach < line.step:
        return best
    own = central_difference(lambda t: line.values(t * reach), 1 / 8, line.noise)
    near = divided(plain(own, best.method), case.scale * reach)
    return best._replace(error=np.fmax(best.error, np.abs(near.value - best.value) + near.error))


def shaken(case: Case, subject: Subject, size: float, *, noisy: bool) -> float:
    """How much the derivative changes when the arguments do in their last place: its condition, in effect.

    Where the values are noisy, that may be the last place of single precision.
    """
    if case.slope.kink:  # it jumps, unless all numbers move in proportion
        side = subject.run(case.at)[1]
        near = [points for points in _together(case.at, subject.eps) if side and subject.run(points)[1] == side]
    else:
        near = [*shifts(case.at, subject.eps), *(_together(case.at, SINGLE) if noisy else ())]
    most = 0.0
    for points in near:
        change = abs(case.again(points) - case.found)
        most = max(most, change if change < ABSURD * size else 0.0)
    return 8 * most


def shifts(points: Arrays, eps: float) -> list[list[Array]]:
    """The points, off in the last place: each number by itself, and all in proportion, which keeps ties."""
    return [*(beside(points, 2 * eps, seed) for seed in range(4)), *_together(points, eps)]


def _together(points: Arrays, eps: float) -> list[list[Array]]:
    return [[np.asarray(p * (1 + k * eps), p.dtype) for p in points] for k in (-3, -2, 2, 3)]


def around(case: Case, allowed: float) -> bool:
    """Whether the derivative lies between those of points around a kink."""
    low, high = float(case.slope.low), float(case.slope.high)
    for slope in _slopes_around(case):
        if np.isfinite(slope.low) and np.isfinite(slope.high):
            low, high = min(low, float(slope.low)), max(high, float(slope.high))
        slack = allowed + (float(slope.error) if np.isfinite(slope.error) else 0.0)
        if low - slack <= case.found <= high + slack:
            return True
    return False


def _slopes_around(case: Case) -> Iterator[Slope]:
    """Derivatives at points around, as these approach the point.

    Of many operands that are equal an operation takes the first or the last, or ranks them in order: points at which
    they rise or fall meet that side. At random points all sides of a kink between few operands are met.
    """
    for sign in (-1, 1):
        yield _approached(case, partial(_rising, case.at, sign), ORDERED, lambda line: slope_of(line.real()))
    coarse = case.line(None).step > STEP
    far, step = (BESIDE * 2**10, BESIDE * 2**6) if coarse else (BESIDE, BESIDE / 2**6)
    for seed in range(AROUND):
        yield _approached(case, partial(_random, case.at, seed), far, partial(_difference, step))


def _approached(case: Case, at: Callable[[float], Arrays], far: float, slope: Callable[[Line], Slope]) -> Slope:
    """The derivative on the way to the point, extrapolated from two points; with a kink between, that of the nearer."""
    near, twice = (divided(slope(case.line(at(k * far))), case.scale) for k in (1, 2))
    size = float(np.fmax(np.abs(near.low), np.abs(near.high)))
    change = float(np.maximum(np.abs(near.low - twice.low), np.abs(near.high - twice.high)))
    if not change <= CHANGES * size:
        return near._replace(error=np.asarray(4 * far * size))
    low, high = (np.asarray(2 * a - b) for a, b in ((near.low, twice.low), (near.high, twice.high)))
    return near._replace(low=low, high=high, error=np.asarray(change / 8))


def _rising(at: Arrays, sign: int, far: float) -> Arrays:
    return [p + sign * far * np.maximum(np.abs(p), SMALL) * _ramp(p) for p in at]


def _random(at: Arrays, seed: int, far: float) -> Arrays:
    return beside(at, far, seed)


def _difference(step: float, line: Line) -> Slope:
    return plain(central_difference(line.values, step, line.noise), "central difference")


def _ramp(p: Array) -> Array:
    """From 0 to 1 in the order of the elements."""
    return np.linspace(0.0, 1.0, p.size).reshape(p.shape)


def condition(case: Case) -> float:
    """The relative change of the derivative for a relative change of the arguments."""
    by, most = 2.0**-20, 0.0
    for seed in range(4):
        most = max(most, abs(case.again(beside(case.at, by, seed)) - case.found))
    return most / by / abs(case.found) if case.found else float("nan")


def settled(slope: Slope, scale: Scale, weight: float = 1.0) -> bool:
    """Whether a numeric derivative decides anything."""
    enough = UNSETTLED * scale.largest + (UNSETTLED if scale.coarse else LITTLE) * scale.share
    return float(slope.error) <= max(enough * weight, UNSETTLED * abs(float(slope.value))) + NOTHING


def sharp(slope: Slope, scale: Scale, weight: float = 1.0) -> bool:
    """Whether a numeric derivative decides as much as one does."""
    return float(slope.error) <= SHARP * scale.largest * weight + NOTHING


def largest_of(values: Sequence[float] | Array) -> float:
    """The largest modulus of those that are finite."""
    array = np.asarray(values)
    return float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0))
