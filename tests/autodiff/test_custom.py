"""stop_gradient, custom_gradient, checkpoint and custom_op."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.ir import TensorType
from tensorgraph.ir.node import topological
from tensorgraph.ops.meta import Barrier
from tensorgraph.testing import check_gradients

X = np.array([0.3, -1.2, 2.0])


def fails(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(GradientError) as caught:
        call()
    assert re.sub(r"test_custom\.py:\d+", "HERE", str(caught.value)) == message


# ---- stop_gradient


def test_stop_gradient() -> None:
    f = lambda x: tg.sum(x * tg.stop_gradient(x * x))  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(tg.asarray(X)), X * X)
    np.testing.assert_array_equal(tg.grad(lambda x: tg.sum(tg.grad(f)(x)))(tg.asarray(X)), np.zeros(3))
    np.testing.assert_array_equal(tg.stop_gradient(tg.asarray(X)), X)


def test_stop_gradient_disconnects() -> None:
    x = tg.asarray(X)
    with pytest.raises(GradientError, match="y does not depend on x 0"):
        tg.gradients(tg.sum(tg.stop_gradient(x)), x)


def test_stop_gradient_stops_tangents() -> None:
    _, tangent = tg.jvp(lambda x: tg.stop_gradient(x) * x, (3.0,), (1.0,))
    assert float(tangent) == 3.0


# ---- custom_gradient


def test_custom_gradient_of_structures() -> None:
    @tg.custom_gradient
    def f(pair: Any, z: Any) -> Any:
        x, y = pair["x"], pair["y"]

        def pull(g: Any, h: Any) -> Any:
            return g * 10, h * 100, None

        return {"a": x * z, "b": [y + z]}, pull

    result = f({"x": 2.0, "y": 3.0}, 4.0)
    assert (float(result["a"]), float(result["b"][0])) == (8.0, 7.0)
    found = tg.grad(lambda p, z: f(p, z)["a"] + f(p, z)["b"][0], (0, 1))({"x": 2.0, "y": 3.0}, 4.0)
    assert [float(d) for d in (found[0]["x"], found[0]["y"], found[1])] == [10.0, 100.0, 0.0]


def test_custom_gradient_is_used_in_both_modes_and_differentiated_again() -> None:
    @tg.custom_gradient
    def f(x: Any) -> Any:
        y = tg.exp(x)
        return y, lambda g: g * y * 3

    assert float(tg.grad(f)(0.0)) == 3.0
    assert float(tg.jvp(f, (0.0,), (2.0,))[1]) == 6.0
    assert float(tg.grad(tg.grad(f))(0.0)) == 3.0  # y inside the rule is exp itself, not f


def test_custom_gradient_that_is_right_passes_the_check() -> None:
    @tg.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda g: 3 * x**2 * g

    check_gradients(cube, X, order=3)


def test_custom_gradient_of_an_unused_result() -> None:
    @tg.custom_gradient
    def both(x: Any) -> Any:
        return (x, 2 * x), lambda g, h: g + h

    assert float(tg.grad(lambda x: both(x)[1])(5.0)) == 1.0


def test_custom_gradient_with_too_many_cotangents() -> None:
    @tg.custom_gradient
    def wrong(x: Any) -> Any:
        return x * x, lambda g: (g, g)

    fails("custom_gradient: wrong has 1 arguments and its rule gave 2 cotangents (HERE)", lambda: tg.grad(wrong)(1.0))


def test_custom_gradient_with_too_few_cotangents() -> None:
    @tg.custom_gradient
    def wrong(x: Any, y: Any) -> Any:
        return x * y, lambda g: g

    fails(
        "custom_gradient: wrong has 2 arguments and its rule gave 1 cotangents (HERE)",
        lambda: tg.grad(wrong)(1.0, 2.0),
    )


def test_custom_gradient_that_closes_over_a_parameter() -> None:
    w = tg.Parameter(3.0, dtype="float64")

    @tg.custom_gradient
    def f(x: Any) -> Any:
        return w * x, lambda g: g * w

    y = f(tg.asarray(2.0))
    assert float(tg.gradients(y, w, disconnected="zero")) == 0.0  # only its arguments have derivatives


# ---- checkpoint


def deep(x: Any) -> Any:
    for _ in range(5):
        x = tg.tanh(x * 1.5) + tg.sin(x)
    return x


def test_checkpoint_gives_the_same_bits() -> None:
    x = tg.asarray(X)
    plain, again = (tg.value_and_grad(lambda x, f=f: tg.sum(f(x) ** 2)) for f in (deep, tg.checkpoint(deep)))
    for a, b in zip(plain(x), again(x), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_checkpoint_is_differentiable_twice() -> None:
    check_gradients(tg.checkpoint(lambda x: tg.exp(tg.sin(x))), X)
    a, b = (tg.hessian(lambda x, f=f: tg.sum(f(x)))(tg.asarray(X)).numpy() for f in (deep, tg.checkpoint(deep)))
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_checkpoints_nest() -> None:
    inner = tg.checkpoint(lambda x: tg.sin(x) * x)
    check_gradients(tg.checkpoint(lambda x: inner(inner(x))), X)


def test_checkpoint_of_structures() -> None:
    f = tg.checkpoint(lambda p: {"s": p["a"] * p["b"][0], "t": tg.exp(p["a"])})
    found = tg.grad(lambda p: tg.sum(f(p)["s"] + f(p)["t"]))({"a": tg.asarray(X), "b": [2.0]})
    np.testing.assert_allclose(found["a"], 2 + np.exp(X))
    np.testing.assert_allclose(found["b"][0], X.sum())


def test_checkpoint_reads_parameters_outside() -> None:
    w = tg.Parameter(X, dtype="float64")
    y = tg.sum(tg.checkpoint(lambda x: tg.tanh(w * x) * w)(tg.asarray(2.0)))
    expected = tg.gradients(tg.sum(tg.tanh(w * 2.0) * w), w)
    np.testing.assert_array_equal(tg.gradients(y, w), expected)


def test_checkpoint_that_gives_back_what_it_read_outside() -> None:
    w = tg.Parameter(3.0, dtype="float64")
    a, b = tg.checkpoint(lambda x: (x * 2, w))(tg.asarray(5.0))
    assert float(tg.gradients(a * b, w)) == 10.0


def test_checkpoint_of_integers_beside() -> None:
    f = tg.checkpoint(lambda x, i: tg.exp(x)[i])
    found = tg.grad(lambda x: f(x, tg.asarray([0, 0, 2])).sum())(tg.asarray(X))
    np.testing.assert_allclose(found, np.exp(X) * [2, 0, 1])


def test_checkpoint_recomputes_behind_a_barrier() -> None:
    x = tg.placeholder((3,), name="x")
    y = tg.checkpoint(deep)(x)
    slope = tg.gradients(tg.sum(y), x)
    nodes = topological([slope.node])
    barriers = [n for n in nodes if isinstance(n.op, Barrier)]
    assert len(barriers) == 1
    behind = set(barriers)
    for node in nodes:
        if any(i in behind for i in node.inputs):
            behind.add(node)
    sines = [n for n in nodes if n.op.name == "sin"]
    assert sum(n in behind for n in sines) >= 4  # of the backward pass, all of them
    forward = [n for n in topological([y.node]) if n.op.name in {"sin", "tanh"}]
    assert not set(forward) & behind
    read = {i for n in behind if n not in barriers for i in n.inputs} - behind
    assert not set(forward) & read  # no intermediate result of the forward pass is kept


def test_checkpoint_waits_for_the_cotangent() -> None:
    x = tg.placeholder((3,), name="x")
    y = tg.checkpoint(deep)(x)
    loss = tg.sum(tg.exp(y))
    nodes = topological([tg.gradients(loss, x).node])
    (barrier,) = [n for n in nodes if isinstance(n.op, Barrier)]
    cotangent = barrier.inputs[-1]
    assert barrier.inputs[0] is x.node or barrier.inputs[0].inputs == (x.node,)
    assert any(n.op.name == "exp" for n in topological([cotangent]))


# ---- custom_op


def sine(x: Any) -> Any:
    return np.sin(x)


def sine_vjp(g: Any, y: Any, x: Any) -> Any:
    return (g * tg.cos(x),)


def test_custom_op_with_vjp() -> None:
    f = tg.custom_op(sine, vjp=sine_vjp)
    check_gradients(f, X)
    np.testing.assert_array_equal(f(X), np.sin(X))


def test_custom_op_without_vjp() -> None:
    f = tg.custom_op(sine)
    np.testing.assert_array_equal(f(X), np.sin(X))
    fails(
        "sine: there is no derivative rule: give its class a vjp method (HERE)",
        lambda: tg.grad(lambda x: tg.sum(f(x)))(tg.asarray(X)),
    )


def test_custom_op_with_several_results() -> None:
    def parts(x: Any) -> Any:
        return np.sin(x), np.cos(x)

    f = tg.custom_op(parts, infer=lambda x: (x, x), vjp=lambda g, y, x: (g[0] * tg.cos(x) - g[1] * tg.sin(x),))
    check_gradients(lambda x: f(x)[0] * f(x)[1], X)


def test_custom_op_with_a_type_rule() -> None:
    def outer(x: Any, y: Any) -> Any:
        return np.outer(x, y)

    f = tg.custom_op(
        outer,
        infer=lambda x, y: TensorType(x.dtype, (x.shape[0], y.shape[0])),
        vjp=lambda g, _, x, y: (g @ y, g.T @ x),
    )
    check_gradients(f, X, X[:2])


def test_custom_op_with_no_derivative_for_an_input() -> None:
    def scaled(x: Any, k: Any) -> Any:
        return x * k

    f = tg.custom_op(scaled, vjp=lambda g, y, x, k: (g * k, None))
    found = tg.grad(lambda x, k: tg.sum(f(x, k)), (0, 1))(tg.asarray(X), 2.0)
    np.testing.assert_array_equal(found[0], [2.0, 2.0, 2.0])
    assert float(found[1]) == 0.0


def test_custom_op_pickles() -> None:
    x = tg.placeholder((3,), name="x")
    y = tg.custom_op(sine, vjp=sine_vjp)(x)
    graph = tg.Graph([x.node], [y.node, tg.gradients(tg.sum(y), x).node])
    assert pickle.loads(pickle.dumps(graph)) == graph
