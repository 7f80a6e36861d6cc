"""How long compiling takes: training steps, 5,000 nodes and a chain of 100,000, with the budgets they are held to."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import tensorgraph as tg
from tests.benchmarks.bench_ground import chain
from tests.benchmarks.peers.ours import Training
from tests.benchmarks.peers.rows import DIGITS, PICTURES
from tests.benchmarks.timing import Result

BUDGETS = {
    "784-16-16-10 training step": 30.0,
    "three-layer CNN with Adam": 150.0,
    "5,000 nodes": 2000.0,
}  # milliseconds
CALIBRATION = 12.0  # milliseconds that `reference` takes where the budgets were set

Compile = Callable[[], object]


def reference() -> float:
    """Milliseconds of a loop that does what compilers do: make tuples, strings and objects, and look them up."""
    begin = process_time()
    seen: dict[tuple[int, str], list[str]] = {}
    for i in range(20_000):
        key = (i % 4001, f"t{i % 17}")
        seen.setdefault(key, []).append(f"{key[1]} = np.add({i}, {key[0]})")
    total = "\n".join(line for lines in seen.values() for line in sorted(lines))
    assert total.count("\n") == 20_000 - 1
    return 1e3 * (process_time() - begin)


def layers(count: int) -> tuple[list[tg.Tensor], tg.Tensor, list[tuple[tg.Parameter, tg.Tensor]]]:
    """A training step of at least so many nodes: dense layers of 16, each with its own parameters."""
    x = h = tg.placeholder(("batch", 16), "float32", name="x")
    parameters: list[tg.Parameter] = []
    while len(parameters) < count / 8:  # a layer of two parameters comes to 16 nodes or more, derivatives included
        w, b = tg.Parameter(tg.nn.init.zeros((16, 16))), tg.Parameter(tg.nn.init.zeros((16,)))
        h = tg.tanh(h @ w + b)
        parameters += [w, b]
    loss = tg.mean(h * h)
    return [x], loss, tg.optim.SGD(0.1).updates(loss, parameters)


def recorded(small: bool = False) -> dict[str, Compile]:
    """By name: compile a graph that has been recorded."""
    digits, pictures = Training.of(DIGITS), Training.of(PICTURES)
    inputs, loss, updates = layers(500 if small else 5000)
    return {
        "784-16-16-10 training step": lambda: tg.compile(digits.inputs, digits.loss, digits.updates),
        "three-layer CNN with Adam": lambda: tg.compile(pictures.inputs, pictures.loss, pictures.updates),
        "5,000 nodes": lambda: tg.compile(inputs, loss, updates),
    }


def milliseconds(work: Compile) -> float:
    """Processor time that it takes once: what others do meanwhile does not count."""
    begin = process_time()
    work()
    return 1e3 * (process_time() - begin)


def run(smoke: bool) -> Result:
    """Measure; `smoke` only sees that it runs."""
    rounds = 1 if smoke else 5
    results: Result = {
        f"reference loop, ms ({CALIBRATION:.0f} where budgets were set)": min(reference() for _ in range(9))
    }
    for name, work in recorded(smoke).items():
        results[f"{name}, ms (budget {BUDGETS[name]:.0f})"] = min(milliseconds(work) for _ in range(rounds))
    x, y = chain(1000 if smoke else 100_000)
    results["chain of 100,000 nodes, ms"] = min(milliseconds(lambda: tg.compile([x], y)) for _ in range(min(rounds, 2)))
    return results
