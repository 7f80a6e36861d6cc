"""Negations and factors that are numbers: where they go, and that they do not come back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.passes.simplify import simplify
from tensorgraph.rewrite.tiers import differs_by_laws


def names(*outputs: tg.Tensor, inputs: list[tg.Tensor]) -> list[str]:
    """Of the operations that are left, views apart; the results are those of before."""
    graph = tg.Graph([x.node for x in inputs], [y.node for y in outputs])
    made = simplify(graph)
    assert simplify(made.graph).laws == {}
    sizes = {"m": 2, "n": 3}
    shapes = [[n if isinstance(n, int) else sizes[str(n)] for n in x.shape] for x in inputs]
    arrays = [
        np.random.default_rng(i).normal(size=shape).astype(x.dtype)
        for i, (x, shape) in enumerate(zip(inputs, shapes, strict=True))
    ]
    assert differs_by_laws(graph, made.graph, list(made.laws), arrays) is None
    return [node.op.name for node in made.graph.nodes if not node.op.leaf and not node.op.view]


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x, y, s: x + (-y) * x, ["multiply", "subtract"]),
        (lambda x, y, s: x - x / (-y), ["divide", "add"]),
        (lambda x, y, s: (-x) * y * x / y + x, ["multiply", "multiply", "divide", "subtract"]),
        (lambda x, y, s: (-x) - y, ["add", "negative"]),
        (lambda x, y, s: x - ((-x) - y), ["add", "add"]),
        (lambda x, y, s: (-x) - 3, ["subtract"]),
        (lambda x, y, s: (-(x + 0.5)) * 2, ["add", "multiply"]),
        (lambda x, y, s: -(x * y) * 2, ["multiply", "multiply"]),
        (lambda x, y, s: -((-x) / y), ["divide"]),
        (lambda x, y, s: (-s) * x, ["negative", "multiply"]),  # of the few elements of s
        (lambda x, y, s: -(s * x), ["negative", "multiply"]),
        (lambda x, y, s: (-(s * x)) * y, ["negative", "multiply", "multiply"]),
        (lambda x, y, s: x - (s * (-x)), ["multiply", "add"]),
        (lambda x, y, s: tg.sum((-x) * y, axis=1) * 3, ["vecdot", "multiply"]),
        (lambda x, y, s: y - tg.expand_dims(tg.vecdot(-x, y), 1), ["vecdot", "add"]),
        (lambda x, y, s: tg.vecdot(-x, -y), ["vecdot"]),
        (lambda x, y, s: tg.exp(-x) * y, ["negative", "exp", "multiply"]),
        (lambda x, y, s: tg.tanh(-x * y) + tg.cos(-x * y), ["multiply", "negative", "tanh", "cos", "add"]),  # once
        (lambda x, y, s: tg.softmax(-x, axis=1), ["negative", "max", "subtract", "exp", "sum", "divide"]),
        (lambda x, y, s: (-x) - s, ["negative", "subtract"]),
        (lambda x, y, s: (x + x) * 0.5, []),
        (lambda x, y, s: x + x, ["multiply"]),
        (lambda x, y, s: (x * y + x * y) * 0.25, ["multiply", "multiply"]),
        (lambda x, y, s: ((x * 0.5) * y) * 2, ["multiply"]),
        (lambda x, y, s: ((x * 3.0) * y) * 2, ["multiply", "multiply", "multiply"]),  # 6 x may overflow
        (lambda x, y, s: ((x * 0.75) * y) * 2, ["multiply", "multiply", "multiply"]),  # and so may 1.5 x
        (lambda x, y, s: ((x / y) * 0.5) * 2, ["divide"]),
        (lambda x, y, s: (3 / x) * 0.5, ["divide"]),
        (lambda x, y, s: (x * (0.5 / y)) * 2, ["divide"]),
        (lambda x, y, s: y * (-1 / x) + x, ["divide", "subtract"]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_left(f: Callable[..., tg.Tensor], left: list[str], dtype: str) -> None:
    x, y = (tg.placeholder(("m", "n"), dtype, name=name) for name in "xy")
    s = tg.placeholder(("n",), dtype, name="s")
    found = names(f(x, y, s), inputs=[x, y, s])
    assert found == left


@pytest.mark.parametrize("f", [lambda x: x + x, lambda x: (x * 0.5) * x * 2, lambda x: (-x) * x, lambda x: -(x * 3)])
def test_complex_numbers_are_left_alone(f: Callable[[tg.Tensor], tg.Tensor]) -> None:
    x = tg.placeholder((3,), "complex128", name="x")
    graph = tg.Graph([x.node], [f(x).node])
    assert simplify(graph).laws == {}


def test_a_gradient_without_negations() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    u = tg.tanh(x / tg.sqrt(x * x + 1))
    v = u * 0.5 + x
    y = u * tg.exp(-(v * v)) - x
    found = names(y, tg.gradients(tg.sum(y), x), inputs=[x])
    assert found.count("negative") == 1  # in the exponent
    assert len(found) == 25


def test_a_gradient_of_a_root_of_squares() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    root = tg.sqrt(x * x + 1)
    assert names(tg.gradients(tg.sum(root), x), inputs=[x]) == ["multiply", "add", "sqrt", "divide"]
    assert names(tg.gradients(tg.sum(root * x), x), inputs=[x])[-3:] == ["divide", "multiply", "add"]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: -(x * n),
        lambda x, n: -(x / n),
        lambda x, n: -(n * x),
        lambda x, n: -(n / x),
        lambda x, n: tg.sin(-(x * n)),
        lambda x, n: x - (-(x * n)),
        lambda x, n: -tg.sum(x * n, axis=1),
        lambda x, n: tg.vecdot(-x, n),
    ],
)
def test_integers_take_no_sign(f: Callable[..., tg.Tensor], dtype: str) -> None:
    """-n may not fit the dtype of n, and of bools there is none."""
    x, n = tg.placeholder((2, 3), "float64", name="x"), tg.placeholder((3,), dtype, name="n")
    arrays = [np.array([[1.0, -2.0, 3.0], [0.5, 0.25, 4.0]]), np.array([1, -128, 1]).astype(dtype)]
    graph = tg.Graph([x.node, n.node], [f(x, n).node])
    made = simplify(graph)
    assert differs_by_laws(graph, made.graph, list(made.laws), arrays) is None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: tg.vecdot(x, -n),
        lambda x, n: tg.vecdot(-x, -n),
        lambda x, n: -n - tg.asarray(np.float64(3.0)),
        lambda x, n: (-n) * 0.5 * x,
        lambda x, n: x / (-n) + (-n) / x,
    ],
)
def test_negated_integers_wrap_around_as_they_do(f: Callable[..., tg.Tensor], dtype: str) -> None:
    x, n = tg.placeholder((2, 3), "float64", name="x"), tg.placeholder((3,), dtype, name="n")
    arrays = [np.array([[1.0, -2.0, 3.0], [0.5, 0.25, 4.0]]), np.array([1, -128, 3]).astype(dtype)]
    graph = tg.Graph([x.node, n.node], [f(x, n).node])
    made = simplify(graph)
    assert differs_by_laws(graph, made.graph, list(made.laws), arrays) is None


@pytest.mark.parametrize(
    "f", [lambda x, y: x + (-y), lambda x, y: x - (-y), lambda x, y: (-x) * (-y), lambda x, y: y + (-x)]
)
def test_integers_of_several_dtypes_keep_their_signs(f: Callable[..., tg.Tensor]) -> None:
    """What wraps around in a narrow dtype does so before it is added in a wider one."""
    x, y = tg.placeholder((3,), "int8", name="x"), tg.placeholder((3,), "uint8", name="y")
    values = np.array([1, -128, 100], np.int8), np.array([1, 200, 0], np.uint8)
    np.testing.assert_array_equal(tg.compile([x, y], f(x, y))(*values), f(*map(tg.asarray, values)).numpy())
