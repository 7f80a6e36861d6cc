"""The same operation on several values: one call, on memory side by side."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.schedule import sides as module
from tensorgraph.testing.programs import run_kernel
from tests.compiler.programs import assert_same_bits


def joint(kernel: Kernel) -> list[tuple[str, int]]:
    """What is computed by one call, and for how many values."""
    return [(row.op.name, len(members)) for row, members in kernel.program.joint.items()]


Activation: TypeAlias = Callable[[tg.Tensor], tg.Tensor]


def network(activation: Activation, widths: tuple[int, ...], batch: int | str = "batch") -> Kernel:
    """A training step of dense layers without biases."""
    x = tg.placeholder((batch, widths[0]), "float32", name="x")
    rng = np.random.default_rng(0)
    weights = [
        tg.Parameter(rng.normal(size=pair).astype("f4"), name=f"w{i}") for i, pair in enumerate(pairwise(widths))
    ]
    h = x
    for w in weights:
        h = activation(h @ w)
    loss = tg.mean(h * h)
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, tg.gradients(loss, weights), strict=True)]
    return tg.compile([x], loss, updates, name="step", machine=tg.Machine.reference)


def test_derivatives_of_all_layers_are_two_calls() -> None:
    step = network(tg.sigmoid, (5, 4, 3, 2))
    assert joint(step) == [("subtract", 3), ("multiply", 3)]
    lines = [line.strip() for line in step.source.splitlines() if "side by side" in line and "np_" in line]
    assert [line.partition("(")[0] for line in lines] == ["np_subtract", "np_multiply"]
    assert all(line.endswith("# float32[9*batch]: 3 values side by side") for line in lines)
    row = next(row for row in step.explain(batch=8).rows if row.why == "3 values side by side, by one call")
    assert row.flops == 9 * 8


@pytest.mark.parametrize("activation", [tg.sigmoid, tg.tanh, tg.relu, tg.exp, tg.softplus], ids=lambda f: f.__name__)
def test_the_same_bits_as_apart(activation: Activation) -> None:
    step = network(activation, (5, 4, 3, 3, 2))
    for batch in (0, 1, 7, 200, 7):
        x = np.random.default_rng(batch).normal(size=(batch, 5)).astype("f4")
        expected = [np.array(y) for part in evaluate_graph(step.graph, [x]) for y in part]
        assert_same_bits(run_kernel(step, [x]), expected)


def test_a_row_is_kept_as_long_as_any_of_its_values_is_read() -> None:
    step = network(tg.sigmoid, (5, 4, 3, 2))
    (concat,) = [row.inputs[1] for row, _ in step.program.joint.items() if row.op.name == "subtract"]
    place = step.program.places[concat]
    reads = [i for i, s in enumerate(step.program.statements) if any(s.node is r for r in step.program.joint)]
    others = [
        s for s in step.program.statements[: reads[-1]]
        if s.buffer and s.buffer.slot == place.slot and s.buffer.whole != place.name
    ]  # fmt: skip
    assert len(reads) == 2
    assert not others


def sources(count: int, n: int | str = "n") -> tuple[tg.Tensor, list[tg.Tensor]]:
    """Values that are computed into the workspace, each from the one before."""
    x = tg.placeholder((n, 3), "float64", name="x")
    found = [tg.sin(x)]
    for _ in range(count - 1):
        found.append(tg.sin(found[-1] @ np.eye(3)))
    return x, found


def compiled(x: tg.Tensor, outputs: tg.Tensor | list[tg.Tensor]) -> Kernel:
    kernel = tg.compile([x], outputs, machine=tg.Machine.reference)
    array = np.random.default_rng(0).normal(size=(5, 3))
    expected = evaluate_graph(kernel.graph, [array])[0]
    got = kernel(array)
    assert_same_bits(got if isinstance(outputs, list) else [got], [np.array(y) for y in expected])
    return kernel


def test_independent_operations_that_are_alike() -> None:
    x, (a, b, c) = sources(3)
    kernel = compiled(x, (a + b + c) * tg.exp(a) * tg.exp(b) * tg.exp(c))
    assert joint(kernel) == [("exp", 3)]
    x, (a, b) = sources(2)
    kernel = compiled(x, (a + b) * (a**2.5) * (b**1.25))  # other numbers
    assert joint(kernel) == []


def test_what_depends_on_one_another_is_not_joined() -> None:
    x, (a,) = sources(1)
    first = tg.exp(a)
    second = tg.exp(first @ np.eye(3))
    assert joint(compiled(x, tg.exp(second @ np.eye(3)))) == []
    x, (a,) = sources(1)
    assert joint(compiled(x, tg.exp(tg.exp(a)) * tg.exp(a) * a)) == []  # one is the other's operand


def test_what_is_needed_before_the_last_operand_is_there_is_not_joined() -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    a = tg.sin(x)
    b = tg.sin(tg.exp(a) @ np.eye(3))  # reads one before the other's operand exists
    assert joint(compiled(x, (a + b) * tg.exp(b) * tg.exp(a))) == []


def test_outputs_and_inputs_stay_where_they_are() -> None:
    x, (a, b) = sources(2)
    product = (a + b) * tg.exp(a) * tg.exp(b)
    assert joint(compiled(x, product)) == [("exp", 2)]
    assert joint(compiled(x, [tg.exp(a), product])) == []
    assert joint(compiled(x, [b, product])) == []
    z = tg.placeholder(("n", 3), "float64", name="z")
    assert joint(tg.compile([x, z], (x + z) * tg.exp(x) * tg.exp(z))) == []


def test_large_values_are_computed_where_they_are_read() -> None:
    widths = (5, 4, 3, 2)
    assert joint(network(tg.sigmoid, widths, batch=module.LARGEST // 36)) != []
    assert joint(network(tg.sigmoid, widths, batch=module.LARGEST // 36 + 1)) == []


def test_nothing_is_joined_where_every_value_is_looked_at() -> None:
    x, (a, b) = sources(2)
    y = (a + b) * tg.log(a) * tg.log(b)
    kernel = tg.compile([x], y, debug_nans=True)
    assert joint(kernel) == []
    with pytest.raises(FloatingPointError, match=r"log: float64\[n, 3\] gave a NaN"):
        kernel(-np.ones((2, 3)))
    assert joint(tg.compile([x], y, check=True)) == [("log", 2)]


UNARY: list[Activation] = [
    tg.exp,
    tg.tanh,
    tg.sigmoid,
    tg.relu,
    lambda x: 1 - x,
    lambda x: 2 * x,
    tg.negative,
    tg.floor,
]
BINARY = [tg.multiply, tg.subtract, tg.maximum, lambda x, y: tg.where(x > 0.5, x, y)]


def tangled(seed: int) -> Kernel:
    """Layers, then operations that read them in all orders, as derivatives do."""
    rng = np.random.default_rng(seed)
    x = tg.placeholder(("n", 3), "float64", name="x")
    layers = [tg.sin(x)]
    for _ in range(rng.integers(1, 4)):
        layers.append(UNARY[rng.integers(len(UNARY))](layers[-1] @ rng.normal(size=(3, 3))))
    values = list(layers)
    for _ in range(rng.integers(1, 4)):
        unary, binary = UNARY[rng.integers(len(UNARY))], BINARY[rng.integers(len(BINARY))]
        made = [unary(v) if rng.random() < 0.8 else v for v in values[-len(layers) :]]
        values += [binary(v, layers[i]) if rng.random() < 0.8 else v for i, v in enumerate(made)]
    total = layers[-1]
    for i in rng.permutation(len(values)):
        total = total + values[i] * (0.1 + rng.random())
    outputs = [total, values[rng.integers(len(values))]]
    return tg.compile([x], outputs[: rng.integers(1, 3)], machine=tg.Machine.reference)


def test_values_side_by_side_in_random_programs() -> None:
    found = []
    for seed in range(120):
        kernel = tangled(seed)
        found += joint(kernel)
        for size in (3, 0, 1, 3):
            array = np.random.default_rng(size).normal(size=(size, 3))
            expected = [np.array(y) for y in evaluate_graph(kernel.graph, [array])[0]]
            assert_same_bits(kernel(array), expected)
    assert len(found) > 60
    assert {count for _, count in found} >= {2, 3, 4}
    assert len({name for name, _ in found}) > 6
