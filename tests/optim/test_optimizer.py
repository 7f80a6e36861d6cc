"""Optimizers: what they return, what they hold, what they refuse."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn, optim
from tensorgraph.errors import DTypeError, GradientError, InputError
from tensorgraph.interpret import evaluate_graph
from tensorgraph.optim import schedules

W = tg.Parameter(np.array([3.0, -2.0]), "w")
V = tg.Parameter(np.array([1.0]), "v")
STATE = tg.Parameter(np.array([1.0]), "statistics", trainable=False)
LOSS = tg.sum(W * W) + tg.sum(V)


def commit(updates: list[tuple[tg.Parameter, tg.Tensor]]) -> None:
    _, values = evaluate_graph(tg.Graph([], [], [(p.node, v.node) for p, v in updates]), [])
    for (parameter, _), value in zip(updates, values, strict=True):
        parameter.assign(value)


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4, rng=0), nn.Linear(4, 2, rng=1))


def loss_of(net: nn.Sequential) -> tg.Tensor:
    return tg.sum(net(np.ones((2, 3), "float32")) ** 2)


def test_updates_are_pairs_with_state_after_parameters() -> None:
    net = model()
    updates = optim.Adam(schedules.cosine(0.1, 10)).updates(loss_of(net), net.parameters())
    assert [p.name for p, _ in updates] == [
        "0.weight", "0.bias", "1.weight", "1.bias", "0.weight.exp_avg", "0.weight.exp_avg_sq", "0.bias.exp_avg",
        "0.bias.exp_avg_sq", "1.weight.exp_avg", "1.weight.exp_avg_sq", "1.bias.exp_avg", "1.bias.exp_avg_sq", "step",
    ]  # fmt: skip
    assert all(p.node.type == v.node.type for p, v in updates)
    assert not any(p.trainable for p, _ in updates[4:])
    assert {v.node.scope for p, v in updates} == {"adam"}
    assert len(optim.SGD(0.1).updates(LOSS, [W, V])) == 2


def test_state_is_shared_by_all_graphs_of_one_optimizer() -> None:
    optimizer = optim.SGD(0.1, momentum=0.9)
    one, two = optimizer.updates(LOSS, [W, V]), optimizer.updates(2 * LOSS, [W, V])
    assert (
        [p for p, _ in one] == [p for p, _ in two]
        if False
        else all(a is b for (a, _), (b, _) in zip(one, two, strict=True))
    )


def test_state_can_be_saved_and_loaded() -> None:
    net = model()
    optimizer = optim.AdamW(0.1)
    updates = optimizer.updates(loss_of(net), net.parameters())
    commit(updates)
    state = optimizer.state_dict()
    assert list(state)[:4] == ["learning_rate", "step", "0.weight.exp_avg", "0.weight.exp_avg_sq"]
    assert state["step"] == 1
    other, other_net = optim.AdamW(0.5), model()
    again = other.updates(loss_of(other_net), other_net.parameters())
    other.load_state_dict(state)
    other_net.load_state_dict(net.state_dict())
    commit(updates)
    commit(again)
    assert all(np.array_equal(other.state_dict()[name], value) for name, value in optimizer.state_dict().items())
    assert all(np.array_equal(other_net.state_dict()[path], value) for path, value in net.state_dict().items())


def test_state_of_another_optimizer_is_refused() -> None:
    optimizer = optim.RMSprop(0.1)
    optimizer.updates(LOSS, [W, V])
    with pytest.raises(InputError) as caught:
        optimizer.load_state_dict({"learning_rate": 0.2, "w.square_avg": np.ones(3), "w.exp_avg": np.ones(2)})
    line = caught.traceback[0].lineno + 1
    assert str(caught.value) == (
        f"RMSprop: the state does not fit (test_optimizer.py:{line}):\n"
        "  missing: v.square_avg (float64[1])\n"
        "  unexpected: w.exp_avg (float64[2])\n"
        "  misshapen: w.square_avg is float64[2] and was given float64[3]"
    )
    assert float(optimizer.learning_rate) == 0.1


def test_parameters_of_one_name() -> None:
    same = [tg.Parameter(np.ones(1), "w") for _ in range(2)]
    optimizer = optim.Adagrad(0.1)
    optimizer.updates(tg.sum(same[0] * same[1]), same)
    assert list(optimizer.state_dict()) == ["learning_rate", "w.sum", "w_2.sum"]


def test_copies() -> None:
    for make in (copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))):
        net, optimizer = model(), optim.SGD(0.1, momentum=0.9)
        commit(optimizer.updates(loss_of(net), net.parameters()))
        other_net, other = make((net, optimizer))
        updates = other.updates(loss_of(other_net), other_net.parameters())
        assert len(updates) == 8
        assert next(p for p, _ in updates) is other_net.parameters()[0]
        commit(updates)
        assert not np.array_equal(net.parameters()[0].numpy(), other_net.parameters()[0].numpy())
        other.learning_rate = 0.5
        assert float(optimizer.learning_rate) == 0.1


def test_learning_rates() -> None:
    optimizer = optim.SGD(0.1)
    groups = [{"parameters": [W]}, {"parameters": [V], "learning_rate": 0.5}]
    optimizer.updates(LOSS, groups)
    optimizer.learning_rate = 0.2
    optimizer.groups[1].learning_rate = 0.25
    assert [float(g.learning_rate) for g in optimizer.groups] == [0.2, 0.25]
    optimizer.updates(LOSS, groups)  # recording again changes no rate
    assert optimizer.state_dict() == {"learning_rate": 0.2, "groups.1.learning_rate": 0.25}
    with pytest.raises(InputError, match=r"^SGD: the group shares the optimizer's learning rate: assign that, or give"):
        optimizer.groups[0].learning_rate = 1.0
    shared = tg.Parameter(np.float64(0.3), "rate", trainable=False)
    assert optim.SGD(shared).learning_rate is shared
    assert repr(optim.SGD(0.1, 0.9)).startswith("SGD(0.1, momentum=0.9, dampening=0.0")


def test_gradients_from_elsewhere() -> None:
    w = tg.Parameter(np.array([3.0, -2.0]), "w")
    ((parameter, value),) = optim.SGD(0.5).updates_for([np.array([1.0, 2.0])], [w])
    assert parameter is w
    assert value.numpy().tolist() == [2.5, -3.0]


def set_rate(optimizer: optim.Optimizer, value: float) -> None:
    optimizer.learning_rate = value


nan = float("nan")
RANGE = "it must be a finite number of at least"
CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "NaN": (lambda: optim.SGD(nan), InputError, f"SGD: learning_rate is nan: {RANGE} 0"),
    "negative": (lambda: optim.Adam(-1.0), InputError, f"Adam: learning_rate is -1.0: {RANGE} 0"),
    "infinite": (lambda: set_rate(optim.AdamW(), np.inf), InputError, f"AdamW: learning_rate is inf: {RANGE} 0"),
    "of a group": (
        lambda: optim.SGD(0.1).updates(LOSS, [{"parameters": [W], "learning_rate": nan}]), InputError,
        f"SGD: learning_rate is nan: {RANGE} 0",
    ),
    "of a schedule": (
        lambda: set_rate(optim.SGD(schedules.step(0.1, 3)), 0.1), InputError,
        "SGD: the learning rate is a schedule, which is part of the compiled step: to assign numbers, begin with a"
        " number",
    ),
    "schedule": (lambda: schedules.cosine(nan, 3), InputError, f"cosine: learning_rate is nan: {RANGE} 0"),
    "steps": (lambda: schedules.step(0.1, 0), InputError, f"step: step_size is 0: {RANGE} 1"),
    "warm-up": (lambda: schedules.warmup(nan, 3), InputError, f"warmup: the learning rate is nan: {RANGE} 0"),
    "share": (
        lambda: schedules.one_cycle(0.1, 3, 2.0), InputError, "one_cycle: pct_start is 2.0: it must be from 0 to 1",
    ),
    "anneal": (
        lambda: schedules.one_cycle(0.1, 3, anneal="up"), InputError,
        "one_cycle: anneal is 'up': say 'cos' or 'linear'",
    ),
    "momentum": (
        lambda: optim.SGD(0.1, momentum=nan), InputError, "SGD: momentum is nan: it must be at least 0",
    ),
    "beta": (
        lambda: optim.Adam(betas=(0.9, 1.0)), InputError,
        "Adam: betas[1] is 1.0: it must be at least 0 and less than 1",
    ),
    "nesterov": (
        lambda: optim.SGD(0.1, nesterov=True), InputError,
        "SGD: nesterov needs a momentum greater than 0 and no dampening",
    ),
    "nothing": (lambda: optim.SGD(0.1).updates(LOSS, []), InputError, "SGD: there are no parameters to train"),
    "twice": (lambda: optim.SGD(0.1).updates(LOSS, [W, V, W]), InputError, "SGD: parameter 'w' is given twice"),
    "a tensor": (
        lambda: optim.SGD(0.1).updates(LOSS, [W * 2]), InputError,
        "SGD: Tensor is no Parameter: only parameters are trained",
    ),
    "state": (
        lambda: optim.SGD(0.1).updates(LOSS, [STATE]), InputError,
        "SGD: 'statistics' is state, which is not trained: leave it out",
    ),
    "integers": (
        lambda: optim.SGD(0.1).updates(LOSS, [tg.Parameter(np.array([1]), "n")]), DTypeError,
        "SGD: parameter 'n' is int64[1]: it trains floating-point or complex parameters",
    ),
    "complex": (
        lambda: optim.Adam(0.1).updates(LOSS, [tg.Parameter(np.array([1j]), "z")]), DTypeError,
        "Adam: parameter 'z' is complex128[1]: it trains real floating-point parameters",
    ),
    "not connected": (
        lambda: optim.SGD(0.1).updates(tg.sum(W), [W, V]), GradientError,
        "SGD: the loss does not depend on parameter 'v': leave such parameters out",
    ),
    "setting": (
        lambda: optim.SGD(0.1).updates(LOSS, [{"parameters": [W], "lr": 0.1}]), InputError,
        "SGD: group 0 has unknown setting 'lr': known are learning_rate, momentum, dampening, weight_decay, nesterov",
    ),
    "group": (
        lambda: optim.SGD(0.1).updates(LOSS, [{"params": [W]}]), InputError,
        "SGD: group 0 is {'params': [Tensor([ 3., -2.], float64)]}: every group is a dict with 'parameters'",
    ),
    "setting of a group": (
        lambda: optim.SGD(0.1).updates(LOSS, [{"parameters": [W], "momentum": -1}]), InputError,
        "SGD: momentum is -1: it must be at least 0",
    ),
    "norm": (
        lambda: optim.SGD(0.1).updates(LOSS, [W], clip_norm=0.0), InputError,
        "clip_by_global_norm: max_norm is 0.0: it must be a finite number greater than 0",
    ),
    "value": (
        lambda: optim.clip_by_value([1.0], nan), InputError,
        "clip_by_value: limit is nan: it must be a finite number greater than 0",
    ),
    "gradients": (
        lambda: optim.SGD(0.1).updates_for([], [W]), InputError, "SGD: 0 gradients for 1 parameters",
    ),
    "shape of a gradient": (
        lambda: optim.SGD(0.1).updates_for([np.ones(3)], [W]), InputError,
        "SGD: parameter 'w' is float64[2] and its gradient is float64[3]",
    ),
    "no tensors": (lambda: optim.global_norm([]), InputError, "global_norm: there are no tensors"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    act, kind, message = CASES[name]
    with pytest.raises(kind) as caught:
        act()
    line = next(entry.lineno + 1 for entry in reversed(caught.traceback) if entry.path.name == "test_optimizer.py")
    scope = ", in sgd" if name == "norm" else ""
    assert str(caught.value) == f"{message} (test_optimizer.py:{line}{scope})"
    assert type(caught.value) is kind


def test_schedules_are_functions_that_pickle() -> None:
    schedule = pickle.loads(pickle.dumps(schedules.warmup(schedules.cosine(0.1, 10), 4)))
    assert schedule(4).dtype == np.float64
    assert float(schedule(100)) == 0.0
    assert float(schedules.one_cycle(0.1, 10)(50)) == pytest.approx(0.1 / 25 / 1e4)
    assert float(schedules.one_cycle(0.1, 1)(0)) >= 0


def test_values_before_norms() -> None:
    w = tg.Parameter(np.array([100.0, 0.0]), "w")
    ((_, value),) = optim.SGD(1.0).updates(tg.sum(w * w), [w], clip_norm=0.5, clip_value=1.0)
    np.testing.assert_allclose(value.numpy(), [100 - 0.5 / (1 + 1e-6), 0.0], rtol=1e-12)


def test_a_step_of_a_network_trains_and_keeps_all_state() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2, rng=1),
        nn.Linear(None, 2, rng=2),
    )  # fmt: skip
    x, y = tg.placeholder(("n", 1, 8, 8), "float32", name="x"), tg.placeholder(("n",), "int64", name="y")
    loss = nn.functional.cross_entropy(net(x), y)
    updates = optim.Adam(0.02).updates(loss, net.parameters(), clip_norm=1.0)
    graph = tg.Graph([x.node, y.node], [loss.node], [(p.node, v.node) for p, v in updates]).verify()
    assert {variable.op.label for variable, _ in graph.updates} > {
        "0.weight", "1.running_mean", "1.running_var", "1.num_batches_tracked", "5.key", "6.bias",
        "6.bias.exp_avg", "step",
    }  # fmt: skip
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 32)
    images = (rng.normal(size=(32, 1, 8, 8)) + labels[:, None, None, None]).astype("float32")
    losses = []
    for _ in range(15):
        (value,), values = evaluate_graph(graph, [images, labels])
        losses.append(float(value))
        for (variable, _), new in zip(graph.updates, values, strict=True):
            variable.op.storage.value = np.array(new)
    assert losses[-1] < 0.5 * losses[0]
    assert int(net[1].num_batches_tracked) == 15
