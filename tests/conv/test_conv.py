"""Convolution against PyTorch and against its definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.testing import check_gradients


@dataclass(frozen=True)
class Case:
    """A convolution that has at least one window."""

    rank: int
    groups: int
    spatial: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    channels: tuple[int, int, int]  # batch, per group in, per group out
    seed: int

    @property
    def arguments(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def operands(self, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
        rng, (n, c, o) = np.random.default_rng(self.seed), self.channels
        x = rng.normal(size=(n, c * self.groups, *self.spatial))
        return x.astype(dtype), rng.normal(size=(o * self.groups, c, *self.kernel)).astype(dtype)


@st.composite
def cases(draw: st.DrawFn, most: int = 3) -> Case:
    rank = draw(st.integers(1, most))
    top = {1: 4, 2: 3, 3: 2}[rank]

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = axes(1, top), axes(1, 3), axes(1, 2)
    padding = axes(0, 2)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    spatial = tuple(
        max(span - 2 * p, 1) + draw(st.integers(0, 6 // rank)) for span, p in zip(spans, padding, strict=True)
    )
    channels = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    return Case(
        rank, draw(st.integers(1, 3)), spatial, kernel, stride, padding, dilation, channels, draw(st.integers(0, 99))
    )


def close(actual: Any, expected: np.ndarray) -> None:
    assert tuple(actual.shape) == expected.shape
    assert actual.dtype == expected.dtype
    tolerance = 1e-10 if expected.dtype.itemsize >= 8 else 2e-4
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.peers
@given(cases(), st.sampled_from(["float64", "float32"]))
def test_values_and_derivatives_equal_pytorch(case: Case, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x, w = case.operands(dtype)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    expected = getattr(torch.nn.functional, f"conv{case.rank}d")(tx, tw, **case.arguments)
    y = tg.conv(x, w, **case.arguments)
    close(y, expected.detach().numpy())
    sizes = zip(case.spatial, case.padding, case.kernel, case.stride, case.dilation, strict=True)
    assert y.shape[2:] == tuple((n + 2 * p - (d * (f - 1) + 1)) // s + 1 for n, p, f, s, d in sizes)

    first = torch.autograd.grad((expected**2).sum(), (tx, tw), create_graph=True)
    ours = tg.grad(lambda x, w: tg.sum(tg.conv(x, w, **case.arguments) ** 2), argnums=(0, 1))
    for actual, wanted in zip(ours(x, w), first, strict=True):
        close(actual, wanted.detach().numpy())
    if dtype == "float64":
        second = torch.autograd.grad(sum((g**2).sum() for g in first), (tx, tw))
        norm = tg.grad(lambda x, w: sum(tg.sum(g**2) for g in ours(x, w)), argnums=(0, 1))
        for actual, wanted in zip(norm(x, w), second, strict=True):
            np.testing.assert_allclose(actual, wanted.numpy(), rtol=1e-9, atol=1e-9 * float(wanted.abs().max() + 1))


@given(cases(2))
def test_channels_last_is_a_permutation(case: Case) -> None:
    x, w = case.operands()
    last = tg.conv(np.moveaxis(x, 1, -1), w, layout="NHWC", **case.arguments)
    np.testing.assert_array_equal(tg.moveaxis(last, -1, 1), tg.conv(x, w, **case.arguments))
    name = {1: "NWC", 2: "NHWC"}[case.rank]
    again = tg.conv(np.moveaxis(x, 1, -1), w, layout=name, **case.arguments)
    np.testing.assert_array_equal(again, last)


@given(cases(2), st.data())
def test_pairs_are_zeros_put_around(case: Case, data: st.DataObject) -> None:
    pairs = [(p, data.draw(st.integers(p, 3))) for p in case.padding]
    x, w = case.operands()
    arguments = {**case.arguments, "padding": pairs}
    around = np.pad(x, [(0, 0), (0, 0), *pairs])
    expected = tg.conv(around, w, **{**case.arguments, "padding": "valid"})
    np.testing.assert_allclose(tg.conv(x, w, **arguments), expected, atol=1e-12)
    check_gradients(lambda x, w: tg.conv(x, w, **arguments), x, w, order=1)


@given(cases())
def test_same_padding_counts_strides(case: Case) -> None:
    x, w = case.operands()
    y = tg.conv(x, w, **{**case.arguments, "padding": "same"})
    assert y.shape[2:] == tuple(-(-n // s) for n, s in zip(case.spatial, case.stride, strict=True))


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("size", "kernel", "dilation"), [(5, 4, 1), (6, 3, 2), (3, 2, 3)])
def test_same_padding_equals_pytorch(size: int, kernel: int, dilation: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, size)), rng.normal(size=(3, 2, kernel))
    tensors = torch.tensor(x), torch.tensor(w)
    expected = torch.nn.functional.conv1d(*tensors, padding="same", dilation=dilation)
    close(tg.conv(x, w, padding="same", dilation=dilation), expected.numpy())


@pytest.mark.peers
@given(cases(), st.data())
def test_transposed_equals_pytorch(case: Case, data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    extra = tuple(data.draw(st.integers(0, s - 1)) for s in case.stride)
    (n, c, _), rng = case.channels, np.random.default_rng(case.seed)
    _, w = case.operands()
    x = rng.normal(size=(n, w.shape[0], *case.spatial))
    bias = rng.normal(size=c * case.groups)
    arguments = {**case.arguments, "output_padding": extra}
    numbers = zip(case.spatial, case.kernel, case.stride, case.padding, case.dilation, extra, strict=True)
    if any((m - 1) * s + d * (k - 1) + 1 - 2 * p + e < 1 for m, k, s, p, d, e in numbers):
        with pytest.raises(tg.errors.ShapeError, match="leaves nothing of the result"):
            tg.conv_transpose(x, w, bias, **arguments)
        return
    transposed = getattr(torch.nn.functional, f"conv_transpose{case.rank}d")
    expected = transposed(torch.tensor(x), torch.tensor(w), torch.tensor(bias), **arguments)
    close(tg.conv_transpose(x, w, bias, **arguments), expected.numpy())


@given(cases(2))
def test_transposed_is_the_transpose(case: Case) -> None:
    x, w = (np.round(4 * a) for a in case.operands())
    y = tg.conv(x, w, **case.arguments)
    g = np.round(4 * np.random.default_rng(case.seed).normal(size=y.shape))
    extra = tuple(
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, p, d, k, s in zip(case.spatial, case.padding, case.dilation, case.kernel, case.stride, strict=True)
    )
    back = tg.conv_transpose(g, w, output_padding=extra, **case.arguments)
    assert float(tg.sum(y * g)) == float(tg.sum(x * back))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 4])
def test_transposed_same_padding_multiplies_sizes(kernel: int, stride: int) -> None:
    y = tg.conv_transpose(np.ones((1, 1, 5)), np.ones((1, 1, kernel)), stride=stride, padding="same")
    assert y.shape == (1, 1, 5 * stride)


@pytest.mark.peers
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_bias_and_names(rank: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(rank)
    x, w, b = rng.normal(size=(2, 3, *[4] * rank)), rng.normal(size=(4, 3, *[2] * rank)), rng.normal(size=4)
    ours, theirs = getattr(tg, f"conv{rank}d"), getattr(torch.nn.functional, f"conv{rank}d")
    close(ours(x, w, b), theirs(*map(torch.tensor, (x, w, b))).numpy())
    last = ours(np.moveaxis(x, 1, -1), w, b, layout={1: "NWC", 2: "NHWC", 3: "NDHWC"}[rank])
    np.testing.assert_allclose(np.moveaxis(last, -1, 1), ours(x, w, b), atol=1e-12)
    check_gradients(ours, x, w, b, order=1)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "complex64"])
def test_dtypes(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(0, 4, (2, 2, 5)).astype(dtype), rng.integers(0, 4, (3, 2, 2)).astype(dtype)
    y = tg.conv(x, w)
    assert y.dtype == dtype
    expected = [[sum(np.convolve(a, b[::-1], "valid") for a, b in zip(i, k, strict=True)) for k in w] for i in x]
    np.testing.assert_array_equal(y, np.array(expected))


def test_complex_derivatives() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2, 5)) + 1j * rng.normal(size=(2, 2, 5))
    w = rng.normal(size=(3, 2, 2)) + 1j * rng.normal(size=(3, 2, 2))
    check_gradients(lambda x, w: tg.conv(x, w, stride=2, padding=1), x, w)
    check_gradients(lambda x, w: tg.conv_transpose(x, w, stride=2), x[:, :1], w[:1])


def test_large_convolution_agrees_with_small_ones() -> None:
    """Beyond a size the evaluator calls the fast form: no seam shows."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, 24, 24)), rng.normal(size=(8, 4, 3, 3))
    y = np.asarray(tg.conv(x, w))
    part = np.asarray(tg.conv(x[:1, :, :6, :6], w[:2]))
    np.testing.assert_allclose(y[:1, :2, :4, :4], part, atol=1e-12)


