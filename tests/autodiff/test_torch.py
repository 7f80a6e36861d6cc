"""First derivatives of composites are those of torch.autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")

X = np.random.default_rng(5).normal(size=(3, 4))
ZEROS = X * (np.abs(X) > 0.4)

PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "softmax": (lambda x: tg.softmax(x, axis=0), lambda x: torch.softmax(x, 0)),
    "log_softmax": (lambda x: tg.log_softmax(x, axis=1), lambda x: torch.log_softmax(x, 1)),
    "logsumexp": (lambda x: tg.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1)),
    "std": (lambda x: tg.std(x, axis=0, correction=1), lambda x: torch.std(x, 0)),
    "var": (lambda x: tg.var(x, axis=1), lambda x: torch.var(x, 1, correction=0)),
    "mean": (lambda x: tg.mean(x, axis=0, keepdims=True), lambda x: torch.mean(x, 0, keepdim=True)),
    "norm 2": (lambda x: tg.vector_norm(x, axis=1), lambda x: torch.linalg.vector_norm(x, dim=1)),
    "norm 1": (lambda x: tg.vector_norm(x, axis=1, ord=1), lambda x: torch.linalg.vector_norm(x, ord=1, dim=1)),
    "norm 3": (lambda x: tg.vector_norm(x, ord=3), lambda x: torch.linalg.vector_norm(x, ord=3)),
    "norm inf": (
        lambda x: tg.vector_norm(x, ord=float("inf")),
        lambda x: torch.linalg.vector_norm(x, ord=float("inf")),
    ),
    "prod": (lambda x: tg.prod(x, axis=1), lambda x: torch.prod(x, 1)),
    "max": (lambda x: tg.max(x, axis=0), lambda x: torch.amax(x, 0)),
    "min": (lambda x: tg.min(x, axis=(0, 1)), lambda x: torch.amin(x, (0, 1))),
    "sigmoid": (tg.sigmoid, torch.sigmoid),
    "softplus": (tg.softplus, torch.nn.functional.softplus),
    "logaddexp": (lambda x: tg.logaddexp(x, 2 * x[0]), lambda x: torch.logaddexp(x, 2 * x[0])),
    "einsum": (lambda x: tg.einsum("ij,kj->ik", x, x), lambda x: torch.einsum("ij,kj->ik", x, x)),
    "triangle": (tg.tril, torch.tril),
    "index": (lambda x: x[np.array([0, 2, 0]), 1:] ** 2, lambda x: x[[0, 2, 0], 1:] ** 2),
    "pad": (lambda x: tg.pad(x, 1) * 3, lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1)) * 3),
    "clip": (lambda x: tg.clip(x, -0.5, 0.5), lambda x: torch.clip(x, -0.5, 0.5)),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("value", [X, ZEROS], ids=["dense", "zeros"])
def test_gradients_are_those_of_torch(name: str, value: np.ndarray) -> None:
    ours, theirs = PAIRS[name]
    x = torch.tensor(value, requires_grad=True)
    result = theirs(x)
    seed = np.random.default_rng(1).normal(size=tuple(result.shape))
    result.backward(torch.tensor(seed))
    y, pull = tg.vjp(ours, tg.asarray(value))
    np.testing.assert_allclose(y, result.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(pull(tg.asarray(seed))[0], x.grad.numpy(), rtol=1e-10, atol=1e-13)
