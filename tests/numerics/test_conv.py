"""Convolution: fast against the definition, against PyTorch, and against its own adjoints."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.conv import (
    conv,
    conv_input_grad,
    conv_input_grad_reference,
    conv_output_shape,
    conv_pad,
    conv_reference,
    conv_weight_grad,
    conv_weight_grad_reference,
    fold,
    unfold,
)

DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "int8", "int64", "uint16")


class Case(NamedTuple):
    x: np.ndarray
    w: np.ndarray
    g: np.ndarray
    attributes: tuple[Any, ...]  # stride, padding, dilation, groups


def draw_array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Small integers, so that every sum is exact in every dtype; imaginary parts where there can be."""
    low = 0 if np.dtype(dtype).kind == "u" else -3
    values = rng.integers(low, 4, shape).astype(dtype)
    return values + 1j * rng.integers(-3, 4, shape).astype(dtype) if np.dtype(dtype).kind == "c" else values


@st.composite
def cases(draw: st.DrawFn, *, dtypes: tuple[str, ...] = DTYPES, low: int = -1, smallest: int = 0) -> Case:
    rank = draw(st.integers(1, 3))
    top = {1: 9, 2: 6, 3: 4}[rank]
    groups = draw(st.integers(1, 3))
    n, depth, many = draw(st.integers(smallest, 2)), draw(st.integers(smallest, 2)), draw(st.integers(smallest, 2))

    def per_axis(strategy: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(strategy) for _ in range(rank))

    kernel, stride, dilation = per_axis(st.integers(1, 3)), per_axis(st.integers(1, 3)), per_axis(st.integers(1, 2))
    padding = per_axis(st.tuples(st.integers(low, 2), st.integers(low, 2)))
    least = [
        max(smallest, d * (k - 1) + 1 - a - b) if smallest else 0
        for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)
    ]
    spatial = tuple(draw(st.integers(m, max(m, top))) for m in least)
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    output = conv_output_shape(spatial, kernel, stride, padding, dilation)
    x = draw_array(rng, (n, groups * depth, *spatial), dtype)
    w = draw_array(rng, (groups * many, depth, *kernel), dtype)
    g = draw_array(rng, (n, groups * many, *output), dtype)
    return Case(x, w, g, (stride, padding, dilation, groups))


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected, strict=True)


@given(cases())
def test_fast_is_the_definition(case: Case) -> None:
    x, w, g, attributes = case
    same(conv(x, w, *attributes), conv_reference(x, w, *attributes))
    same(conv_input_grad(g, w, x.shape[2:], *attributes), conv_input_grad_reference(g, w, x.shape[2:], *attributes))
    kernel = w.shape[2:]
    same(conv_weight_grad(x, g, kernel, *attributes), conv_weight_grad_reference(x, g, kernel, *attributes))


def test_the_definition_by_hand() -> None:
    x, w = np.array([[[1.0, 2, 3, 4]]]), np.array([[[1.0, 10]]])
    same(conv_reference(x, w, (1,), ((0, 0),), (1,), 1), np.array([[[21.0, 32, 43]]]))
    same(conv_reference(x, w, (2,), ((1, 0),), (1,), 1), np.array([[[10.0, 32]]]))
    same(conv_reference(x, w, (1,), ((0, 0),), (2,), 1), np.array([[[31.0, 42]]]))
    same(conv_reference(x, w, (1,), ((-1, -1),), (1,), 1), np.array([[[32.0]]]))
    g = np.array([[[1.0, 0, 2]]])
    same(conv_input_grad_reference(g, w, x.shape[2:], (1,), ((0, 0),), (1,), 1), np.array([[[1.0, 10, 2, 20]]]))
    same(conv_weight_grad_reference(x, g, (2,), (1,), ((0, 0),), (1,), 1), np.array([[[7.0, 10]]]))


@given(cases(dtypes=("int64", "complex128")))
def test_gradients_are_adjoint(case: Case) -> None:
    x, w, g, attributes = case
    product = np.sum(conv(x, w, *attributes) * g)
    assert product == np.sum(x * conv_input_grad(g, w, x.shape[2:], *attributes))
    assert product == np.sum(w * conv_weight_grad(x, g, w.shape[2:], *attributes))


@given(cases())
def test_inputs_may_be_strided_and_read_only(case: Case) -> None:
    x, w, g, attributes = case
    expected = conv(x, w, *attributes)
    wide = [np.repeat(a, 2, -1)[..., ::2].T.copy().T for a in (x, w, g)]
    for array in (x, w, g, *wide):
        array.flags.writeable = False
    before = [a.copy() for a in wide]
    same(conv(wide[0], wide[1], *attributes), expected)
    same(
        conv_input_grad(wide[2], wide[1], x.shape[2:], *attributes),
        conv_input_grad_reference(g, w, x.shape[2:], *attributes),
    )
    same(
        conv_weight_grad(wide[0], wide[2], w.shape[2:], *attributes),
        conv_weight_grad_reference(x, g, w.shape[2:], *attributes),
    )
    for array, copy in zip(wide, before, strict=True):
        same(array, copy)


