"""Adaptive pooling against PyTorch, its definition and its own adjoints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.adaptive_pool import (
    adaptive_avg_pool,
    adaptive_avg_pool_grad,
    adaptive_avg_pool_reference,
    adaptive_bounds,
    adaptive_max_pool,
    adaptive_max_pool_grad,
    adaptive_max_pool_reference,
    adaptive_max_pool_select,
)

Case = tuple[np.ndarray, tuple[int, ...]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = draw(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    values = np.array(draw(st.sampled_from([[0.0, 1, 2], [-np.inf, np.nan, 1, 2]])))
    return rng.choice(values, (2, 2, *(n for n, _ in sizes))), tuple(m for _, m in sizes)


def test_bounds() -> None:
    assert adaptive_bounds(5, 3) == [(0, 2), (1, 4), (3, 5)]
    assert adaptive_bounds(2, 3) == [(0, 1), (0, 2), (1, 2)]


@given(cases(), st.sampled_from(["float16", "float32", "float64", "int32"]))
def test_fast_is_the_definition(case: Case, dtype: str) -> None:
    x, size = np.nan_to_num(case[0], neginf=-1).astype(dtype), case[1]
    np.testing.assert_array_equal(adaptive_max_pool(x, size), adaptive_max_pool_reference(x, size), strict=True)
    if dtype != "int32":
        actual, expected = adaptive_avg_pool(x, size), adaptive_avg_pool_reference(x, size)
        assert actual.dtype == x.dtype
        np.testing.assert_allclose(actual, expected, rtol=2e-3 if dtype == "float16" else 1e-5, atol=1e-6)


@given(cases())
def test_gradients_are_adjoint(case: Case) -> None:
    x, size = case
    rng = np.random.default_rng(0)
    t, g = (rng.integers(-3, 4, shape).astype(float) for shape in (x.shape, (2, 2, *size)))
    assert np.sum(adaptive_max_pool_select(t, x, size) * g) == np.sum(t * adaptive_max_pool_grad(g, x))
    np.testing.assert_allclose(
        np.sum(adaptive_avg_pool(t, size) * g), np.sum(t * adaptive_avg_pool_grad(g, x.shape[2:])), atol=1e-9
    )


@pytest.mark.peers
@given(cases())
def test_equals_torch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    x, size = case
    g = np.random.default_rng(0).integers(-3, 4, (2, 2, *size)).astype(float)
    tx = torch.from_numpy(x).requires_grad_()
    ty = getattr(torch.nn.functional, f"adaptive_max_pool{len(size)}d")(tx, size)
    (dx,) = torch.autograd.grad(ty, tx, torch.from_numpy(g))
    np.testing.assert_array_equal(adaptive_max_pool(x, size), ty.detach().numpy(), strict=True)
    np.testing.assert_array_equal(adaptive_max_pool_grad(g, x), dx.numpy(), strict=True)
    finite = np.nan_to_num(x, neginf=-1)
    tx = torch.from_numpy(finite).requires_grad_()
    ty = getattr(torch.nn.functional, f"adaptive_avg_pool{len(size)}d")(tx, size)
    (dx,) = torch.autograd.grad(ty, tx, torch.from_numpy(g))
    np.testing.assert_allclose(adaptive_avg_pool(finite, size), ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(adaptive_avg_pool_grad(g, x.shape[2:]), dx.numpy(), atol=1e-12)


def test_empty_and_read_only() -> None:
    x = np.zeros((0, 3, 4, 5), np.float32)
    x.flags.writeable = False
    assert adaptive_avg_pool(x, (2, 2)).shape == adaptive_max_pool(x, (2, 2)).shape == (0, 3, 2, 2)
    g = np.zeros((0, 3, 2, 2), np.float32)
    assert adaptive_avg_pool_grad(g, x.shape[2:]).shape == adaptive_max_pool_grad(g, x).shape == x.shape
