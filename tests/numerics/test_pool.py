"""Pooling: fast against the definition, against PyTorch bit for bit, and against its own adjoints."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.pool import (
    avg_pool,
    avg_pool_grad,
    avg_pool_grad_reference,
    avg_pool_reference,
    max_pool,
    max_pool_grad,
    max_pool_grad_reference,
    max_pool_reference,
    max_pool_select,
    max_pool_select_reference,
    pool_output_shape,
    pool_output_size,
)


class Case(NamedTuple):
    x: np.ndarray
    g: np.ndarray
    attributes: tuple[Any, ...]  # kernel, stride, padding, dilation, ceil_mode


@st.composite
def cases(
    draw: st.DrawFn, *, dtypes: tuple[str, ...] = ("float16", "float32", "float64"), hostile: bool = False
) -> Case:
    """Few distinct values, so that ties abound; with ``hostile`` NaN and infinities too."""
    rank = draw(st.integers(1, 3))
    top = {1: 10, 2: 7, 3: 4}[rank]

    def per_axis(strategy: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(strategy) for _ in range(rank))

    kernel, stride, dilation = per_axis(st.integers(1, 3)), per_axis(st.integers(1, 3)), per_axis(st.integers(1, 2))
    padding = per_axis(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    ceil_mode = draw(st.booleans())
    spatial = per_axis(st.integers(0, top))
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    shape = (draw(st.integers(0, 2)), draw(st.integers(0, 2)), *spatial)
    x = rng.integers(0, 4, shape).astype(dtype)
    if hostile and np.dtype(dtype).kind == "f":
        x = rng.choice(np.array([np.nan, np.inf, -np.inf, 1.0], dtype), shape)
    output = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    g = rng.integers(-3, 4, (*shape[:2], *output)).astype(dtype)
    return Case(x, g, (kernel, stride, padding, dilation, ceil_mode))


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected, strict=True)


@given(cases(dtypes=("float16", "float32", "float64", "int32", "uint8", "int64"), hostile=True))
def test_fast_max_pool_is_the_definition(case: Case) -> None:
    x, g, attributes = case
    same(max_pool(x, *attributes), max_pool_reference(x, *attributes))
    same(max_pool_grad(g, x, *attributes), max_pool_grad_reference(g, x, *attributes))
    t = np.arange(x.size).reshape(x.shape).astype(x.dtype)
    same(max_pool_select(t, x, *attributes), max_pool_select_reference(t, x, *attributes))


@given(cases(dtypes=("float64", "int64", "float16")))
def test_ties_are_the_definition(case: Case) -> None:
    x, g, attributes = case
    same(max_pool_grad(g, x, *attributes), max_pool_grad_reference(g, x, *attributes))


@given(cases(dtypes=("float16", "float32", "float64", "complex64")), st.booleans())
def test_fast_avg_pool_is_the_definition(case: Case, count_include_pad: bool) -> None:
    x, g, attributes = case
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if x.dtype != np.float16 else {"rtol": 2e-3, "atol": 2e-3}
    actual = avg_pool(x, *attributes, count_include_pad)
    assert actual.dtype == x.dtype
    np.testing.assert_allclose(actual, avg_pool_reference(x, *attributes, count_include_pad), **tolerance)
    actual = avg_pool_grad(g, x.shape[2:], *attributes, count_include_pad)
    assert actual.dtype == x.dtype
    np.testing.assert_allclose(
        actual, avg_pool_grad_reference(g, x.shape[2:], *attributes, count_include_pad), **tolerance
    )


@given(cases(dtypes=("float64",)), st.booleans())
def test_gradients_are_adjoint(case: Case, count_include_pad: bool) -> None:
    x, g, attributes = case
    t = np.random.default_rng(0).integers(-3, 4, x.shape).astype(x.dtype)
    assert np.sum(max_pool_select(t, x, *attributes) * g) == np.sum(t * max_pool_grad(g, x, *attributes))
    left = np.sum(avg_pool(x, *attributes, count_include_pad) * g)
    right = np.sum(x * avg_pool_grad(g, x.shape[2:], *attributes, count_include_pad))
    np.testing.assert_allclose(left, right, atol=1e-9)


@given(cases(dtypes=("float64", "int32"), hostile=True))
def test_select_of_the_input_is_the_maximum(case: Case) -> None:
    x, _, attributes = case
    everywhere = max_pool_select(np.ones_like(x), x, *attributes) == 1  # a window without inputs selects nothing
    same(np.where(everywhere, max_pool_select(x, x, *attributes), 0), np.where(everywhere, max_pool(x, *attributes), 0))


def test_one_input_per_window_takes_all() -> None:
    x, attributes = np.zeros((1, 1, 4, 4)), ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), False)
    expected = np.zeros((1, 1, 4, 4))
    expected[0, 0, ::2, ::2] = np.array([[1, np.inf], [-np.inf, np.nan]])
    same(max_pool_grad(expected[:, :, ::2, ::2], x, *attributes), expected)


def test_overlapping_windows_add_up() -> None:
    x = np.array([[[0.0, 5, 0, 0]]])
    g = np.array([[[1.0, 2, 4]]])
    same(max_pool_grad(g, x, (2,), (1,), ((0, 0),), (1,), False), np.array([[[0.0, 3, 4, 0]]]))


def test_inputs_may_be_strided_and_read_only() -> None:
    rng = np.random.default_rng(0)
    attributes = ((3, 2), (2, 2), ((1, 1), (0, 1)), (1, 1), True)
    x = rng.standard_normal((2, 3, 9, 8))
    strided = np.asfortranarray(np.repeat(x, 2, -1))[..., ::2]
    g = np.asfortranarray(rng.standard_normal(max_pool(x, *attributes).shape))
    for array in (x, strided, g):
        array.flags.writeable = False
    same(max_pool(strided, *attributes), max_pool_reference(x, *attributes))
    same(max_pool_grad(g, strided, *attributes), max_pool_grad_reference(g, x, *attributes))
    same(max_pool_select(strided, strided, *attributes), max_pool_reference(x, *attributes))
    np.testing.assert_allclose(avg_pool(strided, *attributes, True), avg_pool_reference(x, *attributes, True))
    np.testing.assert_allclose(
        avg_pool_grad(g, x.shape[2:], *attributes, False), avg_pool_grad_reference(g, x.shape[2:], *attributes, False)
    )


def test_many_images_equal_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    attributes = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), False)
    x = rng.integers(0, 3, (9, 4, 60, 62)).astype(np.float32)
    g = rng.standard_normal((9, 4, 30, 31)).astype(np.float32)
    each = [max_pool_grad(g[i : i + 1], x[i : i + 1], *attributes) for i in range(9)]
    same(max_pool_grad(g, x, *attributes), np.concatenate(each))


# Kernel, padding and dilation as PyTorch allows: padding at most half the kernel, and at least one window.
@st.composite
def torch_cases(draw: st.DrawFn, *, dilated: bool) -> Case:
    rank = draw(st.integers(1, 3))

    def per_axis(strategy: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(strategy) for _ in range(rank))

    kernel, stride = per_axis(st.integers(1, 4)), per_axis(st.integers(1, 4))
    dilation = per_axis(st.integers(1, 2)) if dilated else (1,) * rank
    pads = [draw(st.integers(0, k // 2)) for k in kernel]
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, pads, strict=True)]
    spatial = [draw(st.integers(m, m + 6)) for m in least]
    attributes = (kernel, stride, tuple((p, p) for p in pads), dilation, draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    values = np.array(draw(st.sampled_from([[0.0, 1, 2, 3], [np.nan, 1, 2, np.inf], [-np.inf, -1, np.nan, 0]])))
    x = rng.choice(values, (2, 2, *spatial))
    g = rng.integers(-4, 5, (2, 2, *pool_output_shape(tuple(spatial), *attributes))).astype(np.float64)
    return Case(x, g, attributes)


@pytest.mark.peers
@given(torch_cases(dilated=True))
def test_max_pool_equals_torch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    x, g, attributes = case
    kernel, stride, padding, dilation, ceil_mode = attributes
    assume(max_pool_select(np.ones_like(x), x, *attributes).all())  # a window without inputs makes PyTorch crash
    tx = torch.from_numpy(x).requires_grad_()
    function = getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")
    ty = function(tx, kernel, stride, [a for a, _ in padding], dilation, ceil_mode)
    (dx,) = torch.autograd.grad(ty, tx, torch.from_numpy(g))
    same(max_pool(x, *attributes), ty.detach().numpy())
    same(max_pool_grad(g, x, *attributes), dx.numpy())


@pytest.mark.peers
@given(torch_cases(dilated=False), st.booleans())
def test_avg_pool_equals_torch(case: Case, count_include_pad: bool) -> None:
    torch = pytest.importorskip("torch")
    x, g, attributes = case
    kernel, stride, padding, _, ceil_mode = attributes
    assume(all(n >= k for n, k in zip(x.shape[2:], kernel, strict=True)))  # asked for by PyTorch in 3-D
    x = np.nan_to_num(x, posinf=5, neginf=-5)
    tx = torch.from_numpy(x).requires_grad_()
    function = getattr(torch.nn.functional, f"avg_pool{x.ndim - 2}d")
    ty = function(tx, kernel, stride, [a for a, _ in padding], ceil_mode, count_include_pad)
    (dx,) = torch.autograd.grad(ty, tx, torch.from_numpy(g))
    np.testing.assert_allclose(avg_pool(x, *attributes, count_include_pad), ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(avg_pool_grad(g, x.shape[2:], *attributes, count_include_pad), dx.numpy(), atol=1e-12)


def test_output_sizes() -> None:
    assert pool_output_size(5, 2, 2, (0, 0), 1, False) == 2
    assert pool_output_size(5, 2, 2, (0, 0), 1, True) == 3
    assert pool_output_size(4, 1, 3, (0, 0), 1, True) == 2
    assert pool_output_size(2, 1, 3, (0, 0), 1, True) == 1  # a second window would start past the input
    assert pool_output_size(3, 2, 2, (1, 1), 1, True) == 2  # likewise, in the right padding
    assert pool_output_size(1, 3, 1, (0, 0), 1, False) == 0
    assert pool_output_size(7, 3, 1, (0, 0), 3, False) == 1
