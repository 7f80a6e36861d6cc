"""What a graph computes on real numbers: the interpreter again, on mpmath's numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import mpmath as mp
import numpy as np

from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import linalg
from tensorgraph.ops import reduction as r
from tensorgraph.ops import transcendental as t

PRECISION = 2400  # bits: 1 + x is exact for the smallest x
NAN = mp.mpf("nan")


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """NaN where a function of real numbers has no real value; None where the precision does not suffice."""

    def call(*xs: Any) -> Any:
        if any(x is None for x in xs):
            return None
        if any(mp.isnan(x) for x in xs):
            return NAN
        try:
            y = function(*xs)
        except (ZeroDivisionError, ValueError, OverflowError):
            return NAN
        return NAN if isinstance(y, mp.mpc) else y

    return np.frompyfunc(call, function.__code__.co_argcount, 1)


def added(x: Any, y: Any) -> Any:
    """None where numbers that were rounded cancel to nothing, or nearly so."""
    total = x + y
    if (total == x and y != 0) or (total == y and x != 0):
        return total * (1 + mp.ldexp(mp.mpf(1), 2 - PRECISION))  # so that it is known not to be exact
    if any(mp.isfinite(z) and z._mpf_[3] > PRECISION - 64 for z in (x, y)) and mp.isfinite(total):
        return total if abs(total) > mp.ldexp(abs(x) + abs(y), 128 - PRECISION) else None
    return total


def plus(x: Any, y: Any) -> Any:
    return added(x, y)


def minus(x: Any, y: Any) -> Any:
    return added(x, -y)


def log1p(x: Any) -> Any:
    total = added(mp.mpf(1), x)
    return None if total is None else mp.log(total)


def expm1(x: Any) -> Any:
    return added(mp.exp(x), mp.mpf(-1))


def divided(x: Any, y: Any) -> Any:
    if mp.isinf(x) and mp.isinf(y):
        return NAN
    return x / y


def times(x: Any, y: Any) -> Any:
    return NAN if (mp.isinf(x) and y == 0) or (mp.isinf(y) and x == 0) else x * y


def raised(x: Any, y: Any) -> Any:
    if y == 0:
        return mp.mpf(1)
    if mp.isinf(x):
        sign = -1 if x < 0 and y == mp.floor(y) and int(y) % 2 else 1
        return (sign * mp.inf if y > 0 else mp.mpf(0)) if x > 0 or y == mp.floor(y) else NAN
    return mp.power(x, y)


def exp(x: Any) -> Any:
    return mp.exp(x)


def size(x: Any) -> Any:
    return abs(x)


def log(x: Any) -> Any:
    return mp.log(x)


def sqrt(x: Any) -> Any:
    return mp.sqrt(x)


def tanh(x: Any) -> Any:
    return mp.sign(x) if mp.isinf(x) or abs(x) > 2000 else mp.tanh(x)


def sigmoid(x: Any) -> Any:
    return 1 / added(mp.mpf(1), mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log(1 + mp.exp(x))


def logaddexp(x: Any, y: Any) -> Any:
    return mp.log(mp.exp(x) + mp.exp(y))


def maximum(x: Any, y: Any) -> Any:
    return None if x is None or y is None else NAN if mp.isnan(x) or mp.isnan(y) else max(x, y)


def minimum(x: Any, y: Any) -> Any:
    return None if x is None or y is None else NAN if mp.isnan(x) or mp.isnan(y) else min(x, y)


ELEMENTWISE: dict[type[Op], Any] = {
    e.Add: guarded(plus),
    e.Subtract: guarded(minus),
    e.Multiply: guarded(times),
    e.Divide: guarded(divided),
    e.Power: np.frompyfunc(lambda x, y: mp.mpf(1) if y == 0 else POWER(x, y), 2, 1),
    e.Negative: guarded(lambda x: -x),
    e.Abs: guarded(size),
    e.Maximum: np.frompyfunc(maximum, 2, 1),
    e.Minimum: np.frompyfunc(minimum, 2, 1),
    t.Exp: guarded(exp),
    t.Expm1: guarded(expm1),
    t.Log: guarded(log),
    t.Log1p: guarded(log1p),
    t.Logaddexp: guarded(logaddexp),
    t.Sqrt: guarded(sqrt),
    t.Tanh: guarded(tanh),
    t.Sigmoid: guarded(sigmoid),
    t.Softplus: guarded(softplus),
    t.Relu: guarded(lambda x: max(x, mp.mpf(0))),
}  # fmt: skip
POWER = guarded(raised)
PLUS, TIMES = ELEMENTWISE[e.Add], ELEMENTWISE[e.Multiply]
REDUCED: dict[type[Op], tuple[Callable[[Any, Any], Any], Any]] = {
    r.Sum: (PLUS, mp.mpf(0)),
    r.Max: (ELEMENTWISE[e.Maximum], -mp.inf),
    r.Min: (ELEMENTWISE[e.Minimum], mp.inf),
    r.LogSumExp: (ELEMENTWISE[t.Logaddexp], -mp.inf),
}


def real(array: Any) -> Any:
    """Floating-point numbers as mpmath's; others as they are."""
    array = np.asarray(array)
    return np.frompyfunc(lambda x: mp.mpf(float(x)), 1, 1)(array) if array.dtype.kind == "f" else array


