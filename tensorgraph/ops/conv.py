"""Convolution and its two adjoints, each of which is differentiable in terms of the others; sliding windows as columns.

Data is ``[n, c, *spatial]``, weights are ``[o, c / groups, *kernel]``. "Convolution" is cross-correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tensorgraph.errors import DimError, DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike, Shape, dim_key, exact_div, same_shape
from tensorgraph.ir.op import Domain
from tensorgraph.ir.types import Array, TensorType, format_shape
from tensorgraph.ops.linalg import matmul_dtype
from tensorgraph.ops.numerics.conv import (
    conv,
    conv_blocks,
    conv_input_grad,
    conv_input_grad_reference,
    conv_output_shape,
    conv_pad,
    conv_reference,
    conv_weight_grad,
    conv_weight_grad_reference,
    conv_windows,
    conv_work_dtype,
    fold,
    unfold,
)
from tensorgraph.ops.windows import Pairs, Windowed, labels, product, sizes, small

_PARTS = (conv_output_shape, conv_pad, conv_windows, conv_work_dtype, conv_blocks)
NUMBERS = Domain(kinds="iufc")


@dataclass(frozen=True, eq=False, repr=False)
class _Convolution(Windowed):
    """Base: sums of products of an input and weights, channels in `groups` that do not mix."""

    groups: int
    domain = NUMBERS

    def result(self, x: Shape, w: Shape) -> Shape:
        """The shape of the convolution of these two."""
        return (x[0], w[0], *self.windows(x[2:], sizes(w[2:])))

    def check(self, *types: TensorType) -> np.dtype[Any]:
        """The ranks of both operands; the common dtype."""
        rank = len(self.stride) + 2
        if any(t.ndim != rank for t in types):
            raise ShapeError(f"need {rank} axes each: batch, channels and {rank - 2} spatial ones")
        if any(t.dtype.kind == "b" for t in types):
            raise DTypeError("cannot be convolved: bool is no number; cast with astype")
        return matmul_dtype(types[0].dtype, types[1].dtype)

    def check_channels(self, channels: DimLike, w: Shape) -> None:
        """Channels of input and weights, and the groups."""
        taken = w[1] * self.groups
        if dim_key(channels) != dim_key(taken):
            groups = f" in {self.groups} groups" if self.groups > 1 else ""
            raise ShapeError(
                f"do not convolve: the input has {channels} channels, and the weights take {taken}{groups}"
            )
        self.check_groups(w[0])

    def check_groups(self, channels: DimLike, kind: str = "output") -> None:
        """The groups divide the channels."""
        try:
            exact_div(channels, self.groups)
        except DimError:
            raise ShapeError(
                f"do not convolve: {channels} {kind} channels do not divide into {self.groups} groups"
            ) from None

    def padded(self, x: TensorType) -> int:
        """Bytes of a padded copy of the input, or of one in the dtype in which products are summed."""
        return padded_bytes(x, self.padding, conv_work_dtype(x.dtype))

    def columns(self, x: Shape, w: Shape, dtype: np.dtype[Any]) -> tuple[int, int]:
        """Bytes of the columns of the windows, or the products of one tap: of two blocks, and of the last one."""
        n, c, o = int(x[0]), int(x[1]), int(w[0])
        positions = prod(int(k) for k in self.windows(x[2:], sizes(w[2:])))
        depthwise = c == self.groups > 1
        elements = o * positions if depthwise else c * prod(sizes(w[2:])) * positions
        blocks: list[int] = [part.stop - part.start for part in conv_blocks(n, 8 * elements if depthwise else elements)]
        width = elements * conv_work_dtype(dtype).itemsize
        return sum(blocks[:2]) * width, sum(blocks[-1:]) * width

    def terms(self, channels: str) -> tuple[str, str, str]:
        """Axis labels of (input channels, output channels, channels of the weights)."""
        return (channels, "o", channels) if self.groups == 1 else (f"(g {channels})", "(g o)", channels)


class Conv(_Convolution):
    """Sums of products of weights and the windows they slide over: cross-correlation."""

    numpy = "conv({0}, {1}, {stride}, {padding}, {dilation}, {groups})"
    helpers = (conv, *_PARTS)

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` and ``[o, c / groups, *kernel]`` give ``[n, o, *windows]``."""
        x, w = types
        dtype = self.check(x, w)
        self.check_channels(x.shape[1], w.shape)
        return TensorType(dtype, self.result(x.shape, w.shape))

    def axes(self, *types: TensorType) -> str:
        """Channels are contracted, windows slide."""
        rank = len(self.stride)
        c, o, d = self.terms("c")
        return f"n {c} {labels('i', rank, '!')}, {o} {d} {labels('k', rank, '!')} -> n {o} {labels('p', rank)}"

    def flops(self, *types: TensorType) -> DimLike:
        """A multiplication and an addition per channel and element of the kernel."""
        w = types[1].shape
        return self.infer(*types).size * w[1] * product(sizes(w[2:])) * 2

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The padded input, and columns."""
        x, w = types
        result = self.infer(x, w)
        return self.padded(x) + self.columns(x.shape, w.shape, result.dtype)[0] + _wider(result)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = conv_reference if small(self, *arrays) else conv
        return function(*arrays, self.stride, self.padding, self.dilation, self.groups)


@dataclass(frozen=True, eq=False, repr=False)
class ConvInputGrad(_Convolution):
    """The transpose of `Conv` in its input: transposed convolution, whose result has spatial sizes `size`."""

    size: Shape
    name = "conv_transpose"
    numpy = "conv_input_grad({0}, {1}, {size}, {stride}, {padding}, {dilation}, {groups})"
    helpers = (conv_input_grad, *_PARTS)

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, o, *windows]`` and ``[o, c / groups, *kernel]`` give ``[n, c, *size]``."""
        g, w = types
        dtype = self.check(g, w)
        if dim_key(g.shape[1]) != dim_key(w.shape[0]):
            raise ShapeError(f"do not convolve: the input has {g.shape[1]} channels, and the weights take {w.shape[0]}")
        self.check_groups(w.shape[0], "input")
        x = (g.shape[0], w.shape[1] * self.groups, *self.size)
        expected = self.result(x, w.shape)
        if not same_shape(expected, g.shape):
            raise ShapeError(f"do not fit: convolving {format_shape(x)} gives {format_shape(expected)}")
        return TensorType(dtype, x)

    def axes(self, *types: TensorType) -> str:
        """Output channels are contracted."""
        rank = len(self.stride)
        c, o, d = self.terms("c")
        return f"n {o} {labels('p', rank, '!')}, {o} {d} {labels('k', rank, '!')} -> n {c} {labels('i', rank)}"

    def flops(self, *types: TensorType) -> DimLike:
        """As many as the convolution's."""
        g, w = types
        return g.size * w.shape[1] * product(sizes(w.shape[2:])) * 2

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The result with its padding, and the gradients of columns."""
        g, w = types
        result = self.infer(g, w)
        padded, (columns, last) = self.padded(result), self.columns(result.shape, w.shape, result.dtype)
        if padded:  # the result is cut out of it at the end
            columns = max(columns - int(result.nbytes), last)
        return padded + columns + _wider(g)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = conv_input_grad_reference if small(self, *arrays) else conv_input_grad
        return function(*arrays, self.size, self.stride, self.padding, self.dilation, self.groups)


@dataclass(frozen=True, eq=False, repr=False)
class ConvWeightGrad(_Convolution):
    """The transpose of `Conv` in its weights, whose spatial sizes are `kernel`."""

    kernel: tuple[int, ...]
    numpy = "conv_weight_grad({0}, {1}, {kernel}, {stride}, {padding}, {dilation}, {groups})"
    helpers = (conv_weight_grad, *_PARTS)

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c, *spatial]`` and ``[n, o, *windows]`` give ``[o, c / groups, *kernel]``."""
        x, g = types
        dtype = self.check(x, g)
        self.check_groups(x.shape[1], "input")
        self.check_groups(g.shape[1])
        w = (g.shape[1], exact_div(x.shape[1], self.groups), *self.kernel)
        expected = self.result(x.shape, w)
        if not same_shape(expected, g.shape):
            raise ShapeError(f"do not fit: convolving with {format_shape(w)} gives {format_shape(expected)}")
        return TensorType(dtype, w)

    def axes(self, *types: TensorType) -> str:
        """The batch is contracted."""
        rank = len(self.stride)
        c, o, d = self.terms("c")
        return f"n {c} {labels('i', rank, '!')}, n {o} {labels('p', rank, '!')} -> {o} {d} {labels('k', rank)}"

    def flops(self, *types: TensorType) -> DimLike:
        """As many as the convolution's."""
        x, g = types
        return g.size * exact_div(x.shape[1], self.groups) * product(self.kernel) * 2

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The padded input, columns, and the gradient in their order."""
        x, g = types
        result = self.infer(x, g)
        width = int(conv_work_dtype(result.dtype).itemsize)
        positions = prod(int(k) for k in g.shape[2:])
        columns = int(x.shape[1]) * prod(self.kernel) * positions * width
        blocks: list[int] = [part.stop - part.start for part in conv_blocks(int(x.shape[0]), columns // width)]
        first = blocks[0] if blocks else 0
        products = first * int(g.shape[1]) * positions * width + int(result.size) * width
        beside: int = max(sum(blocks[:2]) * columns, first * columns + products)
        return self.padded(x) + beside + _wider(g)

    def evaluate(self, *arrays: Array) -> Any:
        """By the nested-loop definition, if that is not too long."""
        function: Callable[..., Any] = conv_weight_grad_reference if small(self, *arrays) else conv_weight_grad
        return function(*arrays, self.kernel, self.stride, self.padding, self.dilation, self.groups)


# ---- sliding windows as columns


def padded_bytes(x: TensorType, padding: Pairs, dtype: np.dtype[Any]) -> int:
    """Bytes of a copy with padding, or in another dtype; none if there is neither."""
    size = prod(int(n) for n in x.shape[:2])
    for n, (low, high) in zip(x.shape[2:], padding, strict=True):
        size *= int(n) + low + high
    return size * dtype.itemsize if dtype != x.dtype or any(low or high for low, high in padding) else 0


def _wider(kind: TensorType) -> int:
    """Bytes of a copy in the dtype in which products are summed, if that is another one."""
    width = conv_work_dtype(kind.dtype).itemsize
    return 0 if width == kind.dtype.itemsize else int(kind.size) * width


@dataclass(frozen=True, eq=False, repr=False)
class Unfold(Windowed):
    """Sliding windows, each a column: ``[n, c, *spatial]`` to ``[n, c * taps, windows]``."""

    kernel: tuple[int, ...]
    numpy = "unfold({0}, {kernel}, {stride}, {padding}, {dilation})"
    helpers = (unfold, conv_output_shape, conv_pad, conv_windows)
    domain = Domain()

    def infer(self, *types: TensorType) -> TensorType:
        """One row per channel and element of the window, one column per window."""
        (x,) = types
        if x.ndim != len(self.kernel) + 2:
            raise ShapeError(f"needs {len(self.kernel) + 2} axes: batch, channels and {len(self.kernel)} spatial ones")
        columns: DimLike = 1
        for n in self.windows(x.shape[2:], self.kernel):
            columns = columns * n
        return TensorType(x.dtype, (x.shape[0], x.shape[1] * product(self.kernel), columns))

    def axes(self, *types: TensorType) -> str:
        """Channels are the outer factor of the rows."""
        return f"n c {labels('i', len(self.kernel), '!')} -> n (c k) p"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The padded input, and the columns once more."""
        return padded_bytes(types[0], self.padding, types[0].dtype) + int(self.infer(*types).nbytes)

    def flops(self, *types: TensorType) -> DimLike:
        """Nothing is computed."""
        return 0


