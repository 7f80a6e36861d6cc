"""Derivatives held against numeric ones, and what to make of those that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgraph.errors import GradientError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.testing.cases import (
    ABSURD,
    Argument,
    Case,
    Scale,
    around,
    condition,
    distance,
    largest_of,
    measured,
    results_along,
    settled,
    shaken,
    sharp,
    shifts,
)
from tensorgraph.testing.gradient_report import CheckedGradient
from tensorgraph.testing.groups import RIGHT, UNDECIDED, WRONG, Groups
from tensorgraph.testing.mismatch import Culprit, Unsettled, mismatch, named
from tensorgraph.testing.moves import FAR
from tensorgraph.testing.numeric import EPS, Slope, diverges
from tensorgraph.testing.subject import SMALL, Arrays, Subject, magnitude, projected

__all__ = ["Comparison"]

MOST = 64  # elements of one argument that are looked at one by one
ROUNDING = 64  # units of rounding between the two directions
BLUNT = 1e-4  # an error of a derivative, relative to the largest one, that should show
LAST = 128  # units of rounding of the values that a derivative may be off
SHOWN = 4  # indices in a note

Judge = Callable[[], "Culprit | None"]


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
        seed = self._random if subject.takes_cotangent else np.ones
        cotangents = [seed(y.shape, y.dtype) for y in subject.values]
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
            seeds = {"reverse": cotangents} | ({} if push is None else {"forward": directions})
            self._next(subject, seeds, over, last)

    def _next(self, subject: Subject, seeds: dict[str, list[Array]], over: tuple[str, ...], last: int) -> None:
        for mode, seed in seeds.items():
            if mode in self.modes:
                derived = subject.derived(mode, seed)
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
        whole = max((largest_of(g) for g in gradients), default=0.0)
        values = magnitude(cotangents, subject.values)
        for i, (name, point, found) in enumerate(zip(self.names, subject.points, gradients, strict=True)):
            _check_kind(name, point, found)
            dealt = self.rng.permutation(point.size)
            argument = Argument(subject, name, i, pull, cotangents, values, subject.points, found)
            cases = [case for k in np.sort(dealt[: self.most]) for case in argument.elements(int(k))]
            largest = largest_of([float(case.slope.value) for case in cases])
            rounding = subject.rounding * max(whole, largest) + LAST * subject.eps * values
            share = values / float(np.sum(np.maximum(np.abs(point), SMALL), initial=SMALL))
            scale = Scale(largest, rounding, share, subject.eps > EPS)
            run = _Run(self, name, ("reverse", *over), subject, scale)
            run.compare(cases)
            run.look(argument, dealt[self.most :])
            self.rows.append(run.row(cases))

    def _forward(
        self, subject: Subject, push: Any, tangents: Arrays, directions: Arrays, terms: float, over: tuple[str, ...]
    ) -> None:
        for k, (tangent, y) in enumerate(zip(tangents, subject.values, strict=True)):
            cases = results_along(subject, push, directions, k, tangent)
            largest, size = largest_of([float(case.slope.value) for case in cases]), largest_of(y)
            rounding = subject.rounding * max(largest, terms) + LAST * subject.eps * size
            scale = Scale(largest, rounding, size, subject.eps > EPS)
            run = _Run(self, f"result {k}", ("forward", *over), subject, scale)
            run.compare(cases)
            self.rows.append(run.row(cases))

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
            raise mismatch(f"{named(('both modes', *over))}, along a random direction: {what}")
        for points in shifts(subject.points, subject.eps):  # what changes with the last place is rounding
            again = both(points)
            change = abs(again[0] - one) + abs(again[1] - other)
            if change >= ABSURD * size:
                raise Unsettled(f"{named(('both modes', *over))}, along a random direction")
            if abs(one - other) <= 8 * change:
                return
        what = f"reverse gives {one} along a random direction, forward {other} on the same cotangent"
        raise mismatch(f"{named(('both modes', *over))}: they disagree: {what}", self.judge())

    def all_notes(self) -> tuple[str, ...]:
        """The notes, with elements at the same kink in one."""
        made = []
        for (where, what), indices in self.kinks.items():
            shown = ", ".join(map(str, indices[:SHOWN])) + (" and others" if len(indices) > SHOWN else "")
            made.append(f"{where}, index {shown}: {what}")
        return (*self.notes, *made)


@dataclass
class _Run:
    """The derivatives with respect to one argument, or of one result, in one mode."""

    check: Comparison
    name: str
    over: tuple[str, ...]
    subject: Subject
    scale: Scale
    worst: float = 0.0
    hidden: float = 0.0
    groups: Groups | None = None

    def compare(self, cases: Sequence[Case]) -> None:
        """Judge derivatives one by one."""
        for case in cases:
            self._one(case)

    def look(self, argument: Argument, numbers: Array) -> None:
        """Look at the elements that are left, together."""
        if not len(numbers):
            return
        self.groups = groups = Groups(argument, self.check.rng, self._weighed, self._one, self._fail)
        groups.look(numbers)
        for count, what in (
            (groups.beside, f"looked at beside the point, moved by up to {FAR:.2g} of itself: at it there are kinks"),
            (groups.left, "not looked at: no numeric derivative settles, neither along them nor beside the point"),
        ):
            if count:
                which = f"{count} element{'s were' if count > 1 else ' was'}"
                self.check.notes[f"{self.name}, {named(self.over)}: {which} {what}"] = None

    def row(self, cases: Sequence[Case]) -> CheckedGradient:
        """What was compared."""
        if self.hidden > BLUNT:
            show = f"the values are too coarse to show errors below {self.hidden:.0e} of the largest derivative"
            self.check.notes[f"{self.name}, {named(self.over)}: {show}"] = None
        methods = " and ".join(dict.fromkeys(case.slope.method for case in cases)) or "nothing to compare"
        mode = " over ".join(self.over)
        if self.groups is None:
            return CheckedGradient(self.name, len(self.over), mode, methods, len(cases), self.worst)
        others = self.groups.argument.point.size - self.check.most - self.groups.left
        return CheckedGradient(
            self.name, len(self.over), mode, methods, len(cases), self.worst, others, self.groups.directions
        )

    # ---- what to make of a difference

    def _allowed(self, case: Case, slope: Slope) -> float:
        """The errors that were asked to be allowed, and those of rounding and of the numeric derivative."""
        each = self.check.atol + self.check.rtol * self.scale.largest + self.scale.rounding
        return case.spread * each + 8 * float(slope.error)

    def _agrees(self, case: Case, slope: Slope, more: float = 0.0) -> bool:
        near = distance(case.found, slope) <= self._allowed(case, slope) + more
        return near and settled(slope, self.scale, case.weight)

    def _weighed(self, case: Case) -> str:
        """Right, wrong, or undecided."""
        return self._verdict(case)[0]

    def _sharp(self, case: Case) -> bool:
        """Whether no sharper numeric derivative is to be had; where values are coarse by their dtype there is none."""
        return self.subject.eps > EPS or sharp(case.slope, self.scale, case.weight)

    def _verdict(self, case: Case) -> tuple[str, Slope]:
        """The same, and the numeric derivative that decides it."""
        size = self.scale.size * case.weight
        if self._agrees(case, case.slope) and self._sharp(case):
            return self._right(case, case.slope)
        slope, noisy = measured(case)
        decided = settled(slope, self.scale, case.weight)
        if decided and self._agrees(case, slope, shaken(case, self.subject, size, noisy=noisy)):
            return self._right(case, slope)
        return WRONG if decided else UNDECIDED, slope

    def _right(self, case: Case, slope: Slope) -> tuple[str, Slope]:
        """Right, and how well that is known."""
        error, size = 8 * float(slope.error), self.scale.size * case.weight
        if size > error:  # else both are nought
            self.worst = max(self.worst, distance(case.found, slope) / size)
        if self.scale.largest * case.weight > error:
            self.hidden = max(self.hidden, error / (self.scale.largest * case.weight))
        return RIGHT, slope

    def _one(self, case: Case) -> None:
        """One derivative: right, excused, or wrong."""
        verdict, slope = self._verdict(case)
        if verdict == RIGHT:
            if slope.kink and (self.over[0] == "reverse" or "reverse" not in self.check.modes):
                self._note_kink(case, "judged from inside" if slope.border else "judged from one side")
            return
        if slope.kink and not slope.border and around(case, self._allowed(case, slope)):
            self._note_kink(case, "between the derivatives around it")
            return
        if not np.isfinite(case.found) and diverges(case.line(None)):  # it is right to be infinite
            self._unsettled(case)
            return
        culprit = self.check.judge() if self.check.judge is not None else None
        finite = bool(np.isfinite(case.found))
        if culprit is None and verdict == UNDECIDED and (self.check.judge is None or finite):
            self._unsettled(case)
        elif culprit is None and slope.kink and self.check.by_parts and finite:
            self._note_kink(case, "judged by its operations, each of which is right by itself")
        else:
            self._fail(case, slope, culprit)

    def _unsettled(self, case: Case) -> None:
        if self.check.judge is not None:
            raise Unsettled(case.where)

    def _note_kink(self, case: Case, how: str) -> None:
        if self.check.judge is None:
            return  # inside the search for a culprit nobody reads notes
        scaled = [np.asarray(d * case.scale) for d in case.direction()]
        ops = ", ".join(self.subject.kinks(scaled, self.subject.step / 2**20)) or "the function"
        place = "the border of the domain" if case.slope.border else "a kink"
        known = self.check.kinks.setdefault((f"{self.name}, {named(self.over)}", f"at {place} of {ops}: {how}"), [])
        known.append(case.place)

    def _fail(self, case: Case, slope: Slope | None = None, culprit: Culprit | None = None) -> None:
        projected = self.over[0] == "reverse" and self.subject.takes_cotangent
        what = " of the result times a random cotangent" if projected else ""
        numeric = slope or case.slope
        if culprit is None and slope is None and self.check.judge is not None:
            culprit = self.check.judge()
        told = _compared(case, numeric)
        if culprit is None or np.isfinite(case.found):
            told += _circumstances(case, numeric)
        raise mismatch(f"{case.where}, {named(self.over)}: the derivative{what} is {case.found!s}{told}", culprit)


# ---- words


def _compared(case: Case, slope: Slope) -> str:
    """What the derivative is compared with."""
    if slope.kink and not slope.border:
        return f"; there is a kink or a jump: {float(slope.low):.6g} and {float(slope.high):.6g} from its two sides"
    if not np.isfinite(float(slope.value)):
        return "; no step gives a numeric derivative: choose a point farther inside the function's domain"
    return f" and the {slope.method} gives {float(slope.value)!s}"


def _circumstances(case: Case, slope: Slope) -> str:
    """How sensitive a derivative is; of one that is not finite, where in the graph that begins."""
    if np.isfinite(case.found):
        found = condition(case) if np.isfinite(float(slope.value)) and not slope.kink else float("nan")
        return f"; condition {found:.2g}" if np.isfinite(found) else ""
    find = getattr(case.source, "origin", None)
    operation = find(case.at) if find is not None else None
    if operation is None:
        return ""
    advice = "choose a point at which the derivative exists, or say what it is there, with where or custom_gradient"
    return f"; {operation} is not finite there: {advice}"


def _check_kind(name: str, point: Array, found: Array) -> None:
    if found.shape != point.shape or found.dtype != point.dtype:
        kinds = f"{found.dtype}{list(found.shape)} for {point.dtype}{list(point.shape)}"
        raise mismatch(f"{name}: the derivative is {kinds}")
