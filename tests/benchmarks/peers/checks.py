"""Whether a peer computes what the row asks for: a wrong one is refused, not timed."""

from __future__ import annotations

import math

import numpy as np

from tests.benchmarks.peers.expressions import Chain
from tests.benchmarks.peers.networks import Network, Pool
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Outcome

__all__ = ["STEPS", "difference", "tolerance"]

STEPS = 3  # steps before outcomes are compared


def tolerance(row: Row, name: str) -> float:
    """Of the norm of a difference, as a share of the norm of what it should be.

    Among millions of pooling windows some are tied but for a rounding error, and the gradient goes one way or the
    other: there float32 differs from float64 by 1 to 2 % after three steps of Adam, for every peer alike. And how far
    a parameter has moved is known no better than the parameter itself.
    """
    if isinstance(row.workload, Chain):
        return 1e-12
    windows = 0
    if isinstance(row.workload, Network):
        pairs = zip(row.workload.layers, row.workload.shapes[1:], strict=True)
        windows = row.size * sum(math.prod(shape) for layer, shape in pairs if isinstance(layer, Pool))
    if name[0] in "mp" and windows > 1_000_000:
        return 0.03
    return 1e-3 if name[0] == "p" else 1e-4


def difference(row: Row, expected: Outcome, found: Outcome) -> str | None:
    """What is wrong with an outcome, or None.

    Parameters
    ----------
    expected, found
        Of the same number of steps from the same first parameters. Parameters (``p0, p1, ...``) are compared by how
        far they have moved, which is little, if ``expected`` has their first values (``f0, f1, ...``).
    """
    firsts = {name for name in expected if name[0] == "f"}
    names = set(expected) - firsts
    if set(found) != names:
        return f"it gives {', '.join(sorted(found))} instead of {', '.join(sorted(names))}"
    for name in sorted(names):
        a, b = np.asarray(expected[name]), np.asarray(found[name])
        if a.shape != b.shape:
            return f"{name} has the shape {b.shape} instead of {a.shape}"
        first = expected.get(f"f{name[1:]}", 0.0) if name[0] == "p" else 0.0
        scale = float(np.linalg.norm(np.asarray(a - first, np.float64)))
        error = float(np.linalg.norm(np.asarray(a, np.float64) - b)) / (scale or 1.0)
        if not error <= tolerance(row, name):
            return f"{name} is off by {error:.1e} of its norm, and {tolerance(row, name):.0e} is allowed"
    return None
