"""A hundred steps of every optimizer equal PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import optim
from tensorgraph.interpret import evaluate_graph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

STEPS = 100
rng = np.random.default_rng(0)
FIRST = {"w": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
XS, YS = rng.normal(size=(STEPS, 5, 4)), rng.normal(size=(STEPS, 5, 3))


class Problem:
    """A small regression, recorded once; its steps are run by the interpreter."""

    def __init__(self, dtype: str = "float64") -> None:
        self.w, self.b = (tg.Parameter(FIRST[name].astype(dtype), name) for name in ("w", "b"))
        self.x, self.y = tg.placeholder((5, 4), dtype, name="x"), tg.placeholder((5, 3), dtype, name="y")
        error = tg.tanh(self.x @ self.w + self.b) - self.y
        self.loss = tg.mean(error * error)

    def run(self, updates: Any, each: Callable[[int], None] = lambda step: None) -> None:
        graph = tg.Graph([self.x.node, self.y.node], [], [(p.node, value.node) for p, value in updates])
        parameters = [p for p, _ in updates]
        for step, (x, y) in enumerate(zip(XS, YS, strict=True)):
            each(step)
            for parameter, value in zip(
                parameters, evaluate_graph(graph.verify() if not step else graph, [x, y])[1], strict=True
            ):
                parameter.assign(value)


class Peer:
    """The same in PyTorch."""

    def __init__(self) -> None:
        self.w, self.b = (torch.tensor(FIRST[name], requires_grad=True) for name in ("w", "b"))

    def run(
        self, optimizer: Any, each: Callable[[int], None] = lambda step: None, clip: Callable[[], Any] | None = None
    ) -> None:
        for step, (x, y) in enumerate(zip(XS, YS, strict=True)):
            each(step)
            optimizer.zero_grad()
            loss = ((torch.tanh(torch.tensor(x) @ self.w + self.b) - torch.tensor(y)) ** 2).mean()
            loss.backward()
            if clip is not None:
                clip()
            optimizer.step()


def same(problem: Problem, peer: Peer) -> None:
    for name in ("w", "b"):
        mine, theirs = getattr(problem, name).numpy(), getattr(peer, name).detach().numpy()
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)
        assert np.abs(mine - FIRST[name]).max() > 1e-3


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "dampening": ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.02}),
    "nesterov": ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    "adam": ("Adam", {}),
    "adam with decay": ("Adam", {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "adamw": ("AdamW", {}),
    "adamw amsgrad": ("AdamW", {"weight_decay": 0.2, "amsgrad": True}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop of all": ("RMSprop", {"alpha": 0.9, "momentum": 0.7, "centered": True, "weight_decay": 0.03}),
    "adagrad": ("Adagrad", {}),
    "adagrad of all": ("Adagrad", {"lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
}


@pytest.mark.parametrize("case", CASES)
def test_hundred_steps(case: str) -> None:
    name, settings = CASES[case]
    problem, peer = Problem(), Peer()
    problem.run(getattr(optim, name)(0.05, **settings).updates(problem.loss, [problem.w, problem.b]))
    peer.run(getattr(torch.optim, name)([peer.w, peer.b], lr=0.05, **settings))
    same(problem, peer)


def test_float32_parameters_stay_float32() -> None:
    for case, (name, settings) in CASES.items():
        problem = Problem("float32")
        for parameter, value in getattr(optim, name)(0.05, **settings).updates(problem.loss, [problem.w, problem.b]):
            assert parameter.dtype == value.dtype, case


def test_learning_rate_changes_without_recording_again() -> None:
    problem, peer = Problem(), Peer()
    mine, theirs = optim.Adam(0.05), torch.optim.Adam([peer.w, peer.b], lr=0.05)

    def slower(step: int) -> None:
        if step == 50:
            mine.learning_rate = 0.01

    def slower_too(step: int) -> None:
        if step == 50:
            theirs.param_groups[0]["lr"] = 0.01

    problem.run(mine.updates(problem.loss, [problem.w, problem.b]), slower)
    peer.run(theirs, slower_too)
    same(problem, peer)


def test_groups() -> None:
    problem, peer = Problem(), Peer()
    mine = optim.SGD(0.05, momentum=0.5)
    groups = [
        {"parameters": [problem.w], "weight_decay": 0.1},
        {"parameters": [problem.b], "learning_rate": 0.2, "momentum": 0.0},
    ]
    theirs = [{"params": [peer.w], "weight_decay": 0.1}, {"params": [peer.b], "lr": 0.2, "momentum": 0.0}]
    problem.run(mine.updates(problem.loss, groups))
    peer.run(torch.optim.SGD(theirs, lr=0.05, momentum=0.5))
    same(problem, peer)


@pytest.mark.parametrize("limits", [{"clip_norm": 0.1}, {"clip_value": 0.01}])
def test_clipping(limits: dict[str, float]) -> None:
    problem, peer = Problem(), Peer()
    problem.run(optim.SGD(0.5).updates(problem.loss, [problem.w, problem.b], **limits))

    def clip() -> None:
        if "clip_norm" in limits:
            torch.nn.utils.clip_grad_norm_([peer.w, peer.b], limits["clip_norm"])
        else:
            torch.nn.utils.clip_grad_value_([peer.w, peer.b], limits["clip_value"])

    peer.run(torch.optim.SGD([peer.w, peer.b], lr=0.5), clip=clip)
    same(problem, peer)


SCHEDULES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "step": (optim.schedules.step(0.05, 30, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 30, 0.3)),
    "exponential": (optim.schedules.exponential(0.05, 0.97), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.97)),
    "cosine": (
        optim.schedules.cosine(0.05, 100, 0.001),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 100, 0.001),
    ),
    "warmup": (
        optim.schedules.warmup(0.05, 20, 0.25),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=20),
    ),
    "one cycle": (
        optim.schedules.one_cycle(0.05, 100),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.05, total_steps=100, cycle_momentum=False),
    ),
    "one cycle of lines": (
        optim.schedules.one_cycle(0.05, 100, 0.25, "linear", 10.0, 100.0),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 0.05, total_steps=100, pct_start=0.25, anneal_strategy="linear", div_factor=10.0, final_div_factor=100.0,
            cycle_momentum=False,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    schedule, make = SCHEDULES[name]
    peer = Peer()
    optimizer = torch.optim.SGD([peer.w, peer.b], lr=0.05)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(schedule(np.arange(STEPS)).numpy(), rates, rtol=1e-9, atol=1e-15)


def test_trajectory_of_a_schedule() -> None:
    problem, peer = Problem(), Peer()
    schedule, make = SCHEDULES["exponential"]
    problem.run(optim.Adam(schedule).updates(problem.loss, [problem.w, problem.b]))
    theirs = torch.optim.Adam([peer.w, peer.b], lr=0.05)
    scheduler = make(theirs)
    peer.run(theirs, lambda step: scheduler.step() if step else None)
    same(problem, peer)
