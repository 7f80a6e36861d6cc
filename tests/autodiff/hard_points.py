"""The points at which a derivative needs care, with what is right there: `docs/hard_points.md` shows the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, log, nan, pi
from typing import Any, NamedTuple

import numpy as np

import tensorgraph as tg

Numbers = float | Sequence[Any]


class HardPoint(NamedTuple):
    """A function, where it is differentiated, and what must come out.

    The second derivative is that of the sum of the gradient. `others` names who gives the same.
    """

    function: str
    f: Callable[[Any], Any]
    x: Numbers
    value: Numbers
    gradient: Numbers
    second: Numbers
    others: str


def where_reshaped(x: Any) -> Any:
    """A branch that is NaN, through a reshape, a broadcast and a sum."""
    wide = tg.broadcast_to(tg.reshape(tg.log(x), (1, 2)), (2, 2))
    return tg.where(x > 0, tg.sum(wide, axis=0), 0)


def where_twice(x: Any) -> Any:
    inner = tg.where(x > 0, tg.sqrt(x), x)
    return tg.where(x > 0, tg.log(inner), inner)


def softmax_pick(x: Any) -> Any:
    return tg.log_softmax(x)[0]


HARD_POINTS = [
    HardPoint("where(x > 0, log(x), 0)",
              lambda x: tg.where(x > 0, tg.log(x), 0), [0.0, 1.0], [0, 0], [0, 1], [0, -1], "-"),
    HardPoint("where(x > 0, sqrt(x), 0)",
              lambda x: tg.where(x > 0, tg.sqrt(x), 0), [0.0, 1.0], [0, 1], [0, 0.5], [0, -0.25], "-"),
    HardPoint("where(x != 0, 1 / x, 0)",
              lambda x: tg.where(x != 0, 1 / x, 0), [0.0, 1.0], [0, 1], [0, -1], [0, 2], "-"),
    HardPoint("where(x > 0, x**0.5, x)",
              lambda x: tg.where(x > 0, x**0.5, x), [0.0, 4.0], [0, 2], [1, 0.25], [0, -1 / 32], "-"),
    HardPoint("where(x > 0, x * log(x), 0)",
              lambda x: tg.where(x > 0, x * tg.log(x), 0), [0.0, 1.0], [0, 0], [0, 1], [0, 1], "-"),
    HardPoint("where of a sum of a reshaped log", where_reshaped, [0.0, 1.0], [0, 0], [0, 2], [0, -2], "-"),
    HardPoint("where of a where of log and sqrt", where_twice, [0.0, 1.0], [0, 0], [1, 0.5], [0, -0.5], "-"),
    HardPoint("x**0", lambda x: x**0, [0.0, -1.0], [1, 1], [0, 0], [0, 0], "PyTorch, JAX"),
    HardPoint("x**0.0", lambda x: x**0.0, [0.0, -1.0], [1, 1], [0, 0], [0, 0], "PyTorch"),
    HardPoint("x**[0, 1, 2, 3]",
              lambda x: x ** np.arange(4.0), [0.0] * 4, [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0],
              "PyTorch the gradient"),
    HardPoint("x**1", lambda x: x**1, [0.0, -2.0], [0, -2], [1, 1], [0, 0], "PyTorch, JAX"),
    HardPoint("x**2", lambda x: x**2, [0.0, -2.0], [0, 4], [0, -4], [2, 2], "PyTorch, JAX"),
    HardPoint("x**3", lambda x: x**3, [0.0, -2.0], [0, -8], [0, 12], [0, -12], "PyTorch, JAX"),
    HardPoint("x**0.5", lambda x: x**0.5, [0.0], [0], [inf], [-inf], "PyTorch, JAX"),
    HardPoint("0**y",
              lambda y: tg.asarray([0.0, 0.0]) ** y, [0.0, 2.0], [1, 0], [0, 0], [0, 0], "PyTorch the gradient, JAX"),
    HardPoint("sqrt(x)", tg.sqrt, [0.0, 1.0], [0, 1], [inf, 0.5], [-inf, -0.25], "PyTorch, JAX"),
    HardPoint("vector_norm(x)", tg.vector_norm, [0.0, 0.0], 0, [0, 0], [0, 0], "PyTorch the gradient"),
    HardPoint("vector_norm(x, ord=1)", lambda x: tg.vector_norm(x, ord=1), [0.0, 3.0], 3, [0, 1], [0, 0], "PyTorch"),
    HardPoint("vector_norm(x, ord=3)", lambda x: tg.vector_norm(x, ord=3), [0.0, 0.0], 0, [0, 0], [0, 0], "PyTorch"),
    HardPoint("std(x)", tg.std, [2.0, 2.0], 0, [0, 0], [0, 0], "PyTorch"),
    HardPoint("abs(x)", tg.abs, [0.0, -0.0, -2.0], [0, 0, 2], [0, 0, -1], [0, 0, 0], "PyTorch"),
    HardPoint("sign(x)", tg.sign, [0.0], [0], [0], [0], "PyTorch, JAX"),
    HardPoint("relu(x)", tg.relu, [0.0, 1.0, -1.0], [0, 1, 0], [0, 1, 0], [0, 0, 0], "PyTorch, JAX"),
    HardPoint("hypot(x, 0)", lambda x: tg.hypot(x, 0.0), [0.0], [0], [0], [0], "-"),
    HardPoint("max(x)", tg.max, [1.0, 3.0, 3.0], 3, [0, 0.5, 0.5], [0, 0, 0], "PyTorch, JAX"),
    HardPoint("min(x)", tg.min, [1.0, 1.0, 3.0, 1.0], 1, [1 / 3, 1 / 3, 0, 1 / 3], [0] * 4, "PyTorch, JAX"),
    HardPoint("maximum(x, 1)", lambda x: tg.maximum(x, 1.0), [1.0, 2.0], [1, 2], [0.5, 1], [0, 0], "PyTorch, JAX"),
    HardPoint("minimum(x, 1)", lambda x: tg.minimum(x, 1.0), [1.0, 2.0], [1, 1], [0.5, 0], [0, 0], "PyTorch, JAX"),
    HardPoint("maximum(x, x)", lambda x: tg.maximum(x, x), [1.0], [1], [1], [0], "PyTorch, JAX"),
    HardPoint("clip(x, 0, 1)",
              lambda x: tg.clip(x, 0.0, 1.0), [-1.0, 0.0, 1.0, 2.0], [0, 0, 1, 1], [0, 1, 1, 0], [0] * 4, "PyTorch"),
    HardPoint("prod(x), one zero", tg.prod, [2.0, 0.0, 3.0], 0, [0, 6, 0], [3, 5, 2], "PyTorch, JAX"),
    HardPoint("prod(x), two zeros", tg.prod, [0.0, 0.0, 3.0], 0, [0, 0, 0], [3, 3, 0], "PyTorch, JAX"),
    HardPoint("logsumexp(x), all -inf", tg.logsumexp, [-inf, -inf], -inf, [0.5, 0.5], [0, 0], "-"),
    HardPoint("logsumexp(x), one -inf",
              tg.logsumexp, [-inf, 0.0, 0.0], log(2), [0, 0.5, 0.5], [0, 0, 0], "PyTorch, JAX"),
    HardPoint("logsumexp(x), one inf", tg.logsumexp, [inf, 0.0], inf, [1, 0], [0, 0], "-"),
    HardPoint("logaddexp(x, -inf)", lambda x: tg.logaddexp(x, -inf), [-inf, 0.0], [-inf, 0], [0.5, 1], [0, 0], "-"),
    HardPoint("logaddexp(x, inf)", lambda x: tg.logaddexp(x, inf), [inf, 0.0], [inf, inf], [0.5, 0], [0, 0], "-"),
    HardPoint("logaddexp(x, 0)",
              lambda x: tg.logaddexp(x, 0.0), [1000.0, -1000.0], [1000, 0], [1, 0], [0, 0],
              "PyTorch the gradient, JAX"),
    HardPoint("log_softmax(x)[0]", softmax_pick, [1e4, 0.0], 0, [0, 0], [0, 0], "PyTorch, JAX"),
    HardPoint("log_softmax(x)[0]", softmax_pick, [0.0, 1e4], -1e4, [1, -1], [0, 0], "PyTorch, JAX"),
    HardPoint("sigmoid(x)", tg.sigmoid, [-1000.0, 0.0, 1000.0], [0, 0.5, 1], [0, 0.25, 0], [0, 0, 0], "PyTorch, JAX"),
    HardPoint("softplus(x)",
              tg.softplus, [-1000.0, 0.0, 1000.0], [0, log(2), 1000], [0, 0.5, 1], [0, 0.25, 0], "PyTorch, JAX"),
    HardPoint("tanh(x)", tg.tanh, [-1000.0, 0.0, 1000.0], [-1, 0, 1], [0, 1, 0], [0, 0, 0], "PyTorch, JAX"),
    HardPoint("sinc(x)", tg.sinc, [0.0], [1], [0], [-(pi**2) / 3], "PyTorch the gradient, JAX"),
    HardPoint("log1p(x)", tg.log1p, [0.0, 1e-20], [0, 1e-20], [1, 1], [-1, -1], "PyTorch, JAX"),
    HardPoint("expm1(x)", tg.expm1, [0.0, 1e-20], [0, 1e-20], [1, 1], [1, 1], "PyTorch, JAX"),
    HardPoint("x / x", lambda x: x / x, [0.0], [nan], [nan], [nan], "PyTorch, JAX"),
    HardPoint("atan2(x, 0)", lambda x: tg.atan2(x, 0.0), [0.0], [0], [0], [0], "PyTorch the gradient"),
    HardPoint("floor(x)", tg.floor, [1.0, 1.5], [1, 1], [0, 0], [0, 0], "PyTorch, JAX"),
    HardPoint("remainder(x, 2)", lambda x: tg.remainder(x, 2.0), [2.0, -1.0], [0, 1], [1, 1], [0, 0], "PyTorch, JAX"),
]  # fmt: skip
