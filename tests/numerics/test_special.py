"""Special functions against mpmath, in units of the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.special import digamma, erf, erfc, erfinv, lgamma, ndtri, polygamma

Function = Callable[[np.ndarray], np.ndarray]
INF, NAN = np.inf, np.nan


def true_ndtri(p: Any) -> Any:
    """Invert the distribution function by Newton's method on its logarithm, from a double start."""
    if p > 0.5:
        return -true_ndtri(1 - p)
    x = mpmath.mpf(float(ndtri(np.array(float(p)))))
    for _ in range(4):
        below = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        x -= mpmath.log(below / p) * below / mpmath.npdf(x)
    return x


def true_lgamma(x: Any) -> Any:
    return mpmath.log(abs(mpmath.gamma(x)))


def true_erfinv(x: Any) -> Any:
    return mpmath.erfinv(x) if abs(x) < 0.9 else mpmath.sign(x) * true_ndtri((1 + abs(x)) / 2) / mpmath.sqrt(2)


def ulps(function: Function, truth: Callable[[Any], Any], x: np.ndarray) -> float:
    """Find the largest error over ``x``."""
    with mpmath.workdps(40):
        true = [truth(mpmath.mpf(float(v))) for v in x]
        units = np.spacing(np.abs(np.array([float(t) for t in true]).astype(x.dtype)))
        actual = function(x)
        assert actual.dtype == x.dtype
        return max(
            float(abs((mpmath.mpf(float(a)) - t) / mpmath.mpf(float(u))))
            for a, t, u in zip(actual, true, units, strict=True)
        )


CASES: list[tuple[Function, Callable[[Any], Any], float, float, float]] = [
    (erf, mpmath.erf, -0.5, 0.5, 4),
    (erf, mpmath.erf, 1e-300, 1e-3, 4),
    (erf, mpmath.erf, 0.4, 6, 4),
    (erfc, mpmath.erfc, -6, 0.5, 4),
    (erfc, mpmath.erfc, 0.4, 4.1, 6),
    (erfc, mpmath.erfc, 3.9, 26, 6),
    (ndtri, true_ndtri, 1e-300, 1e-3, 6),
    (ndtri, true_ndtri, 0.001, 0.999, 6),
    (erfinv, true_erfinv, 1e-300, 1e-3, 6),
    (erfinv, true_erfinv, -0.999, 0.999, 6),
    (lgamma, true_lgamma, 1e-300, 1e-3, 3),
    (lgamma, true_lgamma, 0.001, 1.8, 6),
    (lgamma, true_lgamma, 0.999, 1.001, 6),
    (lgamma, true_lgamma, 1.6, 3.1, 6),
    (lgamma, true_lgamma, 1.999, 2.001, 6),
    (lgamma, true_lgamma, 2.9, 8.1, 5),
    (lgamma, true_lgamma, 7.9, 40, 4),
    (lgamma, true_lgamma, 40, 1e17, 3),
    (lgamma, true_lgamma, -0.99, -0.01, 6),
    (digamma, mpmath.digamma, 1e-300, 1e-3, 3),
    (digamma, mpmath.digamma, 0.001, 1.6, 8),
    (digamma, mpmath.digamma, 1.46, 1.463, 6),
    (digamma, mpmath.digamma, 1.5, 3.1, 8),
    (digamma, mpmath.digamma, 2.9, 10.1, 6),
    (digamma, mpmath.digamma, 9.9, 100, 4),
    (digamma, mpmath.digamma, 100, 1e17, 3),
    (digamma, mpmath.digamma, -0.45, -0.01, 8),
]


@pytest.mark.parametrize(("function", "truth", "low", "high", "bound"), CASES)
def test_error_in_the_last_place(
    function: Function, truth: Callable[[Any], Any], low: float, high: float, bound: float
) -> None:
    rng = np.random.default_rng(0)
    wide = low > 0 and high / low > 1e3
    x = np.exp(rng.uniform(np.log(low), np.log(high), 400)) if wide else rng.uniform(low, high, 400)
    assert ulps(function, truth, x) <= bound
    if low > 1e-30:
        x = x[(x > np.float32(low)) & (x < np.float32(high))]
        assert ulps(function, truth, x.astype(np.float32)) <= (6 if function is erf else 1)
    if low > -1000 and high < 1000:
        x = x[np.abs(x) > 1e-4]
        half = x[np.abs(np.abs(x) - 1) > 2e-3].astype(np.float16)
        assert not half.size or ulps(function, truth, half) <= 1