def test_edges_of_a_half_bright_image() -> None:
    image = np.repeat([[10.0, 10, 10, 0, 0, 0]], 6, axis=0)
    vertical = np.repeat([[1.0, 0, -1]], 3, axis=0)
    y = tg.conv(image[None, None], vertical[None, None])
    assert np.asarray(y)[0, 0].tolist() == [[0, 30, 30, 0]] * 4


# ---- symbolic sizes


def test_symbolic_spatial_sizes() -> None:
    x, w = tg.placeholder(("n", 2, "h", "w"), name="x"), tg.placeholder((3, 2, 3, 3), name="w")
    assert str(tg.conv(x, w).node.type) == "float64[n, 3, max(h - 2, 0), max(w - 2, 0)]"
    assert str(tg.conv(x, w, padding=1).node.type) == "float64[n, 3, h, w]"
    y = tg.conv(x, w, padding="same", dilation=2)
    assert str(y.node.type) == "float64[n, 3, h, w]"
    halved = tg.conv(x, w, padding=1, stride=2)
    assert str(halved.node.type) == "float64[n, 3, (h + 1)//2, (w + 1)//2]"
    gradient = tg.gradients(tg.sum(halved**2), x)
    assert gradient.shape == x.shape
    kernel = tg.compile([x, w], [halved, gradient])
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 5, 6)), rng.normal(size=(3, 2, 3, 3))
    forward, backward = kernel(a, b)
    np.testing.assert_allclose(forward, tg.conv(a, b, padding=1, stride=2), atol=1e-12)
    known = tg.grad(lambda a: tg.sum(tg.conv(a, b, padding=1, stride=2) ** 2))(a)
    np.testing.assert_allclose(backward, known, atol=1e-10)


# ---- columns


@pytest.mark.peers
@given(cases(2))
def test_unfold_and_fold_equal_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    if case.rank != 2:
        return
    x, _ = case.operands()
    arguments = {"stride": case.stride, "padding": case.padding, "dilation": case.dilation}
    columns = tg.unfold(x, case.kernel, **arguments)
    expected = torch.nn.functional.unfold(torch.tensor(x), case.kernel, **arguments)
    close(columns, expected.numpy())
    back = tg.fold(columns, case.spatial, case.kernel, **arguments)
    close(back, torch.nn.functional.fold(expected, case.spatial, case.kernel, **arguments).numpy())


@given(cases())
def test_convolution_is_a_product_with_columns(case: Case) -> None:
    x, w = case.operands()
    if case.groups > 1:
        return
    columns = tg.unfold(x, case.kernel, stride=case.stride, padding=case.padding, dilation=case.dilation)
    y = tg.conv(x, w, **case.arguments)
    product = tg.reshape(w, (w.shape[0], -1)) @ columns
    np.testing.assert_allclose(tg.reshape(product, y.shape), y, atol=1e-10)
