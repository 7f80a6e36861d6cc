"""A derivative that is wrong, or one that cannot be judged at a point, and how either is told."""

from __future__ import annotations

from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.provenance import located

__all__ = ["MODES", "Culprit", "GradientMismatch", "Unsettled", "mismatch", "named"]

MODES = ("reverse", "forward")
Culprit = tuple[str, str]  # the operation to blame, and a sentence about it


class GradientMismatch(TensorGraphError, AssertionError):  # noqa: N818 (what a failed assertion says)
    """A derivative that is not the numeric one.

    Attributes
    ----------
    op
        The name of the operation whose rule is to blame, if one was found.
    """

    op: str | None = None


class Unsettled(Exception):  # noqa: N818 (no error: it asks for another point)
    """No numeric derivative can be had at this point."""


def mismatch(text: str, culprit: Culprit | None = None) -> GradientMismatch:
    """The error, with the operation to blame."""
    error = located(GradientMismatch(f"check_gradients: {text}{f'; {culprit[1]}' if culprit else ''}"))
    assert isinstance(error, GradientMismatch)
    error.op = culprit[0] if culprit else None
    return error


def named(over: tuple[str, ...]) -> str:
    """``reverse over forward mode, order 2``."""
    return f"{' over '.join(over)}{' mode' if over[0] in MODES else ''}, order {len(over)}"
