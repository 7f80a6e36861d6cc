"""Start-up and peak memory: figures of fresh processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter

from tests.benchmarks.peers.catalogue import OURS, Peer
from tests.benchmarks.peers.measure import LEAST, entries, rounds
from tests.benchmarks.peers.processes import ROOT, environment
from tests.benchmarks.peers.results import Entry, Line
from tests.benchmarks.peers.rows import ROWS, STARTUP, Row

__all__ = ["MEMORY", "START", "FailedError", "ask", "memory_line", "memory_name", "memory_rows", "startup_line"]

START = f"process start to first finished step, {STARTUP.name}"
MEMORY = "peak memory, "
BUDGET = 40.0  # seconds for all starts together


class FailedError(Exception):
    """A fresh process gave nothing; the message is the last that it said."""


def memory_name(row: Row) -> str:
    """Of the line."""
    return f"{MEMORY}{row.name}"


def ask(what: str, peer: Peer, row: Row, smoke: bool, raised: bool = False) -> tuple[str, float]:
    """The line that a fresh process prints, and the seconds until then."""
    command = [sys.executable, "-m", "tests.benchmarks.peers.once", what, peer.name, row.name]
    begin = perf_counter()
    process = subprocess.Popen(
        [*command, *(["smoke"] if smoke else [])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=environment(raised),
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    seconds = perf_counter() - begin
    _, said = process.communicate()
    if not line:
        raise FailedError(said.strip().splitlines()[-1] if said.strip() else f"it ended with {process.returncode}")
    if line.startswith("left out: "):
        raise FailedError(line.removeprefix("left out: "))
    return line, seconds


def start(peer: Peer, smoke: bool, _: float = 0.0) -> float:
    """Seconds of one start."""
    return ask("startup", peer, STARTUP, smoke)[1]


def startup_line(peers: Sequence[Peer], smoke: bool) -> Line:
    """Seconds from the start of a process to its first finished step; the first of each, which fills caches, is not
    counted.
    """
    left_out: dict[str, str] = {}
    turns: dict[str, Callable[[float], float]] = {}
    for peer in peers:
        try:
            ask("startup", peer, STARTUP, smoke)
        except FailedError as reason:
            left_out[peer.name] = str(reason)
            continue
        turns[peer.name] = partial(start, peer, smoke)
    found = rounds(turns, 0.0 if smoke else BUDGET, least=1 if smoke else LEAST)
    return Line(START, "s", tuple(entries(found, 1.0)), left_out)


def memory_line(row: Row, peers: Sequence[Peer], smoke: bool) -> Line:
    """Megabytes by which the largest resident size grows; two processes at a time."""
    left_out: dict[str, str] = {}

    def measured(peer: Peer) -> tuple[Peer, float | str]:
        try:
            return peer, int(ask("memory", peer, row, smoke)[0]) / 1e6
        except FailedError as reason:
            return peer, str(reason)

    with ThreadPoolExecutor(2) as pool:
        found = dict(pool.map(measured, peers))
    figures = {}
    for peer, figure in found.items():
        if isinstance(figure, str):
            left_out[peer.name] = figure
        else:
            figures[peer.name] = figure
    own = figures.get(OURS)
    made = tuple(
        Entry(name, False, figure, own / figure if own is not None and figure else None, 1)
        for name, figure in figures.items()
    )
    return Line(memory_name(row), "MB", made, left_out)


def memory_rows() -> list[Row]:
    """Training steps and expressions."""
    return [row for row in ROWS if row.task != "infer"]