@pytest.mark.parametrize("groups", [1, 4])
def test_batches_are_cut_into_blocks(groups: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (7, 4, 150, 160)).astype(np.float32)
    w = rng.integers(-2, 3, (4, 4 // groups, 3, 3)).astype(np.float32)
    attributes = ((1, 1), ((1, 1), (1, 1)), (1, 1), groups)
    whole, each = conv(x, w, *attributes), [conv(x[i : i + 1], w, *attributes) for i in range(7)]
    same(whole, np.concatenate(each))
    g = rng.integers(-2, 3, whole.shape).astype(np.float32)
    each = [conv_input_grad(g[i : i + 1], w, x.shape[2:], *attributes) for i in range(7)]
    same(conv_input_grad(g, w, x.shape[2:], *attributes), np.concatenate(each))
    each = [conv_weight_grad(x[i : i + 1], g[i : i + 1], (3, 3), *attributes) for i in range(7)]
    same(conv_weight_grad(x, g, (3, 3), *attributes), np.add.reduce(each))


def test_half_precision_accumulates_in_single() -> None:
    x, w = np.full((1, 4096, 1), 1, np.float16), np.full((1, 4096, 1), 1, np.float16)
    x[0, 0], w[0, 0] = 64, 64
    assert conv(x, w, (1,), ((0, 0),), (1,), 1) == np.float16(8191)
    assert conv_reference(x, w, (1,), ((0, 0),), (1,), 1) == np.float16(8191)


@given(cases(dtypes=("float32", "int64")))
def test_padding_and_cropping_undo_each_other(case: Case) -> None:
    padding = tuple((abs(a), abs(b)) for a, b in case.attributes[1])
    padded = conv_pad(case.x, padding)
    assert padded.sum() == case.x.sum()
    same(conv_pad(padded, tuple((-a, -b) for a, b in padding)), case.x)


@given(cases(dtypes=("int64", "float32"), low=0))
def test_unfold_is_a_convolution_with_unit_kernels_and_fold_its_adjoint(case: Case) -> None:
    x, w, _, (stride, padding, dilation, _) = case
    kernel = w.shape[2:]
    columns = unfold(x, kernel, stride, padding, dilation)
    taps = int(np.prod(kernel))
    channels = x.shape[1]
    unit = np.eye(channels * taps, dtype=x.dtype).reshape(channels * taps, channels, *kernel)
    same(columns, conv_reference(x, unit, stride, padding, dilation, 1).reshape(columns.shape))
    other = draw_array(np.random.default_rng(0), columns.shape, str(x.dtype))
    if channels:
        folded = fold(other, x.shape[2:], kernel, stride, padding, dilation)
        assert folded.shape == x.shape
        assert folded.dtype == x.dtype
        assert np.sum(columns * other) == np.sum(x * folded)


@pytest.mark.peers
@given(cases(dtypes=("float64", "complex128"), low=0, smallest=1))
def test_equals_torch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    x, w, g, (stride, padding, dilation, groups) = case
    padding = tuple((a, a) for a, _ in padding)
    output = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    if 0 in output:
        return
    g = draw_array(np.random.default_rng(1), (x.shape[0], w.shape[0], *output), str(g.dtype))
    tx, tw = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    function = getattr(torch.nn.functional, f"conv{x.ndim - 2}d")
    ty = function(tx, tw, stride=stride, padding=[a for a, _ in padding], dilation=dilation, groups=groups)
    dx, dw = torch.autograd.grad(ty, (tx, tw), torch.from_numpy(g.conj().copy()))
    attributes = (stride, padding, dilation, groups)
    np.testing.assert_allclose(conv(x, w, *attributes), ty.detach().numpy(), atol=1e-10)
    np.testing.assert_allclose(conv_input_grad(g, w, x.shape[2:], *attributes), dx.numpy().conj(), atol=1e-10)
    np.testing.assert_allclose(conv_weight_grad(x, g, w.shape[2:], *attributes), dw.numpy().conj(), atol=1e-10)


@pytest.mark.peers
@given(cases(dtypes=("float64",), low=0, smallest=1))
def test_unfold_and_fold_equal_torch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    x, w, _, (stride, padding, dilation, _) = case
    padding = tuple((a, a) for a, _ in padding)
    kernel = w.shape[2:]
    if x.ndim != 4 or 0 in conv_output_shape(x.shape[2:], kernel, stride, padding, dilation):
        return
    options = {"padding": [a for a, _ in padding], "stride": stride, "dilation": dilation}
    columns = unfold(x, kernel, stride, padding, dilation)
    expected = torch.nn.functional.unfold(torch.from_numpy(x), kernel, **options)
    same(columns, expected.numpy())
    back = torch.nn.functional.fold(expected, x.shape[2:], kernel, **options)
    np.testing.assert_allclose(fold(columns, x.shape[2:], kernel, stride, padding, dilation), back.numpy())


@pytest.mark.peers
def test_is_transposed_convolution() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    g, w = rng.standard_normal((2, 6, 5, 4)), rng.standard_normal((6, 2, 3, 2))
    expected = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(g), torch.from_numpy(w), stride=(3, 2), padding=(1, 0), output_padding=(2, 1), groups=3
    )
    actual = conv_input_grad(g, w, tuple(expected.numpy().shape[2:]), (3, 2), ((1, 1), (0, 0)), (1, 1), 3)
    np.testing.assert_allclose(actual, expected.numpy(), atol=1e-12)