@dataclass(frozen=True, eq=False, repr=False)
class Fold(Windowed):
    """The transpose of `Unfold`: columns added back to where their windows lie, in spatial sizes `size`."""

    kernel: tuple[int, ...]
    size: Shape
    numpy = "fold({0}, {size}, {kernel}, {stride}, {padding}, {dilation})"
    helpers = (fold, conv_output_shape, conv_pad, conv_windows, conv_work_dtype)
    domain = NUMBERS

    def infer(self, *types: TensorType) -> TensorType:
        """``[n, c * taps, windows]`` gives ``[n, c, *size]``."""
        (columns,) = types
        if columns.ndim != 3:
            raise ShapeError("needs 3 axes: batch, channels times window elements, and windows")
        if columns.dtype.kind == "b":
            raise DTypeError("cannot be added: bool is no number; cast with astype")
        taps = product(self.kernel)
        try:
            channels = exact_div(columns.shape[1], taps)
        except DimError:
            raise ShapeError(f"does not fold: {columns.shape[1]} rows are no multiple of {taps} elements") from None
        windows: DimLike = 1
        for n in self.windows(self.size, self.kernel):
            windows = windows * n
        if dim_key(windows) != dim_key(columns.shape[2]):
            raise ShapeError(f"does not fold: {format_shape(self.size)} has {windows} windows, not {columns.shape[2]}")
        return TensorType(columns.dtype, (columns.shape[0], channels, *self.size))

    def axes(self, *types: TensorType) -> str:
        """The elements of a window go to different places, so they are needed whole."""
        return f"n (c k!) p! -> n c {labels('i', len(self.kernel))}"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The result with its padding."""
        result = self.infer(*types)
        return padded_bytes(result, self.padding, conv_work_dtype(result.dtype))

    def flops(self, *types: TensorType) -> DimLike:
        """One addition per element."""
        return types[0].size
