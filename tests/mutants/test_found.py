"""Properties that surviving mutants showed to be missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import DTypeError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.op import Op

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


REFUSED: dict[str, Callable[[], tg.Tensor]] = {
    "max_pool of complex numbers": lambda: tg.max_pool(np.ones((1, 1, 4), complex), 2),
    "adaptive_max_pool of complex numbers": lambda: tg.adaptive_max_pool(np.ones((1, 1, 4), complex), 2),
    "conv of bool": lambda: tg.conv(np.ones((1, 1, 4), bool), np.ones((1, 1, 2))),
    "clip of one complex number": lambda: tg.clip(np.ones(3), -1.0, 1j),
}


@pytest.mark.parametrize("name", REFUSED)
def test_dtypes_that_are_refused(name: str) -> None:
    with pytest.raises(DTypeError):
        REFUSED[name]()
