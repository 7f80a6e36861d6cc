"""The expressions: layer normalization of x + GELU(x), and a chain of twelve elementwise operations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["CUBIC", "EPS", "SLOPE", "Chain", "LayerNorm"]

SLOPE = math.sqrt(2 / math.pi)  # of GELU's approximation by tanh: x/2 (1 + tanh(SLOPE (x + CUBIC x^3)))
CUBIC = 0.044715
EPS = 1e-5  # under the root of layer normalization


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Rows of ``x + gelu(x)``, normalized, float32; the gradient is that of their sum weighted with an array.

    GELU is its approximation by tanh, which every peer has.
    """

    rows: int
    columns: int

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"layer norm of x + GELU(x), {self.rows}x{self.columns}"

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The argument, and the weights of the sum whose gradient is taken."""
        rng = np.random.default_rng(2)
        shape = self.rows, self.columns
        return rng.standard_normal(shape, dtype=np.float32), rng.standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Chain:
    """Twelve elementwise operations on one float64 array; the gradient is that of the sum.

    ``u = tanh(x / sqrt(x*x + 1)); v = u*0.5 + x; y = u*exp(-(v*v)) - x``.
    """

    size: int

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"twelve float64 operations on {self.size:,} elements"

    def array(self) -> np.ndarray:
        """The argument."""
        return np.random.default_rng(3).standard_normal(self.size)
