"""PyTensor, compiled by Numba."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it found no BLAS for its C backend, which is not used
    import pytensor
    import pytensor.tensor as pt

from tests.benchmarks.peers.expressions import CUBIC, EPS, SLOPE, Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Dense, Network, Relu, Sigmoid
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import NotForThisRowError, Outcome, Work


def build(row: Row) -> Work:
    """The row, compiled."""
    match row.workload:
        case Network():
            if row.workload.convolutional:
                raise NotForThisRowError("PyTensor has no convolution of batches with channels")
            return network(row.workload, row.task, row.size)
        case LayerNorm():
            return layer_norm(row.workload, row.task)
        case Chain():
            return chain(row.workload, row.task)
        case Logistic():
            return product(row.workload)


def function(inputs: list[Any], outputs: Any, updates: Any = ()) -> Any:
    """A compiled function that trusts its inputs, which spares it the checks, and lends its results."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        borrowed = [pytensor.Out(y, borrow=True) for y in outputs]
        compiled = pytensor.function(inputs, borrowed, updates=list(updates), mode="NUMBA")
    compiled.trust_input = True
    return compiled


def network(spec: Network, task: str, size: int) -> Work:
    """A training step whose parameters are shared variables, or the scores of a batch."""
    images, targets = spec.batch(size)
    parameters = [
        pytensor.shared(np.ascontiguousarray(p.T), name=f"p{i}", borrow=True) for i, p in enumerate(spec.parameters())
    ]
    x = pt.matrix("x", dtype="float32")
    remaining, h = iter(parameters), x
    for layer in spec.layers:
        match layer:
            case Dense():
                h = h @ next(remaining) + next(remaining)
            case Relu():
                h = pt.maximum(h, np.float32(0))
            case Sigmoid():
                h = pt.sigmoid(h)
    if task == "infer":
        predict = function([x], [h])
        return Work(lambda: predict(images)[0], lambda found: {"scores": found})
    if spec.loss == "mse":
        y: Any = pt.matrix("y", dtype="float32")
        loss = pt.mean((h - y) ** 2)
    else:
        y = pt.vector("y", dtype="int64")
        loss = -pt.mean(pt.special.log_softmax(h, axis=1)[pt.arange(y.shape[0]), y])
    gradients = pytensor.grad(loss, parameters)
    updates, means = updates_of(spec, parameters, gradients)
    step = function([x, y], [loss], updates)

    def outcome(found: Any) -> Outcome:
        return {
            "loss": np.asarray(found[0]),
            **{f"p{i}": p.get_value().T for i, p in enumerate(parameters)},
            **{f"m{i}": m.get_value().T for i, m in enumerate(means)},
        }

    return Work(lambda: step(images, targets), outcome)


def updates_of(spec: Network, parameters: list[Any], gradients: list[Any]) -> tuple[list[Any], list[Any]]:
    """Pairs of a shared variable and its next value, and the first moments."""
    rule = spec.optimizer
    if not isinstance(rule, Adam):
        return [(p, p - np.float32(rule.rate) * g) for p, g in zip(parameters, gradients, strict=True)], []
    means, squares = ([pytensor.shared(np.zeros_like(p.get_value())) for p in parameters] for _ in range(2))
    steps = pytensor.shared(np.float32(0))
    count = steps + np.float32(1)
    a, b = map(np.float32, rule.betas)
    one = np.float32(1)
    rate = np.float32(rule.rate) / (one - a**count)
    root = pt.sqrt(one - b**count)
    updates = [(steps, count)]
    for p, m, v, g in zip(parameters, means, squares, gradients, strict=True):
        mean, square = a * m + (one - a) * g, b * v + (one - b) * g * g
        updates += [(m, mean), (v, square), (p, p - rate * mean / (pt.sqrt(square) / root + np.float32(rule.eps)))]
    return updates, means


def layer_norm(spec: LayerNorm, task: str) -> Work:
    """Written out."""
    array, weights = spec.arrays()
    x, w = (pt.matrix(name, dtype="float32") for name in "xw")
    half, one = np.float32(0.5), np.float32(1)
    t = x + half * x * (one + pt.tanh(np.float32(SLOPE) * (x + np.float32(CUBIC) * x * x * x)))
    centred = t - pt.mean(t, axis=1, keepdims=True)
    y = centred / pt.sqrt(pt.mean(centred * centred, axis=1, keepdims=True) + np.float32(EPS))
    if task == "value":
        value = function([x], [y])
        return Work(lambda: value(array)[0], lambda found: {"value": found})
    total = pt.sum(y * w)
    both = function([x, w], [total, pytensor.grad(total, x)])
    return Work(lambda: both(array, weights), lambda found: {"value": found[0], "gradient": found[1]})


def chain(spec: Chain, task: str) -> Work:
    """Operators and functions."""
    array = spec.array()
    x = pt.vector("x", dtype="float64")
    u = pt.tanh(x / pt.sqrt(x * x + 1.0))
    v = u * 0.5 + x
    y = u * pt.exp(-(v * v)) - x
    if task == "value":
        value = function([x], [y])
        return Work(lambda: value(array)[0], lambda found: {"value": found})
    total = pt.sum(y)
    both = function([x], [total, pytensor.grad(total, x)])
    return Work(lambda: both(array), lambda found: {"value": found[0], "gradient": found[1]})


def product(spec: Logistic) -> Work:
    """The gradient of the gradient's product with the vector."""
    arrays = spec.arrays()
    x, y, w, v = pt.matrix("x", dtype="float32"), *[pt.vector(name, dtype="float32") for name in "ywv"]
    z = x @ w
    gradient = pytensor.grad(pt.mean(pt.softplus(z) - y * z), w)
    kernel = function([x, y, w, v], [pytensor.grad(pt.sum(gradient * v), w)])
    return Work(lambda: kernel(*arrays), lambda found: {"product": found[0]})
