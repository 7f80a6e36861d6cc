"""What each kind of op takes: the parts of a statement by the op's own figures and the shapes of its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log2
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.ir.dims import evaluate_dim
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.conv import Conv, ConvInputGrad, ConvWeightGrad, Fold, Unfold
from tensorgraph.ops.elementwise import Cast, Elementwise
from tensorgraph.ops.indexing import Gather, IndexAdd, IndexSet
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.ordering import ArgSort, SearchSorted, Sort
from tensorgraph.ops.random import RandomFoldIn, RandomPermutation, RandomSplit
from tensorgraph.ops.reduction import ArgMax, ArgMin, Reduction
from tensorgraph.ops.shape import Arange, Concat, Pad, Reshape
from tensorgraph.ops.windows import Windowed
from tensorgraph.schedule.windows import columns, convolution, input_gradient, pooled, summed_columns, weight_gradient
from tensorgraph.schedule.work import NOTHING, Setting, Work, elements, groups, inner, nbytes, shape

__all__ = ["recipe"]

Recipe: TypeAlias = "Callable[[Any, Setting], Work]"

# Reductions: the elementwise kernel into which rows are combined, and the kernels of an inner loop that gives
# one number and of one that is combined into a row.
LOOPS: Mapping[str, tuple[str, str, str]] = {
    "sum": ("add", "sum_run", "sum_into_run"),
    "prod": ("multiply", "prod_run", "prod_into_run"),
    "max": ("maximum", "max_run", "max_into_run"),
    "min": ("minimum", "max_run", "max_into_run"),
    "any": ("logical_or", "sum_run", "sum_into_run"),
    "all": ("logical_and", "sum_run", "sum_into_run"),
    "logsumexp": ("logsumexp", "max_run", "max_into_run"),
}
MOST_PASSES = 8.0  # over the operand, of what a helper writes and reads: more calls than that are on parts of it
TEMPORARY = 1 << 20  # bytes of arrays, several of which at once glibc's allocator gives back when they are freed
UNALIGNED = 2.0  # how much longer rows take whose ends are not the ends of lines of cache
PAD_CALLS = 40.0  # np.pad is written in Python: 12 us where the shortest call takes 0.3


def _elementwise(op: Elementwise, s: Setting) -> Work:
    n = elements(s.out)
    loop = _loop_dtype(op, s)
    name = op.name if s.machine.rate(op.name) else "add"
    start = s.start(name)
    passes = min(max(1.0, start // s.machine.call), MOST_PASSES) if op.helpers else 1.0
    seconds = n * s.each(name, loop)
    length = inner(shape(s.out), *map(shape, s.inputs))
    broken = 1 < length < n
    if broken:
        seconds += n / length * s.each("run", loop)
    for i, t in enumerate(s.inputs):
        if i in s.strided:
            seconds += s.turned(elements(t), t.dtype)
        if t.dtype != loop and op.name != "where" and t.ndim:
            seconds += elements(t) * s.each("buffered", loop)
    moved = nbytes(*s.inputs, s.out) if passes == 1.0 else passes * 2 * nbytes(s.out)
    if broken and s.footprint > s.machine.l2:
        moved *= UNALIGNED
    return s.work(start, moved, seconds) + _new(op, s, nbytes(s.out), passes)


def _new(op: Op, s: Setting, size: int, passes: float = 1.0) -> Work:
    """The page faults of a fresh result, and of what a helper allocates beside it."""
    if op.takes_out():
        return NOTHING
    seconds = passes * s.machine.fresh(size)
    if passes > 2.0 and not seconds and size > TEMPORARY:
        seconds = 2.0 * size * s.machine.fault  # the allocator gives the end of its heap back
    return Work(memory=seconds, seconds=seconds)


def _loop_dtype(op: Elementwise, s: Setting) -> np.dtype[Any]:
    """The dtype in which the inner loop computes."""
    numbers = [t.dtype for t in s.inputs if t.dtype.kind != "b"] or [s.inputs[0].dtype]
    widest = np.result_type(*numbers)
    return s.out.dtype if widest.kind in "biu" and s.out.dtype.kind == "f" else widest


def _converted(op: Cast, s: Setting) -> Work:
    (x,) = s.inputs
    seconds = 0.0
    if op.to != x.dtype:
        half = np.dtype("float16")
        seconds = elements(x) * s.each(op.name, half if half in {op.to, x.dtype} else x.dtype)
    seconds += s.turned(elements(x), x.dtype) if s.strided else 0.0
    return s.work(s.start(op.name), nbytes(x, s.out), seconds, nbytes(s.out))


def _reduced(op: Reduction, s: Setting) -> Work:
    (x,) = s.inputs
    n = elements(x)
    combine, run, into = LOOPS[op.name]
    seconds = n * s.each("buffered", s.out.dtype) if x.dtype != s.out.dtype and op.monoid in {"+", "*"} else 0.0
    order = groups(shape(x), op.axis)
    if not order or order[-1][0]:
        loops = n / max(order[-1][1], 1) if len(order) > 1 else 0.0
        seconds += n * s.each(op.name, x.dtype) + loops * s.each(run, x.dtype)
    else:
        seconds += n * s.each(combine, x.dtype) + n / max(order[-1][1], 1) * s.each(into, x.dtype)
    passes = 6.0 if op.helpers else 1.0
    work = s.work(s.start(op.name), passes * nbytes(x) + nbytes(s.out), seconds)
    return work + _new(op, s, nbytes(x), passes) if op.helpers else work


def _positioned(op: ArgMax | ArgMin, s: Setting) -> Work:
    (x,) = s.inputs
    n, length = elements(x), shape(x)[op.axis]
    seconds = n * s.each(op.name, x.dtype) + n / max(length, 1) * s.each("argmax_run", x.dtype)
    if inner(shape(x)[op.axis + 1 :]) > 1:  # the axis is brought to the end first
        seconds += s.turned(n, x.dtype)
    return s.work(s.start(op.name), nbytes(x, s.out), seconds)


def _multiplied(op: Matmul, s: Setting) -> Work:
    a, b = s.inputs
    (*_, m, k), n = shape(a), shape(b)[-1]
    count = elements(s.out) // max(m * n, 1)
    arithmetic = s.machine.product(m, k, n, s.out.dtype, s.threads)
    each = s.each("matmul_item", s.out.dtype) if count > 1 else 0.0
    return s.work(2.5 * s.machine.call, nbytes(a, b, s.out), count * (arithmetic + each))


def _dotted(op: Vecdot, s: Setting) -> Work:
    count, length = elements(s.out), shape(s.inputs[0])[-1]
    run = s.each("sum_run", s.out.dtype) if count > 1 else 0.0
    arithmetic = count * (s.machine.product(1, length, 1, s.out.dtype) + run)
    return s.work(2.5 * s.machine.call, nbytes(*s.inputs, s.out), arithmetic)


def _laid_out(op: Reshape, s: Setting) -> Work:
    (x,) = s.inputs
    return s.work(s.machine.call, nbytes(x, s.out), s.turned(elements(x), x.dtype), nbytes(s.out))


def _joined(op: Concat, s: Setting) -> Work:
    runs = sum(elements(t) / max(inner(shape(t)[op.axis :]), 1) for t in s.inputs)
    return s.copied(nbytes(s.out), runs, 2.0 + len(s.inputs))


def _padded(op: Pad, s: Setting) -> Work:
    x = s.inputs[0]
    padded = [axis for axis, widths in enumerate(op.widths) if widths != (0, 0)]
    runs = elements(x) / max(inner(shape(x)[max(padded, default=0) :]), 1)
    return s.copied(nbytes(s.out), 3.0 * runs, PAD_CALLS, nbytes(s.out))  # what lies before, inside and after


def _counted(op: Arange, s: Setting) -> Work:
    return s.work(2.0 * s.machine.call, nbytes(s.out), elements(s.out) * s.each("add", s.out.dtype), nbytes(s.out))


def _by_rows(op: Gather | IndexSet | IndexAdd) -> bool:
    """Whether one array of indices names rows."""
    first, *rest = op.index
    return isinstance(first, Operand) and all(isinstance(i, slice) and i == slice(None) for i in rest)


def _gathered(op: Gather, s: Setting) -> Work:
    return _taken(op, s, s.inputs[0], s.out)


def _taken(op: Gather | IndexSet, s: Setting, table: TensorType, values: TensorType) -> Work:
    n = elements(values)
    row = inner(shape(table)[1:]) if _by_rows(op) else 1
    kernel = "gather_many" if not _by_rows(op) else "gather_row" if row > 1 else "gather"
    seconds = n / row * s.each(kernel, table.dtype)
    seconds += s.scattered(n / row, row * table.dtype.itemsize, nbytes(table))
    return s.work(3.0 * s.machine.call, 2 * nbytes(values), seconds, nbytes(values))


def _written(op: IndexSet | IndexAdd, s: Setting) -> Work:
    table, values, *arrays = s.inputs
    copy = s.copied(nbytes(table), calls=2.0, fresh=nbytes(table))
    if not arrays:
        length = max(inner(shape(values)[-1:]), 1)
        return copy + s.copied(nbytes(values), elements(values) / length, 2.0)
    if isinstance(op, IndexSet):
        return copy + _taken(op, s, table, values)
    n = elements(values)
    single = _by_rows(op) and table.ndim == 1
    seconds = n * s.each("scatter_add" if single else "scatter_add_row", table.dtype)
    return copy + s.work(3.0 * s.machine.call, 2 * nbytes(values), seconds)


def _sorted(op: Sort | ArgSort, s: Setting) -> Work:
    (x,) = s.inputs
    n, length = elements(x), shape(x)[op.axis]
    seconds = n * log2(max(length, 2)) * s.each(op.name, x.dtype)
    if inner(shape(x)[op.axis + 1 :]) > 1:
        seconds += 2.0 * s.turned(n, x.dtype)
    return s.work(s.start(op.name), nbytes(x, s.out), seconds, nbytes(s.out))


def _searched(op: SearchSorted, s: Setting) -> Work:
    table, values = s.inputs
    n, depth = elements(values), log2(max(elements(table), 2))
    seconds = n * depth * s.each(op.name, table.dtype) + s.scattered(n, table.dtype.itemsize, nbytes(table))
    return s.work(s.start(op.name), nbytes(values, s.out), seconds, nbytes(s.out))


def _keyed(op: RandomPermutation | RandomSplit | RandomFoldIn, s: Setting) -> Work:
    n = elements(s.out)
    seconds = 2.0 * n * s.each("random_bits", np.dtype(np.float32))
    if isinstance(op, RandomPermutation):
        seconds += n * log2(max(n, 2)) * s.each("argsort", np.dtype(np.float64))
    return s.work(s.start("random_bits"), 2 * nbytes(s.out), seconds)


def _known(op: Op, s: Setting) -> Work:
    """By what is measured of the op itself, else as additions."""
    n = max(evaluate_dim(op.flops(*s.inputs), {}), elements(*s.outputs))
    name = op.name if s.machine.rate(op.name) else "add"
    dtype = s.out.dtype if s.out.dtype.kind in "fc" else np.dtype(np.float32)
    return s.work(s.start(name), nbytes(*s.inputs, *s.outputs), n * s.each(name, dtype), nbytes(*s.outputs))


RECIPES: Mapping[type[Op], Recipe] = {
    Op: _known,
    Elementwise: _elementwise,
    Cast: _converted,
    Reduction: _reduced,
    ArgMax: _positioned,
    ArgMin: _positioned,
    Matmul: _multiplied,
    Vecdot: _dotted,
    Reshape: _laid_out,
    Concat: _joined,
    Pad: _padded,
    Arange: _counted,
    Gather: _gathered,
    IndexSet: _written,
    IndexAdd: _written,
    Sort: _sorted,
    ArgSort: _sorted,
    SearchSorted: _searched,
    RandomPermutation: _keyed,
    RandomSplit: _keyed,
    RandomFoldIn: _keyed,
    Windowed: pooled,
    Conv: convolution,
    ConvInputGrad: input_gradient,
    ConvWeightGrad: weight_gradient,
    Unfold: columns,
    Fold: summed_columns,
}


def recipe(cls: type[Op]) -> Recipe:
    """That of the nearest of its bases."""
    return next(RECIPES[base] for base in cls.__mro__ if base in RECIPES)
