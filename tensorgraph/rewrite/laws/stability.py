"""Formulas that lose digits or overflow, by ones that do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from tensorgraph.array.functions import (
    abs,
    exp,
    expm1,
    log,
    log1p,
    logaddexp,
    logsumexp,
    max,
    maximum,
    minimum,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
    where,
)
from tensorgraph.array.tensor import Tensor, apply
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops import transcendental as t
from tensorgraph.ops.meta import StopGradient
from tensorgraph.rewrite.law import Sample, Sides, law, node_law
from tensorgraph.rewrite.match import constant_of, unrepeated

ULP = 4  # of functions that are themselves computed in several steps
ADDITIVE = (e.Add, e.Subtract, e.Negative)
TERMS = 8  # sums that are taken apart: more than laws make of one difference
CENTRED = 373  # of exp(x - top), as x - top is rounded: half of 745, beyond which it is 0


# ---- logarithms and exponentials near 1 and 0


@law(tier="stable", ulp=2)
def log_one_plus(x: Tensor) -> Sides:
    """log(1 + x) = log1p(x)"""
    return log(1 + x), log1p(x)


@law(tier="stable", ulp=2)
def log_one_minus(x: Tensor) -> Sides:
    """log(1 - x) = log1p(-x)"""
    return log(1 - x), log1p(-x)


@law(tier="stable", ulp=2)
def exp_minus_one(x: Tensor) -> Sides:
    """exp(x) - 1 = expm1(x)"""
    return exp(x) - 1, expm1(x)


@law(tier="stable", ulp=2)
def one_minus_exp(x: Tensor) -> Sides:
    """1 - exp(x) = -expm1(x)"""
    return 1 - exp(x), -expm1(x)


@node_law(t.Log, samples=[Sample(lambda x: log(-expm1(x)), ("m n",))], tier="stable", ulp=ULP)
def log_one_minus_exp(node: Node) -> Tensor | None:
    """log(1 - exp(x)) = log(-expm1(x)) where x > -log(2), else log1p(-exp(x))"""
    (negated,) = node.inputs
    if not (isinstance(negated.op, e.Negative) and isinstance(negated.inputs[0].op, t.Expm1)):
        return None
    (exponent,) = negated.inputs[0].inputs
    plain = unrepeated(exponent)
    number = constant_of(plain)
    if exponent.type.dtype.kind != "f" or isinstance(plain.op, e.Maximum):
        return None  # such as the one made here
    if number is not None and number >= plain.type.dtype.type(-math.log(2)):
        return None  # such as that one of a number
    x = Tensor(exponent)
    return where(x > -math.log(2), log(-expm1(maximum(x, -math.log(2)))), log1p(-exp(x)))


# ---- the logistic function and its logarithm


@law(tier="stable", ulp=ULP)
def log1p_exp(x: Tensor) -> Sides:
    """log(1 + exp(x)) = softplus(x)"""
    return log1p(exp(x)), softplus(x)


@law(tier="stable", ulp=ULP)
def one_over_one_plus_exp(x: Tensor) -> Sides:
    """1 / (1 + exp(x)) = sigmoid(-x)"""
    return 1 / (1 + exp(x)), sigmoid(-x)


@law(tier="stable", ulp=ULP)
def exp_over_one_plus_exp(x: Tensor) -> Sides:
    """exp(x) / (1 + exp(x)) = sigmoid(x) for x < inf, where it is NaN"""
    return exp(x) / (1 + exp(x)), where(x == math.inf, math.nan, sigmoid(x))


@law(tier="stable", ulp=ULP)
def log_sigmoid(x: Tensor) -> Sides:
    """log(sigmoid(x)) = -softplus(-x)"""
    return log(sigmoid(x)), -softplus(-x)


@law(tier="stable", ulp=ULP)
def log_one_minus_sigmoid(x: Tensor) -> Sides:
    """log(1 - sigmoid(x)) = -softplus(x)"""
    return log1p(-sigmoid(x)), -softplus(x)


@law(tier="stable", ulp=ULP)
def exp_quotient(x: Tensor) -> Sides:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)) = tanh(x) for finite x; NaN for others"""
    return (exp(x) - exp(-x)) / (exp(x) + exp(-x)), where(abs(x) == math.inf, math.nan, tanh(x))


@law(tier="stable", ulp=ULP, of=1.0)
def log_of_sum_of_exps(x: Tensor, y: Tensor) -> Sides:
    """log(exp(x) + exp(y)) = logaddexp(x, y)"""
    return log(exp(x) + exp(y)), logaddexp(x, y)


@law(tier="stable")
def sqrt_of_square(x: Tensor) -> Sides:
    """sqrt(x * x) = abs(x)"""
    return sqrt(x * x), abs(x)


# ---- sums of exponentials


def _centred(x: Node, axis: tuple[int, ...]) -> bool:
    """Whether `x` is something less its largest element along these axes, however other laws have written that."""
    for top in _terms({x: 1}):
        largest = top.inputs[0] if isinstance(top.op, StopGradient) else top
        if isinstance(largest.op, e.Minimum) and constant_of(largest.inputs[1]) is not None:
            largest = largest.inputs[0]
        if not isinstance(largest.op, r.Max) or not _broadcasts(largest):
            continue
        of = largest.inputs[0]
        same_axes = [a - of.type.ndim for a in largest.op.axis] == [a - x.type.ndim for a in axis]
        if same_axes and not _terms({x: 1, of: -1, top: 1}):
            return True
    return False


