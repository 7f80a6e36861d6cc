"""The main composites in three libraries, over arguments drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import tensorgraph as tg
from tensorgraph.nn import functional as F  # noqa: N812

__all__ = ["COMPOSITES", "Composite"]


class Composite(NamedTuple):
    """One function: ours, PyTorch's of the module `torch`, JAX's of `jax`; and its arguments."""

    ours: Callable[..., Any]
    torch: Callable[..., Any]
    jax: Callable[..., Any]
    draw: Callable[[np.random.Generator], tuple[np.ndarray, ...]]


def _shape(rng: np.random.Generator, ndim: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 5, ndim))


def one(ndim: int) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    """An array of random shape."""
    return lambda rng: (rng.normal(size=_shape(rng, ndim)),)


def chain(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Matrices that can be multiplied."""
    n, k, m = _shape(rng, 3)
    return rng.normal(size=(n, k)), rng.normal(size=(k, m))


def broadcast(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Shapes that broadcast in both directions."""
    n, m = _shape(rng, 2)
    return rng.normal(size=(n, 1)), rng.normal(size=(m,))


def images(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """A batch and kernels."""
    n, c, o = (int(i) for i in rng.integers(1, 3, 3))
    return rng.normal(size=(n, c, 6, 5)), rng.normal(size=(o, c, 3, 2))


def logits(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Rows of numbers, and a class for each."""
    n, k = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    return rng.normal(size=(n, k)), rng.integers(0, k, n)


def attention(m: Any, softmax: Callable[..., Any], q: Any, k: Any) -> Any:
    """Attention whose values are the keys."""
    return softmax(m.einsum("ij,kj->ik", q, k)) @ k


def pairs(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Two lists of vectors of one length."""
    n, m, d = _shape(rng, 3)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d))


def _jax_conv(jax: Any, x: Any, w: Any) -> Any:
    return jax.lax.conv_general_dilated(x, w, (2, 1), [(1, 1), (1, 1)], rhs_dilation=(1, 2))


def _jax_cross_entropy(jax: Any, x: Any, y: Any) -> Any:
    rows = jax.nn.log_softmax(x)
    return -jax.numpy.mean(jax.numpy.take_along_axis(rows, y[:, None], axis=1))


def _norm(m: Any, x: Any, axis: str) -> Any:
    mean = m.mean(x, **{axis: -1}, keepdims=True)
    return (x - mean) / m.sqrt(m.mean((x - mean) ** 2, **{axis: -1}, keepdims=True) + 1e-5)


COMPOSITES: Mapping[str, Composite] = {
    "softmax": Composite(
        lambda x: tg.softmax(x, axis=-1), lambda torch, x: torch.softmax(x, -1),
        lambda jax, x: jax.nn.softmax(x), one(2),
    ),
    "log_softmax": Composite(
        lambda x: tg.log_softmax(x, axis=0), lambda torch, x: torch.log_softmax(x, 0),
        lambda jax, x: jax.nn.log_softmax(x, axis=0), one(2),
    ),
    "logsumexp": Composite(
        lambda x: tg.logsumexp(x, axis=1), lambda torch, x: torch.logsumexp(x, 1),
        lambda jax, x: jax.nn.logsumexp(x, axis=1), one(3),
    ),
    "cross_entropy": Composite(
        F.cross_entropy, lambda torch, x, y: torch.nn.functional.cross_entropy(x, y), _jax_cross_entropy, logits
    ),
    "matmul": Composite(lambda a, b: tg.tanh(a @ b), lambda torch, a, b: torch.tanh(a @ b),
                        lambda jax, a, b: jax.numpy.tanh(a @ b), chain),
    "broadcast": Composite(lambda a, b: tg.exp(a) * b - a / (1 + b * b),
                           lambda torch, a, b: torch.exp(a) * b - a / (1 + b * b),
                           lambda jax, a, b: jax.numpy.exp(a) * b - a / (1 + b * b), broadcast),
    "prod": Composite(lambda x: tg.prod(x, axis=0), lambda torch, x: torch.prod(x, 0),
                      lambda jax, x: jax.numpy.prod(x, axis=0), one(2)),
    "cumulative_prod": Composite(lambda x: tg.cumulative_prod(x, axis=1), lambda torch, x: torch.cumprod(x, 1),
                                 lambda jax, x: jax.numpy.cumprod(x, axis=1), one(2)),
    "var": Composite(lambda x: tg.var(x, axis=0), lambda torch, x: torch.var(x, 0, correction=0),
                     lambda jax, x: jax.numpy.var(x, axis=0), one(3)),
    "vector_norm": Composite(lambda x: tg.vector_norm(x, axis=0), lambda torch, x: torch.linalg.vector_norm(x, dim=0),
                             lambda jax, x: jax.numpy.linalg.norm(x, axis=0), one(2)),
    "layer_norm": Composite(lambda x: _norm(tg, x, "axis"), lambda torch, x: _norm(torch, x, "dim"),
                            lambda jax, x: _norm(jax.numpy, x, "axis"), one(2)),
    "attention": Composite(
        lambda q, k: attention(tg, lambda s: tg.softmax(s, axis=-1), q, k),
        lambda torch, q, k: attention(torch, lambda s: torch.softmax(s, -1), q, k),
        lambda jax, q, k: attention(jax.numpy, jax.nn.softmax, q, k), pairs,
    ),
    "conv": Composite(
        lambda x, w: tg.conv(x, w, stride=(2, 1), padding=1, dilation=(1, 2)),
        lambda torch, x, w: torch.nn.functional.conv2d(x, w, stride=(2, 1), padding=1, dilation=(1, 2)), _jax_conv,
        images,
    ),
    "max_pool": Composite(
        lambda x, w: tg.max_pool(x, 2) * tg.sum(w),
        lambda torch, x, w: torch.nn.functional.max_pool2d(x, 2) * w.sum(),
        lambda jax, x, w: jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        * jax.numpy.sum(w),
        images,
    ),
    "sort": Composite(lambda x: tg.sort(x, axis=0) ** 2, lambda torch, x: torch.sort(x, 0).values ** 2,
                      lambda jax, x: jax.numpy.sort(x, axis=0) ** 2, one(2)),
    "gather": Composite(lambda x, i: x[i % 2] * x[0], lambda torch, x, i: x[i % 2] * x[0],
                        lambda jax, x, i: x[i % 2] * x[0],
                        lambda rng: (rng.normal(size=(2, *_shape(rng, 1))), rng.integers(0, 9, 4))),
}  # fmt: skip
