"""Arguments with more elements than are looked at one by one: no element is left out, and the report says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import GradientMismatch, check_gradients

MANY = 1000
X = np.linspace(0.1, 1, MANY)
NORMAL = np.random.default_rng(0).normal(size=MANY)


def one_off(factor: Any, at: int = 777, dtype: Any = "float64") -> np.ndarray:
    factors = np.ones(MANY, dtype)
    factors[at] = factor
    return factors


def message(call: Callable[[], Any]) -> str:
    """The whole message, with figures as # and the line as HERE."""
    with pytest.raises(GradientMismatch) as caught:
        call()
    text = re.sub(r"test_groups\.py:\d+", "HERE", str(caught.value))
    return re.sub(r"-?\d+\.\d+(e[-+]\d+)?|(?<=condition )\d+", "#", text)


ONE = (
    "check_gradients: argument 0, index (777,), reverse mode, order 1: the derivative of the result times a random "
    "cotangent is # and the {} gives #; condition #"
)
BY_HAND = ONE.replace(" of the result times a random cotangent", "")  # a gradient= takes no cotangent


# ---- one wrong element among many


@pytest.mark.parametrize("at", [0, 7, 500, 777, 999])
@pytest.mark.parametrize("factor", [1.5, 1 + 1e-6, 0.0, -1.0])
def test_of_a_pair_of_numpy_functions(at: int, factor: float) -> None:
    factors = one_off(factor, at)
    with pytest.raises(GradientMismatch, match=rf"argument 0, index \({at},\), reverse mode, order 1"):
        check_gradients(lambda x: np.sum(x * x), X, gradient=lambda x: 2 * x * factors)


def test_the_message_is_that_of_a_single_element() -> None:
    factors = one_off(1.5)
    text = message(lambda: check_gradients(lambda x: np.sum(x * x), X, gradient=lambda x: 2 * x * factors))
    assert text == f"{BY_HAND.format('complex step')} (HERE)"


def test_by_differences() -> None:
    factors = one_off(1 + 1e-6)
    text = message(
        lambda: check_gradients(lambda x: np.sum(np.abs(x) ** 3), X, gradient=lambda x: 3 * x * np.abs(x) * factors)
    )
    assert text == f"{BY_HAND.format('central difference')} (HERE)"


@tg.custom_gradient
def square(x: Any) -> Any:
    return x * x, lambda g: g * 2 * x * one_off(1.001)


def test_in_reverse_mode_only() -> None:
    text = message(lambda: check_gradients(lambda x: tg.sum(square(x)), X, modes=["reverse"], order=1))
    assert text == (
        f"{ONE.format('complex step')}; the custom gradient of square is to blame (HERE): its operand 0, index (777,), "
        "reverse mode, order 1: the derivative is # and the complex step gives # (HERE)"
    )


def test_of_complex_numbers() -> None:
    factors, z = one_off(1j, dtype="complex128"), NORMAL + 1j
    with pytest.raises(GradientMismatch, match=r"index \(777,\)"):
        check_gradients(lambda z: np.sum(np.abs(z) ** 2), z, gradient=lambda z: 2 * z * factors)
    check_gradients(lambda z: np.sum(np.abs(z) ** 2), z, gradient=lambda z: 2 * z)


def test_of_a_vjp_and_of_the_second_argument() -> None:
    factors = one_off(1.001)
    with pytest.raises(GradientMismatch, match=r"argument 1, index \(777,\)"):
        check_gradients(lambda a, b: a * b, X, X, vjp=lambda g, a, b: (g * b, g * a * factors))


def test_in_single_precision() -> None:
    """Some hundredths of a derivative are seen, where double precision sees some 1e-10."""

    def f(x: Any) -> Any:
        assert x.dtype == np.float32
        return np.sum(np.sin(x))

    given = NORMAL.astype("float32")
    report = check_gradients(f, given, gradient=np.cos)
    assert report.notes[0] == "called with float32: it takes no double precision"
    factors = one_off(1.1, dtype="float32")
    with pytest.raises(GradientMismatch, match=r"index \(777,\)"):
        check_gradients(f, given, gradient=lambda x: np.cos(x) * factors)


def test_of_the_second_order() -> None:
    @tg.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda g: g * 3 * slope(x)

    @tg.custom_gradient
    def slope(x: Any) -> Any:
        return x * x, lambda g: g * 2 * x * one_off(1.001)

    check_gradients(lambda x: tg.sum(cube(x)), X, order=1)
    with pytest.raises(GradientMismatch, match=r"index \(777,\), reverse over reverse mode, order 2"):
        check_gradients(lambda x: tg.sum(cube(x)), X, modes="reverse")


