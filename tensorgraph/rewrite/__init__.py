"""Laws: what equals what, and how nearly."""

from __future__ import annotations

from tensorgraph.rewrite.law import Law, Sample, law, node_law
from tensorgraph.rewrite.laws import EVERY, LAWS, laws_at

__all__ = ["EVERY", "LAWS", "Law", "Sample", "law", "laws_at", "node_law"]
