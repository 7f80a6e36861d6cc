"""True of real numbers, not of floats: used with ``fast_math=True`` only."""

from __future__ import annotations

import math

import numpy as np

from tensorgraph.array.functions import exp, log, sqrt, sum, where
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import reduction as r
from tensorgraph.rewrite.law import Sample, Sides, law, node_law
from tensorgraph.rewrite.match import constant_of


@law(tier="reals")
def log_of_exp(x: Tensor) -> Sides:
    """log(exp(x)) = x"""
    return log(exp(x)), x


@law(tier="reals")
def exp_of_log(x: Tensor) -> Sides:
    """exp(log(x)) = x for x >= 0; NaN for others"""
    return exp(log(x)), where(x >= 0, x, math.nan)


@law(tier="reals")
def exp_times_exp(x: Tensor, y: Tensor) -> Sides:
    """exp(x) * exp(y) = exp(x + y)"""
    return exp(x) * exp(y), exp(x + y)


@law(tier="reals")
def square_of_sqrt(x: Tensor) -> Sides:
    """sqrt(x) * sqrt(x) = x for x >= 0; NaN for others"""
    return sqrt(x) * sqrt(x), where(x >= 0, x, math.nan)


@law(tier="reals")
def factor_product(x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """x * z + y * z = (x + y) * z"""
    return x * z + y * z, (x + y) * z


@law(tier="reals")
def factor_difference(x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """x * z - y * z = (x - y) * z"""
    return x * z - y * z, (x - y) * z


@law(tier="reals")
def factor_quotient(x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """x / z + y / z = (x + y) / z"""
    return x / z + y / z, (x + y) / z


@law(tier="reals")
def quotient_of_quotient(x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """x / y / z = x / (y * z)"""
    return x / y / z, x / (y * z)


def _factor(node: Node) -> tuple[Tensor, Tensor] | None:
    """For a product with a scalar constant: the other factor, and the constant."""
    if isinstance(node.op, e.Multiply):
        for x, c in (node.inputs, node.inputs[::-1]):
            value = constant_of(c)
            if value is not None and value.dtype.kind == "f" and constant_of(x) is None:
                return Tensor(x), Tensor(c)
    return None


@node_law(e.Divide, operands=(Constant,), samples=[Sample(lambda x: x / 3.0, ("m n",))], tier="reals")
def divide_by_constant(node: Node) -> Tensor | None:
    """x / c = x * (1 / c)"""
    x, c = node.inputs
    value = constant_of(c)
    if value is None or value.dtype.kind != "f" or not np.isfinite(value) or not value:
        return None
    with np.errstate(all="ignore"):
        inverse = 1 / value
    return Tensor(x) * asarray(inverse) if np.isfinite(inverse) else None


@node_law(e.Multiply, operands=(e.Multiply,), samples=[Sample(lambda x: 3.0 * x * 0.7, ("m n",))], tier="reals")
def constants_multiplied(node: Node) -> Tensor | None:
    """(x * b) * c = x * (b * c), for constants"""
    outer = _factor(node)
    inner = _factor(outer[0].node) if outer else None
    return inner[0] * (inner[1] * outer[1]) if outer and inner else None


@node_law(e.Add, operands=(e.Add,), samples=[Sample(lambda x: (x + 3.0) + 0.7, ("m n",))], tier="reals")
def constants_added(node: Node) -> Tensor | None:
    """(x + b) + c = x + (b + c), for constants"""
    for inner, c in (node.inputs, node.inputs[::-1]):
        if constant_of(c) is not None and isinstance(inner.op, e.Add):
            for x, b in (inner.inputs, inner.inputs[::-1]):
                if constant_of(b) is not None:
                    return Tensor(x) + (Tensor(b) + Tensor(c))
    return None


@node_law(r.Sum, samples=[Sample(lambda x: sum(3.0 * x, axis=1), ("m n",))], tier="reals")
def sum_of_multiple(node: Node) -> Tensor | None:
    """sum(x * c) = sum(x) * c, for a constant"""
    found = _factor(node.inputs[0])
    if found is None or found[0].node.type != node.inputs[0].type:
        return None
    return apply(node.op, found[0]) * found[1]
