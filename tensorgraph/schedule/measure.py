"""Timing the kernels that costs are made of: what `Machine.measure` does.

Everything is timed in cache, on one thread, as the least of several repetitions: what the work takes when
nothing else runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from math import inf, log2
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import DTypeError
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.elementwise import Cast, Elementwise
from tensorgraph.ops.ordering import ArgSort, SearchSorted, Sort
from tensorgraph.ops.pool import AvgPool, AvgPoolGrad, MaxPool, MaxPoolGrad, MaxPoolSelect
from tensorgraph.ops.random import (
    RandomBernoulli,
    RandomBits,
    RandomExponential,
    RandomGumbel,
    RandomInt,
    RandomNormal,
    RandomTruncatedNormal,
    RandomUniform,
)
from tensorgraph.ops.reduction import All, AnyOf, ArgMax, ArgMin, LogSumExp, Max, Min, Prod, Sum
from tensorgraph.ops.registry import all_ops
from tensorgraph.ops.scan import CumulativeProd, CumulativeSum
from tensorgraph.ops.segment import SegmentMax, SegmentMin, SegmentProd, SegmentSum
from tensorgraph.ops.special import Polygamma
from tensorgraph.ops.transcendental import Sinc
from tensorgraph.schedule.rates import DTYPES, Rate, Speeds

__all__ = ["best", "measure_rates", "measure_speeds", "one_thread"]

Work: TypeAlias = "Callable[[], object]"
Case: TypeAlias = "tuple[Op, list[Array], float]"  # an op, its operands, and how many units of work they make

COUNT = 4096  # elements of which three arrays of float64 lie in the second level of cache on any machine
FEW = 16
MANY = 16  # times as many for what branches, so that the processor does not learn the branches by heart
POOL = ((2, 2), ((0, 0), (0, 0)), (1, 1), (2, 2))  # stride, padding, dilation, kernel


def best(work: Work, seconds: float = 5e-4) -> float:
    """The least time of one call, in seconds, of what is repeated for so long and at least three times."""
    work()
    start = perf_counter()
    work()
    once = max(perf_counter() - start, 1e-7)
    repeats = max(1, int(5e-5 / once))
    least, end, rounds = inf, perf_counter() + seconds, 0
    while rounds < 3 or perf_counter() < end:
        start = perf_counter()
        for _ in range(repeats):
            work()
        least, rounds = min(least, (perf_counter() - start) / repeats), rounds + 1
    return least


def one_thread() -> AbstractContextManager[object]:
    """A context in which matrix products have one thread."""
    limits: AbstractContextManager[object] = import_module("threadpoolctl").threadpool_limits(1)
    return limits


def _sample(op: Op, position: int, dtype: str, shape: tuple[int, ...]) -> Array:
    """Numbers of moderate size from the op's domain."""
    interval = op.domain.interval(position)
    low, high = max(interval.low, -3.0), min(interval.high, 3.0)
    margin = 0.05 * (high - low)
    values: Array = np.random.default_rng(position).uniform(low + margin, high - margin, shape)
    taken = op.domain.kinds
    if np.dtype(dtype).kind not in taken:  # integers stand for floating-point numbers of their size
        dtype = dtype.replace("float", "int") if "i" in taken else ""
    if not dtype or (dtype == "int16"):
        raise DTypeError("is not taken")
    return values.astype(dtype)


# ---- the ops, each by its own evaluation


def _elementwise() -> Iterator[Elementwise]:
    """Every elementwise primitive; of those with an order, the first."""
    for cls in all_ops():
        if issubclass(cls, Elementwise) and cls is not Cast and not cls.view:
            yield cls(order=1) if cls in {Sinc, Polygamma} else cls()


def _elements(op: Elementwise, dtype: str, count: int) -> Case:
    choice = op.name == "where"
    count *= MANY if choice else 1
    arrays = [_sample(op, i, dtype, (count,)) for i in range(3) if f"{{{i}}}" in op.numpy]
    return op, [arrays[0].real > 0, *arrays[1:]] if choice else arrays, count


def _converted(dtype: str, count: int) -> Case:
    op = Cast(np.dtype("complex64" if dtype == "complex128" else "float64" if dtype == "float32" else "float32"))
    return op, [_sample(op, 0, dtype, (count,))], count


def _row(op: Op, dtype: str, count: int) -> Case:
    return op, [_sample(op, 0, dtype, (1, count))], count


def _sorted(op: Op, dtype: str, count: int) -> Case:
    values = [_sample(op, 0, dtype, (MANY, count))]
    if isinstance(op, SearchSorted):
        values = [np.sort(values[0][0]), np.random.default_rng(2).permutation(values[0].ravel())]
    return op, values, MANY * count * log2(count)


def _drawn(make: Callable[[str, int], Op], dtype: str, count: int) -> Case:
    if np.dtype(dtype).kind != "f":
        raise DTypeError("is not drawn")
    return make(dtype, count), [np.array([1, 2], np.uint32)], count


