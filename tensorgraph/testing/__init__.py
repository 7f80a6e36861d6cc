"""Tools that test derivatives and operations: ours and those that users define."""

from __future__ import annotations

from tensorgraph.testing.closeness import assert_close
from tensorgraph.testing.gradients import GradientMismatch, check_gradients


__all__ = ["GradientMismatch", "assert_close", "check_gradients"]
