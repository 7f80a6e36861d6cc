"""Identities of arithmetic, selection and comparison."""

from __future__ import annotations

import numpy as np

from tensorgraph.array.functions import abs, logical_not, maximum, minimum, where
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.rewrite.law import Condition, Sample, Sides, law, node_law
from tensorgraph.rewrite.match import constant_of

NUMBERS = "iuf"  # not complex: inf * (1 + 0j) is NaN + NaN j


# ---- neutral elements


@law(kinds=NUMBERS)
def mul_one(x: Tensor) -> Sides:
    """x * 1 = x"""
    return x * 1, x


@law
def div_one(x: Tensor) -> Sides:
    """x / 1 = x"""
    return x / 1, x


@law(kinds=NUMBERS)
def sub_zero(x: Tensor) -> Sides:
    """x - 0 = x"""
    return x - 0, x


@law
def add_negative_zero(x: Tensor) -> Sides:
    """x + -0.0 = x"""
    return x + -0.0, x


@law(kinds="iu")
def add_integer_zero(x: Tensor) -> Sides:
    """x + 0 = x (integers)"""
    return x + 0, x


@law(tier="stable")
def add_zero(x: Tensor) -> Sides:
    """x + 0 = x (the sign of zero may differ: -0.0 + 0 is 0.0)"""
    return x + 0, x


# ---- sizes


@law(kinds=NUMBERS)
def abs_abs(x: Tensor) -> Sides:
    """abs(abs(x)) = abs(x)"""
    return abs(abs(x)), abs(x)


@law
def square_of_abs(x: Tensor) -> Sides:
    """abs(x) * abs(x) = x * x"""
    return abs(x) * abs(x), x * x


# ---- division


@node_law(
    e.Divide, operands=(Constant,), samples=[Sample(lambda x: x / 4, ("m n",)), Sample(lambda x: x / -0.125, ("m n",))]
)
def div_power_of_two(node: Node) -> Tensor | None:
    """x / 2**k = x * 2**-k"""
    x, c = node.inputs
    divisor = constant_of(c)
    if divisor is None or divisor.dtype.kind != "f" or not np.isfinite(divisor) or not divisor:
        return None
    with np.errstate(all="ignore"):
        inverse = 1 / divisor
    tiny = np.finfo(divisor.dtype).tiny
    if np.abs(np.frexp(divisor)[0]) != 0.5 or not np.isfinite(inverse) or min(np.abs(inverse), np.abs(divisor)) < tiny:
        return None
    return Tensor(x) * asarray(inverse)


# ---- selection


@law(kinds="biuf")
def where_same(c: Condition, x: Tensor) -> Sides:
    """where(c, x, x) = x"""
    return where(c, x, x), x


@law(kinds="biuf")
def where_not(c: Condition, x: Tensor, y: Tensor) -> Sides:
    """where(not c, x, y) = where(c, y, x)"""
    return where(logical_not(c), x, y), where(c, y, x)


@law(kinds="biuf")
def where_true(x: Tensor, y: Tensor) -> Sides:
    """where(True, x, y) = x"""
    return apply(e.Where(), asarray(True), x, y), x


@law(kinds="biuf")
def where_false(x: Tensor, y: Tensor) -> Sides:
    """where(False, x, y) = y"""
    return apply(e.Where(), asarray(False), x, y), y


@law(kinds="biuf")
def where_where(c: Condition, x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """where(c, where(c, x, y), z) = where(c, x, z)"""
    return where(c, where(c, x, y), z), where(c, x, z)


@law(kinds="biuf")
def where_else_where(c: Condition, x: Tensor, y: Tensor, z: Tensor) -> Sides:
    """where(c, x, where(c, y, z)) = where(c, x, z)"""
    return where(c, x, where(c, y, z)), where(c, x, z)


@law(kinds="biuf")
def max_same(x: Tensor) -> Sides:
    """max(x, x) = x"""
    return maximum(x, x), x


@law(kinds="biuf")
def min_same(x: Tensor) -> Sides:
    """min(x, x) = x"""
    return minimum(x, x), x


# ---- comparisons and logic


@law(kinds="b")
def not_not(x: Tensor) -> Sides:
    """not (not x) = x"""
    return logical_not(logical_not(x)), x


@law(kinds="biuf")
def not_equal(x: Tensor, y: Tensor) -> Sides:
    """not (x == y) = x != y"""
    return logical_not(x == y), x != y


@law(kinds="biuf")
def not_not_equal(x: Tensor, y: Tensor) -> Sides:
    """not (x != y) = x == y"""
    return logical_not(x != y), x == y


@law(kinds="biu")
def not_less(x: Tensor, y: Tensor) -> Sides:
    """not (x < y) = x >= y (without NaN: integers and bool)"""
    return logical_not(x < y), x >= y


@law(kinds="b")
def and_same(x: Tensor) -> Sides:
    """x & x = x"""
    return x & x, x


@law(kinds="b")
def or_same(x: Tensor) -> Sides:
    """x | x = x"""
    return x | x, x
