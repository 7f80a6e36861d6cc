"""Tools that test derivatives, operations and compiled programs: ours and those that users define."""

from __future__ import annotations

from tensorgraph.testing import strategies
from tensorgraph.testing.closeness import assert_close
from tensorgraph.testing.equivalence import Inequivalent, assert_equivalent
from tensorgraph.testing.gradient_report import GradientReport
from tensorgraph.testing.gradients import GradientMismatch, check_gradients
from tensorgraph.testing.minimise import minimise
from tensorgraph.testing.properties import gradient_test
from tensorgraph.testing.reproduce import code
from tensorgraph.testing.samples import Sample
from tensorgraph.testing.strategies import (
    axes,
    broadcastable_shapes,
    conv_arguments,
    dtypes,
    feeds,
    functions,
    graphs,
    indices,
    modules,
    pool_arguments,
    shapes,
    tensors,
    training_steps,
)
from tensorgraph.testing.table import SAMPLES, UNSAMPLED, samples_of

__all__ = [
    "SAMPLES", "UNSAMPLED", "GradientMismatch", "GradientReport", "Inequivalent", "Sample", "assert_close",
    "assert_equivalent", "axes",
    "broadcastable_shapes", "check_gradients", "code", "conv_arguments", "dtypes", "feeds", "functions",
    "gradient_test", "graphs", "indices", "minimise", "modules", "pool_arguments", "samples_of", "shapes",
    "strategies", "tensors", "training_steps",
]  # fmt: skip
