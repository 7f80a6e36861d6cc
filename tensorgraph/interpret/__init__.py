"""The reference evaluator: nodes one at a time, in plain NumPy."""

from __future__ import annotations

from tensorgraph.interpret.evaluate import evaluate, evaluate_graph

__all__ = ["evaluate", "evaluate_graph"]
