"""What laws may make of a number: the true one is right, whatever overflowed on the way to it before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.op import Op
from tensorgraph.rewrite import tiers
from tensorgraph.rewrite.laws import LAWS
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing import SAMPLES

ROUNDED = [law for law in LAWS if law.name == "scalars_first"]
X, Y = (tg.placeholder(("n",), "float32", name=name) for name in "xy")
SHARE = np.float32(1 / 70)


def widely_evaluated(graph: tg.Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    return tiers._evaluated(graph, arrays, tiers._widened)


def graph(y: tg.Tensor) -> tg.Graph:
    return tg.Graph([X.node, Y.node], [y.node])


def test_a_result_that_is_too_large_is_infinite() -> None:
    """Before, a factor was infinite, and so the sum of its products no number."""
    before, after = graph(tg.vecdot(X * 2 * SHARE, Y)), graph(tg.vecdot(X * (2 * SHARE), Y))
    arrays = [np.float32([2e38, 3e38]), np.float32([-3e38, 0])]
    assert differs_by_laws(before, after, ROUNDED, arrays) is None
    for wrong in (np.inf, 1.0):
        why = differs_by_laws(before, after, ROUNDED, arrays, [np.float32(wrong)])
        assert why == f"result 0 at (): {wrong} is not nan, nor within what rounding can do: 0"


def test_a_difference_that_vanishes_is_nothing_however_large_its_noise_is() -> None:
    """Moved by rounding it is so large that both graphs overflow, and give no number."""

    def scaled(x: tg.Tensor) -> tg.Graph:
        return graph(tg.sum(x + Y) * np.float32(3e38) / np.float32(np.inf))

    factor = SHARE * np.float32(3)
    before, after = scaled(SHARE * (np.float32(3) * X)), scaled(factor * X)
    x = np.linspace(1e37, 2e37, 64, dtype=np.float32)
    arrays = [x, -(factor * x)]
    assert differs_by_laws(before, after, ROUNDED, arrays) is None
    for wrong in (np.inf, 1.0):
        why = differs_by_laws(before, after, ROUNDED, arrays, [np.float32(wrong)])
        assert why == f"result 0 at (): {wrong} is not nan, nor within what rounding can do: 0"


def test_an_overflow_that_decides_goes_on_deciding() -> None:
    """On real numbers x * x is not infinite, so that 0 is the result; a law that mends the other branch leaves that."""

    def chosen(branch: tg.Tensor) -> tg.Graph:
        return graph(tg.where(tg.isfinite(X * X), np.float32(0), branch))

    before, after = chosen(X * 2 / 2 * Y), chosen(X * Y)
    arrays = [np.float32([-3e38]), np.float32([0.25])]
    assert differs_by_laws(before, after, ROUNDED, arrays) is None
    assert differs_by_laws(before, after, ROUNDED, arrays, [np.float32([0])]) is None  # by a law that mends both
    for wrong in (np.inf, 1.0):
        why = differs_by_laws(before, after, ROUNDED, arrays, [np.float32([wrong])])
        assert why == f"result 0 at (0,): {wrong} is not -inf, nor within what rounding can do: 0"


def test_one_overflow_that_is_mended_beside_one_that_is_not() -> None:
    """x / sqrt(x * x) is 1 on real numbers, no number where both are infinite, and 0 where only x * x is."""
    before, after = (graph(x / tg.sqrt(x * x) + Y) for x in (X * 2 / 2, X))
    arrays = [np.float32([3e38]), np.float32([0])]
    assert differs_by_laws(before, after, ROUNDED, arrays) is None
    assert differs_by_laws(before, after, ROUNDED, arrays, [np.float32([1])]) is None
    for wrong in (np.inf, 2.0):
        why = differs_by_laws(before, after, ROUNDED, arrays, [np.float32([wrong])])
        assert why == f"result 0 at (0,): {wrong} is not nan, nor within what rounding can do: 0"


def test_the_sign_of_a_nan_is_open_that_of_zero_is_not() -> None:
    exact = [law for law in LAWS if law.name == "neg_mul_neg"]
    before, after = (graph(tg.signbit(x * x)) for x in (-X, X))
    nan, zero = ([np.float32([number]), np.float32([0])] for number in (-np.nan, -0.0))
    for sign in (True, False):
        assert differs_by_laws(before, after, exact, nan, [np.array([sign])]) is None
    assert differs_by_laws(before, after, exact, zero) is None
    assert differs_by_laws(before, after, exact, zero, [np.array([True])]) == "result 0 at (0,): True is not False"


@pytest.mark.parametrize("op", SAMPLES)
def test_every_operation_has_a_value_in_higher_precision(op: type[Op]) -> None:
    for sample in SAMPLES[op]:
        arrays = sample.draw(np.random.default_rng(0))
        inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
        made = tg.Graph([x.node for x in inputs], [sample.function(*inputs).node])
        assert widely_evaluated(made, arrays) is not None, sample
