"""Reductions by segment against the definition, row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.segment import scatter_add_rows, segment_max, segment_min, segment_prod, segment_sum

Reduce = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
REDUCTIONS: list[tuple[Reduce, np.ufunc]] = [
    (segment_sum, np.add),
    (segment_prod, np.multiply),
    (segment_max, np.maximum),
    (segment_min, np.minimum),
]


def definition(operation: np.ufunc, values: np.ndarray, ids: np.ndarray, number: int) -> np.ndarray:
    kind = values.dtype.kind
    lowest, highest = (np.iinfo(values.dtype).min, np.iinfo(values.dtype).max) if kind in "iu" else (-np.inf, np.inf)
    empty = {np.add: 0, np.multiply: 1, np.maximum: lowest, np.minimum: highest}[operation]
    out = np.full((number, *values.shape[1:]), empty, values.dtype)
    seen = set()
    for row, value in zip(ids.tolist(), values, strict=True):
        if 0 <= row < number:
            out[row] = operation(out[row], value) if row in seen else value
            seen.add(row)
    return out


@pytest.mark.parametrize(("function", "operation"), REDUCTIONS)
@given(data=st.data())
def test_is_the_definition(function: Reduce, operation: np.ufunc, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    rows, number = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 12))
    width = data.draw(st.sampled_from([(), (0,), (3,), (2, 4), (40,)]))
    dtypes = ["float16", "float32", "float64", "int32", "int64"]
    dtype = data.draw(st.sampled_from([*dtypes, "complex64"] if operation in {np.add, np.multiply} else dtypes))
    ids = rng.integers(-3, number + 3, rows).astype(data.draw(st.sampled_from(["int8", "int32", "int64"])))
    if data.draw(st.booleans()):
        ids = np.sort(ids)
    choices = [1, 1, 2, -1] if operation is np.multiply else range(-4, 5)
    values = rng.choice(np.array(choices), (rows, *width)).astype(dtype)
    values.flags.writeable = ids.flags.writeable = False
    actual = function(values, ids, number)
    np.testing.assert_array_equal(actual, definition(operation, values, ids, number), strict=True)


@pytest.mark.parametrize("width", [1, 64])
def test_long_segments(width: int) -> None:
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.integers(0, 300, 2000), 100)  # one segment far longer than the others
    values = rng.integers(-9, 10, (2000, width)).astype(np.float32)
    for function, operation in REDUCTIONS[::2]:
        np.testing.assert_array_equal(function(values, ids, 300), definition(operation, values, ids, 300), strict=True)


def test_nan_stays_in_its_segment() -> None:
    values = np.array([[1.0], [np.nan], [np.inf], [2.0]])
    for width in (1, 40):
        actual = segment_sum(np.repeat(values, width, 1), np.array([0, 1, 2, 0]), 4)
        np.testing.assert_array_equal(actual, np.repeat([[3.0], [np.nan], [np.inf], [0.0]], width, 1))


def test_half_precision_accumulates_in_single() -> None:
    values = np.full((4096, 1), 1, np.float16)
    assert segment_sum(values, np.zeros(4096, np.int64), 1) == 4096


@given(st.integers(0, 1 << 30), st.integers(1, 9), st.sampled_from([(), (3,), (2, 3), (0,)]))
def test_scatter_add_rows_is_adjoint_to_indexing(seed: int, rows: int, index_shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 10, (rows, 2, 3)).astype(float)
    index = np.asarray(rng.integers(-rows, rows, index_shape))
    g = rng.integers(-9, 10, x[index].shape).astype(float)
    expected = np.zeros_like(x)
    np.add.at(expected, index, g)
    np.testing.assert_array_equal(scatter_add_rows(x.shape, index, g), expected, strict=True)


def test_scatter_add_rows_checks_its_index() -> None:
    for index in (3, -4):
        with pytest.raises(IndexError, match=r"scatter_add_rows: index -?\d \.\. -?\d is out of bounds for 3 rows"):
            scatter_add_rows((3, 2), np.array([index]), np.ones((1, 2)))
