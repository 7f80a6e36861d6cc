"""Kernels find the sizes that symbols stand for, whichever input tells them, and name the user's lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.sizes import size_expressions
from tensorgraph.interpret.evaluate import evaluate_graph

Shapes = tuple[tuple[Any, ...], ...]
INPUTS: dict[str, Shapes] = {
    "less one": (("n-1",),),
    "twice and one": (("2*n+1", 2),),
    "a multiple": (("3*n",), ("n",)),
    "told by the second": (("n+m",), ("n",), ("2*m+1",)),
    "told in turns": (("k+m",), ("m+n",), ("n",), ("2*k",)),
    "told twice": (("n", "m"), ("m", "n"), ("n+m",)),
    "a product": (("n*m",), ("n",), ("m",)),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("sizes", [{"n": 3, "m": 2, "k": 4}, {"n": 1, "m": 5, "k": 2}])
def test_sizes_are_found(name: str, sizes: dict[str, int]) -> None:
    shapes = INPUTS[name]
    inputs = [tg.placeholder(shape, "float64", name=f"x{i}") for i, shape in enumerate(shapes)]
    wanted = [tuple(int(eval(str(n), {}, sizes)) for n in shape) for shape in shapes]
    total = tg.asarray(0.0)
    for x in inputs:
        for axis in range(x.ndim):
            total = total + tg.sum(tg.mean(x, axis=axis)) * (axis + 2)
    outputs = [total, *(x * 2 + tg.ones(x.shape) for x in inputs)]
    kernel = tg.compile(inputs, outputs)
    arrays = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(wanted)]
    for _ in range(2):
        found = kernel(*arrays)
        for a, b in zip(found, evaluate_graph(kernel.graph, arrays)[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
    np.testing.assert_allclose(found[1], arrays[0] * 2 + 1)


def test_sizes_that_contradict_each_other_are_refused() -> None:
    x, y = tg.placeholder(("n",), "float64", name="x"), tg.placeholder(("2*n",), "float64", name="y")
    kernel = tg.compile([x, y], tg.sum(x) + tg.sum(y))
    kernel(np.ones(2), np.ones(4))
    for other in (3, 5, 0):
        with pytest.raises(ValueError, match="y"):
            kernel(np.ones(2), np.ones(other))


def test_the_source_names_the_users_lines() -> None:
    x = tg.placeholder((3,), "float64", name="x")
    y = tg.sum(tg.exp(x) * tg.sin(x))  # this line
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    here = next(i for i, line in enumerate(lines, 1) if line.endswith("# this line"))
    assert f"{Path(__file__).name}:{here}" in tg.compile(x, y).source


def test_results_of_sizes_that_are_computed() -> None:
    """From an input that has them only in a sum."""
    x = tg.placeholder(("2*n+1",), "float64", name="x")
    half = (x.shape[0] - 1) // 2
    assert [str(half), *tg.ones((half,)).shape] == ["n", half]
    kernel = tg.compile(x, tg.ones((half, 2)) * tg.sum(x))
    for n in (0, 1, 4):
        np.testing.assert_array_equal(kernel(np.ones(2 * n + 1)), np.full((n, 2), 2 * n + 1.0))


def test_a_size_that_a_call_computes_from_another() -> None:
    a, b, c = tg.placeholder(("k+m",), name="a"), tg.placeholder(("m+n",), name="b"), tg.placeholder(("n",), name="c")
    k = a.shape[0] - (b.shape[0] - c.shape[0])
    kernel = tg.compile([a, b, c], tg.broadcast_to(tg.erf(tg.sum(a)), (k,)))
    np.testing.assert_array_equal(kernel(np.zeros(5), np.ones(5), np.ones(3)), np.zeros(3))


def test_only_the_sizes_that_are_needed_are_computed() -> None:
    """And those that they are computed from, in turn."""
    shapes = {"c": ("m+p",), "b": ("m+n",), "a": ("n",), "d": ("2*q+p",), "e": ("3*r",)}
    inputs = [tg.placeholder(shape, "float64", name=name) for name, shape in shapes.items()]
    graph = tg.Graph([x.node for x in inputs], [x.node for x in inputs])
    names = dict(zip((x.node for x in inputs), shapes, strict=True))
    texts = {
        "n": "a.shape[0]", "m": "b.shape[0] - (n)", "p": "c.shape[0] - (m)", "q": "(d.shape[0] - (p)) // 2",
        "r": "e.shape[0] // 3",
    }  # fmt: skip
    for symbol, needed in {"n": "n", "m": "nm", "p": "nmp", "q": "nmpq", "r": "r", "": ""}.items():
        found = size_expressions(graph, names, symbol)
        assert [*found.items()] == [(name, texts[name]) for name in needed]