def _terms(sums: Mapping[Node, int]) -> Mapping[Node, int]:
    """What sums and differences add up, repetitions aside, and how often; of long ones some terms are sums.

    Terms that cancel are dropped before they are taken apart, so what two sums share costs nothing.
    """
    left: Counter[Node] = Counter()
    for node, times in sums.items():
        left[unrepeated(node)] += times
    for _ in range(TERMS):
        whole = next((n for n, times in left.items() if times and isinstance(n.op, ADDITIVE)), None)
        if whole is None:
            break
        times = left.pop(whole)
        first, *second = map(unrepeated, whole.inputs)
        left[first] += -times if isinstance(whole.op, e.Negative) else times
        for other in second:
            left[other] += -times if isinstance(whole.op, e.Subtract) else times
    return {node: times for node, times in left.items() if times}


def _broadcasts(node: Node) -> bool:
    """Whether what a reduction gives meets its operand where it belongs: the axes are kept, or it is one number."""
    return isinstance(node.op, r.Reduction) and (node.op.keepdims or not node.type.ndim)


def _exponents(node: Node) -> tuple[Node, r.Sum] | None:
    """For ``sum(exp(x), axis)``: x and the operation; None for others, and where x is centred already."""
    if isinstance(node.op, r.Sum) and isinstance(node.inputs[0].op, t.Exp):
        (x,) = node.inputs[0].inputs
        if x.type.dtype.kind == "f" and not _centred(x, node.op.axis):
            return x, node.op
    return None


@node_law(
    t.Log,
    samples=[
        Sample(lambda x: log(sum(exp(x), axis=1)), ("m n",)),
        Sample(lambda x: log(sum(exp(x), axis=(0, 1), keepdims=True)), ("m n",)),
    ],
    tier="stable",
    ulp=2 * ULP,
    of=1.0,
)
def log_sum_exp(node: Node) -> Tensor | None:
    """log(sum(exp(x))) = logsumexp(x)"""
    found = _exponents(node.inputs[0])
    if found is None:
        return None
    x, op = found
    return logsumexp(Tensor(x), op.axis, keepdims=op.keepdims)


def _softmax(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """For ``exp(x) / sum(exp(x), axis, keepdims=True)``, or the sum of all: x and the axes."""
    if not isinstance(node.op, e.Divide):
        return None
    over, under = node.inputs
    if isinstance(under.op, r.Sum) and _broadcasts(under) and isinstance(over.op, t.Exp) and under.inputs[0] is over:
        return over.inputs[0], under.op.axis
    return None


def _plain_softmax(x: Tensor) -> Tensor:
    weights = exp(x)
    return weights / sum(weights, axis=1, keepdims=True)


@node_law(
    e.Divide,
    operands=(t.Exp,),
    samples=[Sample(_plain_softmax, ("m n",)), Sample(lambda x: exp(x) / sum(exp(x)), ("3",))],
    tier="stable",
    ulp=CENTRED + 2 * ULP,
    kinds="f",
)
def softmax_centred(node: Node) -> Tensor | None:
    """exp(x) / sum(exp(x)) = exp(x - max(x)) / sum(exp(x - max(x)))"""
    found = _softmax(node)
    if found is None or found[0].type.dtype.kind != "f" or _centred(*found) or _may_be_empty(*found):
        return None
    x, axis = Tensor(found[0]), found[1]
    top = max(x, axis, keepdims=True)
    weights = exp(x - minimum(top, float(np.finfo(x.dtype).max)))  # beside inf, others stay 0
    return weights / sum(weights, axis, keepdims=True)


def _may_be_empty(x: Node, axis: tuple[int, ...]) -> bool:
    """Whether there may be no largest element along these axes."""
    return not all(isinstance(x.type.shape[a], int) and x.type.shape[a] > 0 for a in axis)


def _log_softmax(node: Node) -> Tensor | None:
    """The logarithm of a softmax of centred numbers, without the softmax."""
    found = _softmax(node)
    if found is None or found[0].type.dtype.kind != "f" or not _centred(*found):
        return None
    x, axis = Tensor(found[0]), found[1]
    return x - log(sum(exp(x), axis, keepdims=True))


def _centred_softmax(x: Tensor) -> Tensor:
    return _plain_softmax(x - max(x, 1, keepdims=True))


@node_law(
    t.Log,
    samples=[
        Sample(lambda x: log(_centred_softmax(x)), ("m 3",)),
        Sample(lambda x: log(exp(x - max(x)) / sum(exp(x - max(x)))), ("3",)),
    ],
    tier="stable",
    ulp=2 * ULP,
    of=1.0,
)
def log_softmax(node: Node) -> Tensor | None:
    """log(exp(x) / sum(exp(x))) = x - log(sum(exp(x))) for x - max(x)"""
    return _log_softmax(node.inputs[0])


@node_law(
    t.Log,
    samples=[
        Sample(lambda x, i: log(_centred_softmax(x)[i, i]), ("2 2", "i:m")),
        Sample(lambda x: log(_centred_softmax(x)[:, 0]), ("m 2",)),
        Sample(lambda x: log(_centred_softmax(x).reshape((-1,))), ("m 2",)),
    ],
    tier="stable",
    ulp=2 * ULP,
    of=1.0,
)
def log_of_part_of_softmax(node: Node) -> Tensor | None:
    """log(softmax(x)[i]) = log_softmax(x)[i]"""
    (part, *_) = node.inputs
    if not isinstance(part.op, (ix.Gather, ix.Slice, sh.Reshape, sh.Squeeze)):
        return None
    whole = _log_softmax(part.inputs[0])
    return None if whole is None else apply(part.op, whole, *map(Tensor, part.inputs[1:]))
