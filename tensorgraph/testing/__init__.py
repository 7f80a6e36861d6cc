"""Tools that test derivatives and operations: ours and those that users define."""

from __future__ import annotations

from tensorgraph.testing.closeness import assert_close
from tensorgraph.testing.gradients import GradientMismatch, check_gradients
from tensorgraph.testing.samples import Sample
from tensorgraph.testing.table import SAMPLES, UNSAMPLED, samples_of

__all__ = ["SAMPLES", "UNSAMPLED", "GradientMismatch", "Sample", "assert_close", "check_gradients", "samples_of"]
