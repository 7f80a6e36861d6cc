"""What the parts of a statement take: calls, memory and arithmetic, and how they add up."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.ir.types import TensorType
from tensorgraph.schedule.machine import Machine

__all__ = ["NOTHING", "Setting", "Sizes", "Work"]

Sizes: TypeAlias = "tuple[int, ...]"

LINE = 64  # bytes of a line of cache
APART = 0.3  # of memory and arithmetic, how much of the shorter does not overlap: measured on exp in memory
NEAR = 4  # lines of a row until the next is fetched ahead
RANDOM = 6.0  # how much longer a line takes beyond L2 if it is not the next: measured on rows gathered at random


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds spent on calls, on moving memory and on arithmetic; the last two overlap within one call."""

    calls: float = 0.0
    memory: float = 0.0
    arithmetic: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Both, one after the other."""
        return Work(
            self.calls + other.calls,
            self.memory + other.memory,
            self.arithmetic + other.arithmetic,
            self.seconds + other.seconds,
        )


NOTHING = Work()


@dataclass(frozen=True, slots=True)
class Setting:
    """A statement whose sizes are known, and the circumstances in which it runs.

    Attributes
    ----------
    strided
        Positions of operands that are read across the grain, such as a transposed view.
    footprint
        Bytes of what is touched again and again, which decides where it lies.
    threads
        How many threads a matrix product has.
    """

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    machine: Machine
    strided: frozenset[int]
    footprint: float
    threads: int

    @property
    def out(self) -> TensorType:
        """The first result."""
        return self.outputs[0]

    def work(self, calls: float, nbytes: float = 0.0, arithmetic: float = 0.0, fresh: float = 0.0) -> Work:
        """One call, or several alike, that take `calls` seconds and move `nbytes`; `fresh` of them in a new array."""
        memory = self.machine.traffic(nbytes, self.footprint)
        new = self.machine.fresh(fresh)
        together = max(memory, arithmetic) + APART * min(memory, arithmetic)
        return Work(calls, memory + new, arithmetic, calls + together + new)

    def copied(self, nbytes: float, runs: float = 1.0, calls: float = 1.0, fresh: float = 0.0) -> Work:
        """`nbytes` read and written, in so many inner loops."""
        return self.work(calls * self.machine.call, 2.0 * nbytes, runs * self.each("run", self.out.dtype), fresh)

    def turned(self, elements: float, dtype: np.dtype[Any]) -> float:
        """Seconds to read elements across the grain: what a line holds beside each is gone when its turn comes."""
        lines = self.machine.traffic(elements * LINE, self.footprint)
        return max(elements * self.each("stride", dtype), lines if self.footprint > self.machine.l1 else 0.0)

    def scattered(self, rows: float, row: float, table: float) -> float:
        """Seconds waiting for rows of so many bytes, anywhere in a table of so many bytes."""
        lines = rows * LINE * min(max(1.0, row / LINE), NEAR)
        size = max(table, self.footprint)
        return RANDOM * self.machine.traffic(lines, size) if table > self.machine.l2 else 0.0

    def each(self, name: str, dtype: np.dtype[Any]) -> float:
        """Seconds of a unit of work of a kernel."""
        return self.machine.unit(name, dtype)

    def start(self, name: str) -> float:
        """Seconds of a call of a kernel."""
        rate = self.machine.rate(name)
        return self.machine.call if rate is None else rate.start


def elements(*types: TensorType) -> int:
    """The number of elements of all of them."""
    return sum(prod(shape(t)) for t in types)


def nbytes(*types: TensorType) -> int:
    """The number of bytes of all of them."""
    return sum(elements(t) * t.dtype.itemsize for t in types)


def shape(t: TensorType) -> Sizes:
    """A shape whose sizes are known."""
    return tuple(n for n in t.shape if isinstance(n, int))


def inner(result: Sizes, *operands: Sizes) -> int:
    """The length of the inner loop over operands that broadcast: last axes along which all advance, or the same do."""
    length, before = 1, None
    for axis in range(1, len(result) + 1):
        n = result[-axis]
        if n == 1:
            continue
        advancing = tuple(len(o) >= axis and o[-axis] != 1 for o in operands)
        if before not in {None, advancing}:
            break
        length, before = length * n, advancing
    return max(length, 1)


def groups(sizes: Sizes, axes: Sizes) -> list[tuple[bool, int]]:
    """Runs of axes that are reduced (True) or kept, with their lengths; axes of size 1 left out."""
    found: list[tuple[bool, int]] = []
    for axis, n in enumerate(sizes):
        reduced = axis in axes
        if n == 1:
            continue
        if found and found[-1][0] == reduced:
            found[-1] = (reduced, found[-1][1] * n)
        else:
            found.append((reduced, n))
    return found
