"""Losses over a batch of scores: the value, and the gradient in place of the scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.benchmarks.peers.by_hand.arena import scalar

__all__ = ["head"]

Head = Callable[[np.ndarray], float]


def head(loss: str, z: np.ndarray, batch: int, scale: float) -> Head:
    """From targets to the sum of losses over the rows of `z`, divided by `batch`.

    Parameters
    ----------
    loss
        ``cross_entropy`` or ``bce``.
    z
        Scores; afterwards their gradient times `scale`.
    batch
        Examples in the whole batch, of which `z` may be a part.
    """
    return cross_entropy(z, batch, scale) if loss == "cross_entropy" else bce(z, batch, scale)


def cross_entropy(z: np.ndarray, batch: int, scale: float) -> Head:
    """Over scores, targets int64."""
    rows, columns = z.shape
    first = np.arange(0, rows * columns, columns)
    index, flat = np.empty_like(first), z.reshape(-1)
    top, total = np.empty((rows, 1), np.float32), np.empty((rows, 1), np.float32)
    picked, line, ones = np.empty(rows, np.float32), total[:, 0], np.ones(columns, np.float32)
    factor, unit = scalar(scale / batch), np.float32(scale / batch)
    subtract, exp, dot, log, divide = np.subtract, np.exp, np.dot, np.log, np.divide

    def run(y: np.ndarray) -> float:
        np.add(first, y, index)
        z.max(1, top, True)
        subtract(z, top, z)
        flat.take(index, None, picked, "clip")
        exp(z, z)
        dot(z, ones, line)
        divide(factor, total, top)
        np.multiply(z, top, z)
        flat[index] -= unit
        log(line, line)
        subtract(line, picked, line)
        return float(line.sum()) / batch

    return run


def bce(z: np.ndarray, batch: int, scale: float) -> Head:
    """Over one score, targets float32: ``log(1 + exp(-|z|)) + max(z, 0) - y z``."""
    e, t, d = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    zero, one, factor = scalar(0), scalar(1), scalar(scale / batch)
    subtract, multiply, add = np.subtract, np.multiply, np.add

    def run(y: np.ndarray) -> float:
        np.abs(z, e)
        np.negative(e, e)
        np.exp(e, e)
        np.log1p(e, t)
        np.maximum(z, zero, out=d)
        add(t, d, t)
        multiply(y, z, d)
        subtract(t, d, t)
        loss = float(t.sum()) / batch
        add(e, one, d)
        np.reciprocal(d, d)  # sigmoid of |z|, and of z below 0 what is missing to 1
        np.copyto(d, 1 - d, where=z < 0)
        subtract(d, y, d)
        multiply(d, factor, z)
        return loss

    return run
