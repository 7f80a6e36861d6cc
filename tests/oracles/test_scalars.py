"""Scalar derivatives against SymPy's, which knows nothing of our rules, and values against mpmath."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from mpmath import mp

import tensorgraph as tg
from tensorgraph.autodiff.rules import RULES
from tensorgraph.ir.op import Op
from tensorgraph.ops.elementwise import Elementwise
from tests.oracles.scalars import EXEMPT, SCALARS, derivatives, points, values

COUNT = 25
OPS = sorted(SCALARS, key=lambda op: op.name)


def test_every_scalar_rule_has_an_expression() -> None:
    wanted = {op for op in RULES if issubclass(op, Elementwise)}
    assert wanted == set(SCALARS) | set(EXEMPT)
    assert not set(SCALARS) & set(EXEMPT)


def off(found: np.ndarray, true: Sequence[Any], scale: float) -> float:
    """The largest error in units in the last place of the true value, or of `scale` where that is larger."""
    with mp.workdps(50):
        sizes = [max(abs(float(y)), scale, 1e-300) for y in true]
        return max(
            float(abs(mp.mpf(float(a)) - y) / float(np.spacing(s))) for a, y, s in zip(found, true, sizes, strict=True)
        )


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_values(op: type[Op]) -> None:
    scalar = SCALARS[op]
    arrays = points(scalar, COUNT, seed=1)
    found = scalar.function(*map(tg.asarray, arrays)).numpy()
    assert off(found, values(op, arrays), scalar.scale) <= scalar.ulp[0]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_first_derivatives(op: type[Op]) -> None:
    scalar = SCALARS[op]
    arrays = points(scalar, COUNT, seed=2)
    inputs = [tg.asarray(a) for a in arrays]
    total = tg.sum(scalar.function(*inputs))
    for i, x in enumerate(inputs):
        found = tg.gradients(total, x, disconnected="zero").numpy()
        assert off(found, derivatives(op, (i,), arrays), scalar.scale) <= scalar.ulp[1], f"operand {i}"


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_second_derivatives(op: type[Op]) -> None:
    scalar = SCALARS[op]
    arrays = points(scalar, COUNT, seed=3)
    inputs = [tg.asarray(a) for a in arrays]
    total = tg.sum(scalar.function(*inputs))
    for i, j in product(range(len(inputs)), repeat=2):
        first = tg.gradients(total, inputs[i], disconnected="zero")
        found = tg.gradients(tg.sum(first), inputs[j], disconnected="zero").numpy()
        assert off(found, derivatives(op, (i, j), arrays), scalar.scale) <= scalar.ulp[2], f"operands {i} and {j}"


def test_a_wrong_derivative_is_seen() -> None:
    (x,) = points(SCALARS[OPS[0]], COUNT, seed=2)
    true = derivatives(OPS[0], (0,), [x])
    right = np.array([float(y) for y in true])
    assert off(right, true, 0.0) <= 0.5
    assert off(right * (1 + 1e-13), true, 0.0) > 64
