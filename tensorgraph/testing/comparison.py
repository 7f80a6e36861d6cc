"""Derivatives held against numeric ones, and what to make of those that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.testing.gradient_report import CheckedGradient
from tensorgraph.testing.numeric import TINY, Line, Slope, central_difference, complex_step, diverges, slope_of
from tensorgraph.testing.subject import (
    SMALL,
    Arrays,
    Subject,
    line_of,
    magnitude,
    projected,
    real_parts,
    size_of,
    unit,
)

__all__ = ["MODES", "Comparison", "GradientMismatch", "Unsettled"]

MODES = ("reverse", "forward")
MOST = 64  # elements of one argument whose derivative is computed one by one
UNSETTLED = 1e-2  # a numeric derivative whose relative error exceeds this decides nothing
NOTHING = 1e-30  # an error that is none, whatever the size of the values
ROUNDING = 64  # units of rounding between the two directions
ABSURD = 1e-3  # a change by this much in the last place is a jump, not rounding
AROUND = 24  # points around a kink at which derivatives are taken
BESIDE = 2.0**-16  # how far these are, relative to the arguments
LAST = 128  # units of rounding of the values that a derivative may be off
SHOWN = 4  # indices in a note


class GradientMismatch(TensorGraphError, AssertionError):  # noqa: N818 (what a failed assertion says)
    """A derivative that is not the numeric one.

    Attributes
    ----------
    op
        The name of the operation whose rule is to blame, if one was found.
    """

    op: str | None = None


class Unsettled(Exception):  # noqa: N818 (no error: it asks for another point)
    """No numeric derivative can be had at this point."""


class Case(NamedTuple):
    """One derivative and the numeric one.

    `line` gives the results along the direction through another point, `again` the derivative at another
    point; a derivative along the line is `scale` times that with respect to the element.
    """

    where: str
    place: tuple[int, ...]
    found: float
    slope: Slope
    scale: float
    direction: Arrays
    line: Callable[[Any], Line]
    again: Callable[[Arrays], float]


Judge = Callable[[], "tuple[str, str] | None"]  # the operation to blame, and a sentence about it


@dataclass
class Comparison:
    """One run of a check.

    Attributes
    ----------
    names
        What to call the arguments.
    modes, rtol, atol, rng, most
        See `check_gradients`.
    judge
        Finds the operation to blame; None where the comparison is itself part of finding it.
    by_parts
        At a kink, a function is right if all its operations are.
    """

    names: Sequence[str]
    modes: tuple[str, ...]
    rtol: float = 0.0
    atol: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    most: int = MOST
    judge: Judge | None = None
    by_parts: bool = False
    rows: list[CheckedGradient] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    kinks: dict[tuple[str, str], list[tuple[int, ...]]] = field(default_factory=dict)

    def order(self, subject: Subject, over: tuple[str, ...], last: int) -> None:
        """Check first derivatives of a function, then its derivatives as functions; `over` says which it is."""
        if not subject.values:
            nothing = "no result is floating-point, so there is nothing to differentiate"
            raise located(GradientError(f"check_gradients: {nothing}: return what is to be differentiated"))
        cotangents = [self._random(y.shape, y.dtype) for y in subject.values]
        directions = [self._random(p.shape, p.dtype) * np.maximum(np.abs(p), SMALL) for p in subject.points]
        pull = subject.pull(cotangents)
        gradients = pull(subject.points)
        if "reverse" in self.modes:
            self._reverse(subject, pull, gradients, cotangents, over)
        push = subject.push(directions) if "forward" in self.modes else None
        if push is not None:
            tangents = push(subject.points)
            self._forward(subject, push, tangents, directions, magnitude(directions, gradients), over)
            self._duality(subject, (pull, directions), (push, cotangents), over)
        elif "forward" in self.modes:
            self.notes["forward mode was not checked: there is no forward derivative"] = None
        if len(over) + 1 < last:
            self._next(subject, {"reverse": cotangents, "forward": directions}, over, last)

    def _next(self, subject: Subject, seeds: dict[str, list[Array]], over: tuple[str, ...], last: int) -> None:
        for mode in MODES:
            if mode in self.modes:
                derived = subject.derived(mode, seeds[mode])
                if derived is not None:
                    self.order(derived, (mode, *over), last)
                else:
                    what = f"order {len(over) + 2} of {mode} mode was not checked"
                    self.notes[f"{what}: that derivative is no function that can be differentiated"] = None

    def _random(self, shape: Any, dtype: np.dtype[Any]) -> Array:
        """Of modulus between a half and one: nothing is lost by a small factor."""

        def signed() -> Array:
            return np.asarray(self.rng.uniform(0.5, 1, shape) * self.rng.choice([-1.0, 1.0], shape))

        return np.asarray(signed() + 1j * signed() if dtype.kind == "c" else signed(), dtype)

    # ---- the two directions

    def _reverse(
        self, subject: Subject, pull: Any, gradients: Arrays, cotangents: Arrays, over: tuple[str, ...]
    ) -> None:
        whole = max((_largest(g) for g in gradients), default=0.0)
        terms = magnitude(cotangents, subject.values)
        for i, (name, point, found) in enumerate(zip(self.names, subject.points, gradients, strict=True)):
            _check_kind(name, point, found)
            picked = np.sort(self.rng.permutation(point.size)[: self.most])
            indices = [_index(np.unravel_index(k, point.shape)) for k in picked]
            axes = (1.0, 1j) if point.dtype.kind == "c" else (1.0,)
            element = _Element(subject, pull, found, cotangents, terms, i)
            cases = [element.case(f"{name}, index {index}", index, axis) for index in indices for axis in axes]
            largest = _largest(np.asarray([c.slope.value for c in cases]))
            rounding = subject.rounding * max(whole, largest) + LAST * subject.eps * terms
            self._compared(name, ("reverse", *over), subject, cases, (largest, rounding, terms))

    def _forward(
        self, subject: Subject, push: Any, tangents: Arrays, directions: Arrays, terms: float, over: tuple[str, ...]
    ) -> None:
        for k, (tangent, y) in enumerate(zip(tangents, subject.values, strict=True)):
            cases = _along(subject, push, directions, k, tangent, y)
            largest = _largest(np.asarray([c.slope.value for c in cases]))
            size = _largest(np.asarray(y))
            rounding = subject.rounding * max(largest, terms) + LAST * subject.eps * size
            self._compared(f"result {k}", ("forward", *over), subject, cases, (largest, rounding, size))

    def _duality(
        self, subject: Subject, reverse: tuple[Any, Arrays], forward: tuple[Any, Arrays], over: tuple[str, ...]
    ) -> None:
        (pull, directions), (push, cotangents) = reverse, forward

        def both(points: Arrays) -> tuple[Any, Any, float]:
            gradients, tangents = pull(points), push(points)
            size = magnitude(directions, gradients) + magnitude(cotangents, tangents)
            return projected(directions, gradients), projected(cotangents, tangents), size

        one, other, size = both(subject.points)
        size += magnitude(cotangents, subject.values)
        rounding = subject.rounding + ROUNDING * subject.eps
        if self.judge is None or abs(one - other) <= self.atol + (self.rtol + rounding) * size:
            return
        if not np.isfinite(one) or not np.isfinite(other):
            what = "it is not finite there: choose a point at which it is"
            raise mismatch(f"check_gradients: {named(('both modes', *over))}, along a random direction: {what}", None)
        for points in _shifts(subject.points, subject.eps):  # what changes with the last place is rounding
            again = both(points)
            change = abs(again[0] - one) + abs(again[1] - other)
            if change >= ABSURD * size:
                raise Unsettled(f"{named(('both modes', *over))}, along a random direction")
            if abs(one - other) <= 8 * change:
                return
        what = f"reverse gives {one} along a random direction, forward {other} on the same cotangent"
        text = f"check_gradients: {named(('both modes', *over))}: they disagree: {what}"
        raise mismatch(text, self.judge())

    # ---- what to make of a difference

    def _compared(
        self, name: str, over: tuple[str, ...], subject: Subject, cases: Sequence[Case], sizes: tuple[float, ...]
    ) -> None:
        largest, rounding, _ = sizes
        worst = 0.0
        for case in cases:
            error = _distance(case.found, case.slope)
            allowed = self.atol + self.rtol * largest + 8 * float(case.slope.error) + rounding
            unsettled = not float(case.slope.error) <= UNSETTLED * max(sizes) + NOTHING
            if unsettled or not error <= allowed:
                self._judged(case, over, subject, sizes, unsettled)
            else:
                worst = max(worst, error / max(sizes) if max(sizes) else 0.0)
                if case.slope.kink and (over[0] == "reverse" or "reverse" not in self.modes):
                    self._note_kink(name, over, case, subject, "judged from one side")
        methods = dict.fromkeys(case.slope.method for case in cases)
        self.rows.append(
            CheckedGradient(
                name, len(over), " over ".join(over), " and ".join(methods) or "nothing to compare", len(cases), worst
            )
        )

    def _judged(
        self, case: Case, over: tuple[str, ...], subject: Subject, sizes: tuple[float, ...], unsettled: bool
    ) -> None:
        """A derivative that differs, or a numeric one that decides nothing: right, excused, or wrong."""
        largest, rounding, _ = sizes
        slope = _measured(case)
        allowed = self.atol + self.rtol * largest + rounding + 8 * float(slope.error)
        unsettled = unsettled or slope is not case.slope
        unsettled = unsettled and not float(slope.error) <= UNSETTLED * max(sizes) + NOTHING
        if not unsettled and _distance(case.found, slope) <= allowed + _shaken(case, subject, max(sizes)):
            return
        name = case.where.split(", index")[0]
        if slope.kink and _around(case, subject, allowed):
            self._note_kink(name, over, case, subject, "between the derivatives around it")
            return
        if not np.isfinite(case.found) and diverges(case.line(None)):  # it is right to be infinite
            if self.judge is not None:
                raise Unsettled(case.where)
            return
        culprit = self.judge() if self.judge is not None else None
        if culprit is None and unsettled and (self.judge is None or np.isfinite(case.found)):
            if self.judge is not None:
                raise Unsettled(case.where)
        elif culprit is None and slope.kink and self.by_parts:
            self._note_kink(name, over, case, subject, "judged by its operations, each of which is right by itself")
        else:
            self._fail(case, over, subject, slope, culprit)

    def _note_kink(self, name: str, over: tuple[str, ...], case: Case, subject: Subject, how: str) -> None:
        if self.judge is None:
            return  # inside the search for a culprit nobody reads notes
        scaled = [np.asarray(d * case.scale) for d in case.direction]
        ops = ", ".join(subject.kinks(scaled, subject.step / 2**20)) or "the function"
        known = self.kinks.setdefault((f"{name}, {named(over)}", f"at a kink of {ops}: {how}"), [])
        known.append(case.place)

    def all_notes(self) -> tuple[str, ...]:
        """The notes, with elements at the same kink in one."""
        made = []
        for (where, what), indices in self.kinks.items():
            shown = ", ".join(map(str, indices[:SHOWN])) + (" and others" if len(indices) > SHOWN else "")
            made.append(f"{where}, index {shown}: {what}")
        return (*self.notes, *made)

    def _fail(
        self, case: Case, over: tuple[str, ...], subject: Subject, slope: Slope, culprit: tuple[str, str] | None
    ) -> None:
        what = "the derivative" if over[0] == "forward" else "the derivative of the result times a random cotangent"
        values = f"{what} is {case.found!s} and the {slope.method} gives {float(slope.value)!s}"
        text = f"check_gradients: {case.where}, {named(over)}: {values}{_why(case, subject, slope)}"
        raise mismatch(text, culprit)


# ---- cases


class _Element:
    """The derivatives of the projected result with respect to the elements of one argument."""

    def __init__(self, subject: Subject, pull: Any, found: Array, cotangents: Arrays, terms: float, i: int) -> None:
        self.subject, self.pull, self.found, self.cotangents, self.i = subject, pull, found, cotangents, i
        self.noise = np.asarray(subject.eps * terms)

    def case(self, where: str, index: tuple[int, ...], axis: complex) -> Case:
        """One element; `axis` is 1j for its imaginary part."""
        scale = size_of(self.subject.points[self.i][index])
        scaled = unit(self.subject.points, self.i, index, axis)

        def line(base: Any) -> Line:
            return line_of(self.subject, scaled, lambda ys: projected(self.cotangents, ys), self.noise, base)

        def part(gradient: Array) -> float:
            return float(gradient[index].real if axis == 1.0 else gradient[index].imag)

        direction = [np.asarray(d / scale) for d in scaled]
        slope = _divided(slope_of(line(None)), scale)
        again = lambda points: part(self.pull(points)[self.i])  # noqa: E731
        return Case(where, index, part(self.found), slope, scale, direction, line, again)


def _along(subject: Subject, push: Any, directions: Arrays, k: int, tangent: Array, y: Array) -> list[Case]:
    """The derivatives of the elements of one result along a direction."""
    noise = real_parts(np.asarray(subject.eps * np.abs(y) * (1 + 1j if y.dtype.kind == "c" else 1)))
    whole = line_of(subject, directions, lambda ys: _parts(ys[k], y), noise)
    slopes = slope_of(whole)
    values = real_parts(tangent.astype(np.result_type(tangent, y.dtype)))

    def one(index: tuple[int, ...]) -> Case:
        def line(base: Any) -> Line:
            return line_of(subject, directions, lambda ys: _parts(ys[k], y)[index], noise[index], base)

        place = index[: y.ndim]
        where = f"result {k}, index {place}, along a random direction"
        parts = (slopes.value, slopes.error, slopes.low, slopes.high)
        value, error, low, high = (np.asarray(part[index]) for part in parts)
        slope = Slope(value, error, low, high, slopes.method, slopes.kink)
        again = lambda points: float(real_parts(push(points)[k])[index])  # noqa: E731
        return Case(where, place, float(values[index]), slope, 1.0, directions, line, again)

    return [one(index) for index in np.ndindex(values.shape)]


def _parts(values: Array, like: Array) -> Array:
    """Real numbers; a real function of complex arguments, for the complex step, stays complex."""
    return real_parts(values) if like.dtype.kind == "c" else values


def _divided(slope: Slope, scale: float) -> Slope:
    value, error, low, high = (np.asarray(part / scale) for part in (slope.value, slope.error, slope.low, slope.high))
    return Slope(value, error, low, high, slope.method, slope.kink)


def _distance(found: float, slope: Slope) -> float:
    """How far outside the one-sided derivatives."""
    low, high = float(slope.low), float(slope.high)
    if not (np.isfinite(found) and np.isfinite(low) and np.isfinite(high)):
        return float("inf")
    return max(low - found, found - high, 0.0)


def _measured(case: Case) -> Slope:
    """The numeric derivative, with the noise of the values measured instead of assumed.

    J. Moré and S. Wild, "Estimating computational noise", 2011, in a simple form.
    """
    line = case.line(None)
    if line.wide is not None:
        other = float(complex_step(line.wide, step=TINY * 2**40).value) / case.scale
        if np.isclose(other, float(case.slope.value), rtol=1e-9, atol=0.0):
            return case.slope
        return _divided(slope_of(Line(line._run, line.noise, None, line.step)), case.scale)  # no analytic function
    nearby = [float(line.values(k * 1.37 * 2.0**-46)) for k in range(-4, 5)]
    noise = np.maximum(line.noise, np.max(np.abs(np.diff(nearby, 2)), initial=0.0) if not case.slope.kink else 0.0)
    with np.errstate(all="ignore"):
        if case.slope.method == "central difference":
            best = _divided(slope_of(Line(line._run, noise, None, line.step)), case.scale)
            return best if best.error < case.slope.error or np.any(noise > line.noise) else case.slope
    return case.slope


def _shaken(case: Case, subject: Subject, size: float) -> float:
    """How much the derivative changes when the arguments do in their last place: its condition, in effect."""
    if case.slope.kink and subject.run(subject.points)[1] is None:
        return 0.0  # it may jump
    most = 0.0
    for points in _shifts(subject.points, subject.eps):
        change = abs(case.again(points) - case.found)
        most = max(most, change if change < ABSURD * size else 0.0)
    return 8 * most


def _shifts(points: Arrays, eps: float) -> list[list[Array]]:
    """The points, off in the last place: each number by itself, and all in proportion, which keeps ties."""
    alone = [_beside(points, 2 * eps, seed) for seed in range(4)]
    together = [[np.asarray(p * (1 + k * eps), p.dtype) for p in points] for k in (-3, -2, 2, 3)]
    return [*alone, *together]


def _beside(points: Arrays, by: float, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)

    def off(p: Array) -> Array:
        signs = rng.uniform(-1, 1, p.shape) + (1j * rng.uniform(-1, 1, p.shape) if p.dtype.kind == "c" else 0)
        return np.asarray(p + by * signs * np.maximum(np.abs(p), SMALL), p.dtype)

    return [off(p) for p in points]


def _around(case: Case, subject: Subject, allowed: float) -> bool:
    """Whether the derivative lies between those of points around a kink."""
    low, high = float(case.slope.low), float(case.slope.high)
    for seed in range(AROUND):
        line = case.line(_beside(subject.points, BESIDE, seed))
        near = central_difference(line.values, BESIDE / 2**6, line.noise)
        if np.isfinite(near.value):
            low, high = min(low, float(near.value) / case.scale), max(high, float(near.value) / case.scale)
    slack = allowed + 2**6 * BESIDE * max(abs(low), abs(high))
    return low - slack <= case.found <= high + slack


# ---- words


def named(over: tuple[str, ...]) -> str:
    """``reverse over forward mode, order 2``."""
    return f"{' over '.join(over)}{' mode' if over[0] in MODES else ''}, order {len(over)}"


def mismatch(text: str, culprit: tuple[str, str] | None) -> GradientMismatch:
    """The error, with the operation to blame."""
    error = located(GradientMismatch(f"{text}{f'; {culprit[1]}' if culprit else ''}"))
    assert isinstance(error, GradientMismatch)
    error.op = culprit[0] if culprit else None
    return error


def _why(case: Case, subject: Subject, slope: Slope) -> str:
    """What is special about the place, if anything is; else how sensitive the derivative is."""
    if slope.kink:
        return f"; there is a kink or a jump: {float(slope.low):.6g} and {float(slope.high):.6g} from its two sides"
    if not np.isfinite(float(slope.value)):
        return "; no step gives a numeric derivative: choose a point farther inside the function's domain"
    condition = _condition(case, subject)
    return f"; condition {condition:.2g}" if np.isfinite(condition) else ""


def _condition(case: Case, subject: Subject) -> float:
    """The relative change of the derivative for a relative change of the arguments."""
    by, most = 2.0**-20, 0.0
    for seed in range(4):
        most = max(most, abs(case.again(_beside(subject.points, by, seed)) - case.found))
    return most / by / abs(case.found) if case.found else float("nan")


def _check_kind(name: str, point: Array, found: Array) -> None:
    if found.shape != point.shape or found.dtype != point.dtype:
        kinds = f"{found.dtype}{list(found.shape)} for {point.dtype}{list(point.shape)}"
        raise located(GradientMismatch(f"check_gradients: {name}: the derivative is {kinds}"))


def _largest(values: Array) -> float:
    """The largest modulus of those that are finite."""
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))


def _index(index: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in index)
