"""From graph to program: the order of statements, and the memory each result is written to."""

from __future__ import annotations

from tensorgraph.schedule.plan import plan
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["Buffer", "Program", "Statement", "plan"]
