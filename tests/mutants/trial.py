"""Trying many mutants: copies of the sources, workers, and what they found."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.mutants.reasons import reason
from tests.mutants.targets import ROOT, Mutant

__all__ = ["Outcome", "sampled", "tried"]

COPIED = ("tensorgraph", "tests", "docs", "setup.cfg", "pyproject.toml")


@dataclass(frozen=True)
class Outcome:
    """A mutant, and the detector that found it: None if it survived."""

    mutant: Mutant
    found: str | None
    why: str
    seconds: float
    unsound: tuple[str, ...] = ()  # detectors that fail without the mistake, too

    @property
    def detector(self) -> str:
        """The kind of detector."""
        return (self.found or "").partition(":")[0]


def sampled(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Some of them, in an order in which any first part is spread over all sources: one of each, then another."""
    chance = random.Random(seed)
    by_source: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_source.setdefault(mutant.target.path, []).append(mutant)
    rows = [*by_source.values()]
    chance.shuffle(rows)
    for row in rows:
        chance.shuffle(row)
    return [m for column in zip_longest(*rows) for m in column if m is not None][:count]


def tried(
    mutants: Sequence[Mutant],
    jobs: int = 1,
    seconds: float | None = None,
    tell: Callable[[Outcome], None] = lambda outcome: None,
    *,
    tests: bool = True,
) -> list[Outcome]:
    """Try mutants, in their order, until all are done or the time is over; `tests`: of the floor, too."""
    end = float("inf") if seconds is None else time.monotonic() + seconds
    waiting, lock = list(reversed(mutants)), threading.Lock()
    outcomes: list[Outcome] = []
    faults: list[BaseException] = []

    def serve() -> None:
        try:
            with _worker() as (root, ask):
                while True:
                    with lock:
                        if not waiting or time.monotonic() > end or faults:
                            return
                        mutant = waiting.pop()
                        request = _request(mutant, root, tests)  # CPython 3.11 cannot parse in two threads at once
                    outcome = _outcome(mutant, ask(request))
                    with lock:
                        outcomes.append(outcome)
                        tell(outcome)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=serve) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return sorted(outcomes, key=lambda outcome: mutants.index(outcome.mutant))


def _request(mutant: Mutant, root: Path, tests: bool) -> dict[str, Any]:
    return {
        "id": mutant.id,
        "path": str(root / "tensorgraph" / mutant.target.path),
        "source": mutant.source(root),
        "plan": [mutant.target.kind, mutant.ops(), _files(mutant) if tests else ()],
    }


def _files(mutant: Mutant) -> tuple[str, ...]:
    """The tests of the floor; only the quick ones for what is said to be no mistake."""
    return mutant.target.tests if reason(mutant.key) is None else mutant.target.tests[:1]


def _outcome(mutant: Mutant, answer: dict[str, Any]) -> Outcome:
    return Outcome(mutant, answer["found"], answer["why"], answer["seconds"], tuple(answer["unsound"]))


@contextmanager
def _worker() -> Iterator[tuple[Path, Callable[[dict[str, Any]], dict[str, Any]]]]:
    """A worker in a copy of its own: a tree that others edit would not hold still."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        root = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "golden.tmp"))
            else:
                shutil.copy(source, root / name)
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
        environment = {**os.environ, **threads, "PYTHONPATH": str(root), "PYTHONHASHSEED": "0"}
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "tensorgraph", "tests"], cwd=root, check=True, env=environment
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker"],
            cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            process.stdin.write(f"{json.dumps(request)}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the worker ended while it tried {request['id']}")
            answer: dict[str, Any] = json.loads(line)
            return answer

        try:
            yield root, ask
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()