@pytest.mark.parametrize(("function", "truth"), [(lgamma, true_lgamma), (digamma, mpmath.digamma)])
def test_below_zero_the_error_is_absolute(function: Function, truth: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(0).uniform(-30, -0.001, 1000)
    with mpmath.workdps(40):
        expected = np.array([float(truth(mpmath.mpf(v))) for v in x.tolist()])
    np.testing.assert_allclose(function(x), expected, rtol=1e-14, atol=1e-13)


@given(st.floats(-0.999999, 0.999999))
def test_inverses(y: float) -> None:
    x = np.array([y])
    np.testing.assert_allclose(erf(erfinv(x)), x, rtol=1e-14, atol=1e-320)
    np.testing.assert_allclose(ndtri(erfc(-x / np.sqrt(2)) / 2), x, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("function", "points"),
    [
        (erf, [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (1e300, 1.0), (5e-324, 5e-324)]),
        (erfc, [(0.0, 1.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN), (30.0, 0.0), (1e300, 0.0), (-1e300, 2.0)]),
        (ndtri, [(0.0, -INF), (1.0, INF), (0.5, 0.0), (-0.1, NAN), (1.1, NAN), (NAN, NAN)]),
        (erfinv, [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.1, NAN), (-1.1, NAN), (NAN, NAN)]),
        (lgamma, [(0.0, INF), (-0.0, INF), (-1.0, INF), (1.0, 0.0), (2.0, 0.0), (INF, INF), (-INF, INF), (NAN, NAN)]),
        (lgamma, [(-50.0, INF), (1e306, INF)]),
        (digamma, [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-50.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)]),
    ],
)
def test_special_points(function: Function, points: list[tuple[float, float]]) -> None:
    for dtype in (np.float64, np.float32, np.float16):
        double = dtype is np.float64
        fits = [(x, y) for x, y in points if double or not np.isfinite(x) or x == 0 or 1e-4 < abs(x) < 100]
        x, expected = np.array(fits, dtype).T
        actual = function(x)
        np.testing.assert_array_equal(actual, expected, strict=True)
        zero = expected == 0
        if function is not lgamma:
            np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


def test_smallest_numbers() -> None:
    tiny = np.array([5e-324, 1e-310])
    np.testing.assert_allclose(lgamma(tiny), -np.log(tiny))
    np.testing.assert_allclose(lgamma(-tiny), -np.log(tiny))
    assert np.isfinite(ndtri(tiny)).all()


@pytest.mark.parametrize("function", [erf, erfc, erfinv, ndtri, lgamma, digamma])
def test_any_shape_strides_and_integers(function: Function) -> None:
    values = np.linspace(0.01, 0.99, 24)
    for x in (values.reshape(2, 3, 4).T, values[::3], values[:0].reshape(0, 3), values[3]):
        array = np.asarray(x)
        array.flags.writeable = False
        actual = function(array)
        assert isinstance(actual, np.ndarray)
        assert actual.shape == array.shape
        each = np.array([function(np.array([v]))[0] for v in array.ravel()]).reshape(array.shape)
        np.testing.assert_allclose(actual, each, rtol=1e-14)
    assert function(np.array([0, 1])).dtype == np.float64


@pytest.mark.peers
def test_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-6, 6, 1001)
    for function in (erf, erfc, lgamma, digamma):
        expected = getattr(torch, function.__name__)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(function(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 6, 11])
def test_polygamma(order: int) -> None:
    rng = np.random.default_rng(order)
    for x in (np.exp(rng.uniform(np.log(1e-20), np.log(1e15), 300)), rng.uniform(0.1, 20, 300)):
        assert ulps(lambda v: polygamma(order, v), lambda v: mpmath.psi(order, v), x) <= 12
    x = rng.uniform(-20, -0.001, 300)
    with mpmath.workdps(40):
        expected = np.array([float(mpmath.psi(order, mpmath.mpf(v))) for v in x.tolist()])
    np.testing.assert_allclose(polygamma(order, x), expected if order == 1 else np.full(300, NAN), rtol=1e-13)
    sign = 1 if order % 2 else -1
    special = polygamma(order, np.array([0.0, INF, NAN], np.float32))
    np.testing.assert_array_equal(special, np.array([sign * INF, 0, NAN], np.float32), strict=True)


def test_polygamma_differentiates_digamma() -> None:
    x, h = np.linspace(0.5, 9, 50), 1e-5
    np.testing.assert_allclose((digamma(x + h) - digamma(x - h)) / (2 * h), polygamma(1, x), rtol=1e-8)
