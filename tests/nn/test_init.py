"""First values: distributions, and PyTorch's defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorgraph import nn
from tensorgraph.nn import init

SHAPE = (60, 40, 3, 3)  # fans 360 and 540


def uniform(found: Any, bound: float) -> None:
    assert abs(found).max() <= bound
    assert abs(found).max() > 0.99 * bound
    assert abs(found.std() / (bound / math.sqrt(3)) - 1) < 0.02


def normal(found: Any, std: float) -> None:
    assert abs(found.std() / std - 1) < 0.02
    assert abs(found).max() > 3 * std


CASES: dict[str, tuple[Callable[..., Any], Callable[[Any, float], None], float]] = {
    "xavier uniform": (init.xavier_uniform, uniform, math.sqrt(6 / 900)),
    "xavier normal": (init.xavier_normal, normal, math.sqrt(2 / 900)),
    "kaiming uniform": (lambda s, **k: init.kaiming_uniform(s, nonlinearity="relu", **k), uniform, math.sqrt(6 / 360)),
    "kaiming normal": (lambda s, **k: init.kaiming_normal(s, 0.5, "fan_out", **k), normal, math.sqrt(2 / 1.25 / 540)),
    "lecun uniform": (init.lecun_uniform, uniform, math.sqrt(3 / 360)),
    "lecun normal": (init.lecun_normal, normal, math.sqrt(1 / 360)),
}


@pytest.mark.parametrize("name", CASES)
def test_distribution(name: str) -> None:
    make, check, size = CASES[name]
    found = make(SHAPE, rng=0, dtype="float64")
    assert (found.shape, found.dtype) == (SHAPE, np.float64)
    assert make(SHAPE, rng=0).dtype == np.float32
    check(found, size)
    assert abs(found.mean()) < 0.02 * size
    assert np.array_equal(found, make(SHAPE, rng=np.random.default_rng(0), dtype="float64"))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3), (4, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = init.orthogonal(shape, 2.0, rng=0, dtype="float64").reshape(shape[0], -1)
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 4 * np.eye(min(q.shape)), atol=1e-12)


def test_truncated() -> None:
    found = init.trunc_normal((100_000,), 1.0, 2.0, -1.0, 3.0, rng=0)
    assert found.min() >= -1
    assert found.max() <= 3
    assert abs(found.mean() - 1) < 0.02
    assert abs(found.std() - 2 * 0.5396) < 0.02  # of a normal variable held within one standard deviation
    with pytest.raises(ValueError, match="has nothing in"):
        init.trunc_normal((3,), 0.0, 1.0, 7.0, 8.0)


def test_constants() -> None:
    assert init.constant((2,), 3).tolist() == [3, 3]
    assert init.zeros((2,), dtype="int8").dtype == np.int8
    assert init.ones((1, 2)).tolist() == [[1, 1]]


@pytest.mark.peers
def test_defaults_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    pairs = [
        (nn.Linear(300, 200, rng=0), torch.nn.Linear(300, 200)),
        (nn.Conv2d(40, 60, 3, groups=2, rng=0), torch.nn.Conv2d(40, 60, 3, groups=2)),
        (nn.ConvTranspose2d(40, 60, 3, groups=2, rng=0), torch.nn.ConvTranspose2d(40, 60, 3, groups=2)),
        (nn.Embedding(300, 50, rng=0), torch.nn.Embedding(300, 50)),
        (nn.MultiheadAttention(64, 4, rng=0), torch.nn.MultiheadAttention(64, 4)),
        (nn.MultiheadAttention(64, 4, kdim=30, rng=0), torch.nn.MultiheadAttention(64, 4, kdim=30)),
        (nn.BatchNorm2d(8), torch.nn.BatchNorm2d(8)),
        (nn.LayerNorm(8), torch.nn.LayerNorm(8)),
        (nn.GroupNorm(2, 8), torch.nn.GroupNorm(2, 8)),
        (nn.PReLU(), torch.nn.PReLU()),
    ]
    for layer, peer in pairs:
        mine, theirs = layer.state_dict(), peer.state_dict()
        assert list(mine) == list(theirs)
        for path, value in mine.items():
            other = theirs[path].numpy()
            assert (value.shape, value.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(value.std(), other.std(), rtol=0.25 if value.size < 1000 else 0.03, err_msg=path)
            np.testing.assert_allclose(abs(value).max(), abs(other).max(), rtol=0.25, err_msg=path)


@pytest.mark.peers
def test_gains_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
