"""What ops say that they allocate, beside what tracemalloc measures."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest

from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops import conv, indexing, ordering, pool, random, reduction, segment, special, transcendental
from tensorgraph.ops.registry import all_ops
from tests.ops.samples import Sample
from tests.ops.test_statements import ALLOCATES, name

R = np.random.default_rng(5)
SMALL = 64 * 1024  # bytes that are not counted


def within(*shape: int, low: float = 0.05, high: float = 0.95, dtype: str = "f4") -> Array:
    return R.uniform(low, high, shape).astype(dtype)


def windows(
    rank: int, stride: int, low: int, high: int
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...]]:
    return (stride,) * rank, ((low, high),) * rank, (1,) * rank


def convolutions() -> list[Sample]:
    found: list[Sample] = []
    for n, c, o, size, kernel, groups, pad, dtype in [
        (8, 3, 16, 64, 3, 1, 0, "f4"), (16, 32, 32, 28, 3, 1, 1, "f4"), (64, 32, 64, 28, 3, 1, 1, "f4"),
        (8, 16, 16, 32, 3, 2, 0, "f8"), (8, 32, 32, 32, 3, 32, 1, "f4"), (64, 64, 64, 32, 3, 64, 0, "f4"),
        (4, 8, 8, 64, 5, 1, 2, "f2"),
    ]:  # fmt: skip
        where = windows(2, 1, pad, pad)
        x, w = within(n, c, size, size, dtype=dtype), within(o, c // groups, kernel, kernel, dtype=dtype)
        forward = conv.Conv(*where, groups)
        g = np.ones(forward.infer(TensorType.of(x), TensorType.of(w)).shape, dtype)
        found += [
            (forward, (x, w)),
            (conv.ConvInputGrad(*where, groups, (size, size)), (g, w)),
            (conv.ConvWeightGrad(*where, groups, (kernel, kernel)), (x, g)),
        ]
    x = within(16, 8, 40, 40)
    for pad in (0, 1):
        unfold = conv.Unfold(*windows(2, 1, pad, pad), (3, 3))
        columns = np.ones(unfold.infer(TensorType.of(x)).shape, "f4")
        found += [(unfold, (x,)), (conv.Fold(*windows(2, 1, pad, pad), (3, 3), (40, 40)), (columns,))]
    return found


def pools() -> list[Sample]:
    found: list[Sample] = []
    for shape, dtype in [((32, 16, 64, 64), "f4"), ((64, 32, 24, 24), "f4"), ((8, 64, 64, 64), "f8")]:
        x, where = within(*shape, dtype=dtype), (*windows(2, 2, 0, 0), (2, 2), False)
        g = np.ones((*shape[:2], shape[2] // 2, shape[3] // 2), dtype)
        found += [
            (pool.MaxPool(*where), (x,)), (pool.MaxPoolGrad(*where), (g, x)), (pool.MaxPoolSelect(*where), (x, x)),
            (pool.AvgPool(*where, True), (x,)), (pool.AvgPoolGrad(*where, True, shape[2:]), (g,)),
            (pool.AdaptiveAvgPool((4, 4)), (x,)), (pool.AdaptiveAvgPoolGrad(shape[2:]), (g,)),
            (pool.AdaptiveMaxPool((4, 4)), (x,)), (pool.AdaptiveMaxPoolGrad(), (g, x)),
            (pool.AdaptiveMaxPoolSelect((4, 4)), (x, x)),
        ]  # fmt: skip
    return found


def others() -> list[Sample]:
    key, x = np.array([1, 2], np.uint32), R.normal(size=(500, 400))
    found: list[Sample] = []
    for dtype in ("f2", "f4", "f8", "i4"):
        found += [
            (cls(), (within(500, 400, dtype=dtype),))
            for cls in (special.Erf, special.Erfc, special.Erfinv, special.Ndtri, special.Lgamma, special.Digamma)
            if not (cls is special.Erf and dtype == "f4")  # it has statements, which allocate nothing
        ]
        found += [(special.Polygamma(k), (within(200_000, dtype=dtype),)) for k in (1, 2)]
        found += [(transcendental.Sinc(k), (x.astype(dtype),)) for k in (0, 1, 2)]
        found += [(ordering.ArgSort(1), (x.astype(dtype),))]
        found += [(reduction.ArgMax(axis), (x.astype(dtype),)) for axis in (0, 1)]
    found.append((ordering.SearchSorted("left"), (np.sort(x[0]), x)))
    for n in (50_000, 400_000):
        for dtype in map(np.dtype, ("f2", "f4", "f8")):
            found += [
                (op, (key,))
                for op in (
                    random.RandomUniform((n,), dtype, 0.0, 1.0),
                    random.RandomNormal((n,), dtype),
                    random.RandomExponential((n,), dtype),
                    random.RandomGumbel((n,), dtype),
                    random.RandomTruncatedNormal((n,), dtype, -2.0, 2.0),
                )
            ]
        found += [
            (op, (key,))
            for op in (
                random.RandomBits((n,)),
                random.RandomInt((n,), np.dtype("i8"), 0, 10),
                random.RandomInt((n,), np.dtype("i4"), 0, 10),
                random.RandomBernoulli((n,), 0.5),
                random.RandomPermutation(n),
                random.RandomSplit(n),
                random.RandomFoldIn(),
            )
        ]
    found = [(op, (key, np.int64(3)) if isinstance(op, random.RandomFoldIn) else arrays) for op, arrays in found]
    for cls in (segment.SegmentSum, segment.SegmentProd, segment.SegmentMax, segment.SegmentMin):
        for rows, columns, count in ((2000, 100, 50), (2000, 100, 1500), (200_000, 1, 50), (200_000, 1, 100_000)):
            found.append((cls(count), (within(rows, columns), R.integers(0, count, rows))))
    rows, s = R.permutation(500)[:300], slice(None)
    found.append((indexing.IndexAdd((Operand(2),), True), (x, within(300, 400, dtype="f8"), rows)))
    found.append((indexing.IndexAdd((s, Operand(2)), True), (x, within(500, 300, dtype="f8"), rows % 400)))
    found.append((indexing.Gather((Operand(1), Operand(2))), (x, np.tile(rows, 500), np.tile(rows % 400, 500))))
    return found  # fmt: skip


SAMPLES = [*others(), *convolutions(), *pools()]


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_temporaries_are_those_measured(sample: Sample) -> None:
    op, arrays = sample
    with np.errstate(all="ignore"):
        call = op.evaluate if isinstance(op, (indexing.Gather, indexing.IndexAdd)) else partial(Op.evaluate, op)
        call(*arrays)
        tracemalloc.start()
        result = call(*arrays)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    measured = peak - sum(part.nbytes for part in (result if isinstance(result, tuple) else (result,)))
    said = op.temporaries([TensorType.of(np.asarray(a)) for a in arrays])
    whole = np.asarray(result).nbytes
    assert abs(said - measured) <= max(0.1 * (measured + whole), SMALL), (said, measured, whole)


def test_every_op_that_allocates_is_measured() -> None:
    measured = {type(op).name for op, _ in SAMPLES}
    views = {cls.name for cls in all_ops() if cls.view} | {"arange", "dim_size", "barrier", "broadcast_to"}
    assert set(ALLOCATES) - views <= measured
    stated = {cls.name for cls in all_ops() if cls.temporaries is not Op.temporaries}
    assert stated - {"argmin"} <= measured  # argmin is argmax with another comparison
