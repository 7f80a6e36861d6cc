"""Hypothesis strategies: arrays, arguments, graphs, functions, models and training."""

from __future__ import annotations

from tensorgraph.testing.strategies.arrays import tensors
from tensorgraph.testing.strategies.graphs import feeds, functions, graphs
from tensorgraph.testing.strategies.models import modules, training_steps
from tensorgraph.testing.strategies.shapes import axes, broadcastable_shapes, dtypes, indices, shapes
from tensorgraph.testing.strategies.windows import conv_arguments, pool_arguments

__all__ = [
    "axes", "broadcastable_shapes", "conv_arguments", "dtypes", "feeds", "functions", "graphs", "indices", "modules",
    "pool_arguments", "shapes", "tensors", "training_steps",
]  # fmt: skip
