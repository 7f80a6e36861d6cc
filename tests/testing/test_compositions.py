"""Right derivatives pass: random compositions of smooth functions and functions with kinks, also at their kinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import check_gradients

UNARY: Sequence[Callable[[Any], Any]] = [
    tg.sin, tg.exp, tg.tanh, tg.abs, tg.relu, tg.floor, tg.sigmoid, tg.sign, tg.expm1, tg.negative,
    lambda x: x * x,
    lambda x: tg.clip(x, -0.5, 0.5),
    lambda x: tg.sort(x, axis=-1),
    lambda x: tg.softmax(x, axis=-1),
    lambda x: tg.cumulative_sum(x, axis=-1),
    lambda x: tg.max(x, axis=-1, keepdims=True) + x,
    lambda x: tg.where(x > 0, x, -0.5 * x),
    lambda x: tg.sqrt(tg.abs(x) + 0.5),
    lambda x: tg.log(x * x + 0.3),
    lambda x: tg.flip(x, axis=-1),
    lambda x: tg.mean(x, axis=0, keepdims=True) * x,
    lambda x: tg.remainder(x, 0.7),
    lambda x: tg.stop_gradient(x) * x,
]  # fmt: skip
BINARY = [tg.add, tg.multiply, tg.maximum, tg.minimum, tg.subtract, tg.logaddexp]


def composition(seed: int) -> tuple[Callable[..., Any], Any, Any]:
    """A function of two arrays, and where: anywhere, at whole numbers, or near whole numbers."""
    rng = np.random.default_rng(seed)
    plan = [(rng.integers(len(UNARY)), rng.integers(len(BINARY)), *rng.random(2)) for _ in range(rng.integers(2, 7))]

    def f(x: Any, y: Any) -> Any:
        values = [x, y]
        for one, two, kind, place in plan:
            old = values[int(place * len(values))]
            values.append(UNARY[one](old) if kind < 0.5 else BINARY[two](old, values[-1]))
        return values[-1] * 0.5 + values[-2]

    x, y = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    off = [None, 0.0, 1e-7][seed % 3]
    return (f, x, y) if off is None else (f, np.round(x) + off * x, np.round(y) + off * y)


@pytest.mark.parametrize("first", range(0, 300, 10))
def test_no_false_alarm(first: int) -> None:
    for seed in range(first, first + 10):
        f, x, y = composition(seed)
        check_gradients(f, x, y, order=2 if seed % 5 == 0 else 1)
