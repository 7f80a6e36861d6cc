"""The many elements of a large argument: looked at together along directions, and one by one where these disagree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tensorgraph.ir.types import Array
from tensorgraph.testing.cases import Argument, Case
from tensorgraph.testing.moves import nearby
from tensorgraph.testing.subject import Arrays

__all__ = ["RIGHT", "UNDECIDED", "WRONG", "Groups"]

MOST = 16  # groups in which the elements of an argument are looked at
SPLITS = 128  # groups that are halved because a kink, or noise, decides nothing
PLACES = 3  # points beside the point

RIGHT, WRONG, UNDECIDED = "right", "wrong", "undecided"
Judge: TypeAlias = "Callable[[Case], str]"


class Groups:
    """The elements that are not looked at one by one.

    They are dealt into groups at random, and each group is looked at along a direction of random signs. A group that
    disagrees is halved until one element is left, which is judged like any other; if all of them are right by
    themselves, the group is wrong as it is. Where a kink, or a numeric derivative that does not settle, decides
    nothing, halves may: what is still undecided then is looked at beside the point, off its kinks.

    Parameters
    ----------
    argument
        The derivatives.
    rng
        Deals.
    weigh
        Whether a case is right, wrong or undecided.
    judge
        Judges one element at the point.
    fail
        Raises for a case that is wrong.

    Attributes
    ----------
    directions
        How many were looked along.
    beside, left
        How many elements were looked at beside the point, and not at all.
    """

    def __init__(
        self, argument: Argument, rng: np.random.Generator, weigh: Judge, judge: Callable[[Case], None],
        fail: Callable[[Case], None],
    ) -> None:  # fmt: skip
        self.argument, self.rng, self.weigh, self.judge, self.fail = argument, rng, weigh, judge, fail
        self.directions = self.splits = self.beside = self.left = 0
        self._undecided: list[Array] = []

    def look(self, numbers: Array) -> None:
        """Look at elements, given by their numbers."""
        undecided = self._dealt(self.argument, numbers, here=True)
        self.beside = len(undecided)
        for place in range(PLACES):
            points = nearby(self.argument.at, place, self._defined) if len(undecided) else None
            if points is not None:
                undecided = self._dealt(self.argument.moved(points), undecided, here=False)
        self.left = len(undecided)
        self.beside -= self.left

    def _defined(self, points: Arrays) -> bool:
        try:
            return all(np.all(np.isfinite(y)) for y in self.argument.subject.run(points)[0])
        except Exception:  # a function may raise where it is not defined
            return False

    def _dealt(self, argument: Argument, numbers: Array, *, here: bool) -> Array:
        """Look at groups; the elements that are undecided."""
        self._undecided, self.splits = [], SPLITS
        for group in np.array_split(self.rng.permutation(numbers), min(MOST, len(numbers))):
            self._group(argument, group, here)
        return np.concatenate([np.zeros(0, int), *self._undecided])

    def _group(self, argument: Argument, group: Array, here: bool) -> bool:
        """Whether no kink was met."""
        if len(group) == 1:
            return self._one(argument, int(group[0]), here)
        self.directions += 1
        case = argument.together(group, self._signs(argument, len(group)))
        verdict = UNDECIDED if case.slope.kink else self.weigh(case)
        if verdict == RIGHT:
            return True
        if verdict == UNDECIDED:
            self.splits -= 1
            if self.splits < 0:
                self._undecided.append(group)
                return False
        smooth = [self._group(argument, half, here) for half in np.array_split(group, 2)]
        if verdict == WRONG and all(smooth) and np.isfinite(case.found):
            self.fail(case)
        return all(smooth)

    def _signs(self, argument: Argument, count: int) -> Array:
        """Of modulus between a half and one: nothing is lost by a small factor."""
        sizes, angles = self.rng.uniform(0.5, 1, count), self.rng.uniform(0, 2 * np.pi, count)
        complex_ = argument.point.dtype.kind == "c"
        return np.asarray(sizes * (np.exp(1j * angles) if complex_ else np.sign(np.cos(angles))))

    def _one(self, argument: Argument, number: int, here: bool) -> bool:
        cases = argument.elements(number)
        if here:
            for case in cases:
                self.judge(case)
        elif any(self._beside_is_undecided(case) for case in cases):
            self._undecided.append(np.asarray([number]))
        return not any(case.slope.kink for case in cases)

    def _beside_is_undecided(self, case: Case) -> bool:
        verdict = self.weigh(case)
        if verdict == WRONG and not case.slope.kink:
            self.fail(case)
        return verdict != RIGHT
