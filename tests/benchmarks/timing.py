"""Measuring: medians of several, and ratios of things run in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

__all__ = ["Result", "alternating", "ratio", "seconds", "timed"]

Result = dict[str, float]


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes once."""
    start = perf_counter()
    work()
    return perf_counter() - start


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median of several rounds, in seconds."""
    return median(timed(work) for _ in range(rounds))


def alternating(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each, per round: run in turn, so that a slow moment of the machine meets all of them."""
    return [list(times) for times in zip(*[[timed(work) for work in works] for _ in range(rounds)], strict=True)]


def ratio(work: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    """The median of the rounds' ratios of one to the other; each runs three times a round, once uncounted."""
    found = []
    for _ in range(rounds):
        times = []
        for each in (work, other):
            each()
            times.append(timed(lambda each=each: (each(), each())))
        found.append(times[0] / times[1])
    return median(found)
