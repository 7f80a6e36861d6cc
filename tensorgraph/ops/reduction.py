"""Reductions: some axes are contracted by a monoid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array, Shape, TensorType
from tensorgraph.ops.numerics.basic import logsumexp


@dataclass(frozen=True, eq=False, repr=False)
class Reduction(Op):
    """Base: `axis` is a tuple of axes counted from the front."""

    axis: tuple[int, ...]
    keepdims: bool = False

    monoid: ClassVar[str] = "+"
    ufunc: ClassVar[np.ufunc | None] = None
    needs_elements: ClassVar[bool] = False

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The result's dtype."""
        return dtype

    def infer(self, *types: TensorType) -> TensorType:
        """Drop the axes, or keep them with size 1."""
        (x,) = types
        if self.needs_elements and any(dim_key(x.shape[a]) == 0 for a in self.axis):
            raise ShapeError(f"has no elements along axis {self.axis}: the {self.name} of nothing is not defined")
        return TensorType(self.dtype(x.dtype), reduced_shape(x.shape, self.axis, self.keepdims))

    def axes(self, *types: TensorType) -> str:
        """The axes are contracted."""
        return f"{reduction_axes(types[0].ndim, self.axis, self.keepdims)} | {self.monoid}"

    def flops(self, *types: TensorType) -> DimLike:
        """One per input element."""
        return types[0].size

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """What the NumPy function calls after looking at its arguments."""
        if self.ufunc is None:
            return super().statements(types, known)
        keepdims = ", keepdims=True" if self.keepdims else ""
        return (f"np.{self.ufunc.__name__}.reduce({{0}}, axis={{axis}}, out={{out}}{keepdims})",)


def reduced_shape(shape: Shape, axis: tuple[int, ...], keepdims: bool) -> Shape:
    """The shape after a reduction."""
    if keepdims:
        return tuple(1 if i in axis else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axis)


def reduction_axes(ndim: int, axis: tuple[int, ...], keepdims: bool, whole: str = "") -> str:
    """``a0 a1 -> a0``: the axis map of a reduction; `whole` marks the axes (``!``)."""
    left = " ".join(f"a{i}{whole if i in axis else ''}" for i in range(ndim))
    kept = ["1" if i in axis else f"a{i}" for i in range(ndim) if keepdims or i not in axis]
    return f"{left} -> {' '.join(kept)}"


class Sum(Reduction):
    """The sum; of integers in 64 bits."""

    ufunc = np.add
    numpy = "np.sum({0}, axis={axis}, keepdims={keepdims}{out})"

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Integers and bool widen to 64 bits."""
        return widened(dtype)


class Prod(Reduction):
    """The product; of integers in 64 bits."""

    ufunc = np.multiply
    numpy = "np.prod({0}, axis={axis}, keepdims={keepdims}{out})"
    monoid = "*"

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Integers and bool widen to 64 bits."""
        return widened(dtype)


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy accumulates."""
    return np.dtype({"b": "int64", "i": "int64", "u": "uint64"}.get(dtype.kind, dtype.name))


class _Ordered(Reduction):
    """Base of reductions that compare."""

    needs_elements = True
    domain = Domain(kinds="biuf", ties=True, analytic=False)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The same; complex numbers are not ordered."""
        if dtype.kind == "c":
            raise DTypeError(f"is not ordered: {self.name} takes real numbers")
        return dtype


class Max(_Ordered):
    """The largest element; NaN if there is one."""

    ufunc = np.maximum
    numpy = "np.max({0}, axis={axis}, keepdims={keepdims}{out})"
    monoid = "max"


class Min(_Ordered):
    """The smallest element; NaN if there is one."""

    ufunc = np.minimum
    numpy = "np.min({0}, axis={axis}, keepdims={keepdims}{out})"
    monoid = "min"


class AnyOf(Reduction):
    """Whether any element is true."""

    name = "any"
    ufunc = np.logical_or
    numpy = "np.any({0}, axis={axis}, keepdims={keepdims}{out})"
    monoid = "or"
    domain = Domain(analytic=False)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Bool."""
        return np.dtype(bool)


class All(Reduction):
    """Whether all elements are true."""

    ufunc = np.logical_and
    numpy = "np.all({0}, axis={axis}, keepdims={keepdims}{out})"
    monoid = "and"
    domain = Domain(analytic=False)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Bool."""
        return np.dtype(bool)


class LogSumExp(Reduction):
    """log(sum(exp(x))) without overflow."""

    name = "logsumexp"
    numpy = "logsumexp({0}, {axis}, {keepdims})"
    helpers = (logsumexp,)
    monoid = "logaddexp"
    domain = Domain(kinds="f", analytic=False)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The same; the public function casts integers."""
        if dtype.kind != "f":
            raise DTypeError("is not supported: logsumexp takes real floating-point numbers")
        return dtype

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The definition: terms in memory of their size, what is left of the axes beside it."""
        return (
            "np.maximum.reduce({0}, axis={axis}, out={s1}, keepdims=True, initial=-np.inf)",
            "np.isfinite({s1}, {s2})",
            "np.logical_not({s2}, {s2})",
            "np.copyto({s1}, {=0}, where={s2})",
            "np.subtract({0}, {s1}, {s0})",
            "np.exp({s0}, {s0})",
            "np.add.reduce({s0}, axis={axis}, out={s3}, keepdims=True)",
            "np.log({s3}, {s3})",
            "np.add({s3}, {s1}, {s3})",
            "np.copyto({out}, {s3})" if self.keepdims else "np.copyto({out}, np.squeeze({s3}, axis={axis}))",
        )

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The terms; along the axes their maximum, whether that is infinite, and their sum."""
        (x,) = types
        shape = reduced_shape(x.shape, self.axis, True)
        return x, TensorType(x.dtype, shape), TensorType(np.dtype(bool), shape), TensorType(x.dtype, shape)


@dataclass(frozen=True, eq=False, repr=False)
class _Position(Op):
    """Base of argmax and argmin."""

    axis: int
    keepdims: bool = False
    domain = Domain(kinds="biuf", ties=True, analytic=False)

    def infer(self, *types: TensorType) -> TensorType:
        """Integers; the axis is dropped."""
        (x,) = types
        if x.dtype.kind == "c":
            raise DTypeError(f"is not ordered: {self.name} takes real numbers")
        if dim_key(x.shape[self.axis]) == 0:
            raise ShapeError(f"has no elements along axis {self.axis}: the {self.name} of nothing is not defined")
        return TensorType(np.dtype("int64"), reduced_shape(x.shape, (self.axis,), self.keepdims))

    def axes(self, *types: TensorType) -> str:
        """The axis is needed whole: the result is a position along it."""
        return reduction_axes(types[0].ndim, (self.axis,), self.keepdims, whole="!")

    def flops(self, *types: TensorType) -> DimLike:
        """One comparison per input element."""
        return types[0].size

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """A copy in which the axis is the last one."""
        return 0 if self.axis == types[0].ndim - 1 else int(types[0].nbytes)


class ArgMax(_Position):
    """The position of the first largest element."""

    name = "argmax"
    numpy = "np.argmax({0}, axis={axis}, keepdims={keepdims}{out})"


class ArgMin(_Position):
    """The position of the first smallest element."""

    name = "argmin"
    numpy = "np.argmin({0}, axis={axis}, keepdims={keepdims}{out})"
