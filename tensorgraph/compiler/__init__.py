"""The whole pipeline: from tensors or functions to kernels."""

from __future__ import annotations

from tensorgraph.compiler.compile import compile
from tensorgraph.compiler.jit import jit

__all__ = ["compile", "jit"]
