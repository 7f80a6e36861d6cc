"""Composites against PyTorch and JAX over random arguments: values, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tests.oracles.composites import COMPOSITES

pytestmark = pytest.mark.peers
SEEDS = range(5)


def weights(shape: Sequence[int]) -> np.ndarray:
    return np.cos(np.arange(int(np.prod(shape, dtype=int))).reshape(shape) + 0.5)


def ours(f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The value, the gradient of a weighted sum in the first argument, and that of the sum of its squares."""
    x = tg.asarray(arrays[0])
    y = f(x, *map(tg.asarray, arrays[1:]))
    first = tg.gradients(tg.sum(y * weights(y.shape)), x)
    second = tg.gradients(tg.sum(first * first), x, disconnected="zero")
    return [y.numpy(), first.numpy(), second.numpy()]


def of_torch(torch: Any, f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    x = torch.tensor(arrays[0]).requires_grad_()
    y = f(torch, x, *[torch.tensor(a) for a in arrays[1:]])
    (first,) = torch.autograd.grad((y * torch.tensor(weights(y.shape))).sum(), x, create_graph=True)
    square = (first * first).sum()
    second = torch.zeros_like(x)
    if square.requires_grad:
        (found,) = torch.autograd.grad(square, x, allow_unused=True)
        second = second if found is None else found
    return [t.detach().numpy() for t in (y, first, second)]


def of_jax(jax: Any, f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    with jax.enable_x64(True):
        rest = [jax.numpy.asarray(a) for a in arrays[1:]]
        x = jax.numpy.asarray(arrays[0])
        y = f(jax, x, *rest)
        first = jax.grad(lambda x: jax.numpy.sum(f(jax, x, *rest) * weights(y.shape)))
        second = jax.grad(lambda x: jax.numpy.sum(first(x) ** 2))
        return [np.asarray(a) for a in (y, first(x), second(x))]


def agree(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    for name, a, b in zip(("value", "gradient", "second"), found, expected, strict=True):
        size = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11 * size, err_msg=name)


@pytest.mark.parametrize("name", COMPOSITES)
def test_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    for seed in SEEDS:
        arrays = COMPOSITES[name].draw(np.random.default_rng(seed))
        agree(ours(COMPOSITES[name].ours, arrays), of_torch(torch, COMPOSITES[name].torch, arrays))


@pytest.mark.parametrize("name", COMPOSITES)
def test_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    for seed in SEEDS:
        arrays = COMPOSITES[name].draw(np.random.default_rng(seed))
        agree(ours(COMPOSITES[name].ours, arrays), of_jax(jax, COMPOSITES[name].jax, arrays))
