"""Negations: numbers take them in; others rise until they meet a sum, and else sink into a smaller operand."""

from __future__ import annotations

from collections.abc import Callable

from tensorgraph.array.functions import abs, expand_dims, negative, permute_dims, sum, vecdot
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops.linalg import Vecdot
from tensorgraph.rewrite.law import Sample, Sides, law, node_law
from tensorgraph.rewrite.laws.structure import RESHAPES
from tensorgraph.rewrite.match import constant_of

NUMBERS = "iuf"  # not complex: the imaginary part of a negated product may be another zero


# ---- where they meet


@law(kinds="if")
def neg_neg(x: Tensor) -> Sides:
    """-(-x) = x"""
    return negative(negative(x)), x


@law(kinds="if")
def mul_minus_one(x: Tensor) -> Sides:
    """x * -1 = -x"""
    return x * -1, -x


@law(kinds=NUMBERS)
def neg_mul_neg(x: Tensor, y: Tensor) -> Sides:
    """(-x) * (-y) = x * y"""
    return (-x) * (-y), x * y


@law
def neg_div_neg(x: Tensor, y: Tensor) -> Sides:
    """(-x) / (-y) = x / y"""
    return (-x) / (-y), x / y


@law(kinds=NUMBERS)
def add_neg(x: Tensor, y: Tensor) -> Sides:
    """x + (-y) = x - y"""
    return x + (-y), x - y


@law(kinds=NUMBERS)
def sub_neg(x: Tensor, y: Tensor) -> Sides:
    """x - (-y) = x + y"""
    return x - (-y), x + y


@law(tier="stable")
def neg_sub(x: Tensor, y: Tensor) -> Sides:
    """-(x - y) = y - x (the sign of zero may differ)"""
    return -(x - y), y - x


@law(tier="stable")
def zero_sub(x: Tensor) -> Sides:
    """0 - x = -x (the sign of zero may differ)"""
    return 0 - x, -x


@law(kinds="if")
def abs_neg(x: Tensor) -> Sides:
    """abs(-x) = abs(x)"""
    return abs(-x), abs(x)


# ---- how they rise


@node_law(
    e.Multiply, e.Divide,
    operands=(e.Negative,),
    samples=[
        Sample(lambda x, y: -x * y, ("m n", "m n")),
        Sample(lambda x, y: y * -x, ("m n", "n")),
        Sample(lambda x, y: -x / y, ("m n", "m 1")),
        Sample(lambda x, y: y / -x, ("m n", "")),
    ],
)  # fmt: skip
def neg_of_factor(node: Node) -> Tensor | None:
    """(-x) * y = -(x * y), where x is as large as the product; so (-x) / y and y / (-x)"""
    x, y = node.inputs
    if _negates(x, node):
        return _risen(x, lambda positive: apply(node.op, positive, Tensor(y)))
    return _risen(y, lambda positive: apply(node.op, Tensor(x), positive)) if _negates(y, node) else None


@node_law(
    e.Subtract,
    operands=(e.Negative,),
    samples=[Sample(lambda x, y: -x - y, ("m n", "m n"))],
    tier="stable",
)
def neg_minus(node: Node) -> Tensor | None:
    """(-x) - y = -(x + y), where both are as large as the difference (the sign of zero may differ)"""
    x, y = node.inputs
    if not _negates(x, node) or _is_smaller(y, node):  # a smaller one may be the largest element, for a softmax
        return None
    sunk = _sunk(x.inputs[0], _is_smaller)
    return -(Tensor(x.inputs[0]) + Tensor(y)) if sunk is None else sunk - Tensor(y)


def _risen(negated: Node, function: Callable[[Tensor], Tensor]) -> Tensor:
    """An odd function of a negation, which rises unless a smaller operand takes it in."""
    sunk = _sunk(negated.inputs[0], _is_smaller)
    return -function(Tensor(negated.inputs[0])) if sunk is None else function(sunk)


def _sunk(x: Node, fits: Callable[[Node, Node], bool]) -> Tensor | None:
    """The negation of a product or quotient, by that of an operand which is one to take it in.

    Of floats alone: the negation of an integer may not fit its dtype.
    """
    if not isinstance(x.op, (e.Multiply, e.Divide)) or x.type.dtype.kind != "f":
        return None
    a, b = x.inputs
    if b.type.dtype.kind == "f" and fits(b, x):
        return apply(x.op, Tensor(a), -Tensor(b))
    return apply(x.op, -Tensor(a), Tensor(b)) if a.type.dtype.kind == "f" and fits(a, x) else None


