"""JAX under jit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.peers.channels import to_channels_first, to_channels_last
from tests.benchmarks.peers.expressions import EPS, Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Conv, Dense, Flatten, Network, Pool, Relu, Sigmoid
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Outcome, Work


def build(row: Row) -> Work:
    """The row, jitted."""
    match row.workload:
        case Network():
            return network(row.workload, row.task, row.size)
        case LayerNorm():
            return layer_norm(row.workload, row.task)
        case Chain():
            return chain(row.workload, row.task)
        case Logistic():
            return product(row.workload)


def scores_of(spec: Network, parameters: Sequence[Any], x: Any) -> Any:
    """The network; images are channels last, as XLA's CPU convolution likes them."""
    remaining = iter(parameters)
    for layer in spec.layers:
        match layer:
            case Dense():
                x = x @ next(remaining) + next(remaining)
            case Conv():
                x = jax.lax.conv_general_dilated(
                    x, next(remaining), (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
                x = x + next(remaining)
            case Pool():
                x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            case Flatten():
                x = x.reshape(x.shape[0], -1)
            case Relu():
                x = jax.nn.relu(x)
            case Sigmoid():
                x = jax.nn.sigmoid(x)
    return x


def loss_of(spec: Network, parameters: Sequence[Any], x: Any, y: Any) -> Any:
    """The loss of a batch."""
    scores = scores_of(spec, parameters, x)
    if spec.loss == "mse":
        return jnp.mean((scores - y) ** 2)
    if spec.loss == "bce":
        return jnp.mean(jax.nn.softplus(scores) - y * scores)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1))


def network(spec: Network, task: str, size: int) -> Work:
    """A training step whose state is donated, or the scores of a batch."""
    images, targets = spec.batch(size)
    x = jnp.asarray(images.transpose(0, 2, 3, 1) if images.ndim == 4 else images)
    y = jnp.asarray(targets.astype(np.int32) if targets.dtype == np.int64 else targets)
    parameters = [jnp.asarray(p) for p in to_channels_last(spec, spec.parameters())]
    if task == "infer":
        predict = jax.jit(lambda parameters, x: scores_of(spec, parameters, x))
        return Work(lambda: predict(parameters, x).block_until_ready(), lambda found: {"scores": np.asarray(found)})
    rule = spec.optimizer
    moments: Any = ([jnp.zeros_like(p) for p in parameters], [jnp.zeros_like(p) for p in parameters], jnp.zeros(()))
    state: Any = (parameters, moments if isinstance(rule, Adam) else ())

    def step(state: Any, x: Any, y: Any) -> Any:
        parameters, moments = state
        loss, gradients = jax.value_and_grad(lambda p: loss_of(spec, p, x, y))(parameters)
        if not isinstance(rule, Adam):
            return loss, ([p - rule.rate * g for p, g in zip(parameters, gradients, strict=True)], ())
        a, b = rule.betas
        m = [a * old + (1 - a) * g for old, g in zip(moments[0], gradients, strict=True)]
        v = [b * old + (1 - b) * g * g for old, g in zip(moments[1], gradients, strict=True)]
        count = moments[2] + 1
        rate, root = rule.rate / (1 - a**count), jnp.sqrt(1 - b**count)
        parameters = [
            p - rate * mean / (jnp.sqrt(square) / root + rule.eps)
            for p, mean, square in zip(parameters, m, v, strict=True)
        ]
        return loss, (parameters, (m, v, count))

    compiled = jax.jit(step, donate_argnums=0)

    def run() -> Any:
        nonlocal state
        loss, state = jax.block_until_ready(compiled(state, x, y))
        return loss

    def outcome(found: Any) -> Outcome:
        parameters, moments = state
        arrays = to_channels_first(spec, [np.asarray(p) for p in parameters])
        means = to_channels_first(spec, [np.asarray(m) for m in moments[0]]) if moments else []
        return {
            "loss": np.asarray(found),
            **{f"p{i}": p.copy() for i, p in enumerate(arrays)},
            **{f"m{i}": m.copy() for i, m in enumerate(means)},
        }

    return Work(run, outcome)


def layer_norm(spec: LayerNorm, task: str) -> Work:
    """Written out: `jax.nn` has no layer normalization."""
    x, weights = map(jnp.asarray, spec.arrays())

    def f(x: Any) -> Any:
        t = x + jax.nn.gelu(x, approximate=True)
        centred = t - jnp.mean(t, axis=1, keepdims=True)
        return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=1, keepdims=True) + EPS)

    if task == "value":
        value = jax.jit(f)
        return Work(lambda: value(x).block_until_ready(), lambda found: {"value": np.asarray(found)})
    both = jax.jit(jax.value_and_grad(lambda x: jnp.sum(f(x) * weights)))
    return Work(
        lambda: jax.block_until_ready(both(x)),
        lambda found: {"value": np.asarray(found[0]), "gradient": np.asarray(found[1])},
    )


def chain(spec: Chain, task: str) -> Work:
    """Operators and functions; numbers of 64 bits are a setting of JAX."""
    with jax.enable_x64(True):
        x = jnp.asarray(spec.array())

    def f(x: Any) -> Any:
        u = jnp.tanh(x / jnp.sqrt(x * x + 1))
        v = u * 0.5 + x
        return u * jnp.exp(-(v * v)) - x

    compiled = jax.jit(f) if task == "value" else jax.jit(jax.value_and_grad(lambda x: jnp.sum(f(x))))

    def run() -> Any:
        with jax.enable_x64(True):
            return jax.block_until_ready(compiled(x))

    if task == "value":
        return Work(run, lambda found: {"value": np.asarray(found)})
    return Work(run, lambda found: {"value": np.asarray(found[0]), "gradient": np.asarray(found[1])})


def product(spec: Logistic) -> Work:
    """Forward over reverse."""
    x, y, w, v = map(jnp.asarray, spec.arrays())

    def loss(w: Any) -> Any:
        z = x @ w
        return jnp.mean(jax.nn.softplus(z) - y * z)

    both = jax.jit(lambda w, v: jax.jvp(jax.grad(loss), (w,), (v,))[1])
    return Work(lambda: both(w, v).block_until_ready(), lambda found: {"product": np.asarray(found)})
