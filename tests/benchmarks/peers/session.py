"""A run: rows by family, workers in turns, others watched."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.catalogue import Peer, Variant, variants
from tests.benchmarks.peers.fresh import START, memory_line, memory_name, memory_rows, startup_line
from tests.benchmarks.peers.measure import LEAST, entries, rounds
from tests.benchmarks.peers.processes import DiedError, Worker
from tests.benchmarks.peers.quiet import LIMIT, Watch
from tests.benchmarks.peers.results import Line
from tests.benchmarks.peers.rows import ROWS, Row

__all__ = ["Settings", "lines", "names"]

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    seconds
        Of turns, for each row.
    smoke
        Tiny sizes and one round: does it run?
    force
        Do not measure again what others disturbed.
    """

    seconds: float = 5.0
    smoke: bool = False
    force: bool = False


def names() -> list[str]:
    """Of all lines."""
    return [*(row.name for row in ROWS), START, *map(memory_name, memory_rows())]


def lines(wanted: Iterable[str], peers: Sequence[Peer], settings: Settings, tell: Tell) -> list[Line]:
    """Measure the lines of these names; one that others disturbed is measured once more."""
    asked = set(wanted)
    found: list[Line] = []
    families: dict[str, list[Row]] = {}
    for row in ROWS:
        if row.name in asked:
            families.setdefault(row.family, []).append(row)
    for family in families.values():
        with Family(variants(peers), settings) as running:
            for row in family:
                tell(row.name)
                found.append(_undisturbed(partial(running.line, row), settings))
    if START in asked:
        tell(START)
        found.append(_undisturbed(partial(startup_line, peers, settings.smoke), settings))
    for row in memory_rows():
        if memory_name(row) in asked:
            tell(memory_name(row))
            found.append(memory_line(row, peers, settings.smoke))
    return sorted(found, key=lambda line: names().index(line.name))


def _undisturbed(measure: Callable[[], Line], settings: Settings) -> Line:
    """The line, with what others held meanwhile; the calmer of two if the first was disturbed."""
    first = _watched(measure)
    if settings.smoke or settings.force or not first.disturbed or first.disturbed <= LIMIT:
        return first
    again = _watched(measure)
    return min(first, again, key=lambda line: line.disturbed or 0.0)


def _watched(measure: Callable[[], Line]) -> Line:
    watch = Watch()
    line = measure()
    return Line(line.name, line.unit, line.entries, line.left_out, watch.others())


class Family:
    """The processes for rows of one network or expression."""

    def __init__(self, wanted: Sequence[Variant], settings: Settings) -> None:
        self.wanted = wanted
        self.settings = settings
        self.workers: dict[tuple[str, bool], Worker] = {}
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Family:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self.folder.cleanup()

    def _close(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()

    def line(self, row: Row) -> Line:
        """Build, check and measure a row; without figures if a process ends while it is measured."""
        try:
            return self._measured(row)
        except DiedError as error:
            self._close()
            return Line(row.name, "ms", (), {variant.label: str(error) for variant in self.wanted})

    def _measured(self, row: Row) -> Line:
        path = str(Path(self.folder.name) / "reference.npz")
        what = {"row": row.name, "smoke": self.settings.smoke, "path": path}
        self._worker(("shared", False)).ask(do="reference", **what)
        left_out: dict[str, str] = {}
        for variant, answer in self._prepared(what):
            if "left_out" in answer:
                left_out[variant.label] = answer["left_out"]
            elif "refused" in answer:
                left_out[variant.label] = f"wrong, so not timed: {answer['refused']}"
        for variant in self.wanted:
            if variant.process not in self.workers:  # what it had prepared is lost too
                left_out.setdefault(variant.label, "its process ended before")
        turns = {variant.label: self._turn(variant) for variant in self.wanted if variant.label not in left_out}
        smoke = self.settings.smoke
        found = rounds(turns, 0.0 if smoke else self.settings.seconds, least=1 if smoke else LEAST) if turns else []
        for worker in self.workers.values():
            worker.ask(do="drop")
        return Line(row.name, "ms", tuple(entries(found)), left_out)

    def _prepared(self, what: dict[str, Any]) -> Iterable[tuple[Variant, dict[str, Any]]]:
        """Build and check: those of one process one after the other, processes at the same time."""
        sent: list[Variant] = []
        for variant in self.wanted:
            try:
                self._worker(variant.process).send(do="prepare", label=variant.label, **what)
                sent.append(variant)
            except DiedError as error:
                yield variant, self._lost(variant, error)
        for variant in sent:
            if variant.process not in self.workers:
                yield variant, {"left_out": "its process ended before"}
                continue
            try:
                yield variant, self.workers[variant.process].receive()
            except DiedError as error:
                yield variant, self._lost(variant, error)

    def _lost(self, variant: Variant, error: DiedError) -> dict[str, Any]:
        self.workers.pop(variant.process).close()
        return {"left_out": str(error)}

    def _worker(self, process: tuple[str, bool]) -> Worker:
        if process not in self.workers:
            self.workers[process] = Worker(process[1])
        return self.workers[process]

    def _turn(self, variant: Variant) -> Callable[[float], float]:
        def turn(seconds: float) -> float:
            answer = self.workers[variant.process].ask(do="turn", label=variant.label, seconds=seconds)
            return float(answer["seconds"])

        return turn
