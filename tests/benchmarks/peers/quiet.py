"""Whether the machine is ours: the processor time that others take."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

__all__ = ["LIMIT", "Watch", "busy_seconds", "own_seconds"]

LIMIT = 0.15  # cores that others may hold on average
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PROC = Path("/proc")

Clock = Callable[[], float | None]


def busy_seconds() -> float | None:
    """Processor time that all processes have taken together, steal included; None where nothing says."""
    if (PROC / "stat").is_file():
        user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split(maxsplit=9)[1:9])
        return (user + nice + system + irq + softirq + steal) / TICKS
    if importlib.util.find_spec("psutil") is None:
        return None
    times = importlib.import_module("psutil").cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")))


def own_seconds() -> float | None:
    """Processor time of this process and of all below it, ended ones included."""
    if (PROC / "stat").is_file():
        return sum(map(_taken, _family(os.getpid())))
    if importlib.util.find_spec("psutil") is None:
        return None
    psutil = importlib.import_module("psutil")
    mine = psutil.Process()
    total = 0.0
    for process in [mine, *mine.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # with those of ended children
        except psutil.Error:
            continue
    return total


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        try:
            for children in (PROC / str(parent) / "task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:
            continue
    return found


def _taken(pid: int) -> float:
    """Of one process, with its ended children."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


class Watch:
    """Compares what the machine did with what we did, from when it is made."""

    def __init__(self, busy: Clock = busy_seconds, own: Clock = own_seconds, clock: Callable[[], float] = perf_counter):
        self.busy, self.own, self.clock = busy, own, clock
        self.start = clock(), busy(), own()

    def others(self) -> float | None:
        """Cores that others have held on average since; None where nothing says."""
        now, busy, own = self.clock(), self.busy(), self.own()
        then, busy_then, own_then = self.start
        if busy is None or busy_then is None or own is None or own_then is None:
            return None
        return max(0.0, ((busy - busy_then) - (own - own_then)) / max(now - then, 1e-9))
