"""Pooling against PyTorch and against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.testing import check_gradients


@st.composite
def windows(draw: st.DrawFn, dilated: bool = True) -> tuple[np.ndarray, dict[str, Any]]:
    """An input, with few values so that there are ties, and arguments under which a window fits."""
    rank = draw(st.integers(1, 3))

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride = axes(1, 3), axes(1, 3)
    dilation = axes(1, 2) if dilated else (1,) * rank
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    spatial = tuple(max(s - 2 * p, 1) + draw(st.integers(0, 5 - rank)) for s, p in zip(spans, padding, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-2, 3, (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *spatial)).astype("float64")
    arguments = {"stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    if dilated:
        arguments["dilation"] = dilation
    return x, {"kernel": kernel, **arguments}


def torch_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"kernel_size" if key == "kernel" else key: value for key, value in arguments.items()}


@pytest.mark.peers
@given(windows(), st.sampled_from(["float64", "float32"]))
def test_max_pool_equals_pytorch_with_ties(case: tuple[np.ndarray, dict[str, Any]], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x, arguments = case[0].astype(dtype), case[1]
    tx = torch.tensor(x, requires_grad=True)
    pool = getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")
    expected = pool(tx, **torch_arguments(arguments))
    y = tg.max_pool(x, **arguments)
    np.testing.assert_array_equal(y, expected.detach().numpy())
    assume(bool(tg.all(tg.isfinite(y))))  # the gradient of a dilated window that misses the input has no place
    cotangent = np.random.default_rng(1).integers(-3, 4, y.shape).astype(dtype)
    (wanted,) = torch.autograd.grad(expected, tx, torch.tensor(cotangent))
    actual = tg.grad(lambda x: tg.sum(tg.max_pool(x, **arguments) * cotangent))(x)
    np.testing.assert_array_equal(actual, wanted.numpy())


@pytest.mark.peers
@given(windows(dilated=False), st.booleans())
def test_avg_pool_equals_pytorch(case: tuple[np.ndarray, dict[str, Any]], count_include_pad: bool) -> None:
    torch = pytest.importorskip("torch")
    x, arguments = case
    assume(all(n >= k for n, k in zip(x.shape[2:], arguments["kernel"], strict=True)))  # PyTorch wants it
    arguments = {**arguments, "count_include_pad": count_include_pad}
    tx = torch.tensor(x, requires_grad=True)
    expected = getattr(torch.nn.functional, f"avg_pool{x.ndim - 2}d")(tx, **torch_arguments(arguments))
    y = tg.avg_pool(x, **arguments)
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-12)
    (wanted,) = torch.autograd.grad((expected**2).sum(), tx)
    actual = tg.grad(lambda x: tg.sum(tg.avg_pool(x, **arguments) ** 2))(x)
    np.testing.assert_allclose(actual, wanted.numpy(), atol=1e-12)


@pytest.mark.peers
@given(st.integers(1, 3), st.data())
def test_adaptive_pools_equal_pytorch(rank: int, data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    spatial = tuple(data.draw(st.integers(1, 6)) for _ in range(rank))
    size = tuple(data.draw(st.integers(1, 4)) for _ in range(rank))
    x = np.random.default_rng(rank).integers(-2, 3, (2, 2, *spatial)).astype("float64")
    for kind, ours in (("max", tg.adaptive_max_pool), ("avg", tg.adaptive_avg_pool)):
        tx = torch.tensor(x, requires_grad=True)
        expected = getattr(torch.nn.functional, f"adaptive_{kind}_pool{rank}d")(tx, size)
        np.testing.assert_allclose(ours(x, size), expected.detach().numpy(), atol=1e-12)
        (wanted,) = torch.autograd.grad((expected**2).sum(), tx)
        actual = tg.grad(lambda x, ours=ours: tg.sum(ours(x, size) ** 2))(x)
        np.testing.assert_allclose(actual, wanted.numpy(), atol=1e-12)


@given(windows())
def test_second_derivatives(case: tuple[np.ndarray, dict[str, Any]]) -> None:
    x, arguments = case
    x = np.random.default_rng(0).permutation(x.size).reshape(x.shape) / 4  # no ties
    assume(bool(tg.all(tg.isfinite(tg.max_pool(x, **arguments)))))  # dilated windows may miss the input
    check_gradients(lambda x: tg.max_pool(x, **arguments) ** 2, x)


def test_a_tie_gives_all_of_the_gradient_to_the_first() -> None:
    x = np.array([[[[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]]]])
    actual = tg.grad(lambda x: tg.sum(tg.max_pool(x, (2, 3))))(x)
    assert np.asarray(actual)[0, 0].tolist() == [[0, 1, 0], [0, 0, 0]]
    actual = tg.grad(lambda x: tg.sum(tg.global_max_pool(x)))(x)
    assert np.asarray(actual)[0, 0].tolist() == [[0, 1, 0], [0, 0, 0]]


def test_ceil_mode_rounds_up() -> None:
    x = np.arange(49.0).reshape(1, 1, 7, 7)
    assert tg.max_pool(x, 2).shape == (1, 1, 3, 3)
    up = tg.max_pool(x, 2, ceil_mode=True)
    assert up.shape == (1, 1, 4, 4)
    assert float(up[0, 0, 3, 3]) == 48.0


def test_nan_wins() -> None:
    x = np.array([[[1.0, np.nan, 2.0, 3.0]]])
    np.testing.assert_array_equal(tg.max_pool(x, 2), [[[np.nan, 3.0]]])
    np.testing.assert_array_equal(tg.adaptive_max_pool(x, 2), [[[np.nan, 3.0]]])


@pytest.mark.parametrize("pool", ["max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool"])
def test_channels_last(pool: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    function = getattr(tg, pool)
    last = function(np.moveaxis(x, 1, -1), 2, layout="NHWC")
    np.testing.assert_array_equal(np.moveaxis(last, -1, 1), function(x, 2))


def test_global_pools() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    np.testing.assert_allclose(tg.global_avg_pool(x), x.mean((2, 3), keepdims=True))
    np.testing.assert_array_equal(tg.global_max_pool(x), x.max((2, 3), keepdims=True))
    last = tg.global_avg_pool(np.moveaxis(x, 1, -1), layout="NHWC")
    assert last.shape == (2, 1, 1, 3)


def test_integers() -> None:
    x = np.array([[[1, 5, 3, 2]]], dtype="int8")
    assert tg.max_pool(x, 2).dtype == np.int8
    assert np.asarray(tg.avg_pool(x, 2)).tolist() == [[[3.0, 2.5]]]


def test_symbolic_sizes() -> None:
    x = tg.placeholder(("n", 2, "h", 8), name="x")
    y = tg.max_pool(x, 2)
    assert str(y.node.type) == "float64[n, 2, (h)//2, 4]"
    z = tg.avg_pool(x, 3, stride=1, padding=1)
    assert str(z.node.type) == "float64[n, 2, h, 8]"
    assert str(tg.adaptive_avg_pool(x, (2, 1)).node.type) == "float64[n, 2, 2, 1]"
    total = tg.sum(y**2) + tg.sum(z**2) + tg.sum(tg.adaptive_avg_pool(x, (2, 1)) ** 2)
    kernel = tg.compile([x], [tg.gradients(total, x)])
    a = np.random.default_rng(0).normal(size=(3, 2, 6, 8))

    def f(x: tg.Tensor) -> tg.Tensor:
        parts = (tg.max_pool(x, 2), tg.avg_pool(x, 3, stride=1, padding=1), tg.adaptive_avg_pool(x, (2, 1)))
        return sum(tg.sum(p**2) for p in parts)

    np.testing.assert_allclose(kernel(a)[0], tg.grad(f)(a), atol=1e-12)
