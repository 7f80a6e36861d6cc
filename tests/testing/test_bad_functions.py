"""Functions that cannot be checked: the whole message, which says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError, ShapeError
from tensorgraph.testing import GradientMismatch, check_gradients

X = np.array([0.3, -1.2, 2.0])


def message(call: Callable[[], Any], kind: type[Exception] = GradientError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return re.sub(r"test_bad_functions\.py:\d+", "HERE", str(caught.value))


REPEATS = (
    "check_gradients: two calls with the same arguments gave different results: a function that is not deterministic "
    "has no derivative: fix its seeds or keys, and let it keep no state between calls (HERE)"
)


def test_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    assert message(lambda: check_gradients(lambda x: x * rng.normal(), X)) == REPEATS
    assert message(lambda: check_gradients(lambda x: np.sum(x) * rng.normal(), X, gradient=np.ones_like)) == REPEATS
    assert message(lambda: check_gradients(np.sum, X, gradient=lambda x: rng.normal(size=3))) == REPEATS


def test_raises() -> None:
    def f(x: Any) -> Any:
        raise KeyError("w")

    raised = "check_gradients: the function raised KeyError: 'w': it is called with"
    assert message(lambda: check_gradients(f, X)) == f"{raised} tensors: call it so by itself and mend it (HERE)"
    assert message(lambda: check_gradients(f, X, gradient=f)) == (
        f"{raised} NumPy arrays: call it so by itself and mend it (HERE)"
    )
    assert message(lambda: check_gradients(np.sum, X, gradient=f)) == (
        "check_gradients: gradient raised KeyError: 'w': it is called with NumPy arrays: call it so by itself and mend "
        "it (HERE)"
    )


def test_errors_of_this_library_pass() -> None:
    with pytest.raises(ShapeError):
        check_gradients(lambda x: x + tg.asarray([1.0, 2.0]), X)


def test_writes_to_its_arguments() -> None:
    def f(x: Any) -> Any:
        x[0] += 1
        return np.sum(x)

    def df(x: Any) -> Any:
        x *= 2
        return np.ones_like(x)

    assert message(lambda: check_gradients(f, X, gradient=np.ones_like)) == (
        "check_gradients: the function writes to argument 0: let it work on a copy and return the result (HERE)"
    )
    assert message(lambda: check_gradients(np.sum, X, gradient=df)) == (
        "check_gradients: the gradient writes to argument 0: let it work on a copy and return the result (HERE)"
    )
    np.testing.assert_array_equal(X, [0.3, -1.2, 2.0])


def test_not_a_number() -> None:
    assert message(lambda: check_gradients(lambda x: tg.exp(tg.log(x)), X)) == (
        "check_gradients: result 0, index (1,), is nan, which has no derivative: it is log (HERE) that gives it: "
        "choose arguments inside the domain of the function (HERE)"
    )
    assert message(lambda: check_gradients(lambda x: np.sum(np.sqrt(x)), X, gradient=np.sqrt)) == (
        "check_gradients: result 0, index (), is nan, which has no derivative: choose arguments inside the domain of "
        "the function (HERE)"
    )


def test_infinite() -> None:
    assert message(lambda: check_gradients(tg.log, 0.0)) == (
        "check_gradients: result 0, index (), is -inf, which has no derivative: it is log (HERE) that gives it: choose "
        "arguments inside the domain of the function (HERE)"
    )


def test_no_tensor() -> None:
    assert message(lambda: check_gradients(lambda x: np.asarray(x) * 2, X)) == (
        "check_gradients: the function gave a NumPy array where a tensor is to be: compute with tensors, or give "
        "gradient= for a NumPy function and its gradient (HERE)"
    )


def test_outside_the_graph() -> None:
    assert message(lambda: check_gradients(lambda x: tg.sum(x) + tg.asarray(np.sin(np.asarray(x))), X)) == (
        "check_gradients: the result depends on an argument in a way that the graph does not know: stay in tensors "
        "(np.asarray, float and .numpy() leave the graph), say stop_gradient where no derivative is wanted, or give "
        "gradient= (HERE)"
    )


# ---- nowhere differentiable, or too wild


def rough(x: Any) -> Any:
    """Weierstrass's function: of no use to anyone who wants a slope."""
    return sum(0.7**k * np.cos(13.0**k * np.real(x)) for k in range(12))


