"""From program to NumPy source, and from source to a callable."""

from __future__ import annotations

from tensorgraph.codegen.emit import emit
from tensorgraph.codegen.explain import Explanation, Row
from tensorgraph.codegen.kernel import Kernel, Stage
from tensorgraph.codegen.profile import Profile

__all__ = ["Explanation", "Kernel", "Profile", "Row", "Stage", "emit"]
