"""A kernel's statements as a table: what each costs, where it is in the source, and why it stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from tensorgraph.codegen.profile import Profile
from tensorgraph.schedule.explain import complete_sizes, estimates
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.program import Program

__all__ = ["Explanation", "Row", "explained"]

LEFT = (1, 2, 3, 9, 10)  # columns of words
HEADS = ("line", "name", "op", "type", "FLOPs", "bytes", "predicted", "measured", "share", "limit", "why")


@dataclass(frozen=True, slots=True)
class Row:
    """A statement of a kernel, or a group of updates.

    Attributes
    ----------
    line
        Where it begins in ``kernel.source``.
    name, op, type
        What it is called there, what is computed, and the type of the result.
    flops, bytes
        Operations on numbers; bytes read and written.
    predicted, measured
        Seconds; `measured` is None unless the kernel was profiled.
    share
        How much of what the machine can do is reached, where the limit counts alone: of the time measured, or else
        predicted.
    limit
        What takes most of the time: ``"calls"``, ``"memory"`` or ``"arithmetic"``.
    why
        Whose memory it takes, or why it does not join what stands before it.
    """

    line: int
    name: str
    op: str
    type: str
    flops: int
    bytes: int
    predicted: float
    measured: float | None
    share: float
    limit: str
    why: str

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        taken = "" if self.measured is None else _microseconds(self.measured)
        share = f"{100 * self.share:.0f} %" if self.limit else ""
        counts = _count(self.flops), _count(self.bytes)
        several = self.op.count(", ") + 1
        op = self.op if several == 1 else f"{several} operations"
        head = str(self.line), self.name, op, self.type
        return (*head, *counts, _microseconds(self.predicted), taken, share, self.limit, self.why)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `Kernel.explain` gives: it prints as a table.

    Attributes
    ----------
    kernel, machine
        The kernel's name, and where its costs are predicted.
    sizes
        The symbolic sizes.
    rows
        Statements in order, then groups of updates.
    profile
        What was measured, if it was.
    """

    kernel: str
    machine: Machine
    sizes: Mapping[str, int]
    rows: tuple[Row, ...]
    profile: Profile | None

    @property
    def predicted(self) -> float:
        """Seconds of all statements."""
        return sum(row.predicted for row in self.rows)

    @property
    def title(self) -> str:
        """What stands above the table."""
        sizes = ", ".join(f"{symbol}={size}" for symbol, size in self.sizes.items())
        return f"{self.kernel}({sizes}) on {self.machine}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below it."""
        total = f"{1e6 * self.predicted:.1f} us predicted in {len(self.rows)} statements"
        kept = "every statement is an operation, by one call or a few; elementwise ones may take an operand's memory"
        return (total, *(str(self.profile).splitlines() if self.profile else ()), kept)

    def __str__(self) -> str:
        table = [HEADS, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(_placed(i, cell, widths[i]) for i, cell in enumerate(cells)).rstrip() for cells in table]
        return "\n".join([self.title, "", lines[0], "-" * max(map(len, lines)), *lines[1:], "", *self.notes])


def explained(
    program: Program, name: str, lines: Sequence[int], machine: Machine, sizes: Mapping[str, int],
    profile: Profile | None,
) -> Explanation:  # fmt: skip
    """The table of a program whose statements, and then updates, begin at these lines."""
    sizes = complete_sizes(program, sizes)
    costs = estimates(program, machine, sizes, blas_threads())
    taken: Sequence[float | None] = [None] * len(costs)
    if profile is not None:
        taken = [*profile.statements, *profile.updates]
    rows = []
    for line, e, seconds in zip(lines, costs, taken, strict=True):
        c = e.cost
        reached = c.reached(seconds) if seconds else c.share
        limit = c.limit if c.seconds else ""
        total = c.bytes_read + c.bytes_written
        rows.append(Row(line, e.name, e.op, e.type, c.flops, total, c.seconds, seconds, reached, limit, e.why))
    return Explanation(name, machine, sizes, tuple(rows), profile)


def blas_threads() -> int:
    """How many threads NumPy's matrix products have now."""
    found = import_module("threadpoolctl").threadpool_info()
    return max((int(library["num_threads"]) for library in found if library["user_api"] == "blas"), default=1)


def _placed(i: int, cell: str, width: int) -> str:
    return cell.ljust(width) if i in LEFT else cell.rjust(width)


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.1f} us"


def _count(number: int) -> str:
    """``"1.2 M"``."""
    for factor, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:.3g} {letter}"
    return str(number)
