"""Values and derivatives to second order where a formula alone would say NaN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import assert_close
from tests.autodiff import peers
from tests.autodiff.hard_points import HARD_POINTS, HardPoint, Numbers

DOCUMENT = Path(__file__).parents[2] / "docs" / "hard_points.md"


@pytest.mark.parametrize(
    "point",
    HARD_POINTS,
    ids=lambda p: f"{p.function} at {p.x}",
)
def test_value_gradient_and_second_derivative(point: HardPoint) -> None:
    x = tg.asarray(np.asarray(point.x, float))

    def total(x: tg.Tensor) -> tg.Tensor:
        return tg.sum(point.f(x))

    assert_close(point.f(x), np.asarray(point.value, float))
    assert_close(tg.grad(total)(x), np.asarray(point.gradient, float))
    assert_close(tg.grad(lambda x: tg.sum(tg.grad(total)(x)))(x), np.asarray(point.second, float))


@pytest.mark.parametrize("point", HARD_POINTS, ids=lambda p: f"{p.function} at {p.x}")
def test_forward_mode_agrees(point: HardPoint) -> None:
    x = np.asarray(point.x, float)
    value, tangent = tg.jvp(lambda x: tg.sum(point.f(x)), (x,), (np.ones_like(x),))
    with np.errstate(all="ignore"):
        assert_close(value, np.sum(np.asarray(point.value, float)))
        assert_close(tangent, np.sum(np.asarray(point.gradient, float)), ulp=16)


def row(point: HardPoint) -> str:
    cells = [f"`{point.function}`", *map(numbers, point[2:6]), point.others]
    return f"| {' | '.join(cells)} |"


def numbers(values: Numbers) -> str:
    if not isinstance(values, (int, float)):
        return ", ".join(map(numbers, values))
    known = {-(np.pi**2) / 3: "-pi²/3", np.log(2): "log 2", 1 / 3: "1/3", -1 / 32: "-1/32"}
    return known.get(values, f"{values:g}") if np.isfinite(values) else str(values)


def test_the_document_says_the_same() -> None:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [row(point) for point in HARD_POINTS]


@pytest.mark.parametrize("shape", [(), (3,)])
def test_zero_to_an_integer_power_differentiates_the_exponent(shape: tuple[int, ...]) -> None:
    base = tg.zeros(shape)
    assert np.all(tg.grad(lambda y: tg.sum(base**y))(np.full(shape, 2.0)).numpy() == 0)
    assert np.all(tg.grad(lambda y: tg.sum(base**y))(np.full(shape, -1.0)).numpy() == -np.inf)


def test_integer_arrays_as_exponents() -> None:
    x, k = tg.asarray([0.0, 0.0, 0.0, 2.0]), np.array([0, 1, 2, 3])
    assert tg.grad(lambda x: tg.sum(x**k))(x).numpy().tolist() == [0.0, 1.0, 0.0, 12.0]


def test_ties_between_several_axes_share_equally() -> None:
    x = tg.asarray([[1.0, 1.0], [1.0, 0.0]])
    third = 1 / 3
    assert tg.grad(tg.max)(x).numpy().tolist() == [[third, third], [third, 0.0]]
    by_row = tg.grad(lambda x: tg.sum(tg.max(x, axis=1)))(x)
    assert by_row.numpy().tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_clip_of_crossed_bounds_is_its_upper_bound() -> None:
    f = tg.grad(tg.clip, (0, 1, 2))
    assert [float(d) for d in f(0.5, 2.0, 1.0)] == [0.0, 0.0, 1.0]
    assert [float(d) for d in f(-5.0, 0.0, 1.0)] == [0.0, 1.0, 0.0]


def same(found: list[np.ndarray], point: HardPoint) -> str:
    """How far a peer agrees."""
    agree = [
        np.allclose(a, np.asarray(b, float), rtol=1e-6, atol=1e-15, equal_nan=True)
        for a, b in zip(found, point[4:6], strict=True)
    ]
    return "" if not agree[0] else " the gradient" if not agree[1] else " both"


def claim(point: HardPoint, name: str) -> str:
    said = {part.partition(" ")[0]: part.partition(" ")[2] for part in point.others.split(", ")}
    return "" if name not in said else f" {said[name] or 'both'}"


@pytest.mark.peers
@pytest.mark.parametrize("point", HARD_POINTS, ids=lambda p: f"{p.function} at {p.x}")
def test_who_else_does_so(point: HardPoint, peer: tuple[str, Any]) -> None:
    name, derivatives = peer
    assert same(derivatives(point), point) == claim(point, name)


@pytest.fixture(params=["PyTorch", "JAX"])
def peer(request: pytest.FixtureRequest) -> tuple[str, Any]:
    if request.param == "PyTorch":
        torch = pytest.importorskip("torch")
        functions = peers.torch_functions(torch)
        return request.param, lambda p: peers.torch_derivatives(torch, functions[p.function], p.x)
    jax = pytest.importorskip("jax")
    functions = peers.jax_functions(jax)
    return request.param, lambda p: peers.jax_derivatives(jax, functions[p.function], p.x)


UNTAKEN = {
    "log": tg.log, "sqrt": tg.sqrt, "reciprocal": tg.reciprocal, "pow": lambda x: x**-0.5,
    "asin": lambda x: tg.asin(x + 1),
    "acosh": lambda x: tg.acosh(x + 1), "cbrt": tg.cbrt, "log2": tg.log2, "division": lambda x: x / x,
    "chain": lambda x: tg.exp(tg.sqrt(tg.log(x)) * 2) / x,
    "norm": lambda x: tg.vector_norm(tg.stack([tg.log(x), x]), axis=0),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTAKEN)
@pytest.mark.parametrize(
    "layout", ["plain", "reshape", "broadcast", "transpose", "slice", "concat", "pad", "cast", "gather"]
)
def test_a_branch_not_taken_leaks_nothing(name: str, layout: str) -> None:
    moves = {
        "plain": lambda y: y,
        "reshape": lambda y: tg.reshape(tg.reshape(y, (3, 1)), (3,)),
        "broadcast": lambda y: tg.broadcast_to(y, (2, 3)),
        "transpose": lambda y: tg.expand_dims(y, 1).T,
        "slice": lambda y: y[::-1][::-1],
        "concat": lambda y: tg.concat([y, y]).reshape((2, 3)),
        "pad": lambda y: tg.pad(y, 1)[1:-1],
        "cast": lambda y: tg.astype(tg.astype(y, "float32"), "float64"),
        "gather": lambda y: y[np.array([0, 1, 2])],
    }

    def f(x: tg.Tensor) -> tg.Tensor:
        return tg.sum(tg.where(x > 0, moves[layout](UNTAKEN[name](x)), 0))

    x = tg.asarray([0.0, 0.5, 2.0])
    first = tg.grad(f)(x).numpy()
    second = tg.grad(lambda x: tg.sum(tg.grad(f)(x)))(x).numpy()
    assert first[0] == second[0] == 0
    assert not np.isinf(first[1:]).any() or name in {"asin"}


def test_a_sum_with_another_use_keeps_its_nan() -> None:
    x = tg.asarray([0.0, 1.0])

    def f(x: tg.Tensor) -> tg.Tensor:
        y = tg.log(x)
        return tg.sum(tg.where(x > 0, y, 0)) + tg.sum(y)

    assert tg.grad(f)(x).numpy().tolist() == [np.inf, 2.0]
