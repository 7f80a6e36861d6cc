"""From graph to program: the order of statements, the memory each result is written to, and what statements cost."""

from __future__ import annotations

from tensorgraph.schedule.cost import Cost, cost
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.plan import plan
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["Buffer", "Cost", "Machine", "Program", "Statement", "cost", "plan"]
