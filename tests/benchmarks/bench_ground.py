"""The ground floors: import, building nodes, compiling, and one small training step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from statistics import median

import tensorgraph as tg
from tests.benchmarks.digits_step import batch, compiled_step, first_weights, hand_written
from tests.benchmarks.timing import Result, alternating, seconds, timed

IMPORT_BUDGET = 60.0  # milliseconds beyond NumPy
NUMPY_IMPORT = 45.0  # milliseconds that NumPy itself takes where that budget was set
NODE_BUDGET = 10.0  # microseconds

CLOCK = "import time; start = time.process_time(); {}; print(time.process_time() - start)"  # its own time only


def _imported(statement: str) -> float:
    command = [sys.executable, "-c", CLOCK.format(statement)]
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return 1e3 * float(subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout)


def import_times(rounds: int) -> list[tuple[float, float]]:
    """Milliseconds of importing NumPy, and of the library beyond it, in fresh processes, in turn."""
    _imported("import tensorgraph")  # writes bytecode
    pairs = [(_imported("import numpy"), _imported("import tensorgraph")) for _ in range(rounds)]
    return [(numpy, both - numpy) for numpy, both in pairs]


def import_budget(pairs: list[tuple[float, float]]) -> float:
    """The budget in milliseconds; a machine that takes longer over NumPy than most gets more in proportion."""
    return IMPORT_BUDGET * max(1.0, min(numpy for numpy, _ in pairs) / NUMPY_IMPORT)


def node_times(rounds: int, count: int = 2000) -> list[float]:
    """Microseconds per node, of expressions as users write them."""

    def build() -> None:
        x = tg.placeholder((32, 16), "float32", name="x")
        y = x
        for _ in range(count // 4):
            y = tg.exp(y * x + x) - x

    build()
    return [1e6 * timed(build) / count for _ in range(rounds)]


def chain(count: int) -> tuple[tg.Tensor, tg.Tensor]:
    """A placeholder, and the end of a chain of so many nodes."""
    x = tg.placeholder((3,), name="x")
    y = x
    for _ in range(count // 2):
        y = tg.sin(y) + x
    return x, y


def _repeat(step: Callable[..., object], images: object, labels: object, count: int) -> None:
    for _ in range(count):
        step(images, labels)


def run(smoke: bool) -> Result:
    """Measure; `smoke` only sees that it runs."""
    rounds = 1 if smoke else 9
    count = 200 if smoke else 10_000
    x, y = chain(count)
    imports = import_times(rounds)
    results: Result = {
        "import NumPy, ms": median(numpy for numpy, _ in imports),
        "import beyond NumPy, ms (budget 60)": median(extra for _, extra in imports),
        "build a node, us (budget 10)": median(node_times(rounds)),
        f"compile a chain of {count}, us a node": 1e6 * seconds(lambda: tg.compile([x], y), min(rounds, 3)) / count,
        "compile the 784-16-16-10 training step, ms": 1e3 * seconds(compiled_step, rounds),
    }
    kernel, _ = compiled_step()
    by_hand = hand_written(first_weights())
    repeats = 2 if smoke else 100
    for size in (1, 32, 256):
        images, labels = batch(size)
        works = [partial(_repeat, step, images, labels, repeats) for step in (kernel, by_hand)]
        ours, theirs = alternating(works, rounds)
        results[f"training step, batch {size}, us"] = 1e6 * median(ours) / repeats
        results[f"training step, batch {size}, hand-written NumPy, us"] = 1e6 * median(theirs) / repeats
        results[f"training step, batch {size}, ratio"] = median(a / b for a, b in zip(ours, theirs, strict=True))
    return results
