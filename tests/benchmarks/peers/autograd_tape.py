"""autograd: NumPy with a tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

from tests.benchmarks.peers.expressions import CUBIC, EPS, SLOPE, Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Conv, Dense, Flatten, Network, Pool, Relu, Sigmoid
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Outcome, Work


def build(row: Row) -> Work:
    """The row; nothing is compiled."""
    match row.workload:
        case Network():
            return network(row.workload, row.task, row.size)
        case LayerNorm():
            return layer_norm(row.workload, row.task)
        case Chain():
            return chain(row.workload, row.task)
        case Logistic():
            return product(row.workload)


def convolved(x: Any, w: Any) -> Any:
    """A product for each place of the filter: slices and matrix products are what the tape knows."""
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    windows = anp.stack([x[:, :, i : i + rows, j : j + columns] for i, j in taps], axis=2)
    return anp.moveaxis(anp.tensordot(w.reshape(w.shape[0], w.shape[1], -1), windows, ([1, 2], [1, 2])), 0, 1)


def pooled(x: Any) -> Any:
    """Pairs of columns, then of rows."""
    rows, columns = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    pairs = anp.maximum(x[:, :, :rows, 0:columns:2], x[:, :, :rows, 1:columns:2])
    return anp.maximum(pairs[:, :, 0::2], pairs[:, :, 1::2])


def scores_of(spec: Network, parameters: Sequence[Any], x: Any) -> Any:
    """The network."""
    remaining = iter(parameters)
    for layer in spec.layers:
        match layer:
            case Dense():
                x = anp.dot(x, next(remaining).T) + next(remaining)
            case Conv():
                x = convolved(x, next(remaining)) + next(remaining)[:, None, None]
            case Pool():
                x = pooled(x)
            case Flatten():
                x = x.reshape(x.shape[0], -1)
            case Relu():
                x = anp.maximum(x, np.float32(0))
            case Sigmoid():
                x = np.float32(1) / (np.float32(1) + anp.exp(-x))
    return x


def loss_of(spec: Network, parameters: Sequence[Any], x: Any, y: Any) -> Any:
    """The loss of a batch."""
    scores = scores_of(spec, parameters, x)
    if spec.loss == "mse":
        return anp.mean((scores - y) ** 2)
    if spec.loss == "bce":
        return anp.mean(anp.logaddexp(np.float32(0), scores) - y * scores)
    shifted = scores - anp.max(scores, axis=1, keepdims=True)
    logs = shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))
    return -anp.mean(logs[np.arange(len(y)), y])


def network(spec: Network, task: str, size: int) -> Work:
    """A training step with updates in place, or the scores of a batch."""
    x, y = spec.batch(size)
    parameters = spec.parameters()
    if task == "infer":
        return Work(lambda: scores_of(spec, parameters, x), lambda found: {"scores": found})
    both = autograd.value_and_grad(lambda parameters: loss_of(spec, parameters, x, y))
    rule = spec.optimizer
    means, squares = [[np.zeros_like(p) for p in parameters] for _ in range(2)]
    count = 0

    def step() -> Any:
        nonlocal count
        count += 1
        loss, gradients = both(parameters)
        for p, m, v, g in zip(parameters, means, squares, gradients, strict=True):
            if isinstance(rule, Adam):
                a, b = rule.betas
                m[...] = a * m + (1 - a) * g
                v[...] = b * v + (1 - b) * g * g
                p[...] -= rule.rate / (1 - a**count) * m / (np.sqrt(v) / (1 - b**count) ** 0.5 + rule.eps)
            else:
                p[...] -= rule.rate * g
        return loss

    def outcome(found: Any) -> Outcome:
        moments = means if isinstance(rule, Adam) else []
        return {
            "loss": np.asarray(found),
            **{f"p{i}": p.copy() for i, p in enumerate(parameters)},
            **{f"m{i}": m.copy() for i, m in enumerate(moments)},
        }

    return Work(step, outcome)


def layer_norm(spec: LayerNorm, task: str) -> Work:
    """Written out."""
    x, weights = spec.arrays()

    def f(x: Any) -> Any:
        t = x + 0.5 * x * (1 + anp.tanh(SLOPE * (x + CUBIC * x * x * x)))
        centred = t - anp.mean(t, axis=1, keepdims=True)
        return centred / anp.sqrt(anp.mean(centred * centred, axis=1, keepdims=True) + EPS)

    if task == "value":
        return Work(lambda: f(x), lambda found: {"value": found})
    both = autograd.value_and_grad(lambda x: anp.sum(f(x) * weights))
    return Work(lambda: both(x), lambda found: {"value": np.asarray(found[0]), "gradient": found[1]})


def chain(spec: Chain, task: str) -> Work:
    """Operators and functions."""
    x = spec.array()

    def f(x: Any) -> Any:
        u = anp.tanh(x / anp.sqrt(x * x + 1))
        v = u * 0.5 + x
        return u * anp.exp(-(v * v)) - x

    if task == "value":
        return Work(lambda: f(x), lambda found: {"value": found})
    both = autograd.value_and_grad(lambda x: anp.sum(f(x)))
    return Work(lambda: both(x), lambda found: {"value": np.asarray(found[0]), "gradient": found[1]})


def product(spec: Logistic) -> Work:
    """The gradient of the gradient's product with the vector."""
    x, y, w, v = spec.arrays()

    def loss(w: Any) -> Any:
        z = anp.dot(x, w)
        return anp.mean(anp.logaddexp(np.float32(0), z) - y * z)

    along = autograd.hessian_vector_product(loss)
    return Work(lambda: along(w, v), lambda found: {"product": found})
