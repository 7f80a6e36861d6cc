"""How large the error of a function's values is, measured: its rounding may be more than its dtype tells."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, sqrt
from typing import Any

import numpy as np

from tensorgraph.ir.types import Array
from tensorgraph.testing.numeric import STEP, Line

__all__ = ["noise_of"]

PLACE = 1.37 * 2.0**-46  # between values that differ in the last places
APART = 1.37 * 2.0**-20  # between values that differ by rounding to single precision; no multiple of its steps
COUNT = 8  # of these
ORDERS = range(3, 7)  # of differences
CLEAR = 1e2  # how much more values change than noise does, where they are clearly smooth


def noise_of(line: Line, *, kink: bool = False) -> Array:
    """The size of the error of the values along a line, at least what is assumed.

    Parameters
    ----------
    line
        Of values that are single numbers.
    kink
        Whether there is a kink at 0, or so near that both sides may be flat for another reason than rounding.

    Notes
    -----
    Differences of high order of values side by side leave nothing of a smooth function, only noise: J. Moré and
    S. Wild, "Estimating computational noise", 2011. They are taken on both sides, of which only one may have a kink,
    and of several orders, as those of a function that is not smooth at this distance shrink with the order.

    A function that is smooth at a shorter distance, and not flat there, is no noise but a fast wave.

    A function that rounds its argument, as to single precision, is a staircase: flat at a distance at which it is not
    as a whole. Its steps are as high as they are long times the slope.

    Examples
    --------
    >>> single = Line(lambda t: (np.float64(np.float32(0.3 + t)), None), np.asarray(0.0))
    >>> bool(1e-8 < noise_of(single) < 1e-7)
    True
    >>> double = Line(lambda t: (np.sin(0.3 + t), None), np.asarray(0.0))
    >>> bool(noise_of(double) < 1e-14)
    True
    """
    with np.errstate(all="ignore"):
        nearby = [float(line.values(k * PLACE)) for k in range(-4, 5)]
        last = np.max(np.abs(np.diff(nearby, 2)), initial=0.0)
        sides = [rough for rough in _sides(line) if np.isfinite(rough)]
        stairs = _stairs(line) if line.blind and not kink else 0.0
        found: Any = np.fmax(np.fmax(last, min(sides, default=0.0)), stairs)
    return np.asarray(np.maximum(line.noise, found))


def _sides(line: Line) -> list[float]:
    """The noise on each side that has no known kink there."""
    return [_side(line, sign) for sign in (-1, 1) if line.same(sign * APART, sign * COUNT * APART)]


def _side(line: Line, sign: int) -> float:
    far, near = ([float(line.values(sign * k * h)) for k in range(1, COUNT + 1)] for h in (APART, APART / 2**8))
    rough, least = _roughness(far), _roughness(near)
    smooth = float(np.min(np.abs(np.diff(near)))) > CLEAR * least
    return min(rough, least) if smooth else rough


def _roughness(values: Sequence[float]) -> float:
    """The size of independent errors whose differences would be these."""
    return min(_unit(k) * sqrt(np.mean(np.square(np.diff(values, k)))) for k in ORDERS)


def _unit(k: int) -> float:
    """What a difference of order k is to be multiplied by."""
    return factorial(k) / sqrt(factorial(2 * k))


def _stairs(line: Line) -> float:
    """The height of steps, if there are any: a function that is flat on one side of a kink has none."""
    length = sum(_flat(line, sign) for sign in (-1, 1))
    places = [k * line.step for k in (-0.73, -0.41, 0.41, 0.73)]
    flat = [float(line.values(t)) == float(line.values(t + length / 16)) for t in places]
    if sum(flat) < len(places) - 1:  # one of them may lie at an edge
        return 0.0
    slope = abs(float(line.values(line.step)) - float(line.values(-line.step))) / (2 * line.step)
    return slope * length


def _flat(line: Line, sign: int) -> float:
    """How far the values stay the same and then change; 0 if they change at once, or not at all."""
    h = sign * 1.37 * 2.0**-40
    if line.values(h) != line.values(h / 2):
        return 0.0
    while line.values(2 * h) == line.values(h):
        h *= 2
        if abs(h) > STEP:
            return 0.0
    return abs(h)
