"""Drawing operands inside an operation's domain: away from kinks and ties, in several memory layouts."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from tensorgraph.ir.op import Domain, Interval
from tensorgraph.ir.types import Array

__all__ = ["LAYOUTS", "Shape", "between_integers", "draw_operands", "laid_out"]

Shape: TypeAlias = "tuple[int, ...]"

REACH = 2.0  # how far from 0, or from the end of a half-open interval, numbers are drawn
CLEAR = 0.15  # from kinks and open ends: a numeric derivative needs room on both sides
LAYOUTS = ("contiguous", "strided", "reversed", "transposed")


def draw_operands(
    rng: np.random.Generator, domain: Domain, shapes: Sequence[Shape], kind: str, layout: str = "contiguous"
) -> tuple[Array, ...]:
    """One array per shape, inside the domain.

    Parameters
    ----------
    rng
        Source of randomness.
    domain
        The operation's.
    shapes
        Of the operands.
    kind
        ``"f"`` for float64, ``"c"`` for complex128, ``"i"`` for int64, ``"b"`` for bool.
    layout
        How the arrays lie in memory: one of `LAYOUTS`.

    Returns
    -------
    operands
        Real numbers drawn from equal intervals are all different, also between operands.
    """
    if kind == "b":
        return tuple(laid_out(rng.random(shape) < 0.5, layout) for shape in shapes)
    if kind == "i":
        return tuple(laid_out(_integers(rng, domain.interval(i), s), layout) for i, s in enumerate(shapes))
    sizes = [prod(shape) for shape in shapes]
    total = max(sum(sizes), 1)
    spread = (rng.permutation(total) + rng.uniform(0.3, 0.7, total)) / total  # no two closer than 0.6 / total
    parts = np.split(spread[: sum(sizes)], np.cumsum(sizes)[:-1])
    drawn = []
    for i, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        low, high = _ends(domain.interval(i))
        values = np.asarray((low + part * (high - low)).reshape(shape))
        if i == 0:
            values = _off_kinks(values, domain.kinks)
        if kind == "c":
            values = np.asarray(values + 1j * (rng.uniform(0.2, 1, shape) * rng.choice([-1, 1], shape)))
        drawn.append(laid_out(values, layout))
    return tuple(drawn)


def _ends(interval: Interval) -> tuple[float, float]:
    low, high = interval.low, interval.high
    room = CLEAR if interval.open else 0.0
    if np.isfinite(low):
        return low + room, high - room if np.isfinite(high) else low + room + REACH
    return (high - room - REACH, high - room) if np.isfinite(high) else (-REACH, REACH)


def _integers(rng: np.random.Generator, interval: Interval, shape: Shape) -> Array:
    step = 1 if interval.open else 0
    low = int(interval.low) + step if np.isfinite(interval.low) else -3
    high = int(interval.high) - step if np.isfinite(interval.high) else max(low, 0) + 4
    return rng.integers(low, high + 1, shape)


def _off_kinks(values: Array, kinks: Sequence[float]) -> Array:
    for kink in kinks:
        side = np.where(values < kink, -1.0, 1.0)
        values = np.where(np.abs(values - kink) < CLEAR, kink + side * (CLEAR + np.abs(values - kink)), values)
    return values


def between_integers(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers that are neither near an integer nor half-way between two: no rounding jumps there."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.choice([0.25, 0.75], shape) + rng.uniform(-0.05, 0.05, shape))


def laid_out(array: Array, layout: str) -> Array:
    """The same elements, lying otherwise in memory."""
    array = np.asarray(array)
    if not array.ndim or layout == "contiguous":
        return array
    if layout == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    return np.asfortranarray(array)
