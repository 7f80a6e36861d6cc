"""Mistakes that the fuzzer found, each as small as it made them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.leaves import Constant


def read_back(graph: tg.Graph) -> tg.Graph:
    return tg.Graph.parse(str(graph), graph.constants())


@pytest.mark.parametrize("again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_constants_stay_read_only(again) -> None:
    x = tg.placeholder((2,), name="x")
    graph = again(tg.Graph([x.node], [(x + np.array([1.0, 2.0])).node]))
    graph.verify()
    assert not [n for n in graph.nodes if isinstance(n.op, Constant) and n.op.value.flags.writeable]


def test_a_method_of_a_literal_reads_back() -> None:
    x = tg.placeholder((), "float64", name="x")
    graph = tg.Graph([x.node], [tg.add(x, tg.astype(tg.asarray(np.int64(2)), "float64")).node])
    assert read_back(graph) == graph


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_scalar_indices_beside_arrays_read_back(dtype: str) -> None:
    x = tg.placeholder((2, 3), dtype, name="x")
    graph = tg.Graph([x.node], [x[1, None, np.array([-1])].node])
    assert read_back(graph) == graph
    a = np.arange(6, dtype=dtype).reshape(2, 3)
    np.testing.assert_array_equal(tg.asarray(a)[1, None, np.array([-1])].numpy(), a[1, None, np.array([-1])])


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int64", "float16", "float32"])
def test_sinc_has_the_dtype_of_numpy(dtype: str) -> None:
    a = np.ones(2, dtype)
    assert tg.sinc(a).numpy().dtype == np.sinc(a).dtype


@pytest.mark.parametrize("first", [(), (0,), (2, 0)])
@pytest.mark.parametrize("last", [(1,), (0, 3)])
def test_parameters_without_elements_lie_beside_others(first: tuple[int, ...], last: tuple[int, ...]) -> None:
    held = [tg.Parameter(np.ones(shape), name=name) for name, shape in zip("pqr", [first, (0,), last], strict=True)]
    for _ in range(20):  # it depends on where memory happens to be
        before = [p.numpy().copy() for p in held]
        step = tg.compile([], [], {p: p - 0.5 * tg.sin(p) for p in held})
        step()
        for p, old in zip(held, before, strict=True):
            np.testing.assert_array_equal(p.numpy(), old - 0.5 * np.sin(old))
            p.node.op.storage.value = p.numpy().copy()
