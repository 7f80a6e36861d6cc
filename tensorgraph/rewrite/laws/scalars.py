"""Factors that are one number: multiplied with each other before they meet an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.tensor import Tensor, apply, asarray
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
    operands=(e.Multiply,),
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


@node_law(
    e.Add,
    operands=(e.Multiply,),
    samples=[Sample(lambda x: x * _mean(x) + x * _mean(x), ("2 n",))],
    tier="stable",
    kinds="d",
)
def twice_scaled(node: Node) -> Tensor | None:
    """a * x + a * x = (2 * a) * x, for a scalar of moderate size"""
    first, second = node.inputs
    found = _scaled(first) if first is second else None
    return None if found is None else (2 * found[0]) * found[1]


@node_law(e.Add, late=True, samples=[Sample(lambda x: x + x, ("m n",))])
def twice(node: Node) -> Tensor | None:
    """x + x = x * 2: a factor that may meet others"""
    x, y = node.inputs
    return Tensor(x) * 2 if x is y and x.type.dtype.kind == "f" else None


@node_law(
    e.Multiply,
    operands=(e.Divide,),
    samples=[Sample(lambda x: (3.0 / x) * 0.7, ("m n",)), Sample(lambda x: 0.7 * (x / 3.0), ("m n",))],
    tier="rounded",
    ulp=2,
    kinds="d",
)
def scalar_times_quotient(node: Node) -> Tensor | None:
    """a * (b / x) = (a * b) / x, and a * (x / b) = (a / b) * x, for scalars of moderate size"""
    for a, quotient in (node.inputs, node.inputs[::-1]):
        if isinstance(quotient.op, e.Divide) and quotient.type.ndim and _moderate(a):
            over, under = quotient.inputs
            alike = over.type.dtype == under.type.dtype == a.type.dtype
            if alike and _moderate(over) and _fit(a, over):
                return (Tensor(a) * Tensor(over)) / Tensor(under)
            if alike and _moderate(under):
                return (Tensor(a) / Tensor(under)) * Tensor(over)
    return None


@node_law(
    e.Multiply,
    operands=(e.Multiply, e.Divide),
    samples=[
        Sample(lambda x, y: ((x * 0.5) * y) * 2.0, ("m n", "m n")),
        Sample(lambda x, y: 4.0 * (y * (0.1 * x)), ("n", "m n")),
        Sample(lambda x, y: ((x * 0.25) / y) * 2.0, ("m n", "m n")),
    ],
    tier="stable",
    ulp=1,
)
def doubled_product(node: Node) -> Tensor | None:
    """((x * a) * y) * 2**k = (x * (a * 2**k)) * y for abs(a * 2**k) <= 1 and k >= 0; so (x * a) / y"""
    for c, product in (node.inputs, node.inputs[::-1]):
        power = _number(c)
        if power is None or power.dtype != node.type.dtype or power < 1 or np.frexp(power)[0] != 0.5:
            continue
        for x, y in (product.inputs, product.inputs[::-1])[: 2 if isinstance(product.op, e.Multiply) else 1]:
            made = _with_factor(x, power)
            if made is not None:
                return apply(product.op, made, Tensor(y))
    return None


def _with_factor(node: Node, power: Any) -> Tensor | None:
    """For x * a: x * (a * power), if that is no number above 1."""
    if isinstance(node.op, e.Multiply):
        for x, c in (node.inputs, node.inputs[::-1]):
            a = _number(c)
            if a is not None and a.dtype == power.dtype and np.finfo(a.dtype).tiny <= abs(a * power) <= 1:
                return Tensor(x) * asarray(a * power)
    return None


@node_law(
    e.Multiply,
    operands=(e.Divide,),
    samples=[
        Sample(lambda x, y: (1 / x) * y, ("m n", "m n")),
        Sample(lambda x, y: y * (1 / x), ("m n", "n")),
        Sample(lambda x, y: (-1 / x) * y, ("m n", "m n")),
    ],
    tier="stable",
)
def times_inverse(node: Node) -> Tensor | None:
    """x * (1 / y) = x / y, where y is as large as the result, and x * (-1 / y) = -(x / y)"""
    for x, inverse in (node.inputs, node.inputs[::-1]):
        one = _number(inverse.inputs[0]) if isinstance(inverse.op, e.Divide) and inverse.type == node.type else None
        if one is not None and abs(one) == 1:
            made = Tensor(x) / Tensor(inverse.inputs[1])
            return (made if one == 1 else -made) if made.node.type == node.type else None
    return None


def _number(node: Node) -> Any:
    """The real number that a scalar constant is; None for anything else."""
    value = constant_of(node)
    return value if value is not None and value.dtype.kind == "f" else None


@node_law(
    e.Multiply,
    operands=(e.Multiply,),
    samples=[
        Sample(lambda x, y: (x * (0.5 / y)) * 2.0, ("m n", "m n")),
        Sample(lambda x, y: 4.0 * ((0.25 / y) * x), ("n", "m n")),
    ],
    tier="stable",
)
def times_part_of_inverse(node: Node) -> Tensor | None:
    """(x * (a / y)) * b = x / y, where a * b = 1 and y is as large as the result"""
    for c, product in (node.inputs, node.inputs[::-1]):
        b = _number(c)
        if b is None or not isinstance(product.op, e.Multiply):
            continue
        for x, part in (product.inputs, product.inputs[::-1]):
            a = _number(part.inputs[0]) if isinstance(part.op, e.Divide) and part.type == node.type else None
            if a is not None and a.dtype == b.dtype and a * b == 1:
                made = Tensor(x) / Tensor(part.inputs[1])
                return made if made.node.type == node.type else None
    return None
