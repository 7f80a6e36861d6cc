"""Products of matrices, and of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array, TensorType, broadcast_shapes


class Matmul(Op):
    """Matrix product of the last two axes; the axes before them broadcast."""

    __slots__ = ()
    numpy = "np.matmul({0}, {1}{out})"
    domain = Domain()

    def infer(self, *types: TensorType) -> TensorType:
        """``[…, m, k] @ […, k, n] -> […, m, n]``."""
        a, b = types
        if a.ndim < 2 or b.ndim < 2:
            raise ShapeError("need at least two axes each")
        (*batch_a, rows, columns), (*batch_b, other, last) = a.shape, b.shape
        if dim_key(columns) != dim_key(other):
            meeting = f"the last axis of the first is {columns} and the last but one of the second is {other}"
            raise ShapeError(f"do not multiply: {meeting}")
        batch = broadcast_shapes(tuple(batch_a), tuple(batch_b))
        return TensorType(matmul_dtype(a.dtype, b.dtype), (*batch, rows, last))

    def axes(self, *types: TensorType) -> str:
        """`k` is contracted."""
        return "... m k, ... k n -> ... m n"

    def evaluate(self, *arrays: Array) -> Any:
        """`np.dot` of two matrices: it takes half the time of `np.matmul` where they are small."""
        return (
            np.dot(*arrays) if all(a.ndim == 2 and a.dtype == arrays[0].dtype for a in arrays) else np.matmul(*arrays)
        )

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """As `evaluate` does."""
        function = "dot" if all(t.ndim == 2 for t in types) and types[0].dtype == types[1].dtype else "matmul"
        return (f"np.{function}({{0}}, {{1}}, {{out}})",)

    def flops(self, *types: TensorType) -> DimLike:
        """A multiplication and an addition per term."""
        result = self.infer(*types)
        return result.size * types[0].shape[-1] * 2


class Vecdot(Op):
    """Sum of ``conj(a) * b`` over the last axis; the axes before it broadcast."""

    __slots__ = ()
    numpy = "np.vecdot({0}, {1}{out})"
    domain = Domain(analytic=False)  # it conjugates

    def infer(self, *types: TensorType) -> TensorType:
        """``[…, k], […, k] -> […]``."""
        a, b = types
        if not a.ndim or not b.ndim:
            raise ShapeError("need at least one axis each")
        (*batch_a, first), (*batch_b, second) = a.shape, b.shape
        if dim_key(first) != dim_key(second):
            raise ShapeError(f"do not multiply: their last axes are {first} and {second}")
        batch = broadcast_shapes(tuple(batch_a), tuple(batch_b))
        return TensorType(matmul_dtype(a.dtype, b.dtype), batch)

    def axes(self, *types: TensorType) -> str:
        """`k` is contracted."""
        return "... k, ... k -> ..."

    def evaluate(self, *arrays: Array) -> Any:
        """`np.dot` of two vectors that need no conjugate: it takes three quarters of the time where they are short."""
        return np.dot(*arrays) if _plain([TensorType.of(a) for a in arrays]) else np.vecdot(*arrays)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """As `evaluate` does."""
        return (f"np.{'dot' if _plain(types) else 'vecdot'}({{0}}, {{1}}, {{out}})",)

    def flops(self, *types: TensorType) -> DimLike:
        """A multiplication and an addition per term."""
        return self.infer(*types).size * types[0].shape[-1] * 2


def _plain(types: Sequence[TensorType]) -> bool:
    """Whether these are two vectors of one dtype, and no complex one."""
    a, b = types
    return a.ndim == b.ndim == 1 and a.dtype == b.dtype and a.dtype.kind != "c"


def matmul_dtype(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a product of sums."""
    try:
        return np.result_type(a, b)
    except TypeError:
        raise DTypeError("have no common dtype") from None
