"""A process that holds works and runs them in turn, told by lines of JSON.

``python -m tests.benchmarks.peers.worker`` reads requests and writes answers; what libraries print goes elsewhere.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.peers.catalogue import PEERS, builder
from tests.benchmarks.peers.checks import STEPS, difference
from tests.benchmarks.peers.networks import Network
from tests.benchmarks.peers.rows import Row, row_named, smoke
from tests.benchmarks.peers.work import NotForThisRowError, Outcome, Work

__all__ = ["Bench", "main"]

PATIENCE = 3.0  # seconds that a step may take at most
COLD = 0.1  # seconds of a step above which what ran before it does not matter

Answer = dict[str, Any]


class Bench:
    """Works that have been checked, by label.

    Parameters
    ----------
    build
        From the name of a peer to its builder.
    """

    def __init__(self, build: Callable[[str], Callable[[Row], Work]]) -> None:
        self.build = build
        self.works: dict[str, tuple[Work, float]] = {}

    def reference(self, row: Row, path: str) -> Answer:
        """Write what NumPy by hand gives, for others to be compared with."""
        outcome = dict(self._outcome(self.build("numpy")(row))[0])
        if isinstance(row.workload, Network) and row.task == "train":
            outcome |= {f"f{i}": first for i, first in enumerate(row.workload.parameters())}
        np.savez(path, **outcome)
        return {}

    def prepare(self, label: str, row: Row, path: str) -> Answer:
        """Build a peer's work and check it; it is kept if it is right."""
        self.works.pop(label, None)
        name = label.partition("+")[0]
        try:
            work = self.build(name)(row)
            outcome, seconds = self._outcome(work)
        except NotForThisRowError as reason:
            return {"left_out": str(reason)}
        except Exception as error:
            return {"left_out": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"}
        with np.load(path) as expected:
            wrong = difference(row, dict(expected), outcome)
        if wrong is not None:
            return {"refused": wrong}
        if seconds > PATIENCE:
            return {"left_out": f"a step takes {seconds:.1f} s"}
        self.works[label] = work, seconds
        return {"seconds": seconds}

    def turn(self, label: str, seconds: float) -> Answer:
        """Run a work for about so long, after a step that does not count; seconds of each step."""
        work, guess = self.works[label]
        step = work.step
        if guess < COLD:
            step()
        count = max(1, round(seconds / guess))
        gc.collect()
        gc.disable()
        try:
            begin = perf_counter()
            for _ in range(count):
                step()
            each = (perf_counter() - begin) / count
        finally:
            gc.enable()
        self.works[label] = work, each
        return {"seconds": each}

    def drop(self) -> Answer:
        """Forget all works."""
        self.works.clear()
        gc.collect()
        return {}

    @staticmethod
    def _outcome(work: Work) -> tuple[Outcome, float]:
        """After some steps; and the time of the last."""
        seconds = 0.0
        result = None
        for _ in range(STEPS):
            begin = perf_counter()
            result = work.step()
            seconds = perf_counter() - begin
        return {name: np.array(array) for name, array in work.outcome(result).items()}, max(seconds, 1e-7)


def main() -> None:
    """Answer until there is nothing more to read."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    named = {peer.name: peer for peer in PEERS}
    bench = Bench(lambda name: builder(named[name]))
    for line in sys.stdin:
        request = json.loads(line)
        row = row_named(request["row"]) if "row" in request else None
        if row is not None and request.get("smoke"):
            row = smoke(row)
        answers.write(json.dumps(_answer(bench, request, row)) + "\n")
        answers.flush()


def _answer(bench: Bench, request: Answer, row: Row | None) -> Answer:
    match request["do"]:
        case "reference":
            assert row is not None
            return bench.reference(row, request["path"])
        case "prepare":
            assert row is not None
            return bench.prepare(request["label"], row, request["path"])
        case "turn":
            return bench.turn(request["label"], request["seconds"])
        case _:
            return bench.drop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
