"""Measuring statements: the same source with a clock read after each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.codegen.emit import Module, emit
from tensorgraph.codegen.load import loaded, note
from tensorgraph.codegen.sizes import workspace_sizes
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.schedule.program import Program

__all__ = ["Profile", "measured"]

LEAST, MOST = 5, 1000  # calls
SECONDS = 0.2  # that a profile takes, unless one call takes longer
TICKS = 1000  # readings of the clock, to know how long one takes

Call: TypeAlias = "Callable[[], object]"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kernel took, in seconds: medians over several calls.

    Attributes
    ----------
    statements, updates
        Each statement, and each group of updates, in order.
    total
        A call without clocks, measured in turn with those that have them.
    clocked
        A call with a clock after every statement, by one thread: where it takes much longer than `total`, threads
        share loops, or the times of short statements say little.
    calls
        How many calls were measured.
    sizes
        The symbolic sizes of the inputs.
    """

    statements: tuple[float, ...]
    updates: tuple[float, ...]
    total: float
    clocked: float
    calls: int
    sizes: Mapping[str, int]

    def __str__(self) -> str:
        within = sum(self.statements) + sum(self.updates)
        count = len(self.statements) + len(self.updates)
        calls = f"{1e6 * self.total:.1f} us a call, {1e6 * self.clocked:.1f} us with clocks; median of {self.calls}"
        return f"{calls}\n{1e6 * within:.1f} us in {count} statements"


def measured(
    program: Program,
    name: str,
    plain: Module,
    arrays: Sequence[Array],
    state: Sequence[Array],
    sizes: Mapping[str, int],
    repeat: int | None,
) -> Profile:
    """Measure a program.

    Parameters
    ----------
    program, name
        What to measure.
    plain
        The module without clocks.
    arrays
        The inputs.
    state
        What the workspace is made over; nothing is written to it.
    sizes
        The size of every symbol.
    repeat
        How many calls; None for as many as take a fifth of a second.
    """
    if repeat is not None and (not isinstance(repeat, int) or repeat < 1):
        raise located(InputError(f"profile: repeat={repeat!r} is no number of calls: give 1 or more"))
    clock = _Clock(len(program.statements) + 2 + len(program.updates))
    clocked = emit(program, name, locations=False, probe="clock")
    own = {symbol: sizes[symbol] for symbol in workspace_sizes(program)}
    with np.errstate(all="ignore"):
        # one clock tells the time of one thread
        probes: list[dict[str, Any]] = [{}, {"tick": clock.tick, "THREADS": 1}]
        modules = zip((plain, clocked), probes, strict=True)
        calls = [_call(module, name, probe, arrays, state, own) for module, probe in modules]
        start = perf_counter()
        calls[0]()
        calls[1]()
        once = perf_counter() - start
        count = repeat or min(MOST, max(LEAST, int(SECONDS / max(once, 1e-6))))
        wholes: list[tuple[float, ...]] = []
        rounds: list[list[float]] = []
        for _ in range(count):
            clock.spent[:] = [0.0] * len(clock.spent)
            wholes.append(tuple(map(_timed, calls)))
            rounds.append(clock.spent.copy())
    n = len(program.statements)
    between = np.median(rounds, axis=0) - _reading() * np.divide(clock.ticks, clock.ticks[-1])
    spent = tuple(np.maximum(between, 0.0).tolist())
    total, whole = np.median(wholes, axis=0).tolist()
    return Profile(spent[:n], spent[n + 1 : -1], total, whole, count, dict(sizes))


class _Clock:
    """Adds up the seconds since the last tick, by what was done in them; the last place is for before the first."""

    def __init__(self, count: int) -> None:
        self.spent = [0.0] * count
        self.ticks = [0] * count
        self._last = 0.0

    def tick(self, number: int) -> None:
        """Something has been done."""
        now = perf_counter()
        self.spent[number] += now - self._last
        self.ticks[number] += 1
        self._last = now


def _reading() -> float:
    """Seconds that a tick adds to what lies between two of them."""
    clock = _Clock(2)
    times = []
    for _ in range(TICKS):
        clock.tick(0)
        times.append(clock.spent[0])
    return float(np.median(np.diff(times)))


def _call(
    module: Module, name: str, probe: Mapping[str, Any], arrays: Sequence[Array],
    state: Sequence[Array], sizes: Mapping[str, int],
) -> Call:  # fmt: skip
    """A call with a state and memory of its own."""
    filename, part = loaded(name, module.source, {**module.functions, **probe})
    own = [np.array(array) if array.flags.writeable else array for array in state]
    memory = part["workspace"](own, **sizes)

    def call() -> None:
        try:
            part["compute"](*arrays, memory)
        except Exception as error:
            note(error, name, filename, module)
            raise

    return call


def _timed(call: Call) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start