def _pooled(op: Op, dtype: str, count: int) -> Case:
    x = _sample(op, 0, dtype, (1, 1, 4, 4) if count == FEW else (16, 8, 32, 32))
    small = x[..., ::2, ::2].copy()
    if isinstance(op, AvgPoolGrad):
        op = replace(op, size=x.shape[2:])
    operands = {"max_pool_grad": [small, x], "max_pool_select": [x, x], "avg_pool_grad": [small]}.get(op.name, [x])
    flops = op.flops(*map(TensorType.of, operands))
    assert isinstance(flops, int)
    return op, operands, flops


def _segmented(op: Op, dtype: str, count: int) -> Case:
    x = _sample(op, 0, dtype, (count, 4))
    return op, [x, np.random.default_rng(3).integers(0, 8, count)], x.size


DRAWS: Mapping[str, Callable[[str, int], Op]] = {
    "random_normal": lambda dtype, n: RandomNormal((n,), np.dtype(dtype)),
    "random_exponential": lambda dtype, n: RandomExponential((n,), np.dtype(dtype)),
    "random_gumbel": lambda dtype, n: RandomGumbel((n,), np.dtype(dtype)),
    "random_uniform": lambda dtype, n: RandomUniform((n,), np.dtype(dtype), 0.0, 1.0),
    "random_truncated_normal": lambda dtype, n: RandomTruncatedNormal((n,), np.dtype(dtype), -2.0, 2.0),
    "random_int": lambda dtype, n: RandomInt((n,), np.dtype(dtype.replace("float", "int")), 0, 100),
    "random_bernoulli": lambda dtype, n: RandomBernoulli((n,), 0.5),
    "random_bits": lambda dtype, n: RandomBits((n,)),
}


def _ops() -> Iterator[tuple[str, Callable[[str, int], Case]]]:
    for op in _elementwise():
        yield op.name, partial(_elements, op)
    yield Cast.name, _converted
    for reduction in (Sum, Prod, Max, Min, AnyOf, All, LogSumExp):
        yield reduction.name, partial(_row, reduction((1,)))
    for along in (ArgMax, ArgMin, CumulativeSum, CumulativeProd):
        yield along.name, partial(_row, along(1))
    for ordering in (Sort(1), ArgSort(1), SearchSorted("left")):
        yield ordering.name, partial(_sorted, ordering)
    for name, make in DRAWS.items():
        yield name, partial(_drawn, make)
    stride, padding, dilation, kernel = POOL
    for pool in (MaxPool, MaxPoolGrad, MaxPoolSelect):
        yield pool.name, partial(_pooled, pool(stride, padding, dilation, kernel, False))
    yield AvgPool.name, partial(_pooled, AvgPool(stride, padding, dilation, kernel, False, True))
    yield AvgPoolGrad.name, partial(_pooled, AvgPoolGrad(stride, padding, dilation, kernel, False, True, ()))
    for segment in (SegmentSum, SegmentProd, SegmentMax, SegmentMin):
        yield segment.name, partial(_segmented, segment(8))


def _timed(case: Case) -> float:
    op, operands, _ = case
    op.infer(*map(TensorType.of, operands))  # refuses dtypes that it does not take
    return best(partial(Op.evaluate, op, *operands))  # by the spelling, even where there is a definition to read


def _rate(cases: Callable[[str, int], Case]) -> Rate:
    """What a call takes, and what a unit of work adds in each dtype: from a small and a large case."""
    start, slopes = inf, []
    for dtype in DTYPES:
        slope = 0.0
        with suppress(DTypeError):
            small, large = cases(dtype, FEW), cases(dtype, COUNT)
            first, second = (
                min(times) for times in zip(*[(_timed(small), _timed(large)) for _ in range(2)], strict=True)
            )
            slope = max(second - first, 0.0) / (large[2] - small[2])
            start = min(start, max(first - slope * small[2], 0.0))
        slopes.append(slope)
    return Rate(start, *slopes)


# ---- what is no op: runs, strides, indices


