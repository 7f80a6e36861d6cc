"""Gradients of formulas that would overflow: they are right where the value is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp

import tensorgraph as tg
from tensorgraph.rewrite.stabilize import stabilized

POINTS = (-1000.0, -90.0, -17.5, -1.0, 0.0, 0.3, 17.5, 90.0, 1000.0)

# The formula as a user writes it, its derivative, and its second derivative.
Formula = tuple[Callable[[tg.Tensor], tg.Tensor], Callable[[mp.mpf], mp.mpf], Callable[[mp.mpf], mp.mpf]]


def s(x: mp.mpf) -> mp.mpf:
    """The logistic function."""
    return 1 / (1 + mp.exp(-x))


def curve(x: mp.mpf) -> mp.mpf:
    """Its derivative."""
    return s(x) * s(-x)


FORMULAS: dict[str, Formula] = {
    "softplus": (lambda x: tg.log(1 + tg.exp(x)), s, curve),
    "softplus by log1p": (lambda x: tg.log1p(tg.exp(-x)), lambda x: -s(-x), curve),
    "log of sigmoid": (lambda x: tg.log(tg.sigmoid(x)), lambda x: s(-x), lambda x: -curve(x)),
    "log of sigmoid by hand": (lambda x: tg.log(1 / (1 + tg.exp(-x))), lambda x: s(-x), lambda x: -curve(x)),
    "log of 1 - sigmoid": (lambda x: tg.log(1 - tg.sigmoid(x)), lambda x: -s(x), lambda x: -curve(x)),
    "sigmoid by hand": (lambda x: 1 / (1 + tg.exp(-x)), curve, lambda x: curve(x) * (1 - 2 * s(x))),
    "sigmoid, the other way": (
        lambda x: tg.exp(x) / (1 + tg.exp(x)), curve, lambda x: curve(x) * (1 - 2 * s(x)),
    ),
    "tanh by hand": (
        lambda x: (tg.exp(x) - tg.exp(-x)) / (tg.exp(x) + tg.exp(-x)),
        lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2,
    ),
    "logaddexp by hand": (lambda x: tg.log(tg.exp(x) + tg.exp(0 * x)), s, curve),
    "binary cross-entropy": (
        lambda x: -(0.25 * tg.log(tg.sigmoid(x)) + 0.75 * tg.log(1 - tg.sigmoid(x))), lambda x: s(x) - mp.mpf("0.25"),
        curve,
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMULAS)
@mp.workdps(50)
def test_a_formula_of_one_number(name: str, dtype: str) -> None:
    f, first, second = FORMULAS[name]
    x = tg.placeholder(("n",), dtype, name="x")
    once = tg.gradients(tg.sum(f(x)), x)
    kernel = tg.compile([x], [f(x), once, tg.gradients(tg.sum(once), x)])
    value, found, again = kernel(np.array(POINTS, dtype))
    assert np.isfinite(value).all()
    eps = float(np.finfo(dtype).eps)
    for i, point in enumerate(POINTS):
        exact = mp.mpf(float(np.asarray(point, dtype)))
        assert abs(found[i] - first(exact)) <= 8 * eps, point
        assert abs(again[i] - second(exact)) <= 8 * eps, point


def log_softmax(x: tg.Tensor) -> tg.Tensor:
    return tg.log(tg.softmax(x))


MANY: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "log of softmax": log_softmax,
    "log of softmax by hand": lambda x: tg.log(tg.exp(x) / tg.sum(tg.exp(x))),
    "log of centred softmax by hand": lambda x: tg.log(tg.exp(x - tg.max(x)) / tg.sum(tg.exp(x - tg.max(x)))),
    "x - log(sum(exp(x)))": lambda x: x - tg.log(tg.sum(tg.exp(x))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MANY)
def test_cross_entropy_over_softmax(name: str, dtype: str) -> None:
    x = tg.placeholder((3,), dtype, name="x")
    loss = -tg.sum(np.array([0.5, 0, 0.5], dtype) * MANY[name](x))
    kernel = tg.compile([x], [loss, tg.gradients(loss, x)])
    for scale in (1, 60, 1000):
        z = np.array([scale, 0, -scale], dtype)
        value, found = kernel(z)
        p = np.exp(z - z.max(), dtype="longdouble")
        p /= p.sum()
        assert np.isfinite(value)
        np.testing.assert_allclose(found, p - [0.5, 0, 0.5], rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_training_goes_on_where_the_loss_is_finite() -> None:
    x, y = (tg.placeholder(("n", 1), "float32", name=name) for name in "xy")
    w = tg.Parameter(np.ones((1, 1), np.float32), name="w")
    p = tg.sigmoid(x @ w)
    loss = -tg.mean(y * tg.log(p) + (1 - y) * tg.log(1 - p))
    step = tg.compile([x, y], loss, tg.optim.SGD(0.1).updates(loss, [w]))
    ones = np.ones((2, 1), np.float32)
    assert np.isfinite(step(np.array([[0.5], [18.0]], np.float32), ones))
    np.testing.assert_allclose(w.numpy(), 1 + 0.1 * (0.5 * (1 - 1 / (1 + np.exp(-0.5)))) / 2, rtol=1e-6)


def test_what_is_asked_for_stays_in_the_graph() -> None:
    x = tg.placeholder((), "float64", name="x")
    p = tg.sigmoid(x)
    by_p, by_x = tg.gradients(tg.log(p), [p, x])
    kernel = tg.compile([x], [by_p, by_x])
    value = 1 / (1 + np.exp(-0.3))
    np.testing.assert_allclose(kernel(0.3), [1 / value, 1 - value], rtol=1e-14)


def test_what_no_law_is_about_is_left_as_it_is() -> None:
    x = tg.placeholder((3,), "float64", name="x")
    y = tg.log(tg.sin(x) * 2 + 5)
    assert stabilized([y.node], [x.node]) == [y.node]


def test_updates_of_layers_are_kept() -> None:
    norm = tg.nn.BatchNorm1d(3)
    x = tg.placeholder(("n", 3), "float32", name="x")
    loss = tg.mean(tg.log(1 + tg.exp(norm(x))))
    for outputs in (loss, tg.gradients(loss, norm.parameters()[0])):
        kernel = tg.compile([x], outputs)
        assert [v.op.label for v, _ in kernel.graph.updates] == ["running_mean", "running_var", "num_batches_tracked"]
