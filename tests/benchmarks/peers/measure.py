"""Rows in turns: every round each peer has a turn, and what is reported is the median of the rounds' ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

from tests.benchmarks.peers.catalogue import OURS
from tests.benchmarks.peers.results import Entry

__all__ = ["LEAST", "entries", "rounds"]

LEAST = 3  # rounds, however slow
TURN = 0.04  # seconds
MOST = 60  # rounds, however quick

Turn = Callable[[float], float]
Round = Mapping[str, float]


def rounds(
    turns: Mapping[str, Turn], budget: float, *, least: int = LEAST, turn: float = TURN,
    clock: Callable[[], float] = perf_counter,
) -> list[Round]:  # fmt: skip
    """Seconds of a step of each label, by round.

    Every round begins with another peer. A peer that has used up its share of the time pauses, ours never: ratios are
    of the same round.

    Parameters
    ----------
    turns
        By label: runs a peer for about so many seconds and gives those of one step.
    budget
        Seconds for all rounds together.
    """
    labels = list(turns)
    spent = dict.fromkeys(labels, 0.0)
    found: list[Round] = []
    begin = clock()
    while len(found) < least or (clock() - begin < budget and len(found) < MOST):
        number = len(found)
        shift = number % len(labels)
        seconds: dict[str, float] = {}
        for label in [*labels[shift:], *labels[:shift]]:
            if number >= least and label != OURS and spent[label] > budget / len(labels):
                continue
            before = clock()
            seconds[label] = turns[label](turn)
            spent[label] += clock() - before
        found.append(seconds)
    return found


def entries(found: Sequence[Round], scale: float = 1e3) -> list[Entry]:
    """Medians over the rounds, and medians of the ratios of ours to each."""
    labels = list(dict.fromkeys(label for seconds in found for label in seconds))
    made = []
    for label in labels:
        own = [seconds[label] for seconds in found if label in seconds]
        ratios = [seconds[OURS] / seconds[label] for seconds in found if label in seconds and OURS in seconds]
        name, _, malloc = label.partition("+")
        made.append(Entry(name, bool(malloc), median(own) * scale, median(ratios) if ratios else None, len(own)))
    return made
