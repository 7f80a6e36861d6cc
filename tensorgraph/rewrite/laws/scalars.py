"""Factors that are one number: multiplied with each other before they meet an array."""

from __future__ import annotations

import math

from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.tensor import Tensor
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import shape as sh
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.match import constant_of

LARGEST = 2.0**40  # float16 is left alone


def _moderate(node: Node) -> bool:
    """Whether a scalar is made of sizes and constants so that a product of two neither overflows nor underflows."""
    if node.type.ndim or node.type.dtype.kind != "f" or node.type.dtype.itemsize < 4:
        return False
    if isinstance(node.op, Constant):
        value = abs(float(node.op.value))
        return 1 / LARGEST <= value <= LARGEST
    if isinstance(node.op, e.Cast):
        return isinstance(node.inputs[0].op, sh.DimSize)
    if isinstance(node.op, e.Divide):
        one, size = node.inputs
        return isinstance(one.op, Constant) and _moderate(one) and _moderate(size) and not _is_quotient(size)
    return False


def _is_quotient(node: Node) -> bool:
    return isinstance(node.op, e.Divide)


def _scaled(node: Node) -> tuple[Tensor, Tensor] | None:
    """For a moderate scalar times an array: both."""
    if isinstance(node.op, e.Multiply):
        for s, x in (node.inputs, node.inputs[::-1]):
            if x.type.ndim and _moderate(s) and s.type.dtype == x.type.dtype:
                return Tensor(s), Tensor(x)
    return None


def _mean(x: Tensor) -> Tensor:
    return 1.0 / dim_scalar(x.shape[0], x.dtype)


@node_law(
    e.Multiply,
    samples=[
        Sample(lambda x: 3.0 * (0.7 * x), ("m n",)),
        Sample(lambda x: (x * _mean(x)) * 0.3, ("2 n",)),
        Sample(lambda x: _mean(x) * (0.7 * x), ("2 n",)),
    ],
    tier="rounded",
    ulp=2,
    kinds="d",
)
def scalars_first(node: Node) -> Tensor | None:
    """a * (b * x) = (a * b) * x, for scalars of moderate size"""
    outer = _scaled(node)
    inner = _scaled(outer[1].node) if outer else None
    if outer is None or inner is None or not _fit(outer[0].node, inner[0].node):
        return None
    return (outer[0] * inner[0]) * inner[1]


def _fit(a: Node, b: Node) -> bool:
    """Whether the product of two scalars stays moderate, so that it may meet a third."""
    x, y = constant_of(a), constant_of(b)
    return x is None or y is None or 1 / LARGEST <= math.fabs(float(x) * float(y)) <= LARGEST


@node_law(e.Add, samples=[Sample(lambda x: x * _mean(x) + x * _mean(x), ("2 n",))], tier="stable", kinds="d")
def twice_scaled(node: Node) -> Tensor | None:
    """a * x + a * x = (2 * a) * x, for a scalar of moderate size"""
    first, second = node.inputs
    found = _scaled(first) if first is second else None
    return None if found is None else (2 * found[0]) * found[1]


@node_law(
    e.Multiply,
    samples=[Sample(lambda x, y: (1 / x) * y, ("m n", "m n")), Sample(lambda x, y: y * (1 / x), ("m n", "n"))],
    tier="stable",
)
def times_inverse(node: Node) -> Tensor | None:
    """x * (1 / y) = x / y, where y is as large as the result"""
    for x, inverse in (node.inputs, node.inputs[::-1]):
        if isinstance(inverse.op, e.Divide) and constant_of(inverse.inputs[0]) == 1 and inverse.type == node.type:
            made = Tensor(x) / Tensor(inverse.inputs[1])
            return made if made.node.type == node.type else None
    return None
