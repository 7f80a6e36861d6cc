"""Logistic regression: the Hessian of its loss times a vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Logistic"]


@dataclass(frozen=True, slots=True)
class Logistic:
    """Mean of ``log(1 + exp(z)) - y*z`` with ``z = X @ w``, float32; its Hessian at `w` times a vector."""

    examples: int
    features: int

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"logistic regression, Hessian-vector product, {self.examples:,}x{self.features}"

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Examples, labels 0 and 1 as float32, weights and vector."""
        rng = np.random.default_rng(4)
        x = rng.standard_normal((self.examples, self.features), dtype=np.float32)
        y = (rng.random(self.examples) < 0.5).astype(np.float32)
        w, v = rng.standard_normal((2, self.features), dtype=np.float32) / np.float32(np.sqrt(self.features))
        return x, y, w, v
