"""Convolution and pooling: a mistake in the definition or in what NumPy runs is found, and nested loops run seldom."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import conv, pool
from tensorgraph.testing import GradientMismatch, check_gradients, forms
from tensorgraph.testing.kinks import branches

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(2, 1, 6, 6)), RNG.normal(size=(2, 1, 3, 3))


def network(x: Any, w: Any) -> Any:
    return tg.max_pool(tg.conv(x, w), 2)


def mean(x: Any) -> Any:
    return tg.avg_pool(x, 2)


def adaptive(x: Any) -> Any:
    return tg.adaptive_max_pool(x, (2, 3))


FORMS: dict[type[Any], tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    conv.Conv: (network, (X, W), 1),
    conv.ConvInputGrad: (network, (X, W), 1),
    conv.ConvWeightGrad: (network, (X, W), 1),
    pool.MaxPool: (network, (X, W), 1),
    pool.MaxPoolGrad: (network, (X, W), 1),
    pool.MaxPoolSelect: (network, (X, W), 2),
    pool.AvgPool: (mean, (X,), 1),
    pool.AvgPoolGrad: (mean, (X,), 1),
    pool.AdaptiveMaxPool: (adaptive, (X,), 1),
    pool.AdaptiveAvgPool: (lambda x: tg.adaptive_avg_pool(x, (2, 3)), (X,), 1),
}


@pytest.mark.parametrize("op", FORMS, ids=lambda op: op.name)
def test_a_wrong_definition_is_found(op: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    f, args, order = FORMS[op]
    right = op.evaluate
    monkeypatch.setattr(op, "evaluate", lambda self, *arrays: right(self, *arrays) * (1 + 1e-9))
    with pytest.raises(GradientMismatch, match=rf"what NumPy runs for {op.name}.* is not its definition"):
        check_gradients(f, *args, order=order)


@pytest.mark.parametrize("op", FORMS, ids=lambda op: op.name)
def test_a_wrong_quick_form_is_found(op: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    f, args, order = FORMS[op]
    right = forms.Op.evaluate
    wrong = lambda self, *arrays: right(self, *arrays) * (1 + 1e-9 * isinstance(self, op))  # noqa: E731
    monkeypatch.setattr(forms.Op, "evaluate", wrong)
    with pytest.raises(GradientMismatch, match=rf"what NumPy runs for {op.name}.* is not its definition"):
        check_gradients(f, *args, order=order)


def test_at_zeros_too(monkeypatch: pytest.MonkeyPatch) -> None:
    right = conv.Conv.evaluate
    monkeypatch.setattr(conv.Conv, "evaluate", lambda self, *arrays: 2 * right(self, *arrays))
    with pytest.raises(GradientMismatch, match="what NumPy runs for conv"):
        check_gradients(tg.conv, np.zeros((1, 1, 4)), np.zeros((1, 1, 2)), order=1)


def test_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    right = conv.Conv.evaluate
    monkeypatch.setattr(conv.Conv, "evaluate", lambda self, *arrays: 2 * right(self, *arrays))
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: tg.conv(x, np.ones((1, 1, 2))), np.array([[[1.0, 2.0]]]))
    assert re.sub(r"test_forms\.py:\d+", "HERE", str(caught.value)) == (
        "check_gradients: what NumPy runs for conv (HERE) is not its definition in nested loops, at (0, 0, 0): 3.0 is "
        "not 6.0: this is a mistake of tensorgraph, not of the function: please report it (HERE)"
    )


def test_nested_loops_run_once_or_twice_for_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of values are differenced, and they need not be computed so slowly."""
    calls: list[str] = []
    for name in ("conv_reference", "conv_input_grad_reference", "conv_weight_grad_reference"):
        plain = getattr(conv, name)
        monkeypatch.setattr(conv, name, lambda *a, plain=plain, name=name: (calls.append(name), plain(*a))[1])
    check_gradients(network, X, W)
    assert {calls.count(name) for name in calls} == {2}


@pytest.mark.parametrize("seed", range(20))
def test_the_side_of_a_max_pool_is_the_element_it_takes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    kernel = tuple(int(k) for k in rng.integers(1, 4, rank))
    given: dict[str, Any] = {
        "stride": tuple(int(s) for s in rng.integers(1, 4, rank)),
        "dilation": tuple(int(d) for d in rng.integers(1, 3, rank)),
        "padding": tuple((int(rng.integers(k // 2 + 1)),) * 2 for k in kernel),
        "ceil_mode": bool(rng.integers(2)),
    }
    x = rng.integers(0, 3, (1, 2, *rng.integers(5, 9, rank))).astype(float)
    node = tg.placeholder(x.shape, "float64", name="x")
    pooled = tg.max_pool(node, kernel, **given)
    [branch] = branches([pooled.node])
    numbers = np.arange(x.size, dtype=float).reshape(x.shape)
    select = pool.MaxPoolSelect(**pooled.node.op.attributes())
    before, side = select.evaluate(numbers, x), branch.side(x)
    for k in range(x.size):
        x.flat[k] += 0.5
        np.testing.assert_array_equal(select.evaluate(numbers, x) == before, branch.side(x) == side)
        x.flat[k] -= 0.5


def test_types_are_part_of_what_was_compared() -> None:
    """A mistake that shows in one precision only is found although the other was compared before."""
    x = tg.placeholder((1, 1, 4), "float32", name="x")
    y = tg.placeholder((1, 1, 4), "float64", name="y")
    held = forms.Forms()
    held.hold([tg.max_pool(x, 2).node], {x.node: np.ones((1, 1, 4), np.float32)})
    assert TensorType.of(np.ones((1, 1, 4))) != TensorType.of(np.ones((1, 1, 4), np.float32))
    right = pool.MaxPool.evaluate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool.MaxPool, "evaluate", lambda self, *a: right(self, *a) * (2 if a[0].itemsize == 8 else 1))
        with pytest.raises(GradientMismatch):
            held.hold([tg.max_pool(y, 2).node], {y.node: np.ones((1, 1, 4))})
