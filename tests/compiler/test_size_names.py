"""Sizes may be called as the emitted source calls its own things."""

from __future__ import annotations

import keyword
import runpy
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import DimError, InputError
from tensorgraph.ir.dims import Dim, rename_dim
from tensorgraph.ir.names import symbols_of
from tensorgraph.ir.op import Op
from tensorgraph.passes.sizes import with_free_names
from tensorgraph.schedule.plan import RESERVED

NAMES = [*RESERVED, "arrays", "max", "min", "np", "np_tanh", "parameters", "range", "rows", "step", "sum", "x"]


@pytest.mark.parametrize("name", NAMES)
def test_kernels_and_saved_modules(name: str, tmp_path: Path) -> None:
    x = tg.placeholder((name, 40), "float32", name="x")
    p = tg.Parameter(np.zeros(40, np.float32), name="p")
    y = tg.tanh(x) * tg.exp(x) + tg.sum(x, axis=1, keepdims=True)
    outputs = [tg.sum(y), tg.broadcast_to(tg.mean(y, axis=0), (2 * Dim.symbol(name), 40))]
    kernel = tg.compile([x], outputs, {p: p + tg.sum(y, axis=0)}, check=True, name="step")
    kernel.save(tmp_path / "saved.py")
    saved = runpy.run_path(str(tmp_path / "saved.py"))
    state = saved["init_state"]()
    array = np.random.default_rng(0).normal(size=(5, 40)).astype("f4")
    for mine, other in zip(kernel(array), saved["step"](state, array), strict=True):
        np.testing.assert_array_equal(mine, other, strict=True)
    np.testing.assert_array_equal(p, state["p"], strict=True)
    said = r"input 'x' is float32\[\w+, 40\] and was given shape \[5, 41\]: axis 1 is 41"
    with pytest.raises(InputError, match=said):
        kernel(np.zeros((5, 41), "f4"))


def test_others_keep_their_names() -> None:
    x = tg.placeholder(("n", "range"), "float64", name="x")
    graph = tg.Graph([x.node], [tg.reshape(x, (-1,)).node])
    new = with_free_names(graph, [])
    assert symbols_of(new) == ["n", "range_1"]
    assert str(new.outputs[0].op) == "Reshape(shape=(n*range_1,))"
    assert [str(node.type) for node in new.nodes] == ["float64[n, range_1]", "float64[n*range_1]"]
    assert with_free_names(graph, ["n"]).inputs[0].type.shape[0].__str__() == "n_1"
    plain = tg.placeholder(("n",), "float64", name="x")
    graph = tg.Graph([plain.node], [tg.exp(plain).node])
    assert with_free_names(graph, RESERVED) is graph
    assert isinstance(graph.outputs[0].op, Op)


def test_derivatives_stay_known_as_such() -> None:
    x = tg.placeholder(("np",), "float64", name="x")
    graph = tg.Graph([x.node], [tg.gradients(tg.sum(tg.tanh(x)), x).node])
    new = with_free_names(graph, RESERVED)
    assert [node.primal and node.primal.op.name for node in new.nodes] == [
        node.primal and node.primal.op.name for node in graph.nodes
    ]
    assert {node.primal.op.name for node in new.nodes if node.primal} >= {"tanh"}
    assert {node.primal for node in new.nodes if node.primal}.isdisjoint(graph.nodes)


def test_quotients_are_renamed() -> None:
    a, b = Dim.symbol("a"), Dim.symbol("b")
    assert str(rename_dim((a + 1) // 2 * b + 3 * a, {"a": "z"})) == "((z + 1)//2)*b + 3*z"


@pytest.mark.parametrize("name", [word for word in keyword.kwlist if word.islower()])
def test_keywords_are_no_names(name: str) -> None:
    with pytest.raises(DimError) as error:
        Dim.symbol(name)
    assert str(error.value) == f"'{name}' is no name for a dimension: use a Python identifier such as 'batch'"
