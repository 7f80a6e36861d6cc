"""Sorting and searching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.scan import along

ORDERED = Domain(kinds="biuf", ties=True, analytic=False)


def _check(name: str, *types: TensorType) -> None:
    if any(t.dtype.kind == "c" for t in types):
        raise DTypeError(f"{'is' if len(types) == 1 else 'are'} not ordered: {name} takes real numbers")


@dataclass(frozen=True, eq=False, repr=False)
class _Ordering(Op):
    """Base: `axis` is counted from the front."""

    axis: int
    domain = ORDERED

    def axes(self, *types: TensorType) -> str:
        """The axis is needed whole."""
        return along(self.axis, types[0].ndim)

    def flops(self, *types: TensorType) -> DimLike:
        """One per element, as a matter of form."""
        return types[0].size


class Sort(_Ordering):
    """The elements along an axis in ascending order, NaN last."""

    numpy = 'np.sort({0}, axis={axis}, kind="stable")'
    overwrites = (0,)

    def infer(self, *types: TensorType) -> TensorType:
        """The same."""
        _check(self.name, *types)
        return types[0]

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """A copy, sorted in place."""
        return "np.copyto({out}, {0})", '{out}.sort(axis={axis}, kind="stable")'


class ArgSort(_Ordering):
    """The positions that sort an axis in ascending order, NaN last; equal elements keep their order."""

    name = "argsort"
    numpy = 'np.argsort({0}, axis={axis}, kind="stable")'

    def infer(self, *types: TensorType) -> TensorType:
        """Positions."""
        _check(self.name, *types)
        return TensorType(np.dtype("int64"), types[0].shape)


@dataclass(frozen=True, eq=False, repr=False)
class SearchSorted(Op):
    """For each value, where it would be put into a sorted vector: before its equals (left) or after them (right)."""

    side: str
    name = "searchsorted"
    numpy = "np.searchsorted({0}, {1}, side={side})"
    domain = ORDERED

    def infer(self, *types: TensorType) -> TensorType:
        """A position per value."""
        x, values = types
        _check(self.name, x, values)
        if x.ndim != 1:
            raise ShapeError("cannot be searched: the first operand must be a sorted vector")
        return TensorType(np.dtype("int64"), values.shape)

    def axes(self, *types: TensorType) -> str:
        """The vector is needed whole."""
        return "s!, ... -> ..."

    def flops(self, *types: TensorType) -> DimLike:
        """One per value, as a matter of form."""
        return types[1].size
