"""Properties that surviving mutants showed to be missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import DTypeError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.node import Result
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import conv, pool

BOUNDS = (None, 0, 1, 3, 7, -1, -2, -7)


@pytest.mark.parametrize("step", [None, 1, 2, 3, -1, -2, -3])
def test_slices_of_a_symbolic_axis(step: int | None) -> None:
    """Of every kind of bound; the length that the type states is the one that comes out."""
    x = tg.placeholder(("n",), "float64", name="x")
    for start in BOUNDS:
        for stop in BOUNDS:
            y = x[start:stop:step]
            for size in (0, 1, 2, 5, 8):
                value = np.arange(float(size))
                (found,) = evaluate([y.node], {x.node: value})
                np.testing.assert_array_equal(found, value[start:stop:step], err_msg=f"{start}:{stop}:{step} of {size}")


# ---- the forms for axes of unknown size

ALONG: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "cumulative_prod": lambda x: tg.cumulative_prod(x, axis=0),
    "cumulative_prod, last": lambda x: tg.permute_dims(tg.cumulative_prod(tg.permute_dims(x, (1, 0)), axis=1), (1, 0)),
    "prod": lambda x: tg.prod(x, axis=0),
    "softmax": lambda x: tg.softmax(x, axis=0),
    "sort": lambda x: tg.sort(x, axis=0),
}


@pytest.mark.parametrize("name", ALONG)
def test_derivatives_along_a_symbolic_axis(name: str) -> None:
    """They are those of the axis of known size, also where elements are zero."""
    f = ALONG[name]
    value = np.array([[1.5, -2.0], [0.0, 3.0], [2.5, 0.5], [-1.0, 0.0], [0.5, 0.25]])

    def slopes(x: tg.Tensor) -> list[tg.Tensor]:
        y = f(x)
        first = tg.gradients(tg.sum(y * tg.cos(y)), x)
        return [first, tg.gradients(tg.sum(first * first), x)]

    x = tg.placeholder(("n", 2), "float64", name="x")
    found = evaluate([d.node for d in slopes(x)], {x.node: value})
    for got, known in zip(found, slopes(tg.asarray(value)), strict=True):
        np.testing.assert_allclose(got, known.numpy(), rtol=1e-12, atol=1e-12)


def test_products_of_segments_of_unknown_length() -> None:
    x = tg.placeholder(("n", 2), "float64", name="x")
    ids = tg.placeholder(("n",), "int64", name="ids")
    value = np.array([[1.5, -2.0], [0.0, 3.0], [2.5, 0.5], [-1.0, 0.0], [0.5, 0.25]])
    numbers = np.array([2, 0, 2, -1, 0])
    first = tg.gradients(tg.sum(tg.segment_prod(x, ids, 3)), x)
    (found,) = evaluate([first.node], {x.node: value, ids.node: numbers})
    np.testing.assert_allclose(found, [[2.5, 0.5], [0.5, 0.25], [1.5, -2.0], [0.0, 0.0], [0.0, 3.0]])


# ---- NaN and other dtypes


@pytest.mark.parametrize("seed", range(6))
def test_pooling_of_nan(seed: int) -> None:
    """The fast forms choose what the definitions choose, also where some elements are NaN."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((2, 2, 5, 4)) < 0.3, np.nan, rng.integers(0, 3, (2, 2, 5, 4)).astype(float))
    pooled = [tg.max_pool(tg.asarray(x), (3, 2), stride=(2, 1), padding=1), tg.adaptive_max_pool(tg.asarray(x), (3, 2))]
    for y in pooled:
        op = y.node.op
        g = rng.normal(size=y.shape)
        grad = tg.gradients(tg.sum(y * g), tg.Tensor(y.node.inputs[0]))
        for node, operands in ((y.node, [x]), (grad.node, [g, x])):
            assert node.op.helpers
            fast, slow = Op.evaluate(node.op, *operands), node.op.evaluate(*operands)
            np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12, err_msg=str(op))


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float32"])
def test_activations_of_every_dtype(name: str, dtype: str) -> None:
    x = np.array([0, 1, 1]).astype(dtype)
    found = getattr(tg, name)(tg.asarray(x)).numpy()
    wide = x.astype(float)
    expected = 1 / (1 + np.exp(-wide)) if name == "sigmoid" else np.log1p(np.exp(wide))
    np.testing.assert_allclose(found, expected, rtol=1e-3 if found.dtype == np.float16 else 1e-6)