@pytest.mark.peers
def test_of_pytorch() -> None:
    torch = pytest.importorskip("torch")

    class Square(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g * ctx.saved_tensors[0] * torch.from_numpy(one_off(5.0))

    text = message(lambda: check_gradients(lambda x: Square.apply(x).sum(), torch.from_numpy(X)))
    assert text == f"{ONE.format('central difference')} (HERE)"


@pytest.mark.peers
def test_of_jax() -> None:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def f(x: Any) -> Any:
        return x**2

    f.defvjp(lambda x: (x**2, x), lambda x, g: (2 * g * x * jax.numpy.asarray(one_off(5.0)),))
    text = message(lambda: check_gradients(lambda x: f(x).sum(), X, library="jax"))
    assert text == f"{ONE.format('central difference')} (HERE)"


# ---- what is right passes, and the report says what was looked at


def test_the_report_counts_all_elements() -> None:
    report = check_gradients(lambda x: np.sum(np.sin(x)), NORMAL, gradient=np.cos)
    [row] = report.checks
    assert (row.elements, row.others, row.directions) == (64, 936, 16)
    assert str(report).startswith(
        "argument 0  order 1  reverse  complex step  64 elements, 936 more along 16 directions  worst error "
    )
    few = check_gradients(lambda x: np.sum(np.sin(x)), NORMAL[:64], gradient=np.cos)
    assert str(few).startswith("argument 0  order 1  reverse  complex step  64 elements  worst error ")


def test_one_element_more_than_are_looked_at_alone() -> None:
    factors = np.ones(65)
    report = check_gradients(lambda x: np.sum(np.sin(x)), NORMAL[:65], gradient=lambda x: np.cos(x) * factors)
    assert (report.checks[0].elements, report.checks[0].others, report.checks[0].directions) == (64, 1, 0)
    for at in range(65):
        factors[:] = 1
        factors[at] = 1.5
        with pytest.raises(GradientMismatch, match=rf"index \({at},\)"):
            check_gradients(lambda x: np.sum(np.sin(x)), NORMAL[:65], gradient=lambda x: np.cos(x) * factors)


def test_errors_that_do_not_show_in_one_element_show_along_a_direction() -> None:
    """The values are so large that their rounding hides the error of one element, but not that of two."""
    x = np.linspace(9.5, 10.5, 96)

    def f(x: Any) -> Any:
        return np.sum(np.sin(np.abs(x))) + 1e6

    check_gradients(f, x, gradient=np.cos)
    check_gradients(f, x[:64], gradient=lambda x: np.cos(x) + 1.6e-7)
    text = message(lambda: check_gradients(f, x, gradient=lambda x: np.cos(x) + 1.6e-7))
    assert re.sub(r"\(\d+,\)", "(i,)", text) == (
        "check_gradients: argument 0, along a random direction over 2 elements, (i,) among them, reverse mode, order "
        "1: the derivative is # and the central difference gives #; condition # (HERE)"
    )


# ---- kinks


def test_an_element_at_a_kink_is_found_among_many_and_judged_from_one_side() -> None:
    x = np.where(np.arange(MANY) == 777, 0.0, NORMAL)
    report = check_gradients(tg.relu, x, order=1, modes="reverse")
    [note] = report.notes
    assert note.startswith("argument 0, reverse mode, order 1, index (777,): at a kink of relu (test_groups.py:")
    with pytest.raises(GradientMismatch, match=r"index \(777,\).*there is a kink or a jump"):
        check_gradients(
            lambda x: np.sum(np.maximum(x, 0)), x, gradient=lambda x: np.where(x == 0, 1.5, np.where(x > 0, 1.0, 0.0))
        )


def test_a_wrong_element_is_found_beside_an_element_at_a_kink() -> None:
    x = np.where(np.arange(MANY) == 500, 0.0, np.abs(NORMAL))
    factors = one_off(1.001)
    with pytest.raises(GradientMismatch, match=r"index \(777,\)"):
        check_gradients(lambda x: np.sum(np.maximum(x, 0)), x, gradient=lambda x: np.where(x > 0, factors, 0.0))


SIGNS = np.cos(np.arange(MANY))
AT_KINKS = {
    "relu": lambda: check_gradients(tg.relu, np.zeros(MANY), order=1),
    "of both signs": lambda: check_gradients(
        lambda x: np.sum(np.maximum(x, 0) * SIGNS), np.zeros(MANY), gradient=lambda x: (x > 0) * SIGNS
    ),
    "ties": lambda: check_gradients(lambda x: tg.max_pool(x, 2), np.ones((1, 1, 20, 20)), order=1, modes="reverse"),
}


@pytest.mark.parametrize("name", AT_KINKS)
def test_where_all_elements_are_at_kinks_there_is_no_false_alarm(name: str) -> None:
    report = AT_KINKS[name]()
    pattern = (
        r"argument 0, reverse mode, order 1: \d+ elements were looked at beside the point, moved by up to 0.016 of "
    )
    assert any(re.fullmatch(f"{pattern}itself: at it there are kinks", note) for note in report.notes), str(report)


def test_many_equal_numbers_in_order_are_no_false_alarm() -> None:
    """Which of them has which rank is anyone's choice; few points around meet the first or the last."""
    check_gradients(lambda x: tg.sort(x) ** 2, np.repeat([0.5, -1.0], 20), order=1)


def test_a_wrong_derivative_where_all_elements_are_at_kinks() -> None:
    """Beside the point it shows."""
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: np.sum(np.maximum(x, 0)), np.zeros(MANY), gradient=lambda x: (x > 0) * 1.001)


def test_what_cannot_be_looked_at_is_said() -> None:
    """At 0 there is a kink, and nothing settles beside it."""

    def rough(x: Any) -> Any:
        x = np.real(x)
        return np.sum(np.abs(x) + np.where(np.abs(x) > 4e-4, 0.01 * np.sin(1e13 * x), 0.0))

    report = check_gradients(rough, np.zeros(MANY), gradient=np.sign)
    pattern = r"argument 0, reverse mode, order 1: (\d+) elements were not looked at: no numeric derivative settles, "
    [left] = [
        m for note in report.notes if (m := re.fullmatch(f"{pattern}neither along them nor beside the point", note))
    ]
    assert report.checks[0].others == MANY - 64 - int(left[1])
