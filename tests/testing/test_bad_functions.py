"""Functions that cannot be checked: the whole message, which says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError, ShapeError
from tensorgraph.testing import check_gradients

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
