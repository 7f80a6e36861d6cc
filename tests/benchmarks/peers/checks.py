"""Whether a peer computes what the row asks for: a wrong one is refused, not timed."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Outcome

__all__ = ["STEPS", "difference", "tolerance"]

STEPS = 3  # steps before outcomes are compared


def tolerance(row: Row) -> float:
    """Of the norm of a difference, as a share of the norm of what it should be."""
    return 1e-12 if row.workload.name.startswith("twelve") else 1e-3


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
        if not error <= tolerance(row):
            return f"{name} is off by {error:.1e} of its norm, and {tolerance(row):.0e} is allowed"
    return None