def test_nothing_settles() -> None:
    assert message(lambda: check_gradients(rough, 0.3, gradient=lambda x: 0.0)) == (
        "check_gradients: argument 0, index (): no numeric derivative settles, nor at points near: check it somewhere "
        "else, or scale its arguments so that they are of the order of 1 (HERE)"
    )


def test_waves_shorter_than_every_step() -> None:
    """No false alarm: differences whose steps skip whole periods contradict each other."""
    wave = lambda x: np.sin(np.real(x) * 1e9)  # noqa: E731
    assert "no numeric derivative settles" in message(
        lambda: check_gradients(wave, 0.3, gradient=lambda x: 1e9 * np.cos(x * 1e9))
    )


# ---- results and derivatives of the wrong sort


def test_a_function_that_gives_nothing() -> None:
    for f in (lambda x: None, lambda x: []):
        assert message(lambda f=f: check_gradients(f, X)) == (
            "check_gradients: no result is floating-point, so there is nothing to differentiate: return what is to be "
            "differentiated (HERE)"
        )


def test_a_derivative_that_is_not_a_number() -> None:
    @tg.custom_gradient
    def f(x: Any) -> Any:
        return x * 2, lambda g: g * np.nan

    with pytest.raises(GradientMismatch) as caught:
        check_gradients(f, 0.5, modes=["reverse"], order=1)
    text = re.sub(r"test_bad_functions\.py:\d+", "HERE", str(caught.value))
    assert re.sub(r"-?\d+\.\d+", "#", text) == (
        "check_gradients: argument 0, index (), reverse mode, order 1: the derivative of the result times a random "
        "cotangent is nan and the complex step gives #; the custom gradient of f is to blame (HERE): its operand 0, "
        "index (), reverse mode, order 1: the derivative is nan and the complex step gives # (HERE)"
    )


def test_a_vjp_that_raises() -> None:
    def pull(g: Any, x: Any) -> Any:
        raise RuntimeError("no")

    assert message(lambda: check_gradients(np.tanh, X, vjp=pull)) == (
        "check_gradients: vjp raised RuntimeError: no: it is called with a cotangent and NumPy arrays: call it so by "
        "itself and mend it (HERE)"
    )


def test_a_graph_that_changes() -> None:
    counts = iter(range(9))
    assert message(lambda: check_gradients(lambda x: tg.sum(x) * (1 + next(counts)), X)) == REPEATS


def test_a_kernel_whose_state_moves_on() -> None:
    """It is called, and its state is as before."""
    x, n = tg.placeholder((3,), "float64", name="x"), tg.Parameter(np.zeros(()), dtype="float64", name="n")
    kernel = tg.compile([x], tg.sum(x * x) + n, updates={n: n + 1})
    check_gradients(kernel, X)
    assert float(n) == 0


# ---- half precision


def test_half_precision_inside() -> None:
    assert message(lambda: check_gradients(lambda x: tg.sum(tg.astype(x, "float16") ** 2), X)) == (
        "check_gradients: argument 0, index (0,): no numeric derivative settles, nor at points near: astype (HERE) "
        "computes in float16, which hides every numeric derivative: check it in float32 or float64 (HERE)"
    )


def test_half_precision_of_a_numpy_function() -> None:
    def f(x: Any) -> Any:
        return np.sum(x.astype("float16") ** 2)

    assert message(lambda: check_gradients(f, X, gradient=lambda x: 2 * x)) == (
        "check_gradients: argument 0, index (0,): no numeric derivative settles, nor at points near: the function "
        "computes in float16, which hides every numeric derivative: check it in float32 or float64 (HERE)"
    )


def test_half_precision_that_the_result_does_not_tell() -> None:
    def f(x: Any) -> Any:
        return np.sum(x.astype("float16").astype("float64") ** 2)

    assert message(lambda: check_gradients(f, X, gradient=lambda x: 2 * x)) == (
        "check_gradients: argument 0, index (0,): no numeric derivative settles, nor at points near: its values come "
        "in steps, as those of half precision do: a change by 6e-05 does not show, which hides every numeric "
        "derivative: check it in float32 or float64 (HERE)"
    )
