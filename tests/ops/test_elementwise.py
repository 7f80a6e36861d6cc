"""Elementwise primitives against NumPy, and against 50 digits where they have a definition of their own."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph.array.functions as tg
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.errors import DTypeError
from tensorgraph.ir.types import DTYPES
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.registry import all_ops
from tensorgraph.ops.transcendental import Sinc
from tests.array.lines import above

UFUNCS: list[Any] = [
    cls for cls in all_ops() if issubclass(cls, Elementwise) and isinstance(cls.ufunc, np.ufunc)
]  # np.clip is a function, and has a test of its own
mpmath: Any = importlib.import_module("mpmath")  # it has no type information
mpmath.mp.dps = 50


@pytest.mark.parametrize("cls", UFUNCS, ids=lambda cls: str(cls.name))
def test_every_dtype_gives_what_the_ufunc_gives(cls: type[Elementwise]) -> None:
    assert cls.ufunc is not None
    values = (np.array([[1, 0, 2], [3, 1, 2]]), np.array([1, 2, 1]))
    tried = 0
    for dtypes in itertools.product(DTYPES, repeat=cls.ufunc.nin):
        arrays = [v.astype(d) for v, d in zip(values, dtypes, strict=False)]
        with np.errstate(all="ignore"):
            try:
                expected = np.asarray(cls.ufunc(*arrays))
            except TypeError:
                expected = np.zeros(0, object)
        if expected.dtype.name not in DTYPES:
            with pytest.raises(DTypeError):
                apply(cls(), *map(asarray, arrays))
            continue
        found = apply(cls(), *map(asarray, arrays))
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found.numpy(), expected)
        tried += 1
    assert tried


@given(
    st.sampled_from(UFUNCS),
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0),
    st.sampled_from(["bool", "int16", "uint8", "float16", "float32", "complex64"]),
    st.data(),
)
def test_hostile_values_and_shapes(cls: Any, shapes: hnp.BroadcastableShapes, dtype: str, data: st.DataObject) -> None:
    arrays = [data.draw(hnp.arrays(dtype, shape)) for shape in shapes.input_shapes[: cls.ufunc.nin]]
    with np.errstate(all="ignore"):
        try:
            expected = np.asarray(cls.ufunc(*arrays))
        except (TypeError, ValueError):
            return
    if expected.dtype.name in DTYPES:
        found = apply(cls(), *map(asarray, arrays)).numpy()
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)


def test_a_dtype_that_is_refused_says_why() -> None:
    with pytest.raises(DTypeError) as caught:
        tg.floor(asarray([1j]))
    assert str(caught.value) == f"floor: complex128[1] are not supported: np.floor takes no complex128 ({above()})"
    with pytest.raises(DTypeError) as caught:
        tg.bitwise_and(asarray([1.5]), 1)
    assert str(caught.value) == (
        "bitwise_and: float64[1] and float64[] are not supported: "
        f"np.bitwise_and takes no float64 and float64 ({above(3)})"
    )
    with pytest.raises(DTypeError) as caught:
        tg.where(asarray([1]), 1.0, 2.0)
    assert str(caught.value) == (
        "where: int64[1] and float64[] and float64[] need a bool condition, not int64: "
        f"compare with 0 first ({above(3)})"
    )


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=4)),
    st.sampled_from(["int8", "float16", "float64", "complex64", "bool"]),
)
def test_casts_are_those_of_numpy(x: Any, dtype: str) -> None:
    with np.errstate(all="ignore"):
        expected = x.astype(dtype)
    np.testing.assert_array_equal(tg.astype(x, dtype).numpy(), expected)


@given(
    hnp.arrays(np.float64, 5, elements=st.floats(-9, 9)),
    st.none() | st.floats(-5, 5),
    st.none() | st.floats(-5, 5),
)
def test_clip_where_and_round(x: Any, low: float | None, high: float | None) -> None:
    np.testing.assert_array_equal(tg.clip(x, low, high).numpy(), x if low is high is None else np.clip(x, low, high))
    np.testing.assert_array_equal(tg.where(x > 0, x, 0).numpy(), np.where(x > 0, x, 0))
    np.testing.assert_allclose(tg.round(x, 2).numpy(), np.round(x, 2), atol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool", "float32"])
def test_clip_of_one_side(dtype: str) -> None:
    x = np.array([0, 1, 3]).astype(dtype)
    bound = asarray(np.array(1).astype(dtype))
    np.testing.assert_array_equal(tg.clip(x, max=bound).numpy(), np.minimum(x, bound.numpy()))
    np.testing.assert_array_equal(tg.clip(x, min=bound).numpy(), np.maximum(x, bound.numpy()))


# ---- functions of our own, against 50 digits

EXTREME = [0.0, 1e-300, 1e-20, 1e-8, 0.3, 1.0, 5.0, 17.5, 36.0, 37.0, 100.0, 700.0, 745.0, 800.0, 1e5, 1e300]


def ulps(found: float, exact: Any, dtype: Any = np.float64) -> float:
    """Distance in units of the last place of the exact value."""
    nearest = dtype(exact)
    if np.isinf(nearest) or nearest == 0 or abs(nearest) < np.finfo(dtype).tiny:
        return (
            0.0
            if abs(float(found) - float(nearest)) <= 2 * np.finfo(dtype).smallest_subnormal or found == nearest
            else np.inf
        )
    return float(abs(mpmath.mpf(float(found)) - exact) / mpmath.mpf(float(np.spacing(abs(nearest)))))


@pytest.mark.parametrize("x", EXTREME + [-x for x in EXTREME])
def test_sigmoid_and_softplus_keep_their_digits(x: float) -> None:
    e = mpmath.exp(-mpmath.mpf(x)) if x > -1e5 else mpmath.inf
    sigmoid = 1 / (1 + e) if e != mpmath.inf else mpmath.mpf(0)
    softplus = (
        mpmath.mpf(max(x, 0)) + mpmath.log1p(mpmath.exp(-mpmath.mpf(abs(x)))) if abs(x) < 1e5 else mpmath.mpf(max(x, 0))
    )
    assert ulps(tg.sigmoid(x).item(), sigmoid) <= 3
    assert ulps(tg.softplus(x).item(), softplus) <= 3


@pytest.mark.parametrize(
    ("act", "limits"), [(tg.sigmoid, (0.0, 1.0)), (tg.softplus, (0.0, np.inf)), (tg.relu, (0.0, np.inf))]
)
def test_infinities_and_nan(act: Callable[[Any], Tensor], limits: tuple[float, float]) -> None:
    assert act([-np.inf, np.inf]).tolist() == list(limits)
    assert np.isnan(act(np.nan).item())


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint64"])
def test_integers_are_converted_first(dtype: str) -> None:
    x = np.array([0, 1, 100]).astype(dtype)
    for act, low in ((tg.sigmoid, 0.5), (tg.softplus, np.log(2))):
        found = act(x)
        with np.errstate(over="ignore"):
            assert found.dtype == np.exp(x).dtype
        np.testing.assert_allclose(found.numpy(), act(x.astype(np.float64)).numpy(), rtol=2e-3)
        assert abs(found.numpy()[0] - low) < 1e-3


def sinc_derivative(x: float, order: int) -> Any:
    """By the integral of cos(pi t x) over t from 0 to 1."""

    def integrand(t: Any) -> Any:
        return t**order * mpmath.cos(mpmath.pi * t * x + order * mpmath.pi / 2)

    return mpmath.quad(integrand, mpmath.linspace(0, 1, 4 if abs(x) < 5 else 40)) * mpmath.pi**order


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_sinc(order: int) -> None:
    points = [0.0, 1e-9, -0.1, 0.4999, 0.75, 1.0, -1.0, 1.6, 1.99, 2.5, -7.3, 30.2]
    found = apply(Sinc(order), asarray(points)).numpy()
    for x, y in zip(points, found, strict=True):
        exact = sinc_derivative(x, order)
        assert abs(float(mpmath.mpf(float(y)) - exact)) <= 2e-13 * np.pi**order, (x, y, exact)


@pytest.mark.parametrize(
    "row",
    [[0.0], [1000.0, 1000.0], [-1000.0, -1001.0, 3.0], [1e-9, -1e-9], [700.0, -700.0], [-800.0, -800.5], [1e300, 1.0]],
)
def test_logsumexp_and_softmax_keep_their_digits(row: list[float]) -> None:
    exact = [mpmath.mpf(v) for v in row]
    top = max(exact)
    total = sum(mpmath.exp(v - top) if v - top > -1e6 else mpmath.mpf(0) for v in exact)
    assert ulps(tg.logsumexp(row).item(), top + mpmath.log(total)) <= 3
    for i, v in enumerate(exact):
        share = mpmath.exp(v - top) / total if v - top > -1e6 else mpmath.mpf(0)
        assert ulps(tg.softmax(row).numpy()[i], share) <= 4
        assert ulps(tg.log_softmax(row).numpy()[i], v - top - mpmath.log(total)) <= 3


def test_logsumexp_of_infinities() -> None:
    inf = np.inf
    assert tg.logsumexp([[-inf, -inf], [inf, 0.0], [-inf, 1.0], [inf, -inf]], axis=1).tolist() == [-inf, inf, 1.0, inf]
    assert np.isnan(tg.logsumexp([np.nan, 1.0]).item())
