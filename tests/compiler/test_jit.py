"""`jit`: what is compiled when, and what is recorded instead."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import ShapeError
from tests.array.lines import above


def test_one_kernel_per_new_axis() -> None:
    f = tg.jit(lambda x, y: tg.sum(x * y, axis=1))
    for shape, kernels in [((2, 3), 1), ((2, 3), 1), ((4, 3), 2), ((5, 3), 2), ((5, 6), 3), ((7, 8), 3), ((0, 1), 3)]:
        x = np.arange(np.prod(shape), dtype=float).reshape(shape)
        np.testing.assert_array_equal(np.asarray(f(x, x)), np.sum(x * x, axis=1))
        assert len(f.kernels) == kernels, shape
    assert [str(k.graph.inputs[0].type) for k in f.kernels] == ["float64[2, 3]", "float64[n0, 3]", "float64[n0, n1]"]


def test_axes_that_vary_apart_have_symbols_of_their_own() -> None:
    f = tg.jit(lambda x, y: tg.sum(x) + tg.sum(y))
    assert float(f(np.ones(2), np.ones(2))) == 4
    assert float(f(np.ones(3), np.ones(3))) == 6
    assert [str(n.type) for n in f.kernels[-1].graph.inputs] == ["float64[n0]", "float64[n0]"]
    assert float(f(np.ones(3), np.ones(5))) == 8
    assert [str(n.type) for n in f.kernels[-1].graph.inputs] == ["float64[n0]", "float64[n1]"]
    assert float(f(np.ones(7), np.ones(1))) == 8
    assert len(f.kernels) == 3


def test_a_function_that_needs_a_size_is_compiled_per_shape() -> None:
    def stacked(x):
        return sum((x[i] for i in range(x.shape[0])), start=tg.asarray(0.0))

    f = tg.jit(stacked)
    assert float(f(np.ones(2))) == 2
    with pytest.warns(
        UserWarning, match=r"^jit: stacked is compiled for every shape, as it needs the value of "
    ) as seen:
        assert float(f(np.ones(3))) == 3
    assert (seen[0].filename, f"test_jit.py:{seen[0].lineno}") == (__file__, above())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(f(np.ones(5))) == 5
        assert float(f(np.ones(3))) == 3
    assert len(f.kernels) == 3


def test_a_mistake_is_no_reason_to_compile_per_shape() -> None:
    f = tg.jit(lambda x, y: x + y)
    f(np.ones(2), np.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ShapeError, match=r"^add: float64\[3\] and float64\[4\] do not broadcast"):
            f(np.ones(3), np.ones(4))
        f(np.ones(5), np.ones(5))
        f(np.ones(6), np.ones(6))
    assert len(f.kernels) == 2


def test_static_arguments() -> None:
    @tg.jit
    def f(x, power, name, flag=False):
        assert isinstance(power, int)
        return {"scale": 2 * x, "none": x}[name] ** power + flag

    assert float(f(3.0, 2, "none")) == 9
    assert float(f(4.0, 2, "none")) == 16
    assert len(f.kernels) == 1
    assert float(f(3.0, 3, "none")) == 27
    assert float(f(3.0, 2, "scale")) == 36
    assert float(f(3.0, 2, "none", True)) == 10
    assert float(f(3.0, 2, "none", flag=True)) == 10
    assert len(f.kernels) == 5
    assert len(tg.jit(lambda x, k: x * k).kernels) == 0


def test_one_and_true_are_not_the_same() -> None:
    f = tg.jit(lambda x, k: x + (10 if k is True else k))
    assert float(f(0.0, 1)) == 1
    assert float(f(0.0, True)) == 10


def test_functions_as_arguments() -> None:
    f = tg.jit(lambda g, x: g(x))
    assert float(f(tg.exp, 0.0)) == 1
    assert float(f(tg.sin, 0.0)) == 0
    assert float(f(tg.exp, 0.0)) == 1
    assert len(f.kernels) == 2


def test_nested_structures_and_names() -> None:
    @tg.jit
    def f(params, xs, *rest, scale, **more):
        w, b = params["w"], params["b"]
        return {"y": (xs[0] @ w + b, None), "rest": [r * scale for r in rest], "more": more["k"]}

    got = f({"w": np.ones((2, 3)), "b": np.zeros(3)}, [np.ones((1, 2))], 1.5, 2.5, scale=2.0, k=np.ones(1))
    np.testing.assert_array_equal(np.asarray(got["y"][0]), [[2.0, 2.0, 2.0]])
    assert got["y"][1] is None
    assert [float(r) for r in got["rest"]] == [3.0, 5.0]
    assert isinstance(got["more"], tg.Tensor)
    labels = [n.op.label for n in f.kernels[0].graph.inputs]
    assert labels == ["params_b", "params_w", "xs_0", "rest_0", "rest_1", "more_k", "scale"]
    assert f.kernels[0].name == "f"


def test_names_that_the_module_needs() -> None:
    def compute(np):
        return np + 1

    f = tg.jit(compute)
    assert float(f(1.0)) == 2
    assert f.kernels[0].name == "kernel"


def test_numbers_take_the_dtype_around_them() -> None:
    f = tg.jit(lambda x, k: x * k)
    assert f(np.ones(2, "f4"), 0.5).dtype == np.float32
    assert f(np.ones(2, "f8"), 0.5).dtype == np.float64
    assert f(np.ones(2, "i4"), 0.5).dtype == np.float64
    assert f(np.ones(2, "c8"), 0.5).dtype == np.complex64


def test_symbolic_arguments_are_recorded() -> None:
    f = tg.jit(lambda x: x * 2)
    x = tg.placeholder((3,), name="x")
    y = f(x)
    assert y.node.inputs[0] is x.node or y.node.inputs[1] is x.node
    assert f.kernels == []


def test_derivatives_go_through() -> None:
    f = tg.jit(lambda w, x: tg.sum(tg.tanh(x @ w)))
    w, x = np.linspace(-1, 1, 6).reshape(3, 2), np.ones((4, 3))
    expected = np.asarray(tg.grad(lambda w, x: tg.sum(tg.tanh(x @ w)))(w, x))
    np.testing.assert_array_equal(np.asarray(tg.grad(f)(w, x)), expected)
    assert f.kernels == []
    g = tg.jit(tg.grad(f))
    np.testing.assert_array_equal(np.asarray(g(w, x)), expected)
    assert len(g.kernels) == 1


def test_a_closure_over_what_is_differentiated() -> None:
    def outer(w):
        inner = tg.jit(lambda x: tg.sum(x * w))
        value = inner(np.array([1.0, 2.0]))
        assert inner.kernels == []
        return value

    np.testing.assert_array_equal(np.asarray(tg.grad(outer)(np.array([5.0, 6.0]))), [1.0, 2.0])


def test_parameters_have_their_current_values() -> None:
    p = tg.Parameter(np.ones(2), name="p")
    f = tg.jit(lambda x: x * p)
    np.testing.assert_array_equal(np.asarray(f(2.0)), [2, 2])
    p.assign([3, 4])
    np.testing.assert_array_equal(np.asarray(f(2.0)), [6, 8])
    tg.compile([], [], {p: p + 1})()
    np.testing.assert_array_equal(np.asarray(f(2.0)), [8, 10])
    assert len(f.kernels) == 1


def test_effects_are_committed() -> None:
    count = tg.Parameter(np.zeros(()), name="count", trainable=False)

    @tg.jit
    def f(x):
        return tg.Tensor((x * 2).node.with_effects([(count.node, (count + 1).node)]))

    f(1.0), f(2.0)
    assert float(count) == 2


def test_results_do_not_change_later() -> None:
    f = tg.jit(lambda x: (x, x[::-1], x * 1))
    x = np.array([1.0, 2.0])
    first = f(x)
    f(np.array([8.0, 9.0]))
    x[:] = 5
    assert [y.tolist() for y in first] == [[1, 2], [2, 1], [1, 2]]


def test_threads_compile_once() -> None:
    f = tg.jit(lambda x: tg.exp(x) + 1)
    threads = [threading.Thread(target=f, args=(np.ones(3),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(f.kernels) == 1
