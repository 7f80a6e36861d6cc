"""One training step of the 784-16-16-10 network: compiled, and as one would write it by hand in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

import tensorgraph as tg

WIDTHS = (784, 16, 16, 10)
RATE = np.float32(0.5)

Arrays = list[np.ndarray]


def first_weights() -> Arrays:
    rng = np.random.default_rng(0)
    arrays = []
    for a, b in itertools.pairwise(WIDTHS):
        arrays += [(rng.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32), np.zeros(b, np.float32)]
    return arrays


def batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.random((size, WIDTHS[0]), dtype=np.float32)
    return x, np.eye(WIDTHS[-1], dtype=np.float32)[rng.integers(0, WIDTHS[-1], size)]


def compiled_step() -> tuple[tg.Kernel, list[tg.Parameter]]:
    """The step as a user of the library writes it: squared errors, sigmoid everywhere."""
    x = tg.placeholder(("batch", WIDTHS[0]), "float32", name="x")
    y = tg.placeholder(("batch", WIDTHS[-1]), "float32", name="y")
    parameters = [tg.Parameter(array, name=f"{'wb'[i % 2]}{i // 2 + 1}") for i, array in enumerate(first_weights())]
    h = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        h = tg.sigmoid(h @ w + b)
    loss = tg.mean(tg.sum((h - y) ** 2, axis=1))
    updates = [(p, p - 0.5 * g) for p, g in zip(parameters, tg.gradients(loss, parameters), strict=True)]
    return tg.compile([x, y], loss, updates, name="step"), parameters


def hand_written(weights: Arrays) -> Callable[[np.ndarray, np.ndarray], np.float32]:
    """The same step in NumPy, in place."""

    def step(x: np.ndarray, y: np.ndarray) -> np.float32:
        values = [x]
        for w, b in zip(weights[::2], weights[1::2], strict=True):
            values.append(1 / (1 + np.exp(-(values[-1] @ w + b))))
        error = values[-1] - y
        loss = np.mean(np.sum(error * error, axis=1))
        gradient = error * np.float32(2 / len(x))
        for i in reversed(range(len(WIDTHS) - 1)):
            gradient = gradient * values[i + 1] * (1 - values[i + 1])
            w, b = weights[2 * i], weights[2 * i + 1]
            following = gradient @ w.T if i else None
            w -= RATE * (values[i].T @ gradient)
            b -= RATE * np.sum(gradient, axis=0)
            gradient = following
        return loss

    return step
