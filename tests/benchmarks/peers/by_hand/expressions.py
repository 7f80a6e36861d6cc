"""The expressions in blocks that stay in the cache."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers.by_hand.arena import scalar
from tests.benchmarks.peers.by_hand.threads import Pool, Task
from tests.benchmarks.peers.expressions import CUBIC, EPS, SLOPE, Chain, LayerNorm
from tests.benchmarks.peers.work import Work

__all__ = ["chain", "layer_norm"]

ALONE = 8_192  # float64 elements of a block for one thread: its buffers stay in the second cache
SHARED = 32_768  # for several: calls long enough that handing over the interpreter's lock does not matter
ROWS = 32  # of 1024 float32


def chain(spec: Chain, task: str, pool: Pool) -> Work:
    """Twelve operations; the gradient shares all of them but the last."""
    x = spec.array()
    size = min(spec.size, ALONE if pool.size == 1 else SHARED)
    blocks = [slice(i, min(i + size, spec.size)) for i in range(0, spec.size, size)]
    buffers = [[np.empty(size) for _ in range(4)] for _ in range(pool.size)]
    if task == "value":

        def value() -> np.ndarray:
            y = np.empty_like(x)
            pool.run([chain_value(x[block], y[block], buffers) for block in blocks])
            return y

        return Work(value, lambda found: {"value": found})
    totals = np.empty(len(blocks))

    def both() -> tuple[float, np.ndarray]:
        d = np.empty_like(x)
        places = enumerate(blocks)
        pool.run([chain_gradient(x[block], d[block], buffers, totals[i : i + 1]) for i, block in places])
        return float(totals.sum()), d

    return Work(both, lambda found: {"value": np.asarray(found[0]), "gradient": found[1]})


def chain_value(x: np.ndarray, y: np.ndarray, buffers: list[list[np.ndarray]]) -> Task:
    """A block of the value."""
    multiply, add = np.multiply, np.add

    def run(lane: int) -> None:
        v = buffers[lane][0][: len(x)]
        multiply(x, x, y)
        add(y, ONE, y)
        np.sqrt(y, y)
        np.divide(x, y, y)
        np.tanh(y, y)
        multiply(y, HALF, v)
        add(v, x, v)
        multiply(v, v, v)
        np.negative(v, v)
        np.exp(v, v)
        multiply(y, v, y)
        np.subtract(y, x, y)

    return run


ONE, HALF, TWO = np.asarray(1.0), np.asarray(0.5), np.asarray(2.0)


def chain_gradient(x: np.ndarray, d: np.ndarray, buffers: list[list[np.ndarray]], total: np.ndarray) -> Task:
    """A block of the gradient, and the sum of its values.

    With ``s = x*x + 1, r = sqrt(s), u = tanh(x/r), v = u/2 + x, e = exp(-v*v)`` and ``w = u*v*e``, the derivative of
    ``u*e - x`` is ``(e - w) * (1 - u*u) / (s*r) - 2*w - 1``.
    """
    multiply, add, subtract, divide = np.multiply, np.add, np.subtract, np.divide

    def run(lane: int) -> None:
        r, u, v, e = (buffer[: len(x)] for buffer in buffers[lane])
        multiply(x, x, d)
        add(d, ONE, d)
        np.sqrt(d, r)
        multiply(d, r, d)
        divide(x, r, u)
        np.tanh(u, u)
        multiply(u, HALF, v)
        add(v, x, v)
        multiply(v, v, e)
        np.negative(e, e)
        np.exp(e, e)
        multiply(u, e, r)
        multiply(r, v, v)  # w
        subtract(r, x, r)
        np.add.reduce(r, 0, None, total[0:1].reshape(()))
        multiply(u, u, u)
        subtract(ONE, u, u)
        subtract(e, v, e)
        multiply(e, u, e)
        divide(e, d, d)
        multiply(v, TWO, v)
        subtract(d, v, d)
        subtract(d, ONE, d)

    return run


def layer_norm(spec: LayerNorm, task: str, pool: Pool) -> Work:
    """Blocks of rows; sums along rows are products with ones, or of a row with itself."""
    x, weights = spec.arrays()
    size = min(spec.rows, ROWS)
    blocks = [slice(i, min(i + size, spec.rows)) for i in range(0, spec.rows, size)]
    lanes = [LayerNormLane(size, spec.columns) for _ in range(pool.size)]
    if task == "value":

        def value() -> np.ndarray:
            y = np.empty_like(x)
            with pool.limit():
                pool.run([value_task(lanes, x[block], y[block]) for block in blocks])
            return y

        return Work(value, lambda found: {"value": found})
    totals = np.empty(len(blocks))

    def both() -> tuple[float, np.ndarray]:
        d = np.empty_like(x)
        with pool.limit():
            tasks = [gradient_task(lanes, x[b], weights[b], d[b], totals, i) for i, b in enumerate(blocks)]
            pool.run(tasks)
        return float(totals.sum()), d

    return Work(both, lambda found: {"value": np.asarray(found[0]), "gradient": found[1]})


def value_task(lanes: list[LayerNormLane], x: np.ndarray, y: np.ndarray) -> Task:
    """A block of the value."""
    return lambda lane: lanes[lane].value(x, y)


def gradient_task(
    lanes: list[LayerNormLane], x: np.ndarray, w: np.ndarray, d: np.ndarray, totals: np.ndarray, i: int
) -> Task:
    """A block of the gradient."""

    def run(lane: int) -> None:
        totals[i] = lanes[lane].gradient(x, w, d)

    return run


class LayerNormLane:
    """Buffers of one thread, for blocks of so many rows or fewer."""

    def __init__(self, rows: int, columns: int) -> None:
        self.buffers = np.empty((3, rows, columns), np.float32)
        self.statistics = np.empty((3, rows, 1), np.float32)
        self.mean_of = np.full(columns, 1 / columns, np.float32)
        self.cubic, self.slope, self.half, self.one = map(scalar, (CUBIC * SLOPE, SLOPE, 0.5, 1))
        self.three, self.eps, self.share = scalar(3 * CUBIC * SLOPE), scalar(EPS), scalar(1 / columns)

    def value(self, x: np.ndarray, y: np.ndarray) -> None:
        """Write the normalized rows into `y`."""
        t = self.buffers[0][: len(x)]
        np.multiply(x, x, t)
        np.multiply(t, self.cubic, t)
        np.add(t, self.slope, t)
        np.multiply(t, x, t)
        np.tanh(t, t)
        np.add(t, self.one, t)
        np.multiply(t, self.half, t)
        np.add(t, self.one, t)
        np.multiply(t, x, y)
        self.normalize(y)

    def normalize(self, y: np.ndarray) -> np.ndarray:
        """Rows less their mean, by their deviation, in place; returns one by the deviation."""
        mean, square = self.statistics[0][: len(y)], self.statistics[1][: len(y)]
        np.dot(y, self.mean_of, mean[:, 0])
        np.subtract(y, mean, y)
        np.vecdot(y, y, out=square[:, 0])
        np.multiply(square, self.share, square)
        np.add(square, self.eps, square)
        np.sqrt(square, square)
        np.reciprocal(square, square)
        np.multiply(y, square, y)
        return square

    def gradient(self, x: np.ndarray, w: np.ndarray, d: np.ndarray) -> float:
        """Write the gradient of ``sum(y * w)`` into `d`; returns that sum.

        With ``h = tanh(q)`` the derivative of ``x + x/2 (1 + h)`` is ``1 + (1 + h)/2 + x/2 (1 - h*h) q'``.
        """
        slope, y, t = (buffer[: len(x)] for buffer in self.buffers)
        multiply, add, subtract = np.multiply, np.add, np.subtract
        multiply(x, x, t)
        multiply(t, self.cubic, y)
        add(y, self.slope, y)
        multiply(y, x, y)
        np.tanh(y, y)
        multiply(t, self.three, t)  # q'
        add(t, self.slope, t)
        multiply(t, x, t)
        multiply(y, y, slope)
        subtract(self.one, slope, slope)
        multiply(slope, t, slope)
        add(slope, y, slope)
        add(slope, self.one, slope)
        multiply(slope, self.half, slope)
        add(slope, self.one, slope)
        add(y, self.one, y)
        multiply(y, self.half, y)
        add(y, self.one, y)
        multiply(y, x, y)
        scale = self.normalize(y)
        mean, along = self.statistics[0][: len(x)], self.statistics[2][: len(x)]
        np.dot(w, self.mean_of, mean[:, 0])
        np.vecdot(y, w, out=along[:, 0])
        total = float(along.sum())
        multiply(along, self.share, along)
        multiply(y, along, y)
        subtract(w, y, d)
        subtract(d, mean, d)
        multiply(d, scale, d)
        multiply(d, slope, d)
        return total
