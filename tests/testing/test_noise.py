"""Values whose rounding is more than their dtype tells, and kinks that nothing but values can tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorgraph.errors import GradientError
from tensorgraph.testing import GradientMismatch, check_gradients
from tensorgraph.testing.noise import noise_of
from tensorgraph.testing.numeric import Line, central_difference, slope_of

RNG = np.random.default_rng(0)
W = RNG.normal(size=5)
Function = Callable[[Any], Any]


def opaque(f: Function) -> Function:
    """Of the real part only: no complex step."""
    return lambda x: np.sum(W[: x.size] * f(np.real(x)))


def derivative(df: Function, factor: float = 1.0) -> Function:
    return lambda x: W[: x.size] * df(x) * factor


# ---- noise

NOISY: dict[str, tuple[Function, Function]] = {
    "single precision inside": (lambda x: np.sin(x.astype("float32")).astype("float64"), np.cos),
    "single precision, curved": (lambda x: (x.astype("float32") ** 2).astype("float64"), lambda x: 2 * x),
    "cancellation": (lambda x: (x + 1e8) - 1e8, np.ones_like),
}


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_no_error_of_the_derivative(name: str) -> None:
    f, df = NOISY[name]
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=3)
        check_gradients(opaque(f), x, gradient=derivative(df))
        with pytest.raises(GradientMismatch):
            check_gradients(opaque(f), x, gradient=derivative(df, 1 + 1e-3))


def test_what_noise_hides_is_said() -> None:
    x = np.array([-235.77236201])
    report = check_gradients(opaque(NOISY["single precision inside"][0]), x, gradient=derivative(np.cos))
    pattern = (
        r"argument 0, reverse mode, order 1: the values are too coarse to show errors below \de-04 of the largest "
    )
    assert any(re.fullmatch(f"{pattern}derivative", note) for note in report.notes)


def test_noise_is_measured() -> None:
    rng = np.random.default_rng(0)
    rough = Line(lambda t: (np.sin(t) + 1e-9 * rng.normal(), None), np.asarray(0.0))
    assert 3e-10 < noise_of(rough) < 5e-9
    wave = Line(lambda t: (np.sin(1e5 * t + 1), None), np.asarray(0.0))
    assert noise_of(wave) < 1e-9
    kink = Line(lambda t: (np.asarray(abs(t)), None), np.asarray(0.0))
    assert noise_of(kink) < 1e-12


def test_steps_that_all_skip_whole_periods_bound_nothing() -> None:
    """Halved steps may all do so; one that is no such multiple contradicts them."""
    step = 2.0**-7
    wave = 2 * np.pi / (step / 16) * (1 + 1e-5)
    found = central_difference(lambda t: np.asarray(np.sin(wave * t)), step, np.asarray(1e-16))
    assert found.error > 10


# ---- kinks near the point


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("factor", [-1.0, 1 + 1e-4, 0.0])
def test_near_a_kink_a_wrong_derivative_is_found(distance: float, factor: float) -> None:
    x = np.array([1.0, distance, -distance])
    check_gradients(opaque(np.abs), x, gradient=derivative(np.sign))
    off = np.array([1.0, factor, 1.0])
    with pytest.raises(GradientMismatch, match=r"index \(1,\)"):
        check_gradients(opaque(np.abs), x, gradient=lambda x: W[:3] * np.sign(x) * off)


@pytest.mark.parametrize("at", [-1e-4, 0.0, 0.4, 1.0, 1 + 1e-4])
def test_at_a_kink_a_derivative_must_lie_between_its_sides(at: float) -> None:
    f, df = opaque(lambda x: np.maximum(x, 0)), derivative(lambda x: np.heaviside(x, at))
    if 0 <= at <= 1:
        check_gradients(f, np.array([0.0, 1.0]), gradient=df)
    else:
        with pytest.raises(GradientMismatch, match="there is a kink or a jump"):
            check_gradients(f, np.array([0.0, 1.0]), gradient=df)


@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-5, 1e-3, 1e-2, 0.1])
def test_kinks_and_noise(distance: float) -> None:
    x = np.array([1.0, distance, -distance])
    f = opaque(lambda x: np.maximum(x.astype("float32"), 0).astype("float64"))
    check_gradients(f, x, gradient=derivative(lambda x: (x > 0) * 1.0))


@pytest.mark.parametrize("at", [0.50000038, -0.50000485, 0.5001])
def test_no_step_of_a_difference_crosses_the_kink(at: float) -> None:
    line = Line(lambda t: (np.clip(at + t / 2, -0.5, 0.5), None), np.asarray(1e-16))
    found = slope_of(line)
    assert float(found.low) - 1e-6 <= 0 <= float(found.high) + 1e-6
    check_gradients(opaque(lambda x: np.clip(x, -0.5, 0.5)), np.array([at]), gradient=derivative(np.zeros_like))


@pytest.mark.parametrize("size", [1e-3, 1e-6, 5e-9, 5e-12])
def test_numbers_that_are_tiny_beside_the_steps(size: float) -> None:
    """The derivative of |x|**1.5 changes at their own scale."""
    x = np.array([1.0, size, -size])
    f, df = opaque(lambda x: np.abs(x) ** 1.5), derivative(lambda x: 1.5 * np.sign(x) * np.sqrt(np.abs(x)))
    check_gradients(f, x, gradient=df)


def network(*weights: Any) -> Any:
    """Two layers and a batch: kinks at all distances."""
    x, y = np.random.default_rng(1).normal(size=(2, 16, 4))
    return np.mean((np.maximum(x @ weights[0] + weights[1], 0) @ weights[2] - y) ** 2)


def network_gradient(*weights: Any) -> Any:
    x, y = np.random.default_rng(1).normal(size=(2, 16, 4))
    hidden = np.maximum(x @ weights[0] + weights[1], 0)
    g = (hidden @ weights[2] - y) * (2 / y.size)
    below = g @ weights[2].T * (hidden > 0)
    return x.T @ below, below.sum(0), hidden.T @ g


@pytest.mark.parametrize("seed", range(5))
def test_a_network(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(4, 6)), rng.normal(size=6) * 0.1, rng.normal(size=(6, 4))]
    check_gradients(network, *weights, gradient=network_gradient)
    for wrong in range(3):

        def off(*given: Any, wrong: int = wrong) -> Any:
            return [g * (1 + 1e-4 * (k == wrong)) for k, g in enumerate(network_gradient(*given))]

        with pytest.raises(GradientMismatch, match=f"argument {wrong}"):
            check_gradients(network, *weights, gradient=off)


@pytest.mark.parametrize("seed", range(5))
def test_a_network_in_single_precision_inside(seed: int) -> None:
    """Its results are of double precision, and tell that they were not computed so."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(4, 6)), rng.normal(size=6) * 0.1, rng.normal(size=(6, 4))]

    def single(*given: Any) -> Any:
        x, y = np.random.default_rng(1).normal(size=(2, 16, 4)).astype(np.float32)
        w, b, v = (np.asarray(a, np.float32) for a in given)
        return np.float64(np.mean((np.maximum(x @ w + b, 0) @ v - y) ** 2))

    check_gradients(single, *weights, gradient=network_gradient)
    for wrong in range(3):

        def off(*given: Any, wrong: int = wrong) -> Any:
            return [g * (1 + 1e-2 * (k == wrong)) for k, g in enumerate(network_gradient(*given))]

        with pytest.raises(GradientMismatch, match=f"argument {wrong}"):
            check_gradients(single, *weights, gradient=off)