def truth(root: Node, inputs: Sequence[Node], arrays: Sequence[Any], *, magnitudes: bool = False) -> Any:
    """The value of `root` on real numbers; or that with every number and every term made positive."""
    feeds = dict(zip(inputs, arrays, strict=True))
    sizes = bind_sizes((str(node.op), node.type, array.shape) for node, array in feeds.items())
    values: dict[Node, Any] = {}
    with mp.workprec(PRECISION), np.errstate(all="ignore"):
        for node in topological([root]):
            if node in feeds or node.op.leaf:
                known = feeds[node] if node in feeds else evaluate([node])[0]
                values[node] = object_array(real(known))
            else:
                operands = [values[source] for source in node.inputs]
                values[node] = object_array(computed(resolve(node.op, sizes), node, operands, magnitudes))
            if magnitudes and values[node].dtype == object:
                values[node] = object_array(ELEMENTWISE[e.Abs](values[node]))
    return values[root]


def object_array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value
    array = np.empty((), object if isinstance(value, mp.mpf) else None)
    array[()] = value
    return array


def computed(op: Op, node: Node, operands: Sequence[Any], magnitudes: bool) -> Any:
    if magnitudes and isinstance(op, e.Subtract):
        return PLUS(*operands)
    if type(op) in ELEMENTWISE:
        return ELEMENTWISE[type(op)](*map(lifted, operands))
    if type(op) in REDUCED:
        assert isinstance(op, r.Reduction)
        function, start = REDUCED[type(op)]
        return reduced(operands[0], op, function, start)
    if isinstance(op, e.Cast):
        return lifted(operands[0]) if node.type.dtype.kind == "f" else operands[0].astype(op.to)
    if isinstance(op, linalg.Vecdot):
        return reduced(object_array(TIMES(*operands)), r.Sum((-1,)), PLUS, mp.mpf(0))
    if isinstance(op, linalg.Matmul):
        a, b = operands
        return reduced(object_array(TIMES(a[..., :, :, None], b[..., None, :, :])), r.Sum((-2,)), PLUS, mp.mpf(0))
    result = op.evaluate(*operands)
    return np.asarray(result, bool) if node.type.dtype.kind == "b" else result


def lifted(array: Any) -> Any:
    """Integers beside real numbers."""
    if array.dtype == object:
        return array
    return object_array(np.frompyfunc(lambda x: mp.mpf(int(x)), 1, 1)(array))


def reduced(x: Any, op: r.Reduction, function: Callable[[Any, Any], Any], start: Any) -> Any:
    """Along axes, element by element."""
    axes = tuple(a % x.ndim for a in op.axis)
    kept = [i for i in range(x.ndim) if i not in axes]
    rows = np.transpose(x, (*kept, *axes))
    result = np.empty([x.shape[i] for i in kept], object)
    for index in np.ndindex(result.shape):
        result[index] = reduce(function, rows[index].ravel() if axes else [rows[index]], start)
    return result.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if op.keepdims else result
