"""numexpr: elementwise expressions in blocks on all cores; derivatives are written by hand."""

from __future__ import annotations

from typing import Any

import numexpr
import numpy as np

from tests.benchmarks.peers.expressions import CUBIC, EPS, SLOPE, Chain, LayerNorm
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import NotForThisRowError, Work


def build(row: Row) -> Work:
    """The expression rows; what is left to NumPy are sums along an axis."""
    match row.workload:
        case Chain():
            return chain(row.workload, row.task)
        case LayerNorm() if row.task == "value":
            return layer_norm(row.workload)
        case _:
            raise NotForThisRowError("it is not one elementwise expression")


def chain(spec: Chain, task: str) -> Work:
    """One expression; with the gradient, four."""
    x = spec.array()
    result, u, e = (np.empty_like(x) for _ in range(3))
    known = {"x": x, "u": u, "e": e}
    inner = "tanh(x / sqrt(x*x + 1))"
    if task == "value":
        expression = f"{inner} * exp(-(({inner})*0.5 + x)**2) - x"
        return Work(lambda: numexpr.evaluate(expression, known, out=result), lambda found: {"value": found})
    slope = "(e - u*(u*0.5 + x)*e) * (1 - u*u) / ((x*x + 1) * sqrt(x*x + 1)) - 2*u*(u*0.5 + x)*e - 1"

    def step() -> Any:
        numexpr.evaluate(inner, known, out=u)
        numexpr.evaluate("exp(-(u*0.5 + x)**2)", known, out=e)
        return numexpr.evaluate("sum(u*e - x)", known), numexpr.evaluate(slope, known, out=result)

    return Work(step, lambda found: {"value": np.asarray(found[0]), "gradient": found[1]})


def layer_norm(spec: LayerNorm) -> Work:
    """Three expressions, and the statistics between them."""
    x, _ = spec.arrays()
    t, y = np.empty_like(x), np.empty_like(x)
    mean, square = np.empty((2, len(x), 1), np.float32)
    numbers = {"half": 0.5, "one": 1, "slope": SLOPE, "cubic": CUBIC}
    known = {"x": x, "t": t, "mean": mean, **{name: np.float32(value) for name, value in numbers.items()}}

    def step() -> Any:
        numexpr.evaluate("x + half * x * (one + tanh(slope * (x + cubic * x * x * x)))", known, out=t)
        np.mean(t, axis=1, keepdims=True, out=mean)
        numexpr.evaluate("t - mean", known, out=t)
        np.einsum("ij,ij->i", t, t, out=square[:, 0])
        scale = 1 / np.sqrt(square / np.float32(spec.columns) + np.float32(EPS))
        return numexpr.evaluate("t * scale", {"t": t, "scale": scale}, out=y)

    return Work(step, lambda found: {"value": found})
