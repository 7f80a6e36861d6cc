"""The Hessian of logistic regression times a vector, in one pass over the examples."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers.by_hand.arena import scalar
from tests.benchmarks.peers.by_hand.threads import Pool, Task
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.work import Work

__all__ = ["product"]

BYTES = 1_000_000  # of a block: it is still in the second cache when it is multiplied from the other side


def product(spec: Logistic, pool: Pool) -> Work:
    """``X.T @ (s (1 - s) (X @ v)) / n`` with ``s = sigmoid(X @ w)``: both products at once, block by block."""
    x, _, w, v = spec.arrays()
    size = min(spec.examples, max(1, BYTES // (4 * spec.features)))
    blocks = [x[i : i + size] for i in range(0, spec.examples, size)]
    both = np.empty((spec.features, 2), np.float32)
    sums = np.empty((pool.size, spec.features), np.float32)
    tasks = [block_task(block, both, sums, 1 / spec.examples, pool.size) for block in blocks]

    def step(w: np.ndarray, v: np.ndarray) -> np.ndarray:
        both[:, 0] = w
        both[:, 1] = v
        sums.fill(0)
        with pool.limit():
            pool.run(tasks)
        return sums.sum(axis=0)

    return Work(lambda: step(w, v), lambda found: {"product": found})


def block_task(x: np.ndarray, both: np.ndarray, sums: np.ndarray, share: float, lanes: int) -> Task:
    """A task that adds a block's part to the sum of the thread that takes it."""
    products = [np.empty((len(x), 2), np.float32) for _ in range(lanes)]
    rows = [np.empty((2, len(x)), np.float32) for _ in range(lanes)]
    parts = np.empty_like(sums)
    one, factor = scalar(1), scalar(share)
    multiply = np.multiply

    def run(lane: int) -> None:
        t, (s, r) = products[lane], rows[lane]
        np.dot(x, both, t)
        np.negative(t[:, 0], s)
        np.exp(s, s)
        np.add(s, one, s)
        np.reciprocal(s, s)
        multiply(s, s, r)
        np.subtract(s, r, s)  # s - s*s
        multiply(s, t[:, 1], s)
        multiply(s, factor, s)
        np.dot(s, x, parts[lane])
        np.add(sums[lane], parts[lane], sums[lane])

    return run
