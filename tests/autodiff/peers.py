"""The functions of `tests.autodiff.hard_points`, in PyTorch and in JAX."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

Functions = dict[str, Callable[[Any], Any]]


def shared(m: Any) -> Functions:
    """Where both have the same names."""

    def reshaped(x: Any) -> Any:
        wide = m.broadcast_to(m.reshape(m.log(x), (1, 2)), (2, 2))
        return m.where(x > 0, m.sum(wide, 0), 0.0)

    def twice(x: Any) -> Any:
        inner = m.where(x > 0, m.sqrt(x), x)
        return m.where(x > 0, m.log(inner), inner)

    return {
        "where(x > 0, log(x), 0)": lambda x: m.where(x > 0, m.log(x), 0.0),
        "where(x > 0, sqrt(x), 0)": lambda x: m.where(x > 0, m.sqrt(x), 0.0),
        "where(x != 0, 1 / x, 0)": lambda x: m.where(x != 0, 1 / x, 0.0),
        "where(x > 0, x**0.5, x)": lambda x: m.where(x > 0, x**0.5, x),
        "where(x > 0, x * log(x), 0)": lambda x: m.where(x > 0, x * m.log(x), 0.0),
        "where of a sum of a reshaped log": reshaped,
        "where of a where of log and sqrt": twice,
        "x**0": lambda x: x**0,
        "x**0.0": lambda x: x**0.0,
        "x**1": lambda x: x**1,
        "x**2": lambda x: x**2,
        "x**3": lambda x: x**3,
        "x**0.5": lambda x: x**0.5,
        "0**y": lambda y: m.zeros_like(y) ** y,
        "sqrt(x)": m.sqrt,
        "abs(x)": m.abs,
        "sign(x)": m.sign,
        "hypot(x, 0)": lambda x: m.hypot(x, m.zeros_like(x)),
        "max(x)": m.max,
        "min(x)": m.min,
        "maximum(x, 1)": lambda x: m.maximum(x, m.ones_like(x)),
        "minimum(x, 1)": lambda x: m.minimum(x, m.ones_like(x)),
        "maximum(x, x)": lambda x: m.maximum(x, x),
        "clip(x, 0, 1)": lambda x: m.clip(x, 0.0, 1.0),
        "prod(x), one zero": m.prod,
        "prod(x), two zeros": m.prod,
        "logaddexp(x, -inf)": lambda x: m.logaddexp(x, m.full_like(x, -inf)),
        "logaddexp(x, inf)": lambda x: m.logaddexp(x, m.full_like(x, inf)),
        "logaddexp(x, 0)": lambda x: m.logaddexp(x, m.zeros_like(x)),
        "tanh(x)": m.tanh,
        "sinc(x)": m.sinc,
        "log1p(x)": m.log1p,
        "expm1(x)": m.expm1,
        "x / x": lambda x: x / x,
        "atan2(x, 0)": lambda x: m.arctan2(x, m.zeros_like(x)),
        "floor(x)": m.floor,
        "remainder(x, 2)": lambda x: m.remainder(x, 2.0),
        "vector_norm(x)": m.linalg.vector_norm,
        "vector_norm(x, ord=1)": lambda x: m.linalg.vector_norm(x, ord=1),
        "vector_norm(x, ord=3)": lambda x: m.linalg.vector_norm(x, ord=3),
    }


def torch_functions(torch: Any) -> Functions:
    """PyTorch's."""
    return {
        **shared(torch),
        "x**[0, 1, 2, 3]": lambda x: x ** torch.arange(4, dtype=x.dtype),
        "std(x)": lambda x: torch.std(x, correction=0),
        "relu(x)": torch.relu,
        "sigmoid(x)": torch.sigmoid,
        "softplus(x)": torch.nn.functional.softplus,
        **dict.fromkeys(
            ["logsumexp(x), all -inf", "logsumexp(x), one -inf", "logsumexp(x), one inf"],
            lambda x: torch.logsumexp(x, 0),
        ),
        "log_softmax(x)[0]": lambda x: torch.log_softmax(x, 0)[0],
    }


def jax_functions(jax: Any) -> Functions:
    """JAX's."""
    return {
        **shared(jax.numpy),
        "x**[0, 1, 2, 3]": lambda x: x ** np.arange(4.0),
        "std(x)": jax.numpy.std,
        "relu(x)": jax.nn.relu,
        "sigmoid(x)": jax.nn.sigmoid,
        "softplus(x)": jax.nn.softplus,
        **dict.fromkeys(
            ["logsumexp(x), all -inf", "logsumexp(x), one -inf", "logsumexp(x), one inf"], jax.nn.logsumexp
        ),
        "log_softmax(x)[0]": lambda x: jax.nn.log_softmax(x)[0],
    }


def torch_derivatives(torch: Any, f: Callable[[Any], Any], point: Any) -> list[np.ndarray]:
    """Gradient and second derivative of the sum."""
    x = torch.tensor(np.asarray(point, float)).requires_grad_()

    def slope(y: Any) -> Any:
        if not y.requires_grad:
            return torch.zeros_like(x)
        (found,) = torch.autograd.grad(y.sum(), x, create_graph=True, allow_unused=True)
        return torch.zeros_like(x) if found is None else found

    first = slope(f(x))
    return [d.detach().clone().numpy(force=True) for d in (first, slope(first))]


def jax_derivatives(jax: Any, f: Callable[[Any], Any], point: Any) -> list[np.ndarray]:
    """Gradient and second derivative of the sum."""
    first = jax.grad(lambda x: jax.numpy.sum(f(x)))
    second = jax.grad(lambda x: jax.numpy.sum(first(x)))
    with jax.enable_x64(True):
        x = jax.numpy.asarray(np.asarray(point, float))
        return [np.asarray(first(x)), np.asarray(second(x))]
