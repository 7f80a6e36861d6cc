from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import CompileError

HERE = Path(__file__).name


def network() -> tuple[tg.Tensor, tg.nn.Module]:
    x = tg.placeholder((4, 3), "float32", name="x")
    return x, tg.nn.Sequential(tg.nn.Linear(3, 5, rng=0), tg.nn.BatchNorm1d(5))


def message(line: int, what: str = "'1.running_mean'") -> str:
    return (
        f"compile: the update of parameter {what} would be dropped: a layer in training mode records it on its result, "
        f"and only the gradient is computed; add the loss to the outputs, or call eval() first ({HERE}:{line})"
    )


def test_a_gradient_without_its_loss_would_drop_running_statistics() -> None:
    x, model = network()
    gradient = tg.gradients(tg.sum(model(x)), model.parameters()[-1])
    with pytest.raises(CompileError) as caught:
        tg.compile([x], gradient)
    assert str(caught.value) == message(caught.traceback[0].lineno + 1)


def test_with_the_loss_the_statistics_are_written() -> None:
    x, model = network()
    loss = tg.sum(model(x))
    kernel = tg.compile([x], [loss, tg.gradients(loss, model.parameters()[-1])])
    before = dict(model.state_dict())
    kernel(np.arange(12, dtype=np.float32).reshape(4, 3))
    assert not np.array_equal(model.state_dict()["1.running_mean"], before["1.running_mean"])


def test_in_eval_mode_there_is_nothing_to_drop() -> None:
    x, model = network()
    model.eval()
    kernel = tg.compile([x], tg.gradients(tg.sum(model(x)), model.parameters()[-1]))
    assert kernel.graph.updates == ()


def test_jit_refuses_it_as_well() -> None:
    _, model = network()
    f = tg.jit(tg.grad(lambda x: tg.sum(model(x))))
    with pytest.raises(CompileError, match="would be dropped"):
        f(np.ones((4, 3), np.float32))


def test_two_thousand_checkpoints_differentiate_and_compile() -> None:
    """Each looks at its own part of the graph only: quadratic work would take minutes."""
    x = tg.placeholder((3,), name="x")
    y = x
    for _ in range(2000):
        y = tg.checkpoint(tg.sin)(y)
    kernel = tg.compile([x], tg.gradients(tg.sum(y), x))
    value, slope = np.array([0.1, 0.5, 1.0]), np.ones(3)
    expected = value
    for _ in range(2000):
        slope, expected = slope * np.cos(expected), np.sin(expected)
    np.testing.assert_allclose(kernel(value), slope, rtol=1e-10)
