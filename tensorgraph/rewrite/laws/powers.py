"""Powers with known exponents: products, quotients and square roots."""

from __future__ import annotations

from tensorgraph.array.functions import broadcast_to, sqrt
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.match import constant_of


def _base(node: Node, exponent: float) -> Tensor | None:
    """The base of a power with this exponent, if its dtype is that of the power."""
    x, y = node.inputs
    value = constant_of(y)
    return Tensor(x) if value is not None and value == exponent and x.type == node.type else None


def _power(exponent: float) -> list[Sample]:
    return [Sample(lambda x: x**exponent, ("m n",))]


@node_law(e.Power, samples=_power(0), kinds="if")
def power_zero(node: Node) -> Tensor | None:
    """x ** 0 = 1, of NaN too, as in NumPy"""
    x = _base(node, 0)
    return None if x is None else broadcast_to(asarray(x.dtype.type(1)), x.shape)


@node_law(e.Power, samples=_power(1), kinds="if")
def power_one(node: Node) -> Tensor | None:
    """x ** 1 = x"""
    return _base(node, 1)


@node_law(e.Power, samples=_power(2), tier="stable")
def power_two(node: Node) -> Tensor | None:
    """x ** 2 = x * x"""
    x = _base(node, 2)
    return None if x is None or x.dtype.kind != "f" else x * x


@node_law(e.Power, samples=_power(2), kinds="i")
def integer_power_two(node: Node) -> Tensor | None:
    """x ** 2 = x * x (integers)"""
    x = _base(node, 2)
    return None if x is None or x.dtype.kind not in "iu" else x * x


@node_law(e.Power, samples=_power(3), tier="rounded", ulp=2)
def power_three(node: Node) -> Tensor | None:
    """x ** 3 = x * x * x"""
    x = _base(node, 3)
    return None if x is None or x.dtype.kind != "f" else x * x * x


@node_law(e.Power, samples=_power(4), tier="rounded", ulp=3)
def power_four(node: Node) -> Tensor | None:
    """x ** 4 = (x * x) * (x * x)"""
    x = _base(node, 4)
    if x is None or x.dtype.kind != "f":
        return None
    square = x * x
    return square * square


@node_law(e.Power, samples=_power(-1.0), tier="stable")
def power_minus_one(node: Node) -> Tensor | None:
    """x ** -1 = 1 / x"""
    x = _base(node, -1)
    return None if x is None or x.dtype.kind != "f" else 1 / x


@node_law(e.Power, samples=_power(-2.0), tier="rounded", ulp=3)
def power_minus_two(node: Node) -> Tensor | None:
    """x ** -2 = (1 / x) * (1 / x)"""
    x = _base(node, -2)
    if x is None or x.dtype.kind != "f":
        return None
    inverse = 1 / x
    return inverse * inverse


@node_law(e.Power, samples=_power(0.5), tier="stable")
def power_half(node: Node) -> Tensor | None:
    """x ** 0.5 = sqrt(x)"""
    x = _base(node, 0.5)
    return None if x is None or x.dtype.kind != "f" else sqrt(x)


@node_law(e.Power, samples=_power(1.5), tier="rounded", ulp=2)
def power_three_halves(node: Node) -> Tensor | None:
    """x ** 1.5 = x * sqrt(x)"""
    x = _base(node, 1.5)
    return None if x is None or x.dtype.kind != "f" else x * sqrt(x)
