"""Functions of the library against NumPy and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph as tg
from tensorgraph.interpret import evaluate
from tensorgraph.testing import check_gradients

DTYPES = st.sampled_from(["int8", "uint8", "int64", "float32", "float64"])
FEW = st.integers(0, 3)


@st.composite
def arrays(draw: st.DrawFn, least: int = 1, most: int = 3) -> np.ndarray:
    """Arrays with many equal elements."""
    shape = draw(hnp.array_shapes(min_dims=least, max_dims=most, min_side=0, max_side=4))
    return draw(hnp.arrays(draw(DTYPES), shape, elements=FEW))


def same(actual: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)


# ---- cumulative


@given(arrays(), st.data())
def test_cumulative(x: np.ndarray, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(tg.cumulative_sum(x, axis=axis), np.cumsum(x, axis))
    same(tg.cumulative_prod(x, axis=axis), np.cumprod(x, axis))
    same(tg.cumulative_sum(x, axis=axis, include_initial=True), np.cumulative_sum(x, axis=axis, include_initial=True))
    same(tg.cumulative_prod(x, axis=axis, include_initial=True), np.cumulative_prod(x, axis=axis, include_initial=True))
    same(tg.cumulative_sum(x, axis=axis, dtype="float32"), np.cumsum(x, axis, dtype="float32"))
    n = data.draw(st.integers(0, 2))
    same(tg.diff(x, axis=axis, n=n), np.diff(x, n, axis))


def test_differences_of_more() -> None:
    same(tg.diff([1.0, 4.0], prepend=[0.0], append=[9.0, 9.0]), np.diff([1.0, 4.0], prepend=[0.0], append=[9.0, 9.0]))
    same(tg.diff([True, False, False]), [True, False])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("kind", [float, complex])
def test_cumulative_product_with_zeros_to_third_order(size: int, kind: type) -> None:
    x = np.random.default_rng(size).normal(size=(2, size)).astype(kind)
    x[0, ::2] = 0
    x[1, size // 2 :] = 0
    check_gradients(lambda x: tg.cumulative_prod(x, axis=1), x, order=3 if size < 4 and kind is float else 2)


@pytest.mark.parametrize("name", ["cumulative_prod", "cumulative_sum", "sort", "segment_prod", "segment_sum", "roll"])
def test_derivatives_along_a_symbolic_axis(name: str) -> None:
    value = np.array([[2.0, 0.0, 3.0, 0.0, 5.0], [1.0, -1.0, 0.5, 2.0, 4.0]]).T
    ids = np.array([1, 0, 1, 0, 1])

    def f(x: tg.Tensor) -> tg.Tensor:
        if name.startswith("segment"):
            return getattr(tg, name)(x, np_ids, 2)
        return tg.roll(x, 2, axis=0) * x if name == "roll" else getattr(tg, name)(x, axis=0) ** 2

    x, np_ids = tg.placeholder(("n", 2), name="x"), tg.placeholder(("n",), "int64", name="ids")
    first = tg.gradients(tg.sum(f(x) ** 2), x)
    second = tg.gradients(tg.sum(first**2), x)
    results = evaluate([f(x).node, first.node, second.node], {x.node: value, np_ids.node: ids})
    np_ids = tg.asarray(ids)
    gradient = tg.grad(lambda x: tg.sum(f(x) ** 2))
    known = [f(tg.asarray(value)), gradient(value), tg.grad(lambda x: tg.sum(gradient(x) ** 2))(value)]
    for actual, expected in zip(results, known, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-9)


# ---- order


@given(arrays(), st.data())
def test_sorting(x: np.ndarray, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(tg.sort(x, axis=axis), np.sort(x, axis))
    same(tg.argsort(x, axis=axis), np.argsort(x, axis, kind="stable"))
    down = np.asarray(tg.argsort(x, axis=axis, descending=True))
    same(tg.sort(x, axis=axis, descending=True), np.flip(np.sort(x, axis), axis))
    np.testing.assert_array_equal(np.take_along_axis(x, down, axis), np.flip(np.sort(x, axis), axis))
    expected = np.argsort(-x.astype(float), axis, kind="stable")  # equal elements keep their order
    np.testing.assert_array_equal(down, expected)


@given(arrays(), st.data())
def test_top_k(x: np.ndarray, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    k = data.draw(st.integers(0, x.shape[axis]))
    for largest in (True, False):
        values, indices = tg.top_k(x, k, axis=axis, largest=largest)
        order = np.argsort(-x.astype(float) if largest else x, axis, kind="stable")
        expected = np.take(order, np.arange(k), axis)
        same(indices, expected)
        same(values, np.take_along_axis(x, expected, axis))


def test_derivatives_of_order() -> None:
    x = np.array([[3.0, 1.0, 2.0], [0.5, 4.0, -1.0]])
    check_gradients(lambda x: tg.sort(x, axis=1, descending=True) ** 2, x)
    check_gradients(lambda x: tg.top_k(x, 2)[0] ** 2, x)
    check_gradients(lambda x: tg.top_k(x, 1, axis=0, largest=False)[0] ** 2, x)


def test_nan_is_the_largest() -> None:
    x = np.array([2.0, np.nan, 1.0])
    np.testing.assert_array_equal(tg.sort(x), [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(tg.sort(x, descending=True), [np.nan, 2.0, 1.0])


@given(arrays(most=1), arrays(least=0), st.sampled_from(["left", "right"]))
def test_searching(x: np.ndarray, values: np.ndarray, side: str) -> None:
    ordered = np.sort(x)
    same(tg.searchsorted(ordered, values, side=side), np.searchsorted(ordered, values, side))
    sorter = np.argsort(x)
    same(tg.searchsorted(x, values, side=side, sorter=sorter), np.searchsorted(x, values, side, sorter))


# ---- moving and repeating


@given(arrays(least=0), st.data())
def test_rearranging(x: np.ndarray, data: st.DataObject) -> None:
    shift = data.draw(st.integers(-5, 5))
    same(tg.roll(x, shift), np.roll(x, shift))
    times = tuple(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)))
    same(tg.tile(x, times), np.tile(x, times))
    same(tg.repeat(x, 2), np.repeat(x, 2))
    if x.ndim:
        axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
        same(tg.roll(x, shift, axis=axis), np.roll(x, shift, axis))
        same(tg.roll(x, (1, shift), axis=(0, axis)), np.roll(x, (1, shift), (0, axis)))
        counts = data.draw(hnp.arrays("int64", x.shape[axis], elements=FEW))
        same(tg.repeat(x, counts, axis=axis), np.repeat(x, counts, axis))
        same(tg.repeat(x, 3, axis=axis), np.repeat(x, 3, axis))


@given(arrays(least=0), arrays(least=0, most=2))
def test_kronecker(x: np.ndarray, y: np.ndarray) -> None:
    same(tg.kron(x, y), np.kron(x, y))


def test_diagonals() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    same(tg.diagonal(x, 1, 1, 2), np.diagonal(x, 1, 1, 2))
    same(tg.trace(x, -1, 1, 2), np.trace(x, -1, 1, 2))


def test_derivatives_of_rearrangement() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3))
    for f in (
        lambda x: tg.roll(x, 1, axis=1) * x,
        lambda x: tg.tile(x, (2, 2)) ** 2,
        lambda x: tg.repeat(x, [1, 0, 2], axis=1) ** 2,
        lambda x: tg.kron(x, x),
        lambda x: tg.diff(x, axis=0) ** 2,
        lambda x: tg.trace(x @ x.T) * x,
    ):
        check_gradients(f, x)


def test_symbolic_sizes() -> None:
    x = tg.placeholder(("n", 3), name="x")
    value = np.arange(12.0).reshape(4, 3)
    for f, expected in (
        (tg.tile(x, (2, 1)), np.tile(value, (2, 1))),
        (tg.repeat(x, 2, axis=0), np.repeat(value, 2, 0)),
        (tg.roll(x, -1, axis=0), np.roll(value, -1, 0)),
        (tg.diff(x, axis=0), np.diff(value, axis=0)),
        (tg.sort(x, axis=0, descending=True), value[::-1]),
        (tg.top_k(x, 2, axis=0)[1], [[3] * 3, [2] * 3]),
        (tg.kron(x, np.ones(2)), np.kron(value, np.ones(2))),
    ):
        (actual,) = evaluate([f.node], {x.node: value})
        np.testing.assert_array_equal(actual, expected)


# ---- segments


@given(st.integers(0, 6), st.integers(0, 4), st.booleans(), st.data())
def test_segments(rows: int, count: int, wide: bool, data: st.DataObject) -> None:
    ids = data.draw(hnp.arrays("int32", rows, elements=st.integers(-1, 4)))
    x = data.draw(hnp.arrays("float64", (rows, 2) if wide else (rows,), elements=st.integers(-3, 3)))
    for name, reduce, empty in (
        ("sum", np.sum, 0.0),
        ("prod", np.prod, 1.0),
        ("max", np.max, -np.inf),
        ("min", np.min, np.inf),
    ):
        expected = np.full((count, *x.shape[1:]), empty)
        for i in range(count):
            if (ids == i).any():
                expected[i] = reduce(x[ids == i], axis=0)
        same(getattr(tg, f"segment_{name}")(x, ids, count), expected)


def test_segments_are_counted() -> None:
    same(tg.segment_sum([1.0, 2.0], [3, 0]), [2.0, 0, 0, 1])
    same(tg.segment_sum(np.zeros((0, 2)), np.zeros(0, int)), np.zeros((0, 2)))


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_product_of_segments_with_zeros(rows: int) -> None:
    rng = np.random.default_rng(rows)
    x, ids = rng.normal(size=(rows, 2)), rng.integers(-1, 3, rows)
    x[::2, 0] = 0
    x[1:, 1] = 0
    check_gradients(lambda x: tg.segment_prod(x, ids, 2), x)


def test_equal_extremes_of_a_segment_share() -> None:
    x, ids = np.array([2.0, 2.0, 1.0, 5.0, 9.0]), np.array([0, 0, 0, 1, 7])
    assert np.asarray(tg.grad(lambda x: tg.sum(tg.segment_max(x, ids, 2)))(x)).tolist() == [0.5, 0.5, 0, 1, 0]
    assert np.asarray(tg.grad(lambda x: tg.sum(tg.segment_min(x, ids, 2)))(x)).tolist() == [0, 0, 1, 1, 0]


# ---- special functions and activations

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda f: f.gelu,
    "silu": lambda f: f.silu,
    "elu": lambda f: lambda x: f.elu(x, 1.5),
    "leaky_relu": lambda f: lambda x: f.leaky_relu(x, 0.2),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", [*ACTIVATIONS, "gelu_tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_equal_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.array([-30.0, -3.0, -0.5, 0.0, 1e-3, 0.7, 4.0, 50.0], dtype)
    tx = torch.tensor(x, requires_grad=True)
    if name == "gelu_tanh":
        theirs, ours = torch.nn.functional.gelu(tx, approximate="tanh"), lambda x: tg.gelu(x, approximate=True)
    else:
        theirs, ours = ACTIVATIONS[name](torch.nn.functional)(tx), ACTIVATIONS[name](tg)
    tolerance = {"float32": 2e-6, "float64": 1e-12}[dtype]
    y = ours(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)
    (first,) = torch.autograd.grad(theirs.sum(), tx, create_graph=True)
    gradient = tg.grad(lambda x: tg.sum(ours(x)))
    np.testing.assert_allclose(gradient(x), first.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "leaky_relu"])
def test_activations_to_second_order(name: str) -> None:
    f = getattr(tg, name)
    check_gradients(f, np.array([-3.0, -0.5, 0.8, 2.0]))
    assert f(np.array([1, -1])).dtype == np.float64


def test_tails_of_activations() -> None:
    far = np.array([-800.0, 800.0])
    assert np.asarray(tg.elu(far)).tolist() == [-1.0, 800.0]
    assert np.asarray(tg.grad(lambda x: tg.sum(tg.elu(x)))(far)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "ndtri", "lgamma", "digamma"])
def test_special_functions_by_mpmath(name: str) -> None:
    mpmath = pytest.importorskip("mpmath")
    exact = {
        "erf": mpmath.erf, "erfc": mpmath.erfc, "erfinv": mpmath.erfinv, "digamma": mpmath.digamma,
        "lgamma": mpmath.loggamma, "ndtri": lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1),
    }[name]  # fmt: skip
    x = np.linspace(0.05, 0.95, 7) if name in {"erfinv", "ndtri"} else np.linspace(0.1, 9, 7)
    with mpmath.workdps(40):
        expected = [float(exact(mpmath.mpf(float(v)))) for v in x]
    np.testing.assert_allclose(getattr(tg, name)(x), expected, rtol=4e-15, atol=1e-300)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "bool"])
def test_dtypes_of_special_functions(dtype: str) -> None:
    x = np.ones(3, dtype)
    for function in (tg.erf, tg.erfc, tg.lgamma, tg.digamma, lambda x: tg.polygamma(2, x)):
        assert function(x).dtype == (dtype if dtype.startswith("float") else "float64")
        assert np.asarray(function(x)).dtype == function(x).dtype


def test_higher_derivatives_of_lgamma() -> None:
    f: Callable[[Any], Any] = tg.lgamma
    for order in range(4):
        f = tg.grad(f)
        expected = tg.digamma(2.5) if order == 0 else tg.polygamma(order, 2.5)
        np.testing.assert_allclose(f(2.5), expected)


# ---- what is said of bad arguments


def test_errors() -> None:
    matrix = tg.placeholder((2, 3), name="matrix")
    ids = tg.placeholder((3,), "int64", name="ids")
    for call, error, message in (
        (
            lambda: tg.cumulative_sum(matrix),
            tg.errors.AxisError,
            "cumulative_sum: float64[2, 3] has 2 axes: say which with axis=",
        ),
        (lambda: tg.diff(matrix, n=-1), tg.errors.ShapeError, "diff: n must be at least 0, not -1"),
        (lambda: tg.sort([1j]), tg.errors.DTypeError, "sort: complex128[1] is not ordered: sort takes real numbers"),
        (
            lambda: tg.top_k(matrix, 4),
            tg.errors.ShapeError,
            "top_k: float64[2, 3] has 3 elements along axis -1, not 4",
        ),
        (
            lambda: tg.searchsorted(matrix, 1.0),
            tg.errors.ShapeError,
            "searchsorted: float64[2, 3] and float64[] cannot be searched: the first operand must be a sorted vector",
        ),
        (
            lambda: tg.searchsorted([1.0], 1.0, side="up"),
            tg.errors.ShapeError,
            'searchsorted: side must be "left" or "right", not \'up\'',
        ),
        (
            lambda: tg.segment_sum(matrix, ids, 2),
            tg.errors.ShapeError,
            "segment_sum: float64[2, 3] and int64[3] do not fit: the second operand must be a vector of one "
            "number per row of the first",
        ),
        (
            lambda: tg.segment_sum([1.0], [0.0], 2),
            tg.errors.DTypeError,
            "segment_sum: float64[1] and float64[1] do not fit: segments are numbered by integers, not float64",
        ),
        (
            lambda: tg.segment_max([1j], [0], 2),
            tg.errors.DTypeError,
            "segment_max: complex128[1] and int64[1] are not supported: segment_max takes no complex128",
        ),
        (
            lambda: tg.segment_sum(ids, ids),
            tg.errors.ShapeError,
            "segment_sum: the numbers of int64[3] are not known yet: give num_segments=",
        ),
        (lambda: tg.erf(1j), tg.errors.DTypeError, "erf: complex128[] is not supported: erf takes real numbers"),
        (lambda: tg.polygamma(0, 1.0), tg.errors.InputError, "polygamma: the order must be at least 1, not 0"),
        (lambda: tg.roll(matrix, (1, 2, 3), axis=(0, 1)), tg.errors.ShapeError, "roll: 3 shifts do not fit 2 axes"),
        (
            lambda: tg.repeat(matrix, [1, 2], axis=1),
            tg.errors.ShapeError,
            "repeat: 2 repeats do not fit axis 1 of float64[2, 3]",
        ),
        (lambda: tg.tile(matrix, -1), tg.errors.ShapeError, "tile: repetitions must be at least 0, not -1"),
    ):
        with pytest.raises(error) as caught:
            call()
        text, _, line = str(caught.value).rpartition(" (")
        assert text == message
        assert line.startswith("test_functions.py:")
