"""At the border of a domain, and where a derivative does not exist: what is true is said, and no rule is accused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.testing import GradientMismatch, check_gradients
from tensorgraph.testing.moves import nearby

MOVED = "argument 0, index {}: no numeric derivative settles there: every argument was moved by up to 0.016 of itself"
BORDERS: dict[str, tuple[Callable[..., Any], Any]] = {
    "asin": (tg.asin, np.array([1.0, 0.5])),
    "both ends": (tg.asin, np.array([1.0, -1.0, 0.5])),
    "acos": (lambda x: tg.sum(tg.acos(x)), np.array([-1.0, 0.5])),
    "acosh": (tg.acosh, np.array([1.0, 2.0])),
    "sqrt": (lambda x: tg.sum(tg.sqrt(1 - x)), np.array([1.0, 0.5])),
    "sqrt from both sides": (lambda x: tg.sqrt(1 - x[0]) + tg.sqrt(x[1]), np.array([1.0, 0.0])),
    "power": (lambda x: (1 - x) ** 0.5, np.array([1.0, 0.5])),
}


@pytest.mark.parametrize("name", BORDERS)
def test_the_point_is_moved_to_where_the_function_is_defined(name: str) -> None:
    f, x = BORDERS[name]
    assert check_gradients(f, x, order=1).notes[0] == MOVED.format("(0,)")


def test_of_numpy_functions() -> None:
    x = np.array([1.0, 0.5])
    report = check_gradients(lambda x: np.sum(np.arcsin(x)), x, gradient=lambda x: 1 / np.sqrt(1 - x * x))
    assert report.notes[0] == MOVED.format("(0,)")
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: np.sum(np.arcsin(x)), x, gradient=lambda x: 2 / np.sqrt(1 - x * x))


def test_of_functions_that_raise_outside_their_domain() -> None:
    report = check_gradients(math.asin, 1.0, gradient=lambda x: 1 / math.sqrt(max(1 - x * x, 1e-300)))
    assert report.notes[0] == MOVED.format("()")


@pytest.mark.peers
def test_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    report = check_gradients(lambda x: torch.asin(x).sum(), torch.tensor([1.0, 0.5], dtype=torch.float64), order=1)
    assert report.notes[0] == MOVED.format("(0,)")


# ---- judged from inside


def guarded(x: Any) -> Any:
    if np.real(x) < 0:
        raise ValueError("negative")
    return 3 * x + x * x


def test_a_border_with_a_slope_is_judged_from_inside() -> None:
    report = check_gradients(guarded, 0.0, gradient=lambda x: 3.0 + 2 * x)
    assert report.notes[-1] == (
        "argument 0, reverse mode, order 1, index (): at the border of the domain of the function: judged from inside"
    )
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(guarded, 0.0, gradient=lambda x: 3.1 + 2 * x)
    assert re.sub(r"-?\d+\.\d+", "#", re.sub(r"test_borders\.py:\d+", "HERE", str(caught.value))) == (
        "check_gradients: argument 0, index (), reverse mode, order 1: the derivative is # and the one-sided "
        "difference gives # (HERE)"
    )


def test_a_border_of_a_function_of_tensors_is_judged_from_inside() -> None:
    """As the arc sine ends at 1, so does its product with nought, whose derivative there is nought."""

    @tg.custom_gradient
    def f(x: Any) -> Any:
        return 2 * x + 0 * tg.asin(x), lambda g: 2 * g

    report = check_gradients(f, 1.0, order=1, modes="reverse")
    [note] = report.notes
    assert re.sub(r"test_borders\.py:\d+", "HERE", note) == (
        "argument 0, reverse mode, order 1, index (): at the border of the domain of asin (HERE): judged from inside"
    )


# ---- no derivative


def test_a_norm_at_nought() -> None:
    """The gradient there is NaN, as every rule demands: none of them is accused."""
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: tg.sqrt(tg.sum(x * x)), np.zeros(3))
    text = re.sub(r"test_borders\.py:\d+", "HERE", str(caught.value))
    assert re.sub(r"-?\d+\.\d+", "#", text) == (
        "check_gradients: argument 0, index (0,), reverse mode, order 1: the derivative of the result times a random "
        "cotangent is nan; there is a kink or a jump: # and # from its two sides; divide in the derivative of sqrt "
        "(HERE) is not finite there: choose a point at which the derivative exists, or say what it is there, with "
        "where or custom_gradient (HERE)"
    )
    assert caught.value.op is None


def test_a_derivative_that_exists_and_is_lost_in_an_infinite_one() -> None:
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: tg.sqrt(x**4), 0.0)
    text = re.sub(r"test_borders\.py:\d+", "HERE", str(caught.value))
    assert re.sub(r"-?\d+\.\d+(e[-+]\d+)?", "#", text) == (
        "check_gradients: argument 0, index (), reverse mode, order 1: the derivative of the result times a random "
        "cotangent is nan; there is a kink or a jump: # and # from its two sides; divide in the derivative of sqrt "
        "(HERE) is not finite there: choose a point at which the derivative exists, or say what it is there, with "
        "where or custom_gradient (HERE)"
    )


def test_a_wrong_rule_is_still_accused_where_another_is_infinite() -> None:
    @tg.custom_gradient
    def twice(x: Any) -> Any:
        return 2 * x, lambda g: 3 * g

    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: tg.sqrt(tg.sum(twice(x) ** 2)), np.zeros(3))
    assert caught.value.op == "twice"


# ---- where points are moved to


def inside(points: Any) -> bool:
    return all(bool(np.all((p >= 0) & (p <= 1))) for p in points)


def test_each_number_is_moved_to_its_own_side() -> None:
    given = [np.array([0.0, 1.0, 0.5, 1.0, 0.0]), np.array(1.0)]
    moved = nearby(given, 0, inside)
    assert moved is not None
    assert inside(moved)
    assert all(bool(np.all(p != q)) for p, q in zip(given, moved, strict=True))
    assert nearby(given, 0, inside)[0].tolist() == moved[0].tolist()  # type: ignore[index]


def test_a_number_that_cannot_be_moved_stays() -> None:
    moved = nearby([np.array([0.3, 0.5])], 0, lambda points: points[0][0] == 0.3)
    assert moved is not None
    assert moved[0][0] == 0.3
    assert moved[0][1] != 0.5
    assert nearby([np.array([0.3, 0.5])], 0, lambda points: False) is None


def test_a_function_that_is_defined_at_the_point_only() -> None:
    def dot(x: Any) -> Any:
        return np.where(x == 0.3, x, np.nan)

    with pytest.raises(GradientError) as caught:
        check_gradients(dot, 0.3, gradient=lambda x: 1.0)
    assert re.sub(r"test_borders\.py:\d+", "HERE", str(caught.value)) == (
        "check_gradients: argument 0, index (): no numeric derivative settles, nor at points near: check it somewhere "
        "else, or scale its arguments so that they are of the order of 1 (HERE)"
    )