# ---- what is given


def message(call: Callable[[], Any], kind: type[Exception] = GradientError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return re.sub(r"test_noise\.py:\d+", "HERE", str(caught.value))


X = np.array([0.3, -1.2])


def test_nothing_is_left_to_check() -> None:
    text = message(lambda: check_gradients(np.sum, X, gradient=np.ones_like, modes="forward"))
    assert text == (
        "check_gradients: forward mode was not checked: there is no forward derivative: nothing is left to check: let "
        "modes contain 'reverse' (HERE)"
    )


def test_two_derivatives() -> None:
    text = message(lambda: check_gradients(np.sum, X, gradient=np.ones_like, vjp=lambda g, x: g * np.ones_like(x)))
    assert text == "check_gradients: gradient= and vjp= are two ways to give one derivative: give one of them (HERE)"


def test_a_complex_gradient_of_a_real_argument() -> None:
    text = message(lambda: check_gradients(np.sum, X, gradient=lambda x: np.ones_like(x) * (1 + 1j)), GradientMismatch)
    assert text == "check_gradients: argument 0: the derivative is complex128[2] for float64[2] (HERE)"


@pytest.mark.parametrize(("name", "value"), [("rtol", -1.0), ("atol", float("nan")), ("rtol", float("inf"))])
def test_a_tolerance_that_is_none(name: str, value: float) -> None:
    text = message(lambda: check_gradients(np.sum, X, gradient=np.ones_like, **{name: value}))
    assert text == f"check_gradients: {name} is {value}: a number from 0 up is to be (HERE)"


# ---- other libraries


@pytest.mark.peers
def test_jax_in_single_precision_inside() -> None:
    """Its second derivatives are double by type, and no finer than what they are computed from."""
    jax = pytest.importorskip("jax")
    check_gradients(lambda x: jax.numpy.sum(jax.numpy.sin(x.astype("float32"))), X, library="jax")
