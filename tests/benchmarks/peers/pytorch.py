"""PyTorch: eager, channels-last, and torch.compile."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from tests.benchmarks.peers.expressions import EPS, Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Conv, Dense, Flatten, Layer, Network, Pool, Relu
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import NotForThisRowError, Outcome, Work

LOSSES = {
    "mse": functional.mse_loss,
    "cross_entropy": functional.cross_entropy,
    "bce": functional.binary_cross_entropy_with_logits,
}

Function = Callable[..., Any]


def eager(row: Row) -> Work:
    """As PyTorch runs it line by line."""
    return built(row, lambda f: f)


def channels_last(row: Row) -> Work:
    """With images and filters laid out channels last."""
    if not (isinstance(row.workload, Network) and row.workload.convolutional):
        raise NotForThisRowError("it has no channels")
    return network(row.workload, row.task, row.size, lambda f: f, torch.channels_last)


def compiled(row: Row) -> Work:
    """Through torch.compile; channels last where there are channels."""
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no processes that stay and take time
    torch.compiler.reset()
    return built(row, torch.compile)


def built(row: Row, prepared: Callable[[Function], Function]) -> Work:
    """The row, its functions prepared."""
    match row.workload:
        case Network():
            layout = torch.channels_last if prepared is torch.compile else torch.contiguous_format
            return network(row.workload, row.task, row.size, prepared, layout)
        case LayerNorm():
            return layer_norm(row.workload, row.task, prepared)
        case Chain():
            return chain(row.workload, row.task, prepared)
        case Logistic():
            return product(row.workload, prepared)


def module(layer: Layer, shape: tuple[int, ...]) -> torch.nn.Module:
    """One layer."""
    match layer:
        case Dense(units):
            return torch.nn.Linear(shape[0], units)
        case Conv(channels, size):
            return torch.nn.Conv2d(shape[0], channels, size)
        case Pool():
            return torch.nn.MaxPool2d(2)
        case Flatten():
            return torch.nn.Flatten()
        case Relu():
            return torch.nn.ReLU()
        case _:
            return torch.nn.Sigmoid()


def network(spec: Network, task: str, size: int, prepared: Callable[[Function], Function], layout: Any) -> Work:
    """A training step, or the scores of a batch."""
    images, targets = map(torch.from_numpy, spec.batch(size))
    model = torch.nn.Sequential(*[module(layer, s) for layer, s in zip(spec.layers, spec.shapes, strict=False)])
    with torch.no_grad():
        for parameter, first in zip(model.parameters(), spec.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(first))
    if spec.convolutional and layout is torch.channels_last:
        model, images = model.to(memory_format=layout), images.to(memory_format=layout)
    if task == "infer":
        forward = prepared(model)

        def predict() -> Any:
            with torch.inference_mode():
                return forward(images)

        return Work(predict, lambda found: {"scores": found.numpy()})
    return training(spec, model, images, targets, prepared)


def training(spec: Network, model: Any, images: Any, targets: Any, prepared: Callable[[Function], Function]) -> Work:
    """Forward, backward, update."""
    rule, loss_of = spec.optimizer, LOSSES[spec.loss]
    parameters = list(model.parameters())
    if isinstance(rule, Adam):  # fused: its fastest on a CPU
        optimizer: Any = torch.optim.Adam(parameters, lr=rule.rate, betas=rule.betas, eps=rule.eps, fused=True)
    else:
        optimizer = torch.optim.SGD(parameters, lr=rule.rate)
    forward = prepared(lambda x, y: loss_of(model(x), y))

    def step() -> Any:
        optimizer.zero_grad()
        loss = forward(images, targets)
        loss.backward()
        optimizer.step()
        return loss

    def outcome(found: Any) -> Outcome:
        moments = [optimizer.state[p]["exp_avg"] for p in parameters if "exp_avg" in optimizer.state[p]]
        return {
            "loss": found.detach().numpy(),
            **{f"p{i}": p.detach().contiguous().numpy().copy() for i, p in enumerate(parameters)},
            **{f"m{i}": m.contiguous().numpy().copy() for i, m in enumerate(moments)},
        }

    return Work(step, outcome)


def with_gradient(f: Function, x: Any) -> Work:
    """A scalar function and its gradient."""
    x.requires_grad_(True)

    def step() -> Any:
        value = f(x)
        return value, torch.autograd.grad(value, x)[0]

    return Work(step, lambda found: {"value": found[0].detach().numpy(), "gradient": found[1].numpy()})


def without_gradient(f: Function, x: Any) -> Work:
    """The value of a function."""

    def step() -> Any:
        with torch.inference_mode():
            return f(x)

    return Work(step, lambda found: {"value": found.numpy()})


def layer_norm(spec: LayerNorm, task: str, prepared: Callable[[Function], Function]) -> Work:
    """Through `torch.nn.functional`."""
    x, weights = map(torch.from_numpy, spec.arrays())

    def f(x: Any) -> Any:
        return functional.layer_norm(x + functional.gelu(x, approximate="tanh"), (spec.columns,), eps=EPS)

    if task == "value":
        return without_gradient(prepared(f), x)
    return with_gradient(prepared(lambda x: torch.sum(f(x) * weights)), x)


def chain(spec: Chain, task: str, prepared: Callable[[Function], Function]) -> Work:
    """Operators and functions."""
    x = torch.from_numpy(spec.array())

    def f(x: Any) -> Any:
        u = torch.tanh(x / torch.sqrt(x * x + 1))
        v = u * 0.5 + x
        return u * torch.exp(-(v * v)) - x

    return without_gradient(prepared(f), x) if task == "value" else with_gradient(prepared(lambda x: f(x).sum()), x)


def product(spec: Logistic, prepared: Callable[[Function], Function]) -> Work:
    """The gradient of the gradient's product with the vector; forward over reverse where it is compiled."""
    x, y, w, v = map(torch.from_numpy, spec.arrays())

    def loss(w: Any) -> Any:
        return functional.binary_cross_entropy_with_logits(x @ w, y)

    if prepared is torch.compile:
        both = prepared(lambda w, v: torch.func.jvp(torch.func.grad(loss), (w,), (v,))[1])
        return Work(lambda: both(w, v), lambda found: {"product": found.numpy()})

    w.requires_grad_(True)

    def step() -> Any:
        (gradient,) = torch.autograd.grad(loss(w), w, create_graph=True)
        return torch.autograd.grad(gradient, w, v)[0]

    return Work(step, lambda found: {"product": found.numpy()})
