"""What a check of derivatives found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CheckedGradient", "GradientReport"]


@dataclass(frozen=True, slots=True)
class CheckedGradient:
    """One derivative that was compared.

    Attributes
    ----------
    argument
        With respect to what, or along what.
    order
        1 of the function, 2 of its derivative, and so on.
    mode
        ``"reverse"``, ``"forward over reverse"`` and so on.
    oracle
        The numeric derivative it was held against.
    elements
        How many numbers were compared one by one.
    worst
        The largest error, relative to the largest derivative or value.
    others
        How many more elements were looked at together.
    directions
        Along how many random directions.
    """

    argument: str
    order: int
    mode: str
    oracle: str
    elements: int
    worst: float
    others: int = 0
    directions: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class GradientReport:
    """What `check_gradients` compared, all of which agreed.

    Attributes
    ----------
    checks
        One row per argument, order and mode.
    notes
        What was moved, judged from one side, or could not be checked, and why.

    Examples
    --------
    >>> row = CheckedGradient("argument 0", 1, "reverse", "complex step", 3, 2e-16)
    >>> GradientReport((row,), ("argument 0 was moved",))
    argument 0  order 1  reverse  complex step  3 elements  worst error 2e-16
    note: argument 0 was moved
    """

    checks: tuple[CheckedGradient, ...]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return max((row.worst for row in self.checks), default=0.0)

    def __str__(self) -> str:
        rows = [
            (row.argument, f"order {row.order}", row.mode, row.oracle, _counted(row),
             f"worst error {row.worst:.0e}" if row.worst else "no error")
            for row in self.checks
        ]  # fmt: skip
        return "\n".join([*_aligned(rows), *(f"note: {note}" for note in self.notes)])

    __repr__ = __str__


def _counted(row: CheckedGradient) -> str:
    others = f", {row.others} more along {_several(row.directions, 'direction')}" if row.others else ""
    return f"{_several(row.elements, 'element')}{others}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
