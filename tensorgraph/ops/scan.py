"""Cumulative operations along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.reduction import widened


@dataclass(frozen=True, eq=False, repr=False)
class _Cumulative(Op):
    """Base: `axis` is counted from the front."""

    axis: int
    domain = Domain()

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Integers and bool widen to 64 bits."""
        return widened(dtype)

    def infer(self, *types: TensorType) -> TensorType:
        """The shape stays."""
        return TensorType(self.dtype(types[0].dtype), types[0].shape)

    def axes(self, *types: TensorType) -> str:
        """The axis is needed whole."""
        return along(self.axis, types[0].ndim)

    def flops(self, *types: TensorType) -> DimLike:
        """One per element."""
        return types[0].size


def along(axis: int, rank: int) -> str:
    """``a0 s1! a2 -> a0 r1 a2``: the axis map of what works along one axis."""
    left = " ".join(f"s{i}!" if i == axis else f"a{i}" for i in range(rank))
    return f"{left} -> {' '.join(f'r{i}' if i == axis else f'a{i}' for i in range(rank))}"


class CumulativeSum(_Cumulative):
    """The sum of each element and those before it; of integers in 64 bits."""

    numpy = "np.cumsum({0}, axis={axis}{out})"


class CumulativeProd(_Cumulative):
    """The product of each element and those before it; of integers in 64 bits."""

    numpy = "np.cumprod({0}, axis={axis}{out})"
