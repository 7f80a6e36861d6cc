"""Passes from graph to graph: folding of constants, and dropping what only derivatives needed."""

from __future__ import annotations

from tensorgraph.passes.fold import drop_identities, fold_constants

__all__ = ["drop_identities", "fold_constants"]