def _is_number(x: Node, node: Node) -> bool:
    return constant_of(x) is not None


def _is_smaller(x: Node, node: Node) -> bool:
    return not same_shape(x.type.shape, node.type.shape)


def _negates(x: Node, node: Node) -> bool:
    """Whether it is the negation of floats as large as the result."""
    alike = isinstance(x.op, e.Negative) and x.type.dtype == node.type.dtype and x.type.dtype.kind == "f"
    return alike and same_shape(x.type.shape, node.type.shape)


@node_law(
    *RESHAPES, sh.PermuteDims,
    operands=(e.Negative,),
    samples=[
        Sample(lambda x: expand_dims(-x, 0), ("m n",)),
        Sample(lambda x: (-x).reshape((-1,)), ("m n",)),
        Sample(lambda x: permute_dims(-x, (1, 0)), ("m n",)),
    ],
    kinds="if",
)  # fmt: skip
def move_neg(node: Node) -> Tensor | None:
    """reshape(-x) = -reshape(x); so permute"""
    if node.type.dtype.kind not in "if":
        return None
    return _risen(node.inputs[0], lambda positive: apply(node.op, positive))


@node_law(r.Sum, operands=(e.Negative,), samples=[Sample(lambda x: sum(-x, axis=1), ("m n",))], tier="stable")
def sum_of_neg(node: Node) -> Tensor | None:
    """sum(-x) = -sum(x) (the sign of zero may differ)"""
    (negated,) = node.inputs
    return -apply(node.op, Tensor(negated.inputs[0])) if node.type.dtype.kind == "f" else None


@node_law(
    Vecdot,
    operands=(e.Negative,),
    samples=[Sample(lambda x, y: vecdot(-x, y), ("m n", "n")), Sample(lambda x, y: vecdot(x, -y), ("n", "m n"))],
    tier="stable",
)
def dot_of_neg(node: Node) -> Tensor | None:
    """vecdot(-x, y) = -vecdot(x, y), and so the other (the sign of zero may differ)"""
    if node.type.dtype.kind != "f":
        return None
    negated = [isinstance(x.op, e.Negative) and x.type.dtype.kind == "f" for x in node.inputs]
    if not any(negated):
        return None
    x, y = (source.inputs[0] if taken else source for source, taken in zip(node.inputs, negated, strict=True))
    found = vecdot(Tensor(x), Tensor(y))
    return found if all(negated) else -found


# ---- where they sink


@node_law(e.Subtract, operands=(e.Negative,), samples=[Sample(lambda x: -x - 3, ("m n",))])
def neg_minus_constant(node: Node) -> Tensor | None:
    """(-x) - c = (-c) - x"""
    x, c = node.inputs
    number = constant_of(c)
    if number is None or number.dtype.kind != "f" or not isinstance(x.op, e.Negative) or x.type.dtype.kind != "f":
        return None
    return asarray(-number) - Tensor(x.inputs[0])


@node_law(
    e.Negative,
    operands=(e.Multiply, e.Divide),
    samples=[
        Sample(lambda x: -(x * 3), ("m n",)),
        Sample(lambda x: -(0.5 * x), ("",)),
        Sample(lambda x: -(3 / x), ("m n",)),
        Sample(lambda x: -(x / 3), ("m n",)),
    ],
)
def neg_of_constant_factor(node: Node) -> Tensor | None:
    """-(x * c) = x * (-c); so quotients"""
    return _sunk(node.inputs[0], _is_number)


@node_law(
    e.Negative,
    operands=(e.Multiply, e.Divide),
    late=True,
    samples=[
        Sample(lambda x, s: -(x * s), ("m n", "n")),
        Sample(lambda x, s: -(s / x), ("m n", "m 1")),
        Sample(lambda x, s: -(x / s), ("m n", "")),
    ],
)
def neg_of_smaller_factor(node: Node) -> Tensor | None:
    """-(x * s) = x * (-s), where s has fewer elements than the product; so quotients"""
    return _sunk(node.inputs[0], _is_smaller)


@node_law(
    e.Negative,
    operands=(e.Add,),
    late=True,
    samples=[Sample(lambda x: -(x + 3), ("m n",)), Sample(lambda x: -(0.5 + x), ("m n",))],
    tier="stable",
)
def neg_of_constant_plus(node: Node) -> Tensor | None:
    """-(x + c) = (-c) - x (the sign of zero may differ)"""
    terms = node.inputs[0].inputs
    for x, c in (terms, terms[::-1]):
        number = constant_of(c)
        if number is not None and number.dtype.kind == "f":
            return asarray(-number) - Tensor(x)
    return None
