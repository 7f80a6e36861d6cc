"""Parameters and gradients side by side, and their updates in one sweep."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tests.benchmarks.peers.by_hand.threads import Pool, Task
from tests.benchmarks.peers.networks import Adam, Sgd

__all__ = ["AdamSweep", "Arena", "scalar", "sweep"]

BLOCK = 32_768  # elements: parameter, gradient, both moments and a buffer stay in the second cache
LINE = 16  # floats: arrays begin at a cache line


def scalar(value: float) -> np.ndarray:
    """A float32 of rank 0."""
    return np.asarray(value, np.float32)


class Arena:
    """Float32 arrays in one: `flat`, and `views` of the shapes asked for, which begin at `starts`."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], *, aligned: bool = True) -> None:
        step = LINE if aligned else 1
        starts = [0]
        for shape in shapes:
            starts.append(-(-(starts[-1] + math.prod(shape)) // step) * step)
        self.starts, self.shapes = starts[:-1], shapes
        self.flat = np.zeros(starts[-1], np.float32)
        self.views = self.alike(self.flat)

    def alike(self, flat: np.ndarray) -> list[np.ndarray]:
        """Views of another flat array of this size."""
        places = zip(self.starts, self.shapes, strict=True)
        return [flat[i : i + math.prod(shape)].reshape(shape) for i, shape in places]


class AdamSweep:
    """Adam on blocks that stay in the cache: eleven calls each.

    It takes gradients times ``scale``, which is folded into the backward pass' first factor: then the mean needs no
    product of its own.

    Parameters
    ----------
    rule
        Rate, betas and eps.
    size
        Parameters in all.
    lanes
        Threads that take blocks at the same time; each has a buffer of its own.
    """

    def __init__(self, rule: Adam, size: int, lanes: int) -> None:
        a, b = rule.betas
        self.rule = rule
        self.count = 0
        self.scale = 1 - a
        self.mean, self.square = np.zeros((2, size), np.float32)
        self.rate, self.eps = scalar(0), scalar(0)
        self.a, self.b, self.c = scalar(a), scalar(b), scalar((1 - b) / (1 - a) ** 2)
        self.buffers = [np.empty(min(BLOCK, size), np.float32) for _ in range(lanes)]

    def advance(self) -> None:
        """Begin a step: both corrections for starting at 0 become one rate and one eps."""
        self.count += 1
        a, b = self.rule.betas
        root = math.sqrt(1 - b**self.count)
        self.rate[()] = self.rule.rate * root / (1 - a**self.count)
        self.eps[()] = self.rule.eps * root

    def block(self, p: np.ndarray, g: np.ndarray, start: int) -> Task:
        """A task that updates a block; its gradient is overwritten. Parameters and moments begin at `start`."""
        multiply, add, divide, sqrt = np.multiply, np.add, np.divide, np.sqrt
        a, b, c, rate, eps, size = self.a, self.b, self.c, self.rate, self.eps, len(p)
        m, v = self.mean[start : start + size], self.square[start : start + size]
        buffers = [buffer[:size] for buffer in self.buffers]

        def update(lane: int) -> None:
            t = buffers[lane]
            multiply(m, a, m)
            add(m, g, m)
            multiply(g, g, g)
            multiply(g, c, g)
            multiply(v, b, v)
            add(v, g, v)
            sqrt(v, t)
            add(t, eps, t)
            divide(m, t, t)
            multiply(t, rate, t)
            np.subtract(p, t, p)

        return update

    def blocks(self, parameters: np.ndarray, gradients: np.ndarray, start: int = 0) -> list[Task]:
        """Tasks for all of both arrays, which begin at `start` of the moments."""
        return [
            self.block(parameters[i : i + BLOCK], gradients[i : i + BLOCK], start + i)
            for i in range(0, len(parameters), BLOCK)
        ]


def sweep(
    rule: Adam | Sgd, parameters: np.ndarray, gradients: np.ndarray, pool: Pool
) -> tuple[float, Callable[[], object], AdamSweep | None]:
    """What to multiply the loss' gradient with, the update of everything, and Adam's state."""
    if isinstance(rule, Sgd):
        return rule.rate, lambda: np.subtract(parameters, gradients, parameters), None
    adam = AdamSweep(rule, len(parameters), pool.size)
    tasks = adam.blocks(parameters, gradients)

    def update() -> None:
        adam.advance()
        pool.run(tasks)

    return adam.scale, update, adam
