"""How the rows of a loop are cut: into blocks that stay in the cache, and runs of blocks, the lanes, for threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgraph.ir.dims import DimLike, evaluate_dim

__all__ = ["Cut"]


@dataclass(frozen=True, slots=True)
class Cut:
    """The numbers of rows, lanes and threads of a loop, which follow from the sizes when a workspace is made.

    Attributes
    ----------
    rows, lane, lanes, threads
        What the source calls the number of rows in a block, the number of rows in a lane, the number of lanes, and
        the number of threads that share them.
    length
        The number of all rows.
    least, room, row
        The fewest rows, whose calls are long enough; the bytes that a block may take; those of one row.
    most
        The largest number of lanes.
    cores
        The largest number of threads.
    """

    rows: str
    lane: str
    lanes: str
    threads: str
    length: DimLike
    least: int
    room: int
    row: DimLike
    most: int
    cores: int

    def numbers(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The four numbers by name, at these sizes."""
        n, row = evaluate_dim(self.length, sizes), max(evaluate_dim(self.row, sizes), 1)
        rows = min(n, max(self.least, self.room // row))
        lane = max(rows * -(-n // max(self.most * rows, 1)), 1)
        lanes = max(-(-n // lane), 1)
        return {self.rows: rows, self.lane: lane, self.lanes: lanes, self.threads: min(self.cores, lanes)}

    def texts(self) -> dict[str, str]:
        """The same as expressions of the sizes and of one another."""
        row = self.row if isinstance(self.row, int) else f"max({self.row}, 1)"
        n = str(self.length)
        factor = n if n.isidentifier() or n.isdigit() else f"({n})"
        return {
            self.rows: f"min({n}, max({self.least}, {self.room} // {row}))",
            self.lane: f"max({self.rows} * -(-{factor} // max({self.most} * {self.rows}, 1)), 1)",
            self.lanes: f"max(-(-{factor} // {self.lane}), 1)",
            self.threads: f"min(THREADS, {self.lanes})",
        }
