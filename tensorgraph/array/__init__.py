"""Tensors and the functions on them."""

from __future__ import annotations

from tensorgraph.array.leaves import Parameter, placeholder
from tensorgraph.array.tensor import Tensor, TensorLike, asarray

__all__ = ["Parameter", "Tensor", "TensorLike", "asarray", "placeholder"]
