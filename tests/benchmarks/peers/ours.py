"""tensorgraph, as a user writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import tensorgraph as tg
from tensorgraph.nn import functional
from tests.benchmarks.peers.expressions import Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Conv, Dense, Flatten, Layer, Network, Pool, Relu
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Outcome, Work

LOSSES = {
    "mse": functional.mse_loss,
    "cross_entropy": functional.cross_entropy,
    "bce": functional.binary_cross_entropy_with_logits,
}


def build(row: Row) -> Work:
    """The row, compiled."""
    match row.workload:
        case Network():
            return network(row.workload, row.task, row.size)
        case LayerNorm():
            return layer_norm(row.workload, row.task)
        case Chain():
            return chain(row.workload, row.task)
        case Logistic():
            return product(row.workload)


def module(layer: Layer) -> tg.nn.Module:
    """One layer; its input's size is that of the first call."""
    match layer:
        case Dense(units):
            return tg.nn.Linear(None, units)
        case Conv(channels, size):
            return tg.nn.Conv2d(None, channels, size)
        case Pool():
            return tg.nn.MaxPool2d(2)
        case Flatten():
            return tg.nn.Flatten()
        case Relu():
            return tg.nn.ReLU()
        case _:
            return tg.nn.Sigmoid()


def network(spec: Network, task: str, size: int) -> Work:
    """A training step, or the scores of a batch."""
    images, targets = spec.batch(size)
    if task == "infer":
        x, scores, _ = recorded(spec, size)
        predict = tg.compile([x], scores, name="predict")
        return Work(lambda: predict(images), lambda found: {"scores": found})
    training = Training.of(spec, size)
    step = tg.compile(training.inputs, training.loss, training.updates, name="step")

    def outcome(found: Any) -> Outcome:
        state = training.optimizer.named_state()
        names = [f"{p.name}.exp_avg" for p in training.parameters]
        return {
            "loss": np.asarray(found),
            **{f"p{i}": p.numpy() for i, p in enumerate(training.parameters)},
            **{f"m{i}": state[name].numpy() for i, name in enumerate(names) if name in state},
        }

    return Work(lambda: step(images, targets), outcome)


def recorded(spec: Network, size: int | str) -> tuple[tg.Tensor, tg.Tensor, list[tg.Parameter]]:
    """Images, scores and parameters."""
    model = tg.nn.Sequential(*map(module, spec.layers))
    x = tg.placeholder((size, *spec.input), "float32", name="x")
    scores = model(x)
    parameters = model.parameters()
    for parameter, first in zip(parameters, spec.parameters(), strict=True):
        parameter.assign(first)
    return x, scores, parameters


@dataclass(frozen=True, slots=True)
class Training:
    """A training step as it is recorded, before it is compiled."""

    inputs: list[tg.Tensor]
    loss: tg.Tensor
    updates: list[tuple[tg.Parameter, tg.Tensor]]
    parameters: list[tg.Parameter]
    optimizer: tg.optim.Optimizer

    @staticmethod
    def of(spec: Network, size: int | str = "batch") -> Training:
        """Record it: for batches of this size, as the peers that compile do, or of any."""
        x, scores, parameters = recorded(spec, size)
        _, targets = spec.batch(1)
        y = tg.placeholder((size, *targets.shape[1:]), targets.dtype, name="y")
        loss = LOSSES[spec.loss](scores, y)
        rule = spec.optimizer
        optimizer: tg.optim.Optimizer = tg.optim.SGD(rule.rate)
        if isinstance(rule, Adam):
            optimizer = tg.optim.Adam(rule.rate, betas=rule.betas, eps=rule.eps)
        return Training([x, y], loss, optimizer.updates(loss, parameters), parameters, optimizer)


def layer_norm(spec: LayerNorm, task: str) -> Work:
    """Through the functions of `tg.nn.functional`."""
    array, weights = spec.arrays()
    x = tg.placeholder(("rows", spec.columns), "float32", name="x")
    y = functional.layer_norm(x + functional.gelu(x, approximate="tanh"), (spec.columns,))
    if task == "value":
        value = tg.compile([x], y, name="value")
        return Work(lambda: value(array), lambda found: {"value": found})
    w = tg.placeholder(("rows", spec.columns), "float32", name="w")
    total = tg.sum(y * w)
    both = tg.compile([x, w], [total, tg.gradients(total, x)], name="both")
    return Work(lambda: both(array, weights), lambda found: {"value": found[0], "gradient": found[1]})


def chain(spec: Chain, task: str) -> Work:
    """Operators and functions."""
    array = spec.array()
    x = tg.placeholder(("n",), "float64", name="x")
    u = tg.tanh(x / tg.sqrt(x * x + 1))
    v = u * 0.5 + x
    y = u * tg.exp(-(v * v)) - x
    if task == "value":
        value = tg.compile([x], y, name="value")
        return Work(lambda: value(array), lambda found: {"value": found})
    total = tg.sum(y)
    both = tg.compile([x], [total, tg.gradients(total, x)], name="both")
    return Work(lambda: both(array), lambda found: {"value": found[0], "gradient": found[1]})


def product(spec: Logistic) -> Work:
    """`tg.hvp` of the loss as a function."""
    examples, labels, weights, vector = spec.arrays()
    x = tg.placeholder((spec.examples, spec.features), "float32", name="x")
    y = tg.placeholder((spec.examples,), "float32", name="y")
    w, v = (tg.placeholder((spec.features,), "float32", name=name) for name in "wv")

    def loss(w: tg.Tensor) -> tg.Tensor:
        return functional.binary_cross_entropy_with_logits(x @ w, y)

    kernel = tg.compile([x, y, w, v], tg.hvp(loss, w, v), name="product")
    return Work(lambda: kernel(examples, labels, weights, vector), lambda found: {"product": found})
