"""Every optimizer's compiled step against its formula in plain NumPy, and against the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import optim
from tensorgraph.testing import assert_equivalent

STEPS = 5
START = np.array([0.5, -1.0, 2.0])
Formula = Callable[[np.ndarray, np.ndarray, dict[str, Any], int], np.ndarray]


def gradient(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of sum(sin(p) * x)."""
    return np.cos(p) * x


def sgd(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    return p - 0.1 * (g + 0.01 * p)


def momentum(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    state["b"] = 0.9 * state["b"] + 0.7 * g if step > 1 else g
    return p - 0.1 * state["b"]


def nesterov(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    state["b"] = 0.9 * state.get("b", 0) + g
    return p - 0.1 * (g + 0.9 * state["b"])


def means(g: np.ndarray, state: dict[str, Any], step: int) -> tuple[np.ndarray, np.ndarray]:
    state["m"] = 0.8 * state.get("m", 0) + 0.2 * g
    state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
    return state["m"] / (1 - 0.8**step), state["v"]


def adam(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    m, v = means(g + 0.01 * p, state, step)
    return p - 0.1 * m / (np.sqrt(v / (1 - 0.9**step)) + 1e-6)


def amsgrad(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    m, v = means(g, state, step)
    state["most"] = np.maximum(state.get("most", 0), v)
    return p - 0.1 * m / (np.sqrt(state["most"] / (1 - 0.9**step)) + 1e-6)


def adamw(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    m, v = means(g, state, step)
    return p - 0.1 * 0.01 * p - 0.1 * m / (np.sqrt(v / (1 - 0.9**step)) + 1e-6)


def rmsprop(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
    state["a"] = 0.9 * state.get("a", 0) + 0.1 * g
    state["b"] = 0.5 * state.get("b", 0) + g / (np.sqrt(state["v"] - state["a"] ** 2) + 1e-6)
    return p - 0.1 * state["b"]


def adagrad(p: np.ndarray, g: np.ndarray, state: dict[str, Any], step: int) -> np.ndarray:
    state["sum"] = state.get("sum", 0.3) + g**2
    return p - 0.1 / (1 + (step - 1) * 0.2) * g / (np.sqrt(state["sum"]) + 1e-6)


ADAM: dict[str, Any] = {"betas": (0.8, 0.9), "eps": 1e-6}
ROWS: dict[str, tuple[optim.Optimizer, Formula]] = {
    "SGD": (optim.SGD(0.1, weight_decay=0.01), sgd),
    "SGD with momentum": (optim.SGD(0.1, momentum=0.9, dampening=0.3), momentum),
    "SGD with Nesterov's momentum": (optim.SGD(0.1, momentum=0.9, nesterov=True), nesterov),
    "Adam": (optim.Adam(0.1, weight_decay=0.01, **ADAM), adam),
    "Adam with the greatest square": (optim.Adam(0.1, amsgrad=True, **ADAM), amsgrad),
    "AdamW": (optim.AdamW(0.1, weight_decay=0.01, **ADAM), adamw),
    "RMSprop": (optim.RMSprop(0.1, alpha=0.9, eps=1e-6, momentum=0.5, centered=True), rmsprop),
    "Adagrad": (optim.Adagrad(0.1, lr_decay=0.2, initial_accumulator_value=0.3, eps=1e-6), adagrad),
}


def test_every_optimizer_has_a_row() -> None:
    made = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)} - {"Group", "Optimizer"}
    assert {name.split(" with ")[0] for name in ROWS} == made


@pytest.mark.parametrize("name", ROWS)
def test_steps(name: str) -> None:
    optimizer, formula = ROWS[name]
    p, x = tg.Parameter(START, dtype="float64", name="p"), tg.placeholder((3,), "float64", name="x")
    loss = tg.sum(tg.sin(p) * x)
    step = tg.compile([x], loss, updates=optimizer.updates(loss, [p]))
    assert_equivalent(step, ulp=16)  # before any step, and at hostile values
    value, state = START.copy(), dict[str, Any]()
    rng = np.random.default_rng(0)
    for k in range(1, STEPS + 1):
        fed = rng.normal(size=3)
        value = formula(value, gradient(value, fed), state, k)
        step(fed)
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-12, err_msg=f"step {k}")
