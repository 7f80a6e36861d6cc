"""grad, vjp, jvp, jacobian, hessian and hvp over structures; what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.tree import flatten_tree, map_tree


def values(tree: Any) -> Any:
    return map_tree(lambda t: t.numpy().tolist(), tree)


def fails(message: str, call: Callable[[], Any]) -> None:
    """The whole message, but for the line number."""
    with pytest.raises(GradientError) as caught:
        call()
    assert re.sub(r"test_transforms\.py:\d+", "HERE", str(caught.value)) == message


class Pair(NamedTuple):
    a: Any
    b: Any


TREE = {
    "w": [tg.asarray([1.0, 2.0]), tg.asarray(3.0)],
    "b": (tg.asarray([[4.0]]), None),
    "p": Pair(tg.asarray(5.0), ()),
}


def squares(tree: Any) -> tg.Tensor:
    total = tg.asarray(0.0)
    for leaf in flatten_tree(tree)[0]:
        total = total + tg.sum(leaf**2)
    return total


def test_grad_keeps_the_structure() -> None:
    found = values(tg.grad(squares)(TREE))
    assert found == {"w": [[2.0, 4.0], 6.0], "b": ([[8.0]], None), "p": Pair(10.0, ())}
    assert type(found["p"]) is Pair


def test_value_and_grad() -> None:
    value, slope = tg.value_and_grad(squares)(TREE)
    assert float(value) == 55.0
    assert values(slope) == values(tg.grad(squares)(TREE))


def test_argnums() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x * y["k"] + z * z

    args = (2.0, {"k": 3.0}, 4.0)
    assert float(tg.grad(f)(*args)) == 3.0
    assert values(tg.grad(f, 1)(*args)) == {"k": 2.0}
    assert float(tg.grad(f, -1)(*args)) == 8.0
    assert values(tg.grad(f, (2, 0))(*args)) == (8.0, 3.0)
    assert values(tg.grad(f, [1])(*args)) == ({"k": 2.0},)
    value, slopes = tg.value_and_grad(f, argnums=(0, 1))(*args)
    assert (float(value), values(slopes)) == (22.0, (3.0, {"k": 2.0}))


def test_keyword_arguments_are_passed_on() -> None:
    assert float(tg.grad(lambda x, *, power: x**power)(2.0, power=3)) == 12.0


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return tg.sum(x**2), {"double": 2 * x, "text": "as is"}

    (value, aux), slope = tg.value_and_grad(f, has_aux=True)(tg.asarray([1.0, 3.0]))
    assert (float(value), values(aux["double"]), aux["text"], values(slope)) == (10.0, [2.0, 6.0], "as is", [2.0, 6.0])
    slope, aux = tg.grad(f, has_aux=True)(tg.asarray([1.0, 3.0]))
    assert (values(slope), values(aux["double"])) == ([2.0, 6.0], [2.0, 6.0])
    _, pull, aux = tg.vjp(f, tg.asarray([1.0, 3.0]), has_aux=True)
    assert (values(pull(1.0)), aux["text"]) == (([2.0, 6.0],), "as is")


def test_aux_can_be_differentiated_outside() -> None:
    def outer(x: Any) -> Any:
        slope, aux = tg.grad(lambda y: (y**3, y**2), has_aux=True)(x)
        return slope + aux

    assert float(tg.grad(outer)(2.0)) == 12.0 + 4.0


def test_vjp_of_structures() -> None:
    def f(x: Any, y: Any) -> Any:
        return {"sum": x + y["a"], "product": (x * y["a"],)}

    value, pull = tg.vjp(f, tg.asarray([1.0, 2.0]), {"a": tg.asarray([3.0, 4.0])})
    assert values(value) == {"sum": [4.0, 6.0], "product": ([3.0, 8.0],)}
    found = pull({"sum": np.array([1.0, 0.0]), "product": (np.array([0.0, 1.0]),)})
    assert values(found) == ([1.0, 4.0], {"a": [1.0, 2.0]})


def test_jvp_of_structures() -> None:
    def f(x: Any, y: Any) -> Any:
        return [x * y["a"], tg.sum(x)]

    value, tangent = tg.jvp(f, (tg.asarray([1.0, 2.0]), {"a": 3.0}), (tg.asarray([1.0, 0.0]), {"a": 10.0}))
    assert values(value) == [[3.0, 6.0], 3.0]
    assert values(tangent) == [[13.0, 20.0], 1.0]


def test_jvp_of_what_does_not_depend() -> None:
    value, tangent = tg.jvp(lambda x: (x, tg.asarray(7.0), tg.floor(x)), (2.5,), (1.0,))
    assert (values(value), values(tangent)) == ((2.5, 7.0, 2.0), (1.0, 0.0, 0.0))


def test_integer_results_have_zero_tangents() -> None:
    value, tangent = tg.jvp(lambda x: (x * 2, tg.argmax(x)), (tg.asarray([1.0, 3.0]),), (tg.asarray([1.0, 1.0]),))
    assert values(value) == ([2.0, 6.0], 1)
    assert values(tangent) == ([2.0, 2.0], 0)


def test_jacobian() -> None:
    x = tg.asarray([1.0, 2.0, 3.0])
    found = tg.jacobian(lambda x: tg.stack([tg.prod(x), tg.sum(x)]))(x)
    assert values(found) == [[6.0, 3.0, 2.0], [1.0, 1.0, 1.0]]


def test_jacobian_of_structures() -> None:
    def f(x: Any) -> Any:
        return {"y": x["a"] * x["b"], "z": tg.sum(x["a"])}

    found = tg.jacobian(f)({"a": tg.asarray([2.0, 3.0]), "b": tg.asarray(5.0)})
    assert values(found) == {"y": {"a": [[5.0, 0.0], [0.0, 5.0]], "b": [2.0, 3.0]}, "z": {"a": [1.0, 1.0], "b": 0.0}}


def test_jacobian_argnums_and_shapes() -> None:
    a, b = tg.jacobian(lambda x, y: x @ y, (0, 1))(tg.ones((2, 3)), tg.ones((3, 4)))
    assert (a.shape, b.shape) == ((2, 4, 2, 3), (2, 4, 3, 4))
    assert tg.jacobian(lambda x: x[:0])(tg.ones((2,))).shape == (0, 2)


def test_hessian() -> None:
    def f(x: Any, y: Any) -> Any:
        return x[0] ** 2 * x[1] + tg.sum(x) * y

    assert values(tg.hessian(f)(tg.asarray([2.0, 3.0]), 1.0)) == [[6.0, 4.0], [4.0, 0.0]]
    blocks = tg.hessian(f, (0, 1))(tg.asarray([2.0, 3.0]), 1.0)
    assert values(blocks) == (([[6.0, 4.0], [4.0, 0.0]], [1.0, 1.0]), ([1.0, 1.0], 0.0))


def test_hessian_of_structures() -> None:
    found = tg.hessian(lambda x: x["a"] ** 2 * x["b"])({"a": 3.0, "b": 5.0})
    assert values(found) == {"a": {"a": 10.0, "b": 6.0}, "b": {"a": 6.0, "b": 0.0}}


def test_hvp_is_the_hessian_times_a_vector() -> None:
    def f(x: Any) -> Any:
        return tg.sum(tg.tanh(x) * tg.flip(x) ** 2)

    x, v = np.array([0.3, -1.2, 2.0]), np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(tg.hvp(f, x, v), tg.hessian(f)(tg.asarray(x)).numpy() @ v, rtol=1e-13)


def test_hvp_of_structures() -> None:
    found = tg.hvp(lambda p: p["a"] ** 2 * p["b"][0], {"a": 3.0, "b": [5.0]}, {"a": 1.0, "b": [2.0]})
    assert values(found) == {"a": 22.0, "b": [6.0]}


def test_hvp_of_a_linear_function() -> None:
    assert values(tg.hvp(tg.sum, tg.asarray([1.0, 2.0]), tg.asarray([1.0, 1.0]))) == [0.0, 0.0]


def test_what_is_not_connected_is_zero_in_functions() -> None:
    assert values(tg.grad(lambda x, y: x * 2, (0, 1))(1.0, tg.asarray([1.0, 2.0]))) == (2.0, [0.0, 0.0])


def test_gradients_of_what_is_not_connected() -> None:
    x, z = tg.placeholder((2,), name="x"), tg.placeholder((3,), name="z")
    y = tg.sum(x)
    assert values(tg.gradients(y, [z], disconnected="zero")) == [[0.0, 0.0, 0.0]]
    fails(
        "gradients: y does not depend on x 1 (<Tensor 'z': float64[3]>): pass disconnected='zero' for zeros (HERE)",
        lambda: tg.gradients(y, [x, z]),
    )


def test_gradients_of_intermediate_results() -> None:
    x = tg.placeholder((), name="x")
    u = tg.sin(x)
    y = u**2 * x
    through, direct = tg.gradients(y, (u, x))

    def kernel(t: tg.Tensor) -> Any:
        return evaluate([t.node], {x.node: np.asarray(0.5)})[0]

    np.testing.assert_allclose(kernel(through), 2 * np.sin(0.5) * 0.5)
    np.testing.assert_allclose(kernel(direct), np.sin(0.5) ** 2 + 2 * np.sin(0.5) * np.cos(0.5) * 0.5)


def test_gradient_of_itself_is_the_seed() -> None:
    x = tg.asarray([1.0, 2.0])
    assert values(tg.gradients(x, x, seed=[3.0, 4.0])) == [3.0, 4.0]
    assert values(tg.gradients(x[0], [x, x])) == [[1.0, 0.0], [1.0, 0.0]]


def test_gradient_of_a_shared_subexpression() -> None:
    x = tg.asarray(0.7)
    s = tg.exp(x)
    y = s * s + tg.sin(s) * s
    e = np.exp(0.7)
    np.testing.assert_allclose(tg.gradients(y, x), (2 * e + np.cos(e) * e + np.sin(e)) * e, rtol=1e-14)
    np.testing.assert_allclose(tg.gradients(y, s), 2 * e + np.cos(e) * e + np.sin(e), rtol=1e-14)


def test_seed_of_another_dtype() -> None:
    x = tg.asarray(np.ones(2, "float32"))
    found = tg.gradients(x * x, x, seed=np.ones(2))
    assert found.dtype == np.float32


def test_perturbations_are_not_confused() -> None:
    f = tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))
    assert float(f(1.0)) == 1.0
    g = tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))
    assert float(g(3.0)) == 6.0
    h = tg.grad(lambda x: tg.grad(lambda y: tg.grad(lambda z: x * y * z * z)(x) * y)(x))
    assert float(h(2.0)) == pytest.approx(12 * 2.0**2)  # d/dx of 4 x**3

    def inner(x: Any) -> Any:
        return tg.jvp(lambda y: x * y, (1.0,), (1.0,))[1]

    assert float(tg.jvp(lambda x: x * inner(x), (3.0,), (1.0,))[1]) == 6.0
    assert float(tg.grad(lambda x: x * inner(x))(3.0)) == 6.0


def test_the_same_tensor_twice() -> None:
    x = tg.asarray(3.0)
    assert values(tg.grad(lambda a, b: a * a * b, (0, 1))(x, x)) == (18.0, 9.0)
    assert float(tg.grad(lambda a: a * x)(x)) == 3.0  # x outside is a constant


def test_control_flow_on_values() -> None:
    def f(x: Any) -> Any:
        while float(x) < 100:
            x = x * x
        return x

    assert float(tg.grad(f)(2.0)) == 8 * 2.0**7


def test_parameters() -> None:
    w = tg.Parameter([2.0, 3.0], dtype="float64")
    y = tg.sum(w * w)
    slope = tg.gradients(y, w)
    assert values(slope) == [4.0, 6.0]
    w.assign([5.0, 6.0])
    assert values(slope) == [10.0, 12.0]
    assert values(tg.grad(lambda v: tg.sum(v * w))(w)) == [5.0, 6.0]


def test_mixed_dtypes_give_each_its_own() -> None:
    a, b = np.ones(2, "float32"), np.ones((), "complex128")
    da, db = tg.grad(lambda a, b: tg.sum(tg.real(a * b)), (0, 1))(a, b)
    assert (da.dtype, db.dtype) == (np.float32, np.complex128)


def test_wraps_the_function() -> None:
    def loss(x: Any) -> Any:
        """Of x."""
        return x

    assert tg.grad(loss).__name__ == "loss"
    assert tg.jacobian(loss).__doc__ == "Of x."


X = tg.asarray([1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tg.grad(lambda x: x)(3),
            "grad: an argument is int64[]: derivatives need floating-point numbers; cast it",
        ),
        (
            lambda: tg.gradients(X[0], tg.asarray([1])),
            "gradients: x 0 is int64[1]: derivatives need floating-point numbers; cast it",
        ),
        (
            lambda: tg.gradients(tg.argmax(X), X),
            "gradients: y is int64[]: derivatives need floating-point numbers; cast it",
        ),
        (
            lambda: tg.gradients(X, X),
            "gradients: y is float64[2], no scalar: reduce it, give seed=, or use jacobian",
        ),
        (
            lambda: tg.value_and_grad(lambda x: x * 2)(X),
            "value_and_grad: y is float64[2], no scalar: reduce it, give seed=, or use jacobian",
        ),
        (
            lambda: tg.gradients(X, X, seed=[1.0, 2.0, 3.0]),
            "gradients: the cotangent is float64[3] and y is float64[2]: the shapes must be equal",
        ),
        (
            lambda: tg.gradients(X[0], X, disconnected="none"),
            "gradients: disconnected is 'none': say 'raise' or 'zero'",
        ),
        (lambda: tg.gradients(X[0], [1.0]), "gradients: x 0 is a float, not a Tensor"),
        (lambda: tg.grad(lambda x: x, 1)(1.0), "grad: there is no argument 1: 1 were given"),
        (lambda: tg.jvp(lambda x: x, (1.0,), (1.0, 2.0)), "jvp: 2 tangents for 1 primals"),
        (
            lambda: tg.jvp(lambda x: x, (X,), (1.0,)),
            "jvp: the cotangent is float64[] and y is float64[2]: the shapes must be equal",
        ),
        (lambda: tg.vjp(lambda x: (x, x), 1.0)[1]([1.0]), "vjp: 1 cotangents for 2 results"),
        (
            lambda: tg.jacobian(tg.argmax)(X),
            "jacobian: the result is int64[]: derivatives need floating-point numbers; cast it",
        ),
        (
            lambda: tg.jacobian(lambda x: x)(tg.placeholder(("n",), name="x")),
            "jacobian: float64[n] has a symbolic size: give the result known sizes",
        ),
    ],
)  # fmt: skip
def test_messages(call: Callable[[], Any], message: str) -> None:
    fails(f"{message} (HERE)", call)
