"""Pooling and its adjoints, over the axes after batch and channels.

A window without a NaN chooses its first maximum, in row-major order; with one, its last NaN. The gradient goes there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, ClassVar

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike, Shape, dim_key, same_shape
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array, TensorType, format_shape
from tensorgraph.ops.numerics.adaptive_pool import (
    adaptive_avg_pool,
    adaptive_avg_pool_grad,
    adaptive_avg_pool_reference,
    adaptive_bounds,
    adaptive_max_indices,
    adaptive_max_pool,
    adaptive_max_pool_grad,
    adaptive_max_pool_reference,
    adaptive_max_pool_select,
)
from tensorgraph.ops.numerics.pool import (
    avg_pool,
    avg_pool_counts,
    avg_pool_grad,
    avg_pool_grad_reference,
    avg_pool_reference,
    max_pool,
    max_pool_grad,
    max_pool_grad_reference,
    max_pool_hits,
    max_pool_reference,
    max_pool_select,
    max_pool_select_reference,
    pool_blocks,
    pool_keep,
    pool_output_shape,
    pool_output_size,
    pool_taps,
)
from tensorgraph.ops.windows import Windowed, labels, product, small

_SIZES = (pool_output_shape, pool_output_size, pool_taps)
_CHOICE = (max_pool_hits, max_pool, pool_blocks, pool_keep, *_SIZES)
MAXIMA = Domain(kinds="iuf", ties=True, analytic=False)
CHOSEN = Domain(kinds="iuf", analytic=False)
MEANS = Domain(kinds="fc")


def _same(name: str, expected: Shape, t: TensorType) -> None:
    if not same_shape(expected, t.shape):
        raise ShapeError(f"do not fit: {name} is {format_shape(expected)}")


def _ordered(name: str, x: TensorType) -> None:
    if x.dtype.kind not in "iuf":
        raise DTypeError(f"is not supported: {name} takes real numbers")


def _averaged(name: str, x: TensorType) -> None:
    if x.dtype.kind not in "fc":
        raise DTypeError(f"is not supported: {name} takes floating-point numbers")


@dataclass(frozen=True, eq=False, repr=False)
class _Pool(Windowed):
    """Base: windows of `kernel` elements; in ceil mode the last may overhang the end."""

    kernel: tuple[int, ...]
    ceil_mode: bool

    operands: ClassVar[int] = 1

    def pooled(self, shape: Shape) -> Shape:
        """The shape of the pooled result."""
        if len(shape) != len(self.kernel) + 2:
            message = f"{len(self.kernel) + 2} axes: batch, channels and {len(self.kernel)} spatial ones"
            raise ShapeError(f"need{'s' if self.operands == 1 else ''} {message}")
        return (*shape[:2], *self.windows(shape[2:], self.kernel, self.ceil_mode))

    def axes(self, *types: TensorType) -> str:
        """Batch and channels pass, windows slide."""
        return f"n c {labels('i', len(self.kernel), '!')} -> n c {labels('p', len(self.kernel))}"

    def flops(self, *types: TensorType) -> DimLike:
        """One per window and element of it."""
        result = self.infer(*types)
        assert isinstance(result, TensorType)
        return result.size * product(self.kernel)

    def chosen(self, x: TensorType, dtype: np.dtype[Any]) -> int:
        """Bytes by which choices are followed: of a block of images, per window."""
        windows, rows = prod(int(n) for n in self.pooled(x.shape)[1:]), next(pool_blocks(_numbers(x.shape)), slice(0))
        return (rows.stop or 0) * windows * (x.dtype.itemsize + 3 + 3 * dtype.itemsize)


def _numbers(shape: Shape) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)


def _wide(kind: TensorType) -> int:
    """Bytes of float16 numbers in float32, in which they are added; none of others."""
    return int(kind.size) * 4 if kind.dtype == np.float16 else 0


class MaxPool(_Pool):
    """The largest element of each window; NaN if it has one."""

    numpy = "max_pool({0}, {kernel}, {stride}, {padding}, {dilation}, {ceil_mode})"
    helpers = (max_pool, *_SIZES)
    domain = MAXIMA

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` gives ``[n, c, *windows]``."""
        (x,) = types
        _ordered(self.name, x)
        return TensorType(x.dtype, self.pooled(x.shape))

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = max_pool_reference if small(self, *arrays) else max_pool
        return function(*arrays, self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPoolGrad(_Pool):
    """Operands `g` and `x`: each window's `g` at the element of `x` that it chose, 0 elsewhere; linear in `g`."""

    numpy = "max_pool_grad({0}, {1}, {kernel}, {stride}, {padding}, {dilation}, {ceil_mode})"
    helpers = (max_pool_grad, *_CHOICE)
    operands = 2
    domain = CHOSEN

    def infer(self, *types: TensorType) -> TensorType:
        """The shape of `x`, the dtype of `g`."""
        g, x = types
        _ordered(self.name, x)
        _same("the pooled shape", self.pooled(x.shape), g)
        return TensorType(g.dtype, x.shape)

    def axes(self, *types: TensorType) -> str:
        """Batch and channels pass."""
        rank = len(self.kernel)
        return f"n c {labels('p', rank, '!')}, n c {labels('i', rank, '!')} -> n c {labels('q', rank)}"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """What follows the choices of a block of images."""
        g, x = types
        return self.chosen(x, g.dtype) + _wide(g) + _wide(self.infer(g, x))

    def flops(self, *types: TensorType) -> DimLike:
        """One per window and element of it."""
        return types[0].size * product(self.kernel)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = max_pool_grad_reference if small(self, *arrays) else max_pool_grad
        return function(*arrays, self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPoolSelect(_Pool):
    """Operands `t` and `x`: for each window, what `t` has where `x` has the window's maximum; linear in `t`."""

    numpy = "max_pool_select({0}, {1}, {kernel}, {stride}, {padding}, {dilation}, {ceil_mode})"
    helpers = (max_pool_select, *_CHOICE)
    operands = 2
    domain = CHOSEN

    def infer(self, *types: TensorType) -> TensorType:
        """The pooled shape, the dtype of `t`."""
        t, x = types
        _ordered(self.name, x)
        _same("the shape of both", x.shape, t)
        return TensorType(t.dtype, self.pooled(x.shape))

    def axes(self, *types: TensorType) -> str:
        """Batch and channels pass."""
        rank = len(self.kernel)
        return f"n c {labels('j', rank, '!')}, n c {labels('i', rank, '!')} -> n c {labels('p', rank)}"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """What follows the choices of a block of images."""
        t, x = types
        return self.chosen(x, t.dtype)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = max_pool_select_reference if small(self, *arrays) else max_pool_select
        return function(*arrays, self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool(_Pool):
    """The mean of each window; `count_include_pad` says whether padding counts as zeros."""

    count_include_pad: bool
    numpy = "avg_pool({0}, {kernel}, {stride}, {padding}, {dilation}, {ceil_mode}, {count_include_pad})"
    helpers = (avg_pool, avg_pool_counts, *_SIZES)
    domain = MEANS

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` gives ``[n, c, *windows]``."""
        (x,) = types
        _averaged(self.name, x)
        return TensorType(x.dtype, self.pooled(x.shape))

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """Sums of float16 numbers."""
        return _wide(self.infer(*types))

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = avg_pool_reference if small(self, *arrays) else avg_pool
        return function(
            *arrays, self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode, self.count_include_pad
        )


@dataclass(frozen=True, eq=False, repr=False)
class AvgPoolGrad(_Pool):
    """The transpose of `AvgPool`: each window's value spread evenly over it, in spatial sizes `size`."""

    count_include_pad: bool
    size: Shape
    numpy = "avg_pool_grad({0}, {size}, {kernel}, {stride}, {padding}, {dilation}, {ceil_mode}, {count_include_pad})"
    helpers = (avg_pool_grad, avg_pool_counts, *_SIZES)
    domain = MEANS

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *windows]`` gives ``[n, c, *size]``."""
        (g,) = types
        _averaged(self.name, g)
        shape = (*g.shape[:2], *self.size)
        _same("the pooled shape", self.pooled(shape), g)
        return TensorType(g.dtype, shape)

    def axes(self, *types: TensorType) -> str:
        """Batch and channels pass."""
        return f"n c {labels('p', len(self.kernel), '!')} -> n c {labels('i', len(self.kernel))}"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The share of each element of a window, and sums of float16 numbers."""
        (g,) = types
        return max(int(g.nbytes), _wide(g)) + _wide(self.infer(g))

    def flops(self, *types: TensorType) -> DimLike:
        """One per window and element of it."""
        return types[0].size * product(self.kernel)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = avg_pool_grad_reference if small(self, *arrays) else avg_pool_grad
        return function(
            *arrays,
            self.size,
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.count_include_pad,
        )


# ---- adaptive: windows chosen so that the result has a given size


class _Adaptive(Op):
    """Base: window i of m on an axis of n runs from floor(i n / m) to ceil((i + 1) n / m)."""

    __slots__ = ()

    def flops(self, *types: TensorType) -> DimLike:
        """One per element, as if windows did not overlap."""
        return types[-1].size

    def axes(self, *types: TensorType) -> str:
        """Batch and channels pass."""
        rank = types[0].ndim - 2
        terms = [f"n c {labels(letter, rank, '!')}" for letter, _ in zip("ij", types, strict=False)]
        return f"{', '.join(terms)} -> n c {labels('p', rank)}"


def _choosing(x: TensorType, size: tuple[int, ...]) -> int:
    """Bytes by which adaptive windows choose along the last axis, the first that they look at."""
    *rest, last = _numbers(x.shape)
    width, many = x.dtype.itemsize, size[-1]
    return prod(rest) * (many * (width + 8) + -(-last // max(many, 1)) * (width + 1) + 24)


def _one_by_one(shape: Shape, size: Shape, width: int) -> int:
    """Bytes of what is held when one axis after the other is brought to a size: two steps, or the last and a copy."""
    steps = [prod(_numbers((*shape[:2], *size[: k + 1], *shape[k + 3 :]))) * width for k in range(len(size))]
    return max([steps[-1], *(a + b for a, b in pairwise(steps))])


def _adapted(x: TensorType, size: tuple[int, ...]) -> Shape:
    if x.ndim != len(size) + 2:
        raise ShapeError(f"has {x.ndim} axes: {format_shape(size)} needs batch, channels and {len(size)} spatial ones")
    for axis, (n, m) in enumerate(zip(x.shape[2:], size, strict=True)):
        if dim_key(n) == 0 and m:
            raise ShapeError(f"has no elements along spatial axis {axis}: nothing to pool")
    return (*x.shape[:2], *size)


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveMaxPool(_Adaptive):
    """The largest element of each of `size` windows that cover the input; NaN if it has one."""

    size: tuple[int, ...]
    numpy = "adaptive_max_pool({0}, {size})"
    helpers = (adaptive_max_pool, adaptive_max_pool_select, adaptive_max_indices, adaptive_bounds)
    domain = MAXIMA

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` gives ``[n, c, *size]``."""
        (x,) = types
        _ordered(self.name, x)
        return TensorType(x.dtype, _adapted(x, self.size))

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """What choices are made by."""
        return _choosing(types[0], self.size)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = adaptive_max_pool_reference if small(self, *arrays) else adaptive_max_pool
        return function(*arrays, self.size)


class AdaptiveMaxPoolGrad(_Adaptive):
    """Operands `g` and `x`: each window's `g` at the element of `x` that it chose; linear in `g`."""

    __slots__ = ()
    numpy = "adaptive_max_pool_grad({0}, {1})"
    helpers = (adaptive_max_pool_grad, adaptive_max_indices, adaptive_bounds)
    domain = Domain(kinds="f", analytic=False)

    def infer(self, *types: TensorType) -> TensorType:
        """The shape of `x`, the dtype of `g`."""
        g, x = types
        _ordered(self.name, x)
        _same("the pooled shape", _adapted(x, tuple(n for n in g.shape[2:] if isinstance(n, int))), g)
        return TensorType(g.dtype, x.shape)

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """Sums in float64, and places."""
        g, x = types
        return int(x.size) * 8 + int(g.size) * 16


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveMaxPoolSelect(_Adaptive):
    """Operands `t` and `x`: for each window, what `t` has where `x` has the window's maximum; linear in `t`."""

    size: tuple[int, ...]
    numpy = "adaptive_max_pool_select({0}, {1}, {size})"
    helpers = (adaptive_max_pool_select, adaptive_max_indices, adaptive_bounds)
    domain = CHOSEN

    def infer(self, *types: TensorType) -> TensorType:
        """The pooled shape, the dtype of `t`."""
        t, x = types
        _ordered(self.name, x)
        _same("the shape of both", x.shape, t)
        return TensorType(t.dtype, _adapted(x, self.size))

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """What choices are made by."""
        return _choosing(types[1], self.size)


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveAvgPool(_Adaptive):
    """The mean of each of `size` windows that cover the input."""

    size: tuple[int, ...]
    numpy = "adaptive_avg_pool({0}, {size})"
    helpers = (adaptive_avg_pool, adaptive_bounds)
    domain = MEANS

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` gives ``[n, c, *size]``."""
        (x,) = types
        _averaged(self.name, x)
        return TensorType(x.dtype, _adapted(x, self.size))

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The steps, an axis at a time."""
        (x,) = types
        return _one_by_one(x.shape, self.size, max(x.dtype.itemsize, 4)) + _wide(x)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = adaptive_avg_pool_reference if small(self, *arrays) else adaptive_avg_pool
        return np.asarray(function(*arrays, self.size))


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveAvgPoolGrad(_Adaptive):
    """The transpose of `AdaptiveAvgPool`: each window's value spread evenly over it, in spatial sizes `size`."""

    size: Shape
    numpy = "adaptive_avg_pool_grad({0}, {size})"
    helpers = (adaptive_avg_pool_grad, adaptive_bounds)
    domain = MEANS

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *windows]`` gives ``[n, c, *size]``."""
        (g,) = types
        _averaged(self.name, g)
        if g.ndim != len(self.size) + 2:
            raise ShapeError(f"needs {len(self.size) + 2} axes: batch, channels and {len(self.size)} spatial ones")
        return TensorType(g.dtype, (*g.shape[:2], *self.size))

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The steps, an axis at a time."""
        (g,) = types
        return _one_by_one(g.shape, self.size, max(g.dtype.itemsize, 4)) + _wide(g)
