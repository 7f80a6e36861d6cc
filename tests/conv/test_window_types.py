"""Types that convolutions and pools refuse, with the whole message, and some that they accept."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import conv, pool
from tensorgraph.ops.linalg import Matmul

REAL, COMPLEX, INT = ("float64", (2, 3, 6)), ("complex128", (2, 3, 6)), ("int64", (2, 3, 6))
HALVES = {"stride": (2,), "padding": ((0, 0),), "dilation": (1,), "kernel": (2,), "ceil_mode": False}
MEAN = {**HALVES, "count_include_pad": True}
PLAIN = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}
Type = tuple[str, tuple[int, ...]]


def typed(op: Op, *types: Type) -> str:
    node = Node(op, *[Node(Placeholder(f"x{i}", TensorType(np.dtype(d), s))) for i, (d, s) in enumerate(types)])
    return f"{node.type.dtype}{list(node.type.shape)}"


REFUSED: dict[str, tuple[Op, tuple[Type, ...], str]] = {
    "max_pool": (
        pool.MaxPool(**HALVES),
        (COMPLEX,),
        "max_pool: complex128[2, 3, 6] is not supported: max_pool takes real numbers",
    ),
    "max_pool_grad": (
        pool.MaxPoolGrad(**HALVES),
        (REAL, COMPLEX),
        "max_pool_grad: float64[2, 3, 6] and complex128[2, 3, 6] is not supported: max_pool_grad takes real numbers",
    ),
    "max_pool_grad, shapes": (
        pool.MaxPoolGrad(**HALVES),
        (REAL, REAL),
        "max_pool_grad: float64[2, 3, 6] and float64[2, 3, 6] do not fit: the pooled shape is [2, 3, 3]",
    ),
    "max_pool_select": (
        pool.MaxPoolSelect(**HALVES),
        (REAL, COMPLEX),
        "max_pool_select: float64[2, 3, 6] and complex128[2, 3, 6] is not supported: max_pool_select takes real "
        "numbers",
    ),
    "max_pool_select, shapes": (
        pool.MaxPoolSelect(**HALVES),
        (("float64", (2, 3, 5)), REAL),
        "max_pool_select: float64[2, 3, 5] and float64[2, 3, 6] do not fit: the shape of both is [2, 3, 6]",
    ),
    "avg_pool": (
        pool.AvgPool(**MEAN),
        (INT,),
        "avg_pool: int64[2, 3, 6] is not supported: avg_pool takes floating-point numbers",
    ),
    "avg_pool_grad": (
        pool.AvgPoolGrad(**MEAN, size=(12,)),
        (INT,),
        "avg_pool_grad: int64[2, 3, 6] is not supported: avg_pool_grad takes floating-point numbers",
    ),
    "avg_pool_grad, shapes": (
        pool.AvgPoolGrad(**MEAN, size=(9,)),
        (REAL,),
        "avg_pool_grad: float64[2, 3, 6] do not fit: the pooled shape is [2, 3, 4]",
    ),
    "adaptive_max_pool": (
        pool.AdaptiveMaxPool((2,)),
        (COMPLEX,),
        "adaptive_max_pool: complex128[2, 3, 6] is not supported: adaptive_max_pool takes real numbers",
    ),
    "adaptive_max_pool, rank": (
        pool.AdaptiveMaxPool((2, 2)),
        (REAL,),
        "adaptive_max_pool: float64[2, 3, 6] has 3 axes: [2, 2] needs batch, channels and 2 spatial ones",
    ),
    "adaptive_max_pool, nothing": (
        pool.AdaptiveMaxPool((2,)),
        (("float64", (2, 3, 0)),),
        "adaptive_max_pool: float64[2, 3, 0] has no elements along spatial axis 0: nothing to pool",
    ),
    "adaptive_max_pool_grad": (
        pool.AdaptiveMaxPoolGrad(),
        (REAL, COMPLEX),
        "adaptive_max_pool_grad: float64[2, 3, 6] and complex128[2, 3, 6] is not supported: adaptive_max_pool_grad "
        "takes real numbers",
    ),
    "adaptive_max_pool_grad, shapes": (
        pool.AdaptiveMaxPoolGrad(),
        (("float64", (2, 1, 2)), REAL),
        "adaptive_max_pool_grad: float64[2, 1, 2] and float64[2, 3, 6] do not fit: the pooled shape is [2, 3, 2]",
    ),
    "adaptive_max_pool_select": (
        pool.AdaptiveMaxPoolSelect((2,)),
        (REAL, COMPLEX),
        "adaptive_max_pool_select: float64[2, 3, 6] and complex128[2, 3, 6] is not supported: "
        "adaptive_max_pool_select takes real numbers",
    ),
    "adaptive_max_pool_select, shapes": (
        pool.AdaptiveMaxPoolSelect((2,)),
        (("float64", (2, 3, 5)), REAL),
        "adaptive_max_pool_select: float64[2, 3, 5] and float64[2, 3, 6] do not fit: the shape of both is [2, 3, 6]",
    ),
    "adaptive_avg_pool": (
        pool.AdaptiveAvgPool((2,)),
        (INT,),
        "adaptive_avg_pool: int64[2, 3, 6] is not supported: adaptive_avg_pool takes floating-point numbers",
    ),
    "adaptive_avg_pool_grad": (
        pool.AdaptiveAvgPoolGrad((12,)),
        (INT,),
        "adaptive_avg_pool_grad: int64[2, 3, 6] is not supported: adaptive_avg_pool_grad takes floating-point numbers",
    ),
    "window with padding before": (
        pool.MaxPool(**{**HALVES, "kernel": (9,), "padding": ((1, 0),)}),
        (REAL,),
        "max_pool: float64[2, 3, 6] cannot slide: the input is too small: along spatial axis 0 it has 6, or 7 with its "
        "padding, and the window spans 9",
    ),
    "window with padding after": (
        pool.MaxPool(**{**HALVES, "kernel": (9,), "padding": ((0, 1),)}),
        (REAL,),
        "max_pool: float64[2, 3, 6] cannot slide: the input is too small: along spatial axis 0 it has 6, or 7 with its "
        "padding, and the window spans 9",
    ),
    "window without padding": (
        pool.MaxPool(**{**HALVES, "kernel": (9,)}),
        (REAL,),
        "max_pool: float64[2, 3, 6] cannot slide: the input is too small: along spatial axis 0 it has 6 and the window "
        "spans 9",
    ),
    "conv of bool": (
        conv.Conv(**PLAIN, groups=1),
        (("bool", (2, 3, 6)), ("float64", (2, 3, 2))),
        "conv: bool[2, 3, 6] and float64[2, 3, 2] cannot be convolved: bool is no number; cast with astype",
    ),
    "conv, rank of the weights": (
        conv.Conv(**PLAIN, groups=1),
        (REAL, ("float64", (2, 3))),
        "conv: float64[2, 3, 6] and float64[2, 3] need 3 axes each: batch, channels and 1 spatial ones",
    ),
    "conv, channels": (
        conv.Conv(**PLAIN, groups=1),
        (REAL, ("float64", (2, 2, 2))),
        "conv: float64[2, 3, 6] and float64[2, 2, 2] do not convolve: the input has 3 channels, and the weights take 2",
    ),
    "conv, channels in groups": (
        conv.Conv(**PLAIN, groups=2),
        (REAL, ("float64", (2, 2, 2))),
        "conv: float64[2, 3, 6] and float64[2, 2, 2] do not convolve: the input has 3 channels, and the weights take 4 "
        "in 2 groups",
    ),
    "conv, groups": (
        conv.Conv(**PLAIN, groups=3),
        (REAL, ("float64", (2, 1, 2))),
        "conv: float64[2, 3, 6] and float64[2, 1, 2] do not convolve: 2 output channels do not divide into 3 groups",
    ),
    "conv_transpose, groups": (
        conv.ConvInputGrad(**PLAIN, groups=2, size=(7,)),
        (REAL, ("float64", (3, 1, 2))),
        "conv_transpose: float64[2, 3, 6] and float64[3, 1, 2] do not convolve: 3 input channels do not divide into 2 "
        "groups",
    ),
    "conv_weight_grad, groups of the input": (
        conv.ConvWeightGrad(**PLAIN, groups=2, kernel=(2,)),
        (REAL, ("float64", (2, 4, 5))),
        "conv_weight_grad: float64[2, 3, 6] and float64[2, 4, 5] do not convolve: 3 input channels do not divide into "
        "2 groups",
    ),
    "conv_weight_grad, groups of the output": (
        conv.ConvWeightGrad(**PLAIN, groups=3, kernel=(2,)),
        (REAL, ("float64", (2, 4, 5))),
        "conv_weight_grad: float64[2, 3, 6] and float64[2, 4, 5] do not convolve: 4 output channels do not divide into "
        "3 groups",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_types_that_are_refused(name: str) -> None:
    op, types, message = REFUSED[name]
    with pytest.raises(TensorGraphError) as caught:
        typed(op, *types)
    assert re.sub(r" \(test_window_types\.py:\d+\)$", "", str(caught.value)) == message


POOLED: Type = ("complex64", (2, 3, 3))
ACCEPTED: dict[str, tuple[Op, tuple[Type, ...], str]] = {
    "a complex cotangent": (pool.MaxPoolGrad(**HALVES), (POOLED, REAL), "complex64[2, 3, 6]"),
    "of integers": (pool.MaxPoolGrad(**HALVES), (POOLED, INT), "complex64[2, 3, 6]"),
    "a complex tangent": (pool.MaxPoolSelect(**HALVES), (COMPLEX, REAL), "complex128[2, 3, 3]"),
    "adaptive, a complex cotangent": (pool.AdaptiveMaxPoolGrad(), (POOLED, REAL), "complex64[2, 3, 6]"),
    "adaptive, a complex tangent": (pool.AdaptiveMaxPoolSelect((2,)), (COMPLEX, REAL), "complex128[2, 3, 2]"),
    "adaptive, one element": (pool.AdaptiveMaxPool((2,)), (("int8", (1, 1, 1)),), "int8[1, 1, 2]"),
    "adaptive, nothing of nothing": (pool.AdaptiveMaxPool((0,)), (("int8", (1, 1, 0)),), "int8[1, 1, 0]"),
    "conv of two dtypes": (
        conv.Conv(**PLAIN, groups=1),
        (("float32", (2, 3, 6)), ("float64", (2, 3, 2))),
        "float64[2, 2, 5]",
    ),
    "conv of two dtypes, exchanged": (
        conv.Conv(**PLAIN, groups=1),
        (("float64", (2, 3, 6)), ("float32", (2, 3, 2))),
        "float64[2, 2, 5]",
    ),
    "matmul of two dtypes": (Matmul(), (("float64", (2, 3)), ("float32", (3, 1))), "float64[2, 1]"),
    "matmul of two dtypes, exchanged": (Matmul(), (("float32", (2, 3)), ("float64", (3, 1))), "float64[2, 1]"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_types_that_are_accepted(name: str) -> None:
    op, types, result = ACCEPTED[name]
    assert typed(op, *types) == result
