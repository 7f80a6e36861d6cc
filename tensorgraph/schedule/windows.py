"""What convolution, pooling and their adjoints take, as the functions of `tensorgraph.ops.numerics` compute them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tensorgraph.ir.dims import evaluate_dim
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.conv import Conv, ConvInputGrad, ConvWeightGrad, Fold, Unfold
from tensorgraph.ops.windows import Windowed
from tensorgraph.schedule.work import NOTHING, Setting, Work, elements, nbytes, shape

__all__ = ["columns", "convolution", "input_gradient", "pooled", "summed_columns", "weight_gradient"]

CONV_CALLS = 60.0  # the Python around the products: measured on inputs of one element
# Inner loops per tap and row of windows: of max_pool one, of what finds the maxima again one per statement.
PASSES = {"max_pool": 1.0, "avg_pool": 1.0, "avg_pool_grad": 1.0, "max_pool_grad": 7.0, "max_pool_select": 7.0}


def pooled(op: Windowed, s: Setting) -> Work:
    """Pooling: per element of a window, as measured; rows shorter than the measured ones cost more calls of loops."""
    flops = evaluate_dim(op.flops(*s.inputs), {})
    dtype = s.out.dtype
    small = s.inputs[0] if op.name in {"max_pool_grad", "avg_pool_grad"} else s.out
    width = max(shape(small)[-1], 1)
    passes = PASSES.get(op.name, 1.0)
    more = max(1.0 / width - 1.0 / 16.0, 0.0)  # measured on rows of 16
    seconds = flops * (s.each(op.name, dtype) + passes * more * s.each("run", dtype))
    return s.work(s.start(op.name), passes * 2.0 * nbytes(*s.inputs, s.out), seconds, nbytes(s.out))


def _padding(op: Windowed, s: Setting, x: TensorType) -> Work:
    """The input copied into a border of zeros."""
    if not any(low or high for low, high in op.padding):
        return NOTHING
    return s.copied(1.5 * nbytes(x), elements(x) / max(shape(x)[-1], 1), 4.0, nbytes(x))


def _strided(op: Windowed, s: Setting, dtype: np.dtype[Any], count: float, width: int, passes: float) -> Work:
    """Windows moved tap by tap: `count` elements in rows of `width`, each touched in `passes` arrays."""
    step = count * s.each("stride", dtype) if op.stride[-1] > 1 else 0.0
    loops = 2.0 * count / max(width, 1) * s.each("run", dtype)
    size = count * dtype.itemsize
    return s.work(s.machine.call, passes * size, loops + step + count * s.each("add", dtype))


def convolution(op: Conv, s: Setting) -> Work:
    """Columns copied, and a product with the weights per image and group."""
    x, w = s.inputs
    (n, c, *_), (o, d, *kernel), (_, _, *output) = shape(x), shape(w), shape(s.out)
    positions, width = prod(output), output[-1]
    parts = s.work(CONV_CALLS * s.machine.call) + _padding(op, s, x)
    if c == op.groups > 1:
        return parts + _strided(op, s, s.out.dtype, 2.0 * n * o * positions * prod(kernel), width, 3.0)
    depth = d * prod(kernel)
    parts += _strided(op, s, s.out.dtype, n * op.groups * depth * positions, width, 2.0)
    each = s.machine.product(o // op.groups, depth, positions, s.out.dtype, s.threads)
    each += s.each("matmul_item", s.out.dtype)
    return parts + s.work(0.0, nbytes(s.out), n * op.groups * each, nbytes(s.out))


def input_gradient(op: ConvInputGrad, s: Setting) -> Work:
    """A product per image and group, and columns added back tap by tap."""
    g, w = s.inputs
    (n, o, *output), (_, d, *kernel) = shape(g), shape(w)
    positions, width = prod(output), output[-1]
    parts = s.work(CONV_CALLS * s.machine.call, nbytes(s.out), 0.0, nbytes(s.out)) + _padding(op, s, s.out)
    if d == 1 and op.groups > 1:
        return parts + _strided(op, s, s.out.dtype, 2.0 * n * o * positions * prod(kernel), width, 3.0)
    depth = d * prod(kernel)
    each = s.machine.product(depth, o // op.groups, positions, s.out.dtype, s.threads)
    parts += s.work(0.0, 0.0, n * op.groups * (each + s.each("matmul_item", s.out.dtype)))
    parts += s.work(3.0 * prod(kernel) * s.machine.call)
    return parts + _strided(op, s, s.out.dtype, n * op.groups * depth * positions, width, 5.0)


def weight_gradient(op: ConvWeightGrad, s: Setting) -> Work:
    """Columns and the gradient brought into the order of one long product per group."""
    x, g = s.inputs
    (n, c, *_), (_, o, *output) = shape(x), shape(g)
    positions, width = prod(output), output[-1]
    depth = c // op.groups * prod(op.kernel)
    parts = s.work(CONV_CALLS * s.machine.call) + _padding(op, s, x)
    parts += _strided(op, s, s.out.dtype, op.groups * depth * n * positions, width, 2.0)
    parts += s.copied(nbytes(g), n * o, 2.0)
    product = s.machine.product(o // op.groups, n * positions, depth, s.out.dtype, s.threads)
    return parts + s.work(0.0, 0.0, op.groups * product)


def columns(op: Unfold, s: Setting) -> Work:
    """Windows copied."""
    width = shape(TensorType(s.out.dtype, op.windows(s.inputs[0].shape[2:], op.kernel)))[-1]
    parts = s.work(CONV_CALLS / 2.0 * s.machine.call) + _padding(op, s, s.inputs[0])
    return parts + _strided(op, s, s.out.dtype, elements(s.out), width, 2.0)


def summed_columns(op: Fold, s: Setting) -> Work:
    """Windows added back."""
    width = shape(TensorType(s.out.dtype, op.windows(op.size, op.kernel)))[-1]
    parts = s.work(CONV_CALLS / 2.0 * s.machine.call, nbytes(s.out)) + _padding(op, s, s.out)
    return parts + _strided(op, s, s.out.dtype, elements(s.inputs[0]), width, 3.0)