def test_clip_of_one_complex_number() -> None:
    with pytest.raises(DTypeError):
        tg.clip(np.ones(3), -1.0, 1j)


# ---- the fast forms

PLAIN = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}


def fast(op: Op, *operands: np.ndarray) -> np.ndarray:
    return np.asarray(Op.evaluate(op, *operands))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32", "float64"), ("float16", "float64")])
def test_convolutions_of_two_dtypes(groups: int, dtypes: tuple[str, str]) -> None:
    """They compute in the wider of the two."""
    rng = np.random.default_rng(groups)
    x, w = rng.normal(size=(2, 4, 7)).astype(dtypes[0]), rng.normal(size=(4, 4 // groups, 3)).astype(dtypes[1])
    g = rng.normal(size=(2, 4, 5))
    for op, operands in (
        (conv.Conv(**PLAIN, groups=groups), (x, w)),
        (conv.ConvInputGrad(**PLAIN, groups=groups, size=(7,)), (g.astype(dtypes[0]), w)),
        (conv.ConvWeightGrad(**PLAIN, groups=groups, kernel=(3,)), (x, g.astype(dtypes[1]))),
    ):
        wanted = op.evaluate(*[a.astype("float64") for a in operands])
        np.testing.assert_allclose(fast(op, *operands), wanted, rtol=1e-12, atol=1e-12)


def test_a_convolution_of_one_large_image() -> None:
    """Larger than a block of images is meant to be: then a block is one image."""
    x, w = np.ones((2, 1, 520, 520)), np.arange(9.0).reshape(1, 1, 3, 3)
    op = conv.Conv(stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    assert np.all(fast(op, x, w) == 36)
    assert np.all(
        fast(conv.ConvWeightGrad(**op.attributes(), kernel=(3, 3)), x, np.ones((2, 1, 518, 518))) == 2 * 518**2
    )
    found = fast(conv.ConvInputGrad(**op.attributes(), size=(520, 520)), np.ones((2, 1, 518, 518)), w)
    assert np.all(found[..., 2:-2, 2:-2] == 36)


def test_pools_of_one_large_image() -> None:
    x = np.arange(2 * 300 * 300.0).reshape(2, 1, 300, 300)
    op = pool.MaxPoolGrad(stride=(2, 2), padding=((0, 0),) * 2, dilation=(1, 1), kernel=(2, 2), ceil_mode=False)
    found = fast(op, np.ones((2, 1, 150, 150)), x)
    assert np.all(found[..., 1::2, 1::2] == 1)  # the last element of each window is the largest
    assert found.sum() == 2 * 150 * 150


def choice(window: np.ndarray) -> int:
    """The last NaN, else the first maximum, in row-major order."""
    lost = np.flatnonzero(np.isnan(window))
    return int(lost[-1]) if lost.size else int(np.argmax(window))


@pytest.mark.parametrize("seed", range(4))
def test_adaptive_pools_of_nan_and_infinity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([np.nan, np.inf, -np.inf, 1.0], (1, 1, 5, 7))
    g = rng.normal(size=(1, 1, 2, 3))
    wanted = np.zeros_like(x)
    for i, (top, bottom) in enumerate([(0, 3), (2, 5)]):
        for j, (left, right) in enumerate([(0, 3), (2, 5), (4, 7)]):
            part = x[0, 0, top:bottom, left:right]
            row, column = divmod(choice(part.ravel()), right - left)
            wanted[0, 0, top + row, left + column] += g[0, 0, i, j]
    np.testing.assert_array_equal(fast(pool.AdaptiveMaxPoolGrad(), g, x), wanted)


def test_adaptive_means_of_half_precision() -> None:
    """Computed in single precision: the smallest numbers of half precision would be lost."""
    g = np.full((1, 1, 1), 2.0**-14, np.float16)
    found = fast(pool.AdaptiveAvgPoolGrad((3,)), g)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, np.full((1, 1, 3), np.float16(2.0**-14 / 3)))


# ---- derivatives


def test_a_segment_sum_into_nothing() -> None:
    x, ids = tg.asarray(np.ones((3, 2), np.float32)), np.array([0, 1, 0])
    found = tg.gradients(tg.sum(tg.segment_sum(x, ids, 0)), x)
    np.testing.assert_array_equal(found.numpy(), np.zeros((3, 2), np.float32))
    assert found.dtype == np.float32


def test_a_segment_sum_into_one() -> None:
    x = tg.asarray(np.ones((3, 2)))
    found = tg.gradients(tg.sum(tg.segment_sum(x, np.array([0, 5, 0]), 1) * np.array([[2.0, 3.0]])), x)
    np.testing.assert_array_equal(found.numpy(), [[2, 3], [0, 0], [2, 3]])


def test_complex_products_of_segments_of_unknown_length() -> None:
    x, ids = tg.placeholder(("n",), "complex128", name="x"), tg.placeholder(("n",), "int64", name="ids")
    value, numbers = np.array([1 + 2j, 3 - 1j, 2j]), np.array([0, 0, 1])
    found = []
    for z, i in ((x, ids), (tg.asarray(value), tg.asarray(numbers))):
        y = tg.segment_prod(z, i, 2)
        found += evaluate(
            [tg.gradients(tg.sum(tg.real(y) + 2 * tg.imag(y)), z).node], {x.node: value, ids.node: numbers}
        )
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_the_direction_of_zero() -> None:
    z = tg.asarray(np.array([0j, 3 + 4j]))
    found = tg.gradients(tg.sum(tg.real(tg.sign(z))), z)
    np.testing.assert_allclose(found.numpy(), [0, 0.128 - 0.096j], rtol=1e-12)


def test_a_result_of_several_that_is_used_twice() -> None:
    f = tg.custom_op(
        lambda x: (np.sin(x), np.cos(x)), infer=lambda x: (x, x),
        vjp=lambda g, y, x: (g[0] * tg.cos(x) - g[1] * tg.sin(x),),
    )  # fmt: skip
    x = tg.asarray(np.array([0.5, -1.0]))
    node = f(x)[0].node.inputs[0]
    one, other = tg.Tensor(Result(node, 0)), tg.Tensor(Result(node, 0))
    found = tg.gradients(tg.sum(2 * one + 3 * other), x)
    np.testing.assert_allclose(found.numpy(), 5 * np.cos([0.5, -1.0]), rtol=1e-12)


def test_a_cotangent_that_broadcasts() -> None:
    f = tg.custom_op(np.sum, infer=lambda x: TensorType(x.dtype, ()), vjp=lambda g, y, x: tg.reshape(g, (1, 1)))
    found = tg.gradients(f(x := tg.asarray(np.ones((2, 3)))), x)
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(found.numpy(), np.ones((2, 3)))


def test_what_does_not_depend_has_the_derivative_zero() -> None:
    x, y = tg.asarray(np.ones(3)), tg.asarray(np.ones((2, 2), np.float32))
    found = tg.gradients(tg.sum(x), [y], disconnected="zero")
    np.testing.assert_array_equal(found[0].numpy(), np.zeros((2, 2), np.float32))
    assert float(tg.grad(lambda x, y: tg.sum(x), 1)(x, 2.0)) == 0
