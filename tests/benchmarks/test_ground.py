"""Budgets that hold on any machine, with room for a busy one; and that the benchmarks run."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing.ways import WAYS
from tests.benchmarks.bench_ground import NODE_BUDGET, chain, import_budget, import_times, node_times
from tests.benchmarks.digits_step import batch, compiled_step, first_weights, hand_written
from tests.benchmarks.timing import timed

LATE = ["PIL", "graphviz", "hypothesis", "matplotlib", "networkx", "opt_einsum", "rich", "threadpoolctl", "typer"]


def test_importing_is_quick() -> None:
    pairs: list[tuple[float, float]] = []
    while len(pairs) < 12 and (not pairs or min(extra for _, extra in pairs) > import_budget(pairs)):
        pairs += import_times(2)
    assert min(extra for _, extra in pairs) <= import_budget(pairs)


def test_a_node_is_quick_to_build() -> None:
    times: list[float] = []
    while len(times) < 40 and (not times or min(times) > NODE_BUDGET):
        times += node_times(5)
    assert min(times) <= NODE_BUDGET


def test_heavy_packages_load_on_use() -> None:
    code = f"import sys, tensorgraph; print([name for name in {LATE} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_long_chains_compile_in_linear_time() -> None:
    x, y = chain(100_000)
    kernel = tg.compile([x], y)
    expected = np.array([0.25, 1.0, -2.0])
    start = expected
    for _ in range(50_000):
        expected = np.sin(expected) + start
    np.testing.assert_array_equal(kernel(start), expected)
    small_x, small_y = chain(10_000)
    small = min(timed(lambda: tg.compile([small_x], small_y)) for _ in range(3))
    large = min(timed(lambda: tg.compile([x], y)) for _ in range(2))
    assert large < 40 * small  # ten times as much, and room for caches


@pytest.mark.parametrize("kind", ["views", "custom", "parameters", "outputs", "updates"])
def test_long_programs_of_other_kinds(kind: str) -> None:
    count = 2000
    x = tg.placeholder((3, 2), name="x")
    same = tg.custom_op(lambda x: x)
    pair = tg.custom_op(lambda x: (x, x), infer=lambda t: (t, t))

    def made(n: int) -> float:
        y, outputs, updates = x, [], []
        for i in range(n):
            if kind == "views":
                y = tg.matrix_transpose(y)
            elif kind == "custom":
                y = pair(same(y))[i % 2]
            elif kind == "outputs":
                outputs.append(x[i % 3] + i)
            else:
                p = tg.Parameter(np.ones(2), name="p")
                y = y + p
                updates += [(p, p * 2)] if kind == "updates" else []
        return timed(lambda: tg.compile([x], [y, *outputs], updates))

    small, large = min(made(count) for _ in range(2)), min(made(4 * count) for _ in range(2))
    assert large < 12 * small


def test_both_training_steps_agree() -> None:
    kernel, parameters = compiled_step()
    weights = first_weights()
    by_hand = hand_written(weights)
    x, y = batch(32)
    for _ in range(20):
        np.testing.assert_allclose(kernel(x, y), by_hand(x, y), rtol=1e-4)
    for p, w in zip(parameters, weights, strict=True):
        np.testing.assert_allclose(p.numpy(), w, rtol=1e-3, atol=1e-5)


def test_the_benchmarks_run() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--smoke", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(figure > 0 for figures in json.loads(result.stdout).values() for figure in figures.values())


def test_programs_of_many_loops() -> None:
    x = tg.placeholder(("n", 64), name="x")

    def made(n: int) -> float:
        y = x
        for _ in range(n):
            y = tg.flip(tg.tanh(tg.exp(y) * 0.5) + x, axis=0)
        graph = tg.Graph([x.node], [y.node])
        kernels: list[tg.Kernel] = []
        seconds = timed(lambda: kernels.append(WAYS["blocks"].compiled(graph)))
        assert len(kernels[0].program.blocks) == n
        return seconds

    small, large = min(made(200) for _ in range(2)), min(made(1600) for _ in range(2))
    assert large < 24 * small  # eight times as much, and room for caches
