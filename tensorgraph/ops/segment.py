"""Reductions over rows that bear the same number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.numerics.segment import (
    segment_max,
    segment_min,
    segment_prod,
    segment_reduce,
    segment_starts,
    segment_sum,
)

_PARTS = (segment_reduce, segment_starts)


@dataclass(frozen=True, eq=False, repr=False)
class _Segment(Op):
    """Base: operands are rows and the number of each; numbers outside ``0 .. count`` are dropped."""

    count: DimLike
    domain = Domain(kinds="iufc")
    monoid: ClassVar[str] = "+"
    kinds: ClassVar[str] = "iufc"

    def infer(self, *types: TensorType) -> TensorType:
        """As many rows as there are numbers."""
        x, ids = types
        if x.ndim == 0 or ids.ndim != 1 or dim_key(ids.shape[0]) != dim_key(x.shape[0]):
            raise ShapeError("do not fit: the second operand must be a vector of one number per row of the first")
        if ids.dtype.kind not in "iu":
            raise DTypeError(f"do not fit: segments are numbered by integers, not {ids.dtype.name}")
        if x.dtype.kind not in self.kinds:
            raise DTypeError(f"are not supported: {self.name} takes no {x.dtype.name}")
        return TensorType(x.dtype, (self.count, *x.shape[1:]))

    def axes(self, *types: TensorType) -> str:
        """The rows are needed whole; the other axes pass."""
        rest = " ".join(f"a{k}" for k in range(1, types[0].ndim))
        return f"s! {rest}, s! -> r {rest}"

    def flops(self, *types: TensorType) -> DimLike:
        """One per element."""
        return types[0].size

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The rows in order, twice where segments are short; the order, and where each segment begins."""
        x, ids = types
        rows, present = int(ids.size), min(int(self.count), int(ids.size))
        short = int(x.size) >= 32 * max(rows, 1) and rows <= 16 * present
        return int(x.nbytes) * (2 if short else 1) + 14 * rows + 9 * present


class SegmentSum(_Segment):
    """The sum of the rows that bear each number; 0 where there is none."""

    numpy = "segment_sum({0}, {1}, {count})"
    helpers = (segment_sum, *_PARTS)


class SegmentProd(_Segment):
    """The product of the rows that bear each number; 1 where there is none."""

    numpy = "segment_prod({0}, {1}, {count})"
    helpers = (segment_prod, *_PARTS)


class SegmentMax(_Segment):
    """The largest of the rows that bear each number, elementwise; the lowest value where there is none."""

    numpy = "segment_max({0}, {1}, {count})"
    helpers = (segment_max, *_PARTS)
    domain = Domain(kinds="iuf", ties=True, analytic=False)
    kinds = "iuf"


class SegmentMin(_Segment):
    """The smallest of the rows that bear each number, elementwise; the highest value where there is none."""

    numpy = "segment_min({0}, {1}, {count})"
    helpers = (segment_min, *_PARTS)
    domain = Domain(kinds="iuf", ties=True, analytic=False)
    kinds = "iuf"
