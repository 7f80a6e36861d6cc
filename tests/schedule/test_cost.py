"""What costs say: of every primitive something, and of the usual ones what a person would work out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import TensorType, as_dtype, as_shape
from tensorgraph.ops.conv import Conv, ConvInputGrad, ConvWeightGrad, Fold, Unfold
from tensorgraph.ops.elementwise import Add, Cast, Greater, Where
from tensorgraph.ops.indexing import Gather, IndexAdd, IndexSet, Slice
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.ordering import Sort
from tensorgraph.ops.pool import MaxPoolGrad
from tensorgraph.ops.random import RandomNormal, RandomPermutation
from tensorgraph.ops.reduction import ArgMax, LogSumExp, Max, Sum
from tensorgraph.ops.registry import all_ops
from tensorgraph.ops.shape import Concat, DimSize, Pad, PermuteDims, Reshape
from tensorgraph.ops.transcendental import Exp, Sigmoid
from tensorgraph.schedule import Cost, Machine, cost
from tensorgraph.schedule.work import groups, inner
from tensorgraph.testing import SAMPLES, Sample
from tests.library.test_primitives import SAMPLES as LIBRARY

REFERENCE = Machine.reference
CALL = REFERENCE.call
ALL = [sample for samples in SAMPLES.values() for sample in samples] + LIBRARY


def kind(text: str) -> TensorType:
    return TensorType.parse(text)


def found(op: Op, *inputs: str, sizes: dict[str, int] | None = None, **settings: Any) -> Cost:
    types = [kind(text) for text in inputs]
    result = op.infer(*types)
    outputs = [result] if isinstance(result, TensorType) else list(result)
    return cost(op, types, outputs, settings.pop("machine", REFERENCE), sizes or {}, **settings)


# ---- every primitive


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_every_primitive_has_a_cost(sample: Sample) -> None:
    arrays = sample.draw(np.random.default_rng(3))
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    outputs = sample.function(*inputs)
    for node in tg.Graph([x.node for x in inputs], [y.node for y in _several(outputs)]).nodes:
        result = cost(node.op, [n.type for n in node.inputs], node.types, REFERENCE, {})
        assert math.isfinite(result.seconds)
        assert 0.0 <= result.share <= 1.0
        assert result.limit in {"calls", "memory", "arithmetic"}
        if node.op.leaf or node.op.view:
            assert result.seconds == result.flops == result.bytes_read == result.bytes_written == 0
        else:
            assert result.seconds >= CALL


def _several(outputs: Any) -> list[tg.Tensor]:
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def test_samples_reach_every_primitive() -> None:
    assert {cls.name for cls in all_ops()} - {sample.op.name for sample in ALL} == {"dim_size"}
    size = Dim.symbol("n")
    assert cost(DimSize(size), [], [kind("int64[]")], REFERENCE, {"n": 7}).seconds == pytest.approx(CALL, rel=0.1)


# ---- operations and bytes


def test_operations_and_bytes_of_a_product() -> None:
    result = found(Matmul(), "float32[32, 784]", "float32[784, 512]")
    assert result.flops == 2 * 32 * 784 * 512
    assert result.bytes_read == 4 * (32 * 784 + 784 * 512)
    assert result.bytes_written == 4 * 32 * 512


def test_sizes_are_given_later() -> None:
    late = found(Matmul(), "float32[batch, 784]", "float32[784, 512]", sizes={"batch": 32})
    assert late == found(Matmul(), "float32[32, 784]", "float32[784, 512]")
    shape = as_shape(("2*n", 3))
    turned = found(Reshape(shape), "float32[n, 6]", sizes={"n": 50}, strided=[0])
    assert turned == found(Reshape((100, 3)), "float32[50, 6]", strided=[0])


def test_gathering_reads_no_more_than_it_takes() -> None:
    result = found(Gather((Operand(1), slice(None))), "float32[100000, 64]", "int64[10]")
    assert result.bytes_read == 10 * 64 * 4 + 10 * 8


def test_views_cost_nothing_and_copies_of_them_do() -> None:
    nothing = Cost(0, 0, 0, 0.0, "calls", 0.0)
    assert found(PermuteDims((1, 0)), "float64[1000, 1000]") == nothing
    assert found(Slice((slice(0, 5),)), "float64[1000, 1000]") == nothing
    assert found(Reshape((1000000,)), "float64[1000, 1000]") == nothing
    copy = found(Reshape((1000000,)), "float64[1000, 1000]", strided=[0])
    assert copy.bytes_read == copy.bytes_written == 8_000_000
    assert copy.seconds > found(Add(), "float64[1000, 1000]", "float64[1000, 1000]").seconds


# ---- limits


def test_a_short_statement_is_a_call() -> None:
    result = found(Add(), "float32[10]", "float32[10]")
    assert result.limit == "calls"
    assert result.share > 0.9
    assert result.seconds == pytest.approx(CALL, rel=0.1)


def test_an_addition_in_memory_is_bound_by_memory() -> None:
    result = found(Add(), "float32[10000000]", "float32[10000000]")
    assert result.limit == "memory"
    assert result.seconds == pytest.approx(120e6 / 45e9, rel=0.15)


def test_functions_and_products_are_bound_by_arithmetic() -> None:
    exp = found(Exp(), "float32[100000]")
    assert exp.limit == "arithmetic"
    product = found(Matmul(), "float32[1000, 1000]", "float32[1000, 1000]")
    assert product.limit == "arithmetic"
    assert product.seconds == pytest.approx(2e9 / 127e9, rel=0.05)


def test_the_share_of_the_limit_that_was_reached() -> None:
    result = found(Add(), "float32[10000000]", "float32[10000000]")
    assert result.reached(result.seconds) == result.share
    assert result.reached(2 * result.seconds) == pytest.approx(result.share / 2)


# ---- circumstances


def test_operands_among_much_else_come_from_further_away() -> None:
    near = found(Add(), "float32[10000]", "float32[10000]")
    far = found(Add(), "float32[10000]", "float32[10000]", working=1 << 30)
    assert far.seconds > 2 * near.seconds
    assert found(Add(), "float32[10000]", "float32[10000]", working=10) == near


def test_threads_help_products_alone() -> None:
    alone, both = (found(Matmul(), "float32[900, 900]", "float32[900, 900]", threads=n).seconds for n in (1, 2))
    assert both == pytest.approx(alone / 2, rel=0.1)
    assert found(Exp(), "float32[900]", threads=2) == found(Exp(), "float32[900]")


def test_strided_operands_take_longer() -> None:
    plain = found(Add(), "float64[1000, 1000]", "float64[1000, 1000]")
    assert found(Add(), "float64[1000, 1000]", "float64[1000, 1000]", strided=[1]).seconds > 2 * plain.seconds


def test_products_of_vectors_take_less_than_sums_of_products() -> None:
    rows = found(Vecdot(), "float32[146, 1024]", "float32[1024]")
    assert rows.flops == 2 * 146 * 1024
    assert rows.bytes_read == 4 * 147 * 1024
    assert rows.seconds < found(Sum((1,)), "float32[146, 1024]").seconds / 2
    short = found(Vecdot(), "float32[18688, 8]", "float32[8]")  # as many elements
    assert short.seconds > 10 * rows.seconds
    assert found(Vecdot(), "float32[784]", "float32[784]").seconds == pytest.approx(2.5 * CALL, rel=0.1)


def test_short_rows_take_longer_than_long_ones() -> None:
    rows = [found(Add(), f"float32[{100000 // n}, {n}]", f"float32[{n}]").seconds for n in (4, 20, 1000)]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] > 3 * rows[-1]
    for op in (Sum((1,)), Max((1,)), LogSumExp((1,)), Sum((0,)), ArgMax(1), Concat(1)):
        operands = 2 if isinstance(op, Concat) else 1
        short, long = (found(op, *[f"float32[{100000 // n}, {n}]"] * operands).seconds for n in (4, 1000))
        assert short > long


def test_all_elements_are_one_row() -> None:
    assert found(Sum((0, 1)), "float32[100000, 4]") == found(Sum((0,)), "float32[400000]")


def test_dtypes_that_differ_are_converted() -> None:
    same = found(Add(), "float64[10000]", "float64[10000]")
    assert found(Add(), "float64[10000]", "int32[10000]").seconds > 1.5 * same.seconds
    assert found(Greater(), "float32[10000]", "float32[10000]").seconds < same.seconds
    kept, changed = (found(Cast(as_dtype(to)), "float32[10000]").seconds for to in ("float32", "float16"))
    assert changed > 5 * kept


def test_choosing_by_a_mask_is_slow() -> None:
    where = found(Where(), "bool[10000]", "float32[10000]", "float32[10000]")
    assert where.seconds > 5 * found(Add(), "float32[10000]", "float32[10000]").seconds


def test_fresh_arrays_beyond_what_the_allocator_keeps() -> None:
    n = 20_000_000
    grown = found(Sigmoid(), f"float32[{n}]").seconds / found(Sigmoid(), f"float32[{n // 1000}]").seconds
    assert grown > 1500


def test_batches_of_products() -> None:
    one = found(Matmul(), "float32[8, 8]", "float32[8, 8]")
    many = found(Matmul(), "float32[1000, 8, 8]", "float32[1000, 8, 8]")
    assert many.flops == 1000 * one.flops
    assert 20e-6 < many.seconds < 200e-6


WINDOWS = ((1, 1), ((0, 0), (0, 0)), (1, 1))  # stride, padding, dilation
BORDER = ((1, 1), ((1, 1), (1, 1)), (1, 1))
ROWS = (Operand(2), slice(None))
MEASURED = [  # microseconds, on the reference machine
    (Pad(((1, 1), (2, 2))), ("float32[1000, 1000]", "float32[]"), 86),
    (Sort(1), ("float64[1000, 1000]",), 32300),
    (IndexAdd(ROWS), ("float32[1000, 64]", "float32[1000, 64]", "int64[1000]"), 425),
    (IndexAdd((slice(0, 1000),)), ("float32[2000, 64]", "float32[1000, 64]"), 12.3),
    (IndexSet(ROWS), ("float32[1000, 64]", "float32[1000, 64]", "int64[1000]"), 12.2),
    (Gather((Operand(1), Operand(2))), ("float32[1000, 64]", "int64[1000]", "int64[1000]"), 3.3),
    (RandomNormal((100000,), np.dtype("float32")), ("uint32[2]",), 836),
    (RandomPermutation(100000), ("uint32[2]",), 7970),
    (Conv(*WINDOWS, 1), ("float32[32, 8, 12, 12]", "float32[16, 8, 5, 5]"), 337),
    (Conv(*BORDER, 32), ("float32[8, 32, 28, 28]", "float32[32, 1, 3, 3]"), 874),
    (ConvInputGrad(*BORDER, 1, (28, 28)), ("float32[8, 64, 28, 28]", "float32[64, 64, 3, 3]"), 6740),
    (ConvWeightGrad(*WINDOWS, 1, (5, 5)), ("float32[32, 8, 12, 12]", "float32[32, 16, 8, 8]"), 352),
    (
        MaxPoolGrad((2, 2), ((0, 0), (0, 0)), (1, 1), (2, 2), False),
        ("float32[32, 32, 13, 13]", "float32[32, 32, 26, 26]"),
        1880,
    ),
    (Unfold(*WINDOWS, (3, 3)), ("float32[8, 32, 28, 28]",), 404),
    (Fold(*WINDOWS, (3, 3), (28, 28)), ("float32[8, 288, 676]",), 900),
]


@pytest.mark.parametrize(("op", "operands", "measured"), MEASURED)
def test_what_was_measured_on_the_reference_machine(op: Op, operands: tuple[str, ...], measured: float) -> None:
    assert 0.5 < 1e6 * found(op, *operands).seconds / measured < 2.0


# ---- shapes


def test_the_inner_loop_over_operands_that_broadcast() -> None:
    assert inner((10, 20), (10, 20), (10, 20)) == 200
    assert inner((10, 20), (10, 20), (20,)) == 20
    assert inner((10, 20), (10, 20), (10, 1)) == 20
    assert inner((10, 20, 1), (10, 20, 1), ()) == 200
    assert inner((4, 10, 20), (4, 1, 1), (4, 10, 20)) == 200
    assert inner(()) == 1


def test_runs_of_reduced_axes() -> None:
    assert groups((2, 3, 4), (0, 1)) == [(True, 6), (False, 4)]
    assert groups((2, 1, 3, 4), (0, 1)) == [(True, 2), (False, 12)]
    assert groups((2, 3, 4), ()) == [(False, 24)]
    assert groups((1, 1), (0,)) == []
