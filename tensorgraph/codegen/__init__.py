"""From program to NumPy source, and from source to a callable."""

from __future__ import annotations

from tensorgraph.codegen.emit import emit
from tensorgraph.codegen.kernel import Kernel, Stage

__all__ = ["Kernel", "Stage", "emit"]
