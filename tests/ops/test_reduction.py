"""Reductions against NumPy: dtypes, axes, keepdims, empty axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import AxisError, DTypeError, ShapeError
from tensorgraph.interpret import evaluate
from tests.array.lines import above

PAIRS: dict[str, tuple[Callable[..., Tensor], Callable[..., Any]]] = {
    "sum": (tg.sum, np.sum),
    "prod": (tg.prod, np.prod),
    "max": (tg.max, np.max),
    "min": (tg.min, np.min),
    "any": (tg.any, np.any),
    "all": (tg.all, np.all),
    "mean": (tg.mean, np.mean),
    "var": (tg.var, np.var),
    "std": (tg.std, np.std),
    "count_nonzero": (tg.count_nonzero, np.count_nonzero),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", PAIRS)
@given(
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    dtype=st.sampled_from(["bool", "int8", "uint32", "float16", "float32", "float64"]),
    keepdims=st.booleans(),
    data=st.data(),
)
def test_reductions_agree_with_numpy(
    name: str, shape: tuple[int, ...], dtype: str, keepdims: bool, data: st.DataObject
) -> None:
    ours, numpys = PAIRS[name]
    x = data.draw(hnp.arrays(dtype, shape, elements=st.booleans() if dtype == "bool" else st.integers(0, 3)))
    axes = st.none() | st.sets(st.integers(0, len(shape) - 1)).map(tuple) if shape else st.none()
    axis = data.draw(axes | st.integers(-len(shape), len(shape) - 1) if shape else axes)
    try:
        expected = np.asarray(numpys(x, axis=axis, keepdims=keepdims))
    except ValueError:
        with pytest.raises(ShapeError):
            ours(x, axis=axis, keepdims=keepdims)
        return
    if name in ("max", "min") and any(
        shape[a] == 0 for a in np.atleast_1d(range(len(shape)) if axis is None else axis)
    ):
        return  # NumPy allows it where the result has no elements either
    found = ours(x, axis=axis, keepdims=keepdims)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=3e-3 if dtype == "float16" else 1e-6)


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=4)), st.booleans(), st.data())
def test_positions_agree_with_numpy(x: Any, keepdims: bool, data: st.DataObject) -> None:
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    for ours, numpys in ((tg.argmax, np.argmax), (tg.argmin, np.argmin)):
        found, expected = ours(x, axis, keepdims=keepdims), np.asarray(numpys(x, axis=axis, keepdims=keepdims))
        assert (found.dtype, found.shape) == (np.dtype("int64"), expected.shape)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_complex_numbers() -> None:
    z = np.array([[1 + 2j, 3 - 1j], [0.5j, 2.0]])
    for name in ("sum", "prod", "mean", "var", "std", "any", "all"):
        ours, numpys = PAIRS[name]
        found, expected = ours(z, axis=0), numpys(z, axis=0)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    with pytest.raises(DTypeError) as caught:
        tg.max(z)
    assert str(caught.value) == f"max: complex128[2, 2] is not ordered: max takes real numbers ({above()})"


@pytest.mark.parametrize("correction", [0, 1, 0.5])
def test_correction_is_ddof(correction: float) -> None:
    x = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(tg.var(x, correction=correction).item(), np.var(x, ddof=correction))
    np.testing.assert_allclose(tg.std(x, correction=correction).item(), np.std(x, ddof=correction))


def test_statistics_over_a_symbolic_axis() -> None:
    x = placeholder(("batch", 3), "float32", name="x")
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    for name in ("mean", "var", "sum", "max", "std"):
        ours, numpys = PAIRS[name]
        (found,) = evaluate([ours(x, axis=0).node], {x.node: array})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, numpys(array, axis=0), rtol=1e-6)


def test_float16_is_accumulated_in_float32() -> None:
    x = np.full(5000, 100, np.float16)
    assert tg.mean(x).dtype == np.float16
    assert tg.mean(x).item() == 100.0


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda: tg.sum(asarray([1.0]), axis=1), AxisError, "sum: axis 1 does not exist: axes run from -1 to 0"),
        (lambda: tg.sum(asarray(1.0), axis=0), AxisError, "sum: axis 0 does not exist: the operand has no axes"),
        (lambda: tg.sum(asarray([[1.0]]), axis=(0, -2)), AxisError, "sum: axis (0, -2) names an axis twice"),
        (lambda: tg.sum(asarray([1.0]), axis=0.5), AxisError, "sum: axis 0.5 is no integer"),  # type: ignore[arg-type]
        (
            lambda: tg.max(np.zeros((0, 2)), axis=0),
            ShapeError,
            "max: float64[0, 2] has no elements along axis (0,): the max of nothing is not defined",
        ),
        (
            lambda: tg.argmin(np.zeros((2, 0)), axis=1),
            ShapeError,
            "argmin: float64[2, 0] has no elements along axis 1: the argmin of nothing is not defined",
        ),
    ],
)
def test_errors(act: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        act()
    text, _, place = str(caught.value).rpartition(" (")
    assert text == message
    assert place.startswith("test_reduction.py:")
