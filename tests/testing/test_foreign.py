"""Functions of NumPy with derivatives by hand, kernels, and functions of PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError, InputError
from tensorgraph.testing import GradientMismatch, check_gradients, kernels

X = np.array([0.3, -1.2, 2.0])


def message(call: Callable[[], Any], kind: type[Exception] = GradientError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return re.sub(r"test_foreign\.py:\d+", "HERE", str(caught.value))


# ---- NumPy


def test_a_pair_by_the_complex_step() -> None:
    report = check_gradients(lambda x: np.sum(np.sin(x) * x), X, gradient=lambda x: np.sin(x) + x * np.cos(x))
    assert report.checks[0].oracle == "complex step"
    assert report.worst < 1e-14


def test_a_pair_by_differences() -> None:
    report = check_gradients(lambda x: np.sum(np.abs(x) ** 3), X, gradient=lambda x: 3 * x * np.abs(x))
    assert report.checks[0].oracle == "central difference"


def test_several_arguments() -> None:
    def f(a: Any, i: Any, p: Any) -> Any:
        return np.sum(a[i] * p["w"])

    def df(a: Any, i: Any, p: Any) -> Any:
        da = np.zeros_like(a)
        np.add.at(da, i, p["w"])
        return da, {"w": a[i]}

    check_gradients(f, X, np.array([0, 0, 2]), {"w": X + 1}, gradient=df)


def test_a_complex_argument() -> None:
    z = X + 1j
    check_gradients(lambda z: np.sum(np.abs(z) ** 2), z, gradient=lambda z: 2 * z)
    with pytest.raises(GradientMismatch):
        check_gradients(lambda z: np.sum(np.abs(z) ** 2), z, gradient=lambda z: 2 * np.conj(z))


def test_a_vjp() -> None:
    check_gradients(np.tanh, X, vjp=lambda g, x: g / np.cosh(x) ** 2)
    with pytest.raises(GradientMismatch, match=r"argument 0, index \(0,\)"):
        check_gradients(np.tanh, X, vjp=lambda g, x: g / np.cosh(x))


def test_single_precision_only() -> None:
    def f(x: Any) -> Any:
        if x.dtype != np.float32:
            raise TypeError("single precision only")
        return np.sum(np.tanh(x))

    report = check_gradients(f, X.astype("float32"), gradient=lambda x: 1 / np.cosh(x) ** 2)
    assert report.notes[0] == "called with float32: it takes no double precision"
    with pytest.raises(GradientMismatch):
        check_gradients(f, X.astype("float32"), gradient=lambda x: 1.01 / np.cosh(x) ** 2)


WRONG = {
    "sign": lambda x: -np.cos(x),
    "factor": lambda x: 2 * np.cos(x),
    "nearly": lambda x: np.cos(x) * (1 + 1e-9),
    "shifted": lambda x: np.cos(x + 1e-6),
    "one element": lambda x: np.cos(x) + np.array([0, 0, 1e-3]),
    "reversed": lambda x: np.cos(x)[::-1],
    "summed": lambda x: np.full(3, np.sum(np.cos(x))),
    "NaN": lambda x: np.cos(x) * np.nan,
    "shape": lambda x: np.cos(x)[:2],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: np.sum(np.sin(x)), X, gradient=WRONG[name])


def test_no_scalar() -> None:
    assert message(lambda: check_gradients(np.sin, X, gradient=np.cos)) == (
        "check_gradients: the function gave float64[3] and gradient= is of one real scalar: sum it (and the gradient "
        "with it), or give vjp=, which takes a cotangent of the result first (HERE)"
    )


def test_too_few_parts() -> None:
    assert message(lambda: check_gradients(lambda a, b: np.sum(a * b), X, X, gradient=lambda a, b: b)) == (
        "check_gradients: the gradient has 1 parts where a tuple of one per floating-point argument is to be (2 in "
        "all) (HERE)"
    )


@pytest.mark.parametrize(
    ("given", "kinds"), [(None, "None"), ("slope", "str"), ({"a": "b"}, "str"), ([[1.0], [1.0, 2.0]], None)]
)
def test_a_gradient_that_is_no_array(given: Any, kinds: str | None) -> None:
    expected = f"the gradient is {kinds} where one array is to be: return it"
    if kinds is None:
        expected = "the gradient has 3 parts where one array is to be (1 in all)"
    assert message(lambda: check_gradients(np.sum, X, gradient=lambda x: given)) == (
        f"check_gradients: {expected} (HERE)"
    )


def test_one_of_several_gradients_that_is_no_array() -> None:
    assert message(lambda: check_gradients(lambda a, b: np.sum(a * b), X, X, gradient=lambda a, b: (b, "a"))) == (
        "check_gradients: the gradient is ndarray, str where a tuple of one per floating-point argument is to be: "
        "return it (HERE)"
    )
    assert message(lambda: check_gradients(lambda a, b: np.sum(a * b), X, X, vjp=lambda g, a, b: None)) == (
        "check_gradients: the gradient is None where a tuple of one per floating-point argument is to be: return it "
        "(HERE)"
    )


def test_no_derivative() -> None:
    assert message(lambda: check_gradients(np.sum, X, library="numpy")) == (
        "check_gradients: a NumPy function needs its derivative: give gradient= or vjp= (HERE)"
    )


def test_a_derivative_of_another_library() -> None:
    assert message(lambda: check_gradients(np.sum, X, library="torch", gradient=np.ones_like)) == (
        "check_gradients: gradient= and vjp= are for NumPy functions, not for 'torch' (HERE)"
    )


def test_an_unknown_library() -> None:
    assert message(lambda: check_gradients(np.sum, X, library="theano")) == (
        "check_gradients: library is 'theano': say one of 'tensorgraph', 'numpy', 'torch', 'jax' (HERE)"
    )


# ---- kernels


def kernel(f: Callable[[Any], Any], dtype: str = "float64") -> Any:
    x = tg.placeholder(("batch",), dtype, name="x")
    return tg.compile([x], f(x))


def test_a_kernel_with_a_symbolic_size() -> None:
    check_gradients(kernel(lambda x: tg.sum(tg.tanh(x) * tg.mean(x))), X)
    check_gradients(kernel(lambda x: tg.reshape(tg.sin(x), (-1, 1)) @ tg.reshape(x, (1, -1))), X)


def test_a_kernel_in_single_precision() -> None:
    check_gradients(kernel(lambda x: tg.softmax(x) ** 2, "float32"), X.astype("float32"))


def test_a_kernel_of_a_gradient_and_its_function() -> None:
    x = tg.placeholder(("batch",), "float64", name="x")
    loss = tg.sum(tg.exp(tg.sin(x)))
    check_gradients(tg.compile([x], loss), X, gradient=tg.compile([x], tg.gradients(loss, x)))


def counting() -> tuple[Any, Any]:
    x, total = tg.placeholder((3,), "float64", name="x"), tg.Parameter(np.ones(()), dtype="float64", name="total")
    return tg.compile([x], tg.sum(tg.sin(x)) * total, updates={total: total + tg.sum(x)}), total


def test_a_kernel_with_state_is_run_and_its_state_is_as_before() -> None:
    step, total = counting()
    report = check_gradients(step, X)
    assert report.notes == ()
    assert float(total) == 1
    step(X)
    assert float(total) == 1 + np.sum(X)


@pytest.mark.parametrize(("wrong", "what"), [(0, "result 0"), (1, "the next value of state 0")])
def test_a_program_that_is_not_its_graph(wrong: int, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step, total = counting()
    run = kernels.run_kernel

    def off(kernel: Any, arrays: Any) -> list[Any]:
        return [y * (1 + 1e-9 * (k == wrong)) for k, y in enumerate(run(kernel, arrays))]

    monkeypatch.setattr(kernels, "run_kernel", off)
    text = message(lambda: check_gradients(step, X), GradientMismatch)
    assert text == f"check_gradients: {what} of kernel is not what its graph gives (HERE)"
    assert float(total) == 1


def test_a_training_step() -> None:
    x = tg.placeholder(("n", 3), "float32", name="x")
    w = tg.Parameter(np.ones((3, 2), np.float32), name="w")
    loss = tg.mean((x @ w) ** 2)
    step = tg.compile([x], loss, tg.optim.Adam(0.1).updates(loss, [w]))
    before = w.numpy().copy()
    check_gradients(step, np.float32([[1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(w.numpy(), before)


def test_a_kernel_given_another_shape() -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    text = message(lambda: check_gradients(tg.compile([x], tg.sum(x), name="total"), X), InputError)
    assert text == (
        "check_gradients: total: input 'x' is float64[n, 3] and was given shape [3]: 1 axes instead of 2 (HERE)"
    )


def test_a_kernel_with_another_number_of_arguments() -> None:
    assert message(lambda: check_gradients(kernel(tg.sum), X, X)) == (
        "check_gradients: kernel takes 1 arguments, 2 are given (HERE)"
    )


def test_a_jitted_function() -> None:
    f = tg.jit(lambda x: tg.sum(tg.sin(x) * x))
    f(X)
    check_gradients(f, X)


# ---- PyTorch


@pytest.mark.peers
def test_a_torch_function_given_numpy_arrays() -> None:
    torch = pytest.importorskip("torch")
    assert message(lambda: check_gradients(lambda x: torch.sin(x).sum(), X)) == (
        "check_gradients: the function raised TypeError: sin(): argument 'input' (position 1) must be Tensor, not "
        "Tensor: it is a function of PyTorch: say library='torch' (HERE)"
    )


@pytest.mark.peers
def test_torch() -> None:
    torch = pytest.importorskip("torch")
    report = check_gradients(lambda x: torch.sum(torch.tanh(x) ** 2), torch.tensor(X))
    assert {row.order for row in report.checks} == {1, 2}
    assert {row.mode for row in report.checks} >= {"reverse", "forward", "reverse over reverse", "forward over forward"}
    check_gradients(lambda x, i: x[i] @ x, X, np.array([0, 1, 1]), library="torch")
    check_gradients(lambda z: torch.abs(z) * z, torch.tensor(X + 1j))
    check_gradients(torch.relu, torch.zeros(2))


@pytest.mark.peers
def test_a_torch_function_of_its_own() -> None:
    torch = pytest.importorskip("torch")

    def cube(factor: float) -> Any:
        class Cube(torch.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return factor * g * ctx.saved_tensors[0] ** 2

        return Cube.apply

    report = check_gradients(cube(3.0), torch.tensor(X))
    assert "forward mode was not checked: there is no forward derivative" in report.notes
    with pytest.raises(GradientMismatch):
        check_gradients(cube(2.0), torch.tensor(X))
