"""How sums are computed: by products where BLAS takes them, after all laws that know them as sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.passes.simplify import simplify

KEPT = ["sum"]
SHAPES = {"long": ("n", 1024), "short": ("n", 8), "unknown": ("n", "m"), "few": (4, 64), "many": (4096, 64)}


def found(f: Callable[..., tg.Tensor], *shapes: object, dtype: str = "float32") -> list[str]:
    """Names of the operations that a function of arrays is computed by, views apart."""
    inputs = [tg.placeholder(SHAPES.get(shape, shape), dtype, name=f"x{i}") for i, shape in enumerate(shapes)]
    result = simplify(tg.Graph([x.node for x in inputs], [f(*inputs).node]))
    assert simplify(result.graph).laws == {}
    return [node.op.name for node in result.graph.nodes if not node.op.leaf and not node.op.view]


@pytest.mark.parametrize(
    ("f", "shapes", "names"),
    [
        (lambda x: tg.sum(x, axis=-1), ["long"], ["vecdot"]),
        (lambda x: tg.mean(x, axis=-1, keepdims=True), ["long"], ["vecdot", "multiply"]),
        (lambda x: tg.sum(x, axis=-1), ["short"], KEPT),
        (lambda x: tg.sum(x, axis=-1), ["unknown"], KEPT),
        (lambda x: tg.sum(x, axis=-1), [(2, 100_000)], KEPT),  # as many ones would not stay in the cache
        (lambda x: tg.sum(x, axis=(1, 2)), [("n", 8, 8)], ["vecdot"]),
        (lambda x: tg.sum(x, axis=(0, 2)), [("n", 8, 64)], KEPT),
        (lambda x: tg.sum(x.T, axis=-1), [(1024, "n")], KEPT),
        (lambda x: tg.sum(x[:, ::2], axis=-1), ["long"], KEPT),
        (tg.sum, ["long"], ["vecdot", "sum"]),
        (tg.sum, ["few"], KEPT),
        (tg.sum, ["many"], ["vecdot", "sum"]),
        (tg.sum, [(1024,)], KEPT),
        (lambda x, y: tg.sum(x * y, axis=-1), ["short", "short"], ["vecdot"]),
        (lambda x, y: tg.sum(x * y, axis=-1), ["unknown", ("m",)], ["vecdot"]),
        (lambda x, y: tg.sum(x * y, axis=-1), ["unknown", (1, 1)], ["multiply", "sum"]),
        (lambda x, y: tg.sum(x * y.T, axis=-1), ["unknown", ("m", "n")], ["multiply", "sum"]),
        (lambda x, y: tg.sum(x * y), ["long", "long"], ["vecdot", "sum"]),
        (lambda x, y: tg.sum(x * y), ["short", "short"], ["vecdot"]),
        (lambda x, y: tg.sum(x * y), ["few", "few"], ["vecdot"]),
        (lambda x, y: tg.sum(x * y), [("n",), ("n",)], ["vecdot"]),
    ],
)
def test_what_computes_a_sum(f: Callable[..., tg.Tensor], shapes: list[object], names: list[str]) -> None:
    assert found(f, *shapes) == names
    assert "vecdot" not in found(f, *shapes, dtype="complex64")


@pytest.mark.parametrize("axis", [0, 1])
def test_laws_that_know_a_sum_come_first(axis: int) -> None:
    x = tg.placeholder((70, 70), "float64", name="x")
    large = np.full((70, 70), 1000.0)
    np.testing.assert_allclose(tg.compile(x, tg.log(tg.sum(tg.exp(x), axis=axis)))(large), 1000 + np.log(70))
    weights = tg.exp(x) / tg.sum(tg.exp(x), axis=axis, keepdims=True)
    np.testing.assert_allclose(tg.compile(x, weights)(large), 1 / 70)
    np.testing.assert_allclose(tg.compile(x, tg.log(weights))(large), -np.log(70))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 5])
def test_kernels_with_sums_are_right(dtype: str, rows: int) -> None:
    x, y = (tg.placeholder(("n", 100), dtype, name=name) for name in "xy")
    outputs = [tg.sum(x, axis=1), tg.var(x, axis=1, keepdims=True), tg.sum(x * y), tg.sum(tg.exp(x)), tg.sum(x * y[0])]
    kernel = tg.compile([x, y], outputs, check=True)
    a, b = np.random.default_rng(0).normal(size=(2, rows, 100)).astype(dtype)
    wanted = [a.sum(1), a.var(1, keepdims=True), (a * b).sum(), np.exp(a).sum(), (a * b[0]).sum()]
    for mine, other in zip(kernel(a, b), wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)
    assert "np.vecdot" in kernel.source
    assert "np.full((100,), 1.0" in kernel.source