def _kernels() -> Iterator[tuple[str, Callable[[Array], Work], Callable[[Array], Work], float]]:
    """Of each: the work, what of it is known already, and how many units the difference is."""
    i = np.random.default_rng(4).integers(0, COUNT, COUNT)
    z, rows = np.zeros(COUNT, i.dtype), i[: COUNT // 8] // 8

    def adding(x: Array, columns: int) -> Work:  # rows of a sum, in which one operand is a row
        y = x.reshape(-1, columns)
        return partial(np.add, y, y[0].copy(), out=y.copy())

    def reducing(function: Callable[..., Any], axis: int, x: Array) -> Work:
        return partial(function, x.reshape(-1, 8), axis=axis)

    def choosing(x: Array) -> Work:  # of rows
        many = np.random.default_rng(6).uniform(1.0, 2.0, (MANY * COUNT // 8, 8)).astype(x.dtype)
        return partial(np.argmax, many, axis=1)

    def gathering(x: Array) -> Work:
        return partial(x[:, None].__getitem__, i)

    def scattering(x: Array) -> Work:
        return partial(np.add.at, x.copy(), i, x)

    def scattering_rows(x: Array) -> Work:
        return partial(np.add.at, x.reshape(-1, 8).copy(), rows, x.reshape(-1, 8))

    def converting(x: Array) -> Work:
        other = {"float64": "float32", "complex128": "complex64"}.get(x.dtype.name, "float64")
        return partial(np.add, x, x.astype(other))

    def copying(x: Array) -> Work:
        return partial(np.copyto, x.copy(), x)

    yield "run", partial(adding, columns=8), partial(adding, columns=COUNT // 2), COUNT / 8
    for name, function in (("sum", np.sum), ("prod", np.prod), ("max", np.max)):
        yield f"{name}_run", partial(reducing, function, 1), partial(partial, function), COUNT / 8
        yield f"{name}_into_run", partial(reducing, function, 0), partial(partial, function), COUNT / 8
    yield "argmax_run", choosing, partial(partial, np.argmax), MANY * COUNT / 8
    yield "stride", lambda x: partial(np.copyto, np.empty((64, 64), x.dtype), x.reshape(64, 64).T), copying, COUNT
    yield "buffered", converting, lambda x: partial(np.add, x, x), COUNT
    yield "gather", gathering, copying, COUNT
    yield "gather_row", lambda x: partial(x.reshape(-1, 8).__getitem__, rows), copying, COUNT / 8
    yield "gather_many", lambda x: partial(x[:, None].__getitem__, (i, z)), copying, COUNT
    yield "scatter_add", scattering, copying, COUNT
    yield "scatter_add_row", scattering_rows, copying, COUNT
    yield "matmul_naive", lambda x: partial(np.matmul, x[:, None], x[None, :64]), copying, 64 * COUNT
    yield "matmul_item", lambda x: partial(np.matmul, *[x.reshape(-1, 2, 2)] * 2), copying, COUNT / 4


def measure_rates() -> tuple[tuple[str, Rate], ...]:
    """What each kernel takes on this machine, by name; about a second and a half."""
    rows: dict[str, Rate] = {}
    with one_thread(), np.errstate(all="ignore"):
        call = _call()
        for name, cases in _ops():
            rows[name] = _rate(cases)
        beside = rows["add"].start - call  # what evaluating an op costs that a statement does not
        rows = {name: rate._replace(start=max(rate.start - beside, call)) for name, rate in rows.items()}
        for name, work, less, units in _kernels():
            slopes = []
            for dtype in DTYPES:
                x = np.random.default_rng(5).uniform(1.0, 2.0, COUNT).astype(dtype)
                slopes.append(max(best(work(x)) - best(less(x)), 0.0) / units)
            rows[name] = Rate(call, *slopes)
    return tuple(sorted(rows.items()))


def _streamed(size: int) -> float:
    """Bytes a second, read and written, of additions whose operands and result take `size` bytes together."""
    a, b, c = (np.ones(max(size // 12, 1), np.float32) for _ in range(3))
    empty = (a[:1], b[:1])
    whole, call = best(partial(np.add, a, b, out=c), 1e-1), best(partial(np.add, *empty, out=c[:1]), 1e-2)
    return 12 * a.size / max(whole - call, whole / 4)  # in L1 a call is most of it, and must not be all


def _product(dtype: str, m: int, k: int, n: int) -> float:
    """Floating-point operations a second of a matrix product on one thread."""
    a, b, c = np.ones((m, k), dtype), np.ones((k, n), dtype), np.empty((m, n), dtype)
    return 2 * m * k * n / best(partial(np.matmul, a, b, out=c), 1e-2)


def measure_speeds(l1: int, l2: int, l3: int) -> Speeds:
    """What memory and matrix products give on this machine, whose levels of cache have these sizes."""
    with one_thread():
        memory = min(3 * l3, 1 << 28)
        half = tuple(_streamed(size) for size in (l1 // 2, l2 // 2, min(l3 // 2, 8 * l2), memory))
        large, fresh = np.ones(1 << 24, np.float32), np.empty(1 << 24, np.float32)
        kept = best(partial(np.copyto, fresh, large), 3e-2)
        fault = max(best(partial(np.positive, large), 3e-2) - kept, 0.0) / large.nbytes
        products = [
            _product(dtype, *shape) for shape in ((384,) * 3, (768, 768, 8)) for dtype in ("float32", "float64")
        ]
    return Speeds(_call(), half, fault, tuple(products[:2]), tuple(products[2:]))


def _call() -> float:
    a, b = np.ones(1), np.ones(1)
    return best(partial(np.add, a, a, out=b), 1e-2)
