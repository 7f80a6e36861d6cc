"""Functions of JAX through `check_gradients` and `assert_equivalent`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.testing import GradientMismatch, Inequivalent, assert_equivalent, check_gradients

jax = pytest.importorskip("jax")
jnp = jax.numpy
pytestmark = pytest.mark.peers
X = np.array([0.3, -1.2, 2.0])
ALL = {"reverse", "forward", "reverse over reverse", "forward over reverse", "reverse over forward",
       "forward over forward"}  # fmt: skip


def message(call: Callable[[], Any], kind: type[Exception] = GradientError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return re.sub(r"test_jax\.py:\d+", "HERE", str(caught.value))


RIGHT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda x: jnp.sum(jnp.tanh(x) ** 2), (X,)),
    "not a scalar": (lambda x: jnp.exp(x) * x[::-1], (X,)),
    "indexed": (lambda x, i: x[i] @ x, (X, np.array([0, 1, 1]))),
    "complex": (lambda z: jnp.abs(z) * z, (X + 1j,)),
    "complex to real": (lambda z: jnp.sum(jnp.abs(z) ** 2), (X + 1j,)),
    "a tree": (lambda p: {"y": jnp.sin(p["w"]) * p["b"][0]}, ({"w": X, "b": [X[:1]]},)),
    "jitted": (jax.jit(lambda x: jnp.cumsum(x * x)), (X,)),
    "mapped": (jax.vmap(lambda x: jnp.sin(x) * x), (X,)),
    "a gradient": (jax.grad(lambda x: jnp.sum(x**3)), (X,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes_in_double_precision(name: str) -> None:
    f, args = RIGHT[name]
    report = check_gradients(f, *args, library="jax")
    assert {row.mode for row in report.checks} == ALL
    assert report.worst < 1e-9
    assert jnp.asarray(X).dtype == np.float32  # the user's setting is as it was


def test_jax_arrays_tell_the_library() -> None:
    check_gradients(lambda x: jnp.sum(x**2), jnp.asarray(X))


def test_numpy_arrays_do_not_tell_it() -> None:
    text = message(lambda: check_gradients(lambda x: jnp.sin(x).sum(), X))
    assert text.startswith("check_gradients: the function raised TypeError: ")
    assert text.endswith(": it is a function of JAX: say library='jax' (HERE)")


def test_at_a_kink() -> None:
    report = check_gradients(lambda x: jnp.maximum(x, 0.0), jnp.zeros(2), order=1)
    assert all("at a kink of the function: judged from one side" in note for note in report.notes)
    assert report.notes


@jax.custom_vjp  # type: ignore[untyped-decorator]
def cube(factor: Any, x: Any) -> Any:
    return x**3


cube.defvjp(lambda factor, x: (x**3, (factor, x)), lambda saved, g: (None, saved[0] * g * saved[1] ** 2))


def test_a_function_of_its_own() -> None:
    report = check_gradients(partial(cube, 3.0), X, library="jax")
    assert "forward mode was not checked: there is no forward derivative" in report.notes
    text = message(lambda: check_gradients(partial(cube, 2.0), X, library="jax"), GradientMismatch)
    assert re.sub(r"-?\d+\.\d+", "#", text) == (
        "check_gradients: argument 0, index (0,), reverse mode, order 1: the derivative of the result times a random "
        "cotangent is # and the central difference gives #; condition # (HERE)"
    )


def test_a_forward_rule_of_its_own() -> None:
    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def sine(x: Any) -> Any:
        return jnp.sin(x)

    sine.defjvp(lambda points, tangents: (sine(*points), jnp.cos(points[0] + 1e-6) * tangents[0]))
    with pytest.raises(GradientMismatch):
        check_gradients(sine, X, library="jax")
    with pytest.raises(GradientMismatch, match="forward mode, order 1"):
        check_gradients(sine, X, library="jax", modes=["forward"])


def test_functions_that_cannot_be_checked() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("w")

    def check(f: Callable[..., Any]) -> str:
        return message(lambda: check_gradients(f, X, library="jax"))

    assert check(fails) == (
        "check_gradients: the function raised KeyError: 'w': it is called with JAX arrays of double precision: call it "
        "so by itself and mend it (HERE)"
    )
    left = check(lambda x: np.asarray(x) * 2)
    assert left.startswith("check_gradients: JAX cannot differentiate the function, TracerArrayConversionError: ")
    assert left.endswith(": compute with its own arrays and functions from the arguments to the result (HERE)")
    assert check(jnp.log) == (
        "check_gradients: result 0, index (1,), is nan, which has no derivative: choose arguments inside the domain of "
        "the function (HERE)"
    )
    rng = np.random.default_rng(0)
    assert check(lambda x: x * rng.normal()) == (
        "check_gradients: two calls with the same arguments gave different results: a function that is not "
        "deterministic has no derivative: fix its seeds or keys, and let it keep no state between calls (HERE)"
    )
    assert check(jnp.argmax) == (
        "check_gradients: no result is floating-point, so there is nothing to differentiate: return what is to be "
        "differentiated (HERE)"
    )


def sine_of(x: Any) -> Any:
    return jnp.sin(x)


SAME: dict[str, tuple[Any, Any, list[np.ndarray]]] = {
    "a function": (jnp.tanh, tg.tanh, [X]),
    "a lambda": (lambda x: jnp.where(x > 0, x, 0), tg.relu, [X]),
    "one that calls another": (lambda x: sine_of(x) * 1, tg.sin, [X]),
    "a part": (partial(jnp.sum, axis=0), lambda x: tg.sum(x, axis=0), [np.ones((3, 2))]),
    "jitted": (jax.jit(lambda a, b: a @ b), tg.matmul, [np.eye(3), X]),
    "a gradient": (jax.grad(lambda x: jnp.sum(x * x)), lambda x: 2 * x, [X]),
    "mapped": (jax.vmap(lambda x: x * x), lambda x: x * x, [X]),
    "a rule of its own": (partial(cube, 3.0), lambda x: x * x * x, [X]),
}


@pytest.mark.parametrize("name", SAME)
def test_equivalent(name: str) -> None:
    """In double precision: the tolerance is that of float64."""
    theirs, ours, inputs = SAME[name]
    assert_equivalent(theirs, ours, inputs=inputs, ulp=4)
    assert_equivalent(ours, theirs, inputs=inputs, ulp=4)


def test_kernels_against_jax() -> None:
    x = tg.placeholder(("n", 3), "float32", name="x")
    kernel = tg.compile(x, tg.softmax(x, axis=-1))
    assert_equivalent(kernel, lambda x: jax.nn.softmax(x, axis=-1), inputs=[np.float32(np.ones((2, 3)))], ulp=4)


def test_not_equivalent() -> None:
    with pytest.raises(Inequivalent) as caught:
        assert_equivalent(jnp.exp, lambda x: tg.exp(x) + 1e-12, inputs=[np.ones(1)])
    assert str(caught.value).startswith("assert_equivalent: exp of jax and <lambda> differ: result 0 at (0,): 2.718")
