"""The reverse pass itself: depth, provenance, dtypes, rules that are called once."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import TensorType


def test_a_deep_chain() -> None:
    x = tg.placeholder((), name="x")
    y = x
    for _ in range(100_000):
        y = y + x
    slope = tg.gradients(y, x)
    assert evaluate([slope.node], {x.node: np.asarray(2.0)})[0] == 100_001.0


def test_a_deep_chain_of_one_node_after_the_other() -> None:
    def f(x: Any) -> Any:
        for _ in range(100_000):
            x = -x
        return x

    assert float(tg.grad(f)(1.0)) == 1.0
    assert float(tg.jvp(f, (1.0,), (3.0,))[1]) == 3.0


def test_a_wide_fan() -> None:
    x = tg.asarray(1.0)
    y = tg.stack([x * k for k in range(500)])
    assert float(tg.gradients(tg.sum(y), x)) == sum(range(500))


def test_derivatives_know_where_they_come_from() -> None:
    x = tg.placeholder((3,), name="x")
    with tg.scope("encoder"), tg.scope("layer"):
        u = tg.tanh(x)
    y = tg.sum(u)
    slope = tg.gradients(y, x)
    forward = set(topological([y.node]))
    made = [n for n in topological([slope.node]) if n not in forward and n.inputs]
    assert made
    for node in made:
        assert node.primal in forward
        assert node.scope == node.primal.scope
        assert node.location == node.primal.location
    assert {n.primal for n in made} >= {u.node}
    assert {n.scope for n in made if n.primal is u.node} == {"encoder/layer"}


def test_second_derivatives_come_from_first_ones() -> None:
    x = tg.placeholder((), name="x")
    first = tg.gradients(tg.sin(x) * x, x)
    second = tg.gradients(first, x)
    below = set(topological([first.node]))
    made = [n for n in topological([second.node]) if n not in below and n.inputs]
    assert made
    assert all(n.primal in below for n in made)


def test_provenance_survives_transformed_functions() -> None:
    def f(x: Any) -> Any:
        with tg.scope("inner"):
            return tg.exp(x) * x

    x = tg.placeholder((), name="x")
    slope = tg.grad(f)(x)
    made = [n for n in topological([slope.node]) if n.primal is not None]
    assert {n.scope for n in made if n.primal is not x.node} == {"inner"}
    assert {n.op.name for n in made if n.primal is x.node} == {"add"}  # where both uses of x meet
    assert all("test_engine.py" in str(n.location) for n in made)


def test_gradients_pickle() -> None:
    x = tg.placeholder((2,), name="x")
    w = tg.Parameter([[1.0, 2.0], [3.0, 4.0]], dtype="float64", name="w")
    loss = tg.sum(tg.where(x > 0, tg.log_softmax(w @ x), 0))
    graph = tg.Graph([x.node], [loss.node, *(g.node for g in tg.gradients(loss, [x, w]))])
    again = pickle.loads(pickle.dumps(graph))
    assert again == graph
    value = np.array([0.5, 2.0])
    both = [evaluate(g.outputs, {g.inputs[0]: value}) for g in (graph, again)]
    assert [a.tobytes() for a in both[0]] == [b.tobytes() for b in both[1]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes_are_kept(dtype: str) -> None:
    x = np.ones((2, 2), dtype)

    def f(x: Any) -> Any:
        y = tg.mean(tg.tanh(x @ x) * 3 + x / 2, axis=0) ** 2
        return tg.sum(tg.real(tg.where(tg.real(y) > 0, y, 1)))

    assert tg.grad(f)(tg.asarray(x)).dtype == dtype
    assert tg.jvp(lambda x: x * 2, (x,), (x,))[1].dtype == dtype


def test_gradient_through_a_cast_is_cast_back() -> None:
    found = tg.grad(lambda x: tg.sum(tg.astype(x, "float64") ** 2))(tg.asarray(np.ones(2, "float32")))
    assert found.dtype == np.float32


def test_gradient_through_an_integer_is_none() -> None:
    x = tg.asarray([1.5, 2.5])
    assert tg.grad(lambda x: tg.sum(tg.astype(tg.astype(x, "int64"), "float64") * x))(x).numpy().tolist() == [1.0, 2.0]


def test_symbolic_sizes() -> None:
    x = tg.placeholder(("batch", 3), name="x")
    b = tg.placeholder((3,), name="b")
    y = tg.mean(tg.softmax(x + b) ** 2)
    slopes = tg.gradients(y, [x, b])
    assert [str(s.node.type) for s in slopes] == ["float64[batch, 3]", "float64[3]"]
    rng = np.random.default_rng(0)
    vx, vb = rng.normal(size=(4, 3)), rng.normal(size=3)
    found = evaluate([s.node for s in slopes], {x.node: vx, b.node: vb})
    known = tg.grad(lambda x, b: tg.mean(tg.softmax(x + b) ** 2), (0, 1))(tg.asarray(vx), tg.asarray(vb))
    for a, e in zip(found, known, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-13)


def test_symbolic_sizes_in_indexing_and_joining() -> None:
    x = tg.placeholder(("n", 2), name="x")
    y = tg.sum(tg.concat([x[1:], x * 2]) ** 2) + tg.sum(tg.max(x, axis=0))
    value = np.array([[1.0, -2.0], [3.0, 0.5], [-1.0, 4.0]])
    found = evaluate([tg.gradients(y, x).node], {x.node: value})[0]
    known = tg.grad(lambda x: tg.sum(tg.concat([x[1:], x * 2]) ** 2) + tg.sum(tg.max(x, axis=0)))(tg.asarray(value))
    np.testing.assert_array_equal(found, known)


def test_a_rule_of_ones_own_is_called_once() -> None:
    calls = []

    @tg.custom_gradient
    def f(x: Any, y: Any, z: Any) -> Any:
        def pull(g: Any) -> Any:
            calls.append(g)
            return g, g, g

        return x + y + z, pull

    tg.grad(f, (0, 1, 2))(1.0, 2.0, 3.0)
    assert len(calls) == 1


def cube(x: Any, k: Any) -> Any:
    return x**3 * k


def test_vjp_of_custom_op_is_called_once_and_counted() -> None:
    calls = []

    def vjp(g: Any, y: Any, x: Any, k: Any) -> Any:
        calls.append(g)
        return g * 3 * x * x * k, g * x**3

    tg.grad(tg.custom_op(cube, vjp=vjp), (0, 1))(2.0, 3.0)
    assert len(calls) == 1
    wrong = tg.custom_op(cube, vjp=lambda g, y, x, k: (g,))
    with pytest.raises(GradientError) as caught:
        tg.grad(wrong)(2.0, 3.0)
    message = re.sub(r"test_engine\.py:\d+", "HERE", str(caught.value))
    assert message == "cube: there are 2 inputs and the vjp gave 1 cotangents (HERE)"


class Triple(Op):
    """An operation of a user, with a rule of its own."""

    numpy = "3 * {0}"

    def infer(self, *types: TensorType) -> TensorType:
        return types[0]

    def vjp(self, g: Any, y: Any, x: Any) -> Any:
        return (3 * g,)


def test_an_operation_may_carry_its_own_rule() -> None:
    assert float(tg.grad(lambda x: tg.Tensor(Node(Triple(), x.node)))(2.0)) == 3.0


def test_no_node_of_the_gradient_is_wasted_on_what_is_not_asked() -> None:
    x, w = tg.placeholder((3,), name="x"), tg.placeholder((3,), name="w")
    slope = tg.gradients(tg.sum(tg.exp(x) * w), w)
    assert [n.op.name for n in topological([slope.node])].count("exp") == 1
    assert w.node not in topological([slope.node])


def test_broadcasting_is_summed_back() -> None:
    a, b = tg.asarray(np.ones((3, 1))), tg.asarray(np.ones((2, 1, 4)))
    da, db = tg.gradients(tg.sum(a * b * 2), [a, b])
    assert da.numpy().tolist() == [[16.0]] * 3
    assert db.numpy().tolist() == [[[6.0] * 4]] * 2


def test_a_mask_of_one_branch_does_not_hide_the_other() -> None:
    x = tg.asarray([-1.0, 0.0, 1.0])
    f = lambda x: tg.sum(tg.where(x > 0, x**2, x**3))  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(x), [3.0, 0.0, 2.0])
    shared = lambda x: tg.sum(tg.where(x > 0, (s := tg.exp(x)), 2 * s))  # noqa: E731
    np.testing.assert_allclose(tg.grad(shared)(x), np.exp(x.numpy()) * [2, 2, 1])


def test_a_mask_that_is_scalar_or_broadcast() -> None:
    x = tg.asarray([1.0, 2.0])
    f = lambda x, c: tg.sum(tg.where(c, tg.log(x), x * 2))  # noqa: E731
    assert tg.grad(f)(x, tg.asarray(True)).numpy().tolist() == [1.0, 0.5]
    assert tg.grad(f)(x, tg.asarray(False)).numpy().tolist() == [2.0, 2.0]
    assert tg.grad(f)(tg.asarray(2.0), tg.asarray([[True], [False], [True]])).numpy() == pytest.approx(3.0)
    check = tg.grad(lambda s: tg.sum(tg.where(tg.asarray([True, False]), tg.log(s), s)))
    assert float(check(tg.asarray(0.5))) == 3.0


def test_what_flows_from_one_reader_is_added_first() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    square = x * x
    total = tg.gradients(tg.sum(tg.exp(square) * x), x).node
    first, doubled = total.inputs  # of the product, and of the square, whose two parts are alike
    assert [node.op.name for node in (total, first, doubled)] == ["add", "multiply", "add"]
    assert [node.op.name for node in doubled.inputs] == ["multiply", "multiply"]
    value = np.array([0.5, -1.0])
    found = evaluate([total], {x.node: value})[0]
    np.testing.assert_allclose(found, np.exp(value**2) * (1 + 2 * value**2))


def test_where_leaks_nothing_through_products_of_vectors() -> None:
    rows = np.array([[1.0, 2.0], [-1.0, 3.0], [4.0, 5.0]])
    kept = np.array([True, False, True])

    def loss(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        return tg.sum(tg.where(kept, tg.vecdot(tg.log(x), w), 0))

    w = np.array([0.5, 3.0])
    dx, dw = tg.grad(loss, (0, 1))(tg.asarray(rows), tg.asarray(w))
    np.testing.assert_allclose(dx, np.where(kept[:, None], w / rows, 0))
    np.testing.assert_allclose(dw, np.log(rows[kept]).sum(0))
    swapped = tg.grad(lambda x: tg.sum(tg.where(kept, tg.vecdot(w, tg.log(x)), 0)))
    np.testing.assert_allclose(swapped(tg.asarray(rows)), dx)


def test_where_leaks_nothing_through_a_matrix_product() -> None:
    rows = np.array([[1.0, 2.0], [-1.0, 3.0], [4.0, 5.0]])
    kept = np.array([True, False, True])

    def loss(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        return tg.sum(tg.where(kept[:, None], tg.log(x) @ w, 0))

    w = np.array([[1.0, -1.0, 2.0], [0.5, 3.0, 1.0]])
    dx, dw = tg.grad(loss, (0, 1))(tg.asarray(rows), tg.asarray(w))
    np.testing.assert_allclose(dx, np.where(kept[:, None], w.sum(1) / rows, 0))
    np.testing.assert_allclose(dw, np.log(rows[kept]).sum(0)[:, None] * np.ones(3))
    bx, bw = tg.grad(lambda x, w: loss(tg.broadcast_to(x, (2, 3, 2)), w), (0, 1))(tg.asarray(rows), tg.asarray(w))
    np.testing.assert_allclose(bx, 2 * np.asarray(dx))
    np.testing.assert_allclose(bw, 2 * np.asarray(dw))
