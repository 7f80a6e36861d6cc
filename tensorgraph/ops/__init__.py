"""The primitives: one class each, by kind."""

from __future__ import annotations

from tensorgraph.ops import elementwise, indexing, linalg, meta, reduction, shape, transcendental
from tensorgraph.ops.registry import all_ops

__all__ = ["all_ops", "elementwise", "indexing", "linalg", "meta", "reduction", "shape", "transcendental"]
