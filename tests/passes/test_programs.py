"""Programs made of what laws are about, and their gradients, held to the tiers of the laws used."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.compiler.compile import compile_graph
from tensorgraph.testing.equivalence import kernel_difference

UNARY = [
    tg.exp, tg.log, tg.negative, tg.abs, tg.sqrt, tg.sigmoid, tg.softplus, tg.tanh, lambda x: 1 + x, lambda x: 1 - x,
    lambda x: x - 1, lambda x: 1 / x, lambda x: 1 / (1 + tg.exp(-x)), lambda x: tg.log(1 + tg.exp(x)), lambda x: x * 1,
    lambda x: 0 - x, lambda x: x**2, lambda x: x**3, lambda x: x**-1, lambda x: x / 4, lambda x: 3 * x, lambda x: x * x,
    lambda x: tg.exp(x) / tg.sum(tg.exp(x), axis=-1, keepdims=True), tg.softmax, tg.log_softmax,
    lambda x: tg.log(tg.sum(tg.exp(x), axis=0)) + x, lambda x: tg.sum(x, axis=0) + x, lambda x: x - tg.mean(x, axis=0),
    lambda x: tg.mean(x * x) * x, lambda x: x @ tg.matrix_transpose(x) @ x, lambda x: tg.permute_dims(x.T @ x, (1, 0)),
    lambda x: tg.reshape(tg.reshape(x, (-1,)), x.shape), lambda x: x[::-1][::-1], lambda x: x[:, 1:2] * x[:, :1].T,
    lambda x: x.at[:, 0].add(2.0), lambda x: tg.where(x > 0, x, 0.5), lambda x: tg.maximum(x, x),
    lambda x: tg.broadcast_to(tg.sum(x), x.shape) * x, lambda x: tg.sum(tg.sum(x, axis=0, keepdims=True), axis=1) * x,
    lambda x: tg.expand_dims(tg.max(x, axis=1), 1) - x, lambda x: tg.astype(tg.astype(x, "float64"), x.dtype),
    lambda x: -tg.log_softmax(x)[tg.arange(x.shape[0]), tg.zeros((x.shape[0],), dtype="int64")].reshape((-1, 1)) * x,
]  # fmt: skip
BINARY = [
    tg.add, tg.subtract, tg.multiply, tg.divide, tg.maximum, lambda x, y: tg.log(tg.exp(x) + tg.exp(y)),
    lambda x, y: x * (1 / y), lambda x, y: x + -y, lambda x, y: tg.where(x < y, x, y), lambda x, y: tg.sum(x * y) + x,
]  # fmt: skip
SEEDS = range(150)


def program(seed: int) -> tuple[tg.Graph, list[np.ndarray]]:
    """A few operations on matrices, sometimes with the gradient, and numbers for it, sometimes hostile."""
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["float32", "float64"]))
    size = int(rng.choice([1, 2, 4]))
    inputs = [tg.placeholder(("n" if seed % 2 else size, 3), dtype, name=name) for name in "xy"]
    made = list(inputs)
    for _ in range(rng.integers(1, 6)):
        x, y = (made[i] for i in rng.integers(0, len(made), 2))
        new = UNARY[rng.integers(len(UNARY))](x) if rng.random() < 0.7 else BINARY[rng.integers(len(BINARY))](x, y)
        if repr(new.shape) == repr(x.shape) and new.dtype == dtype:
            made.append(new)
    outputs = [made[-1]]
    if rng.random() < 0.6:
        outputs += tg.gradients(tg.sum(made[-1]), inputs, disconnected="zero")
    scale = rng.choice([1.0, 1.0, 10.0, 1e3])
    arrays = [(rng.normal(size=(size, 3)) * scale).astype(dtype) for _ in inputs]
    if rng.random() < 0.3:
        arrays[0].flat[rng.integers(arrays[0].size)] = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, 1e-30])
    return tg.Graph([x.node for x in inputs], [y.node for y in outputs]), arrays


@pytest.mark.parametrize("seed", SEEDS)
def test_program(seed: int) -> None:
    graph, arrays = program(seed)
    kernel = compile_graph(graph, "kernel", list(range(len(graph.outputs))))
    assert kernel_difference(kernel, arrays) is None


def test_programs_use_many_laws() -> None:
    used: Counter[str] = Counter()
    for seed in SEEDS:
        graph, _ = program(seed)
        used.update(law.name for law in compile_graph(graph, "kernel", list(range(len(graph.outputs)))).stages[3].laws)
    assert len(used) > 35, sorted(used)
