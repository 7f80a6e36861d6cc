"""How BLAS computes it: transposes absorbed, sums as products, products of one column and one row."""

from __future__ import annotations

import numpy as np

from tensorgraph.array.functions import (
    broadcast_to,
    matmul,
    matrix_transpose,
    multiply,
    permute_dims,
    reshape,
    sum,
    vecdot,
)
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.ir.dims import dim_key, product, same_shape
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops.linalg import Matmul
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.laws.structure import RESHAPES, reshaped

BLAS = (np.dtype(np.float32), np.dtype(np.float64))  # what BLAS multiplies
LEAST = 64  # elements of a row from which on np.vecdot is quicker than np.add.reduce at every length: measured
MOST = 8192  # as many float64 are the largest constant that is printed as one number
LARGE = 1 << 19  # elements: BLAS is quicker at a smaller product of a column and a row, and much slower at a larger one
MANY = 1 << 18  # elements, beside which another call is nothing


@node_law(
    sh.PermuteDims,
    samples=[
        Sample(lambda x, y: permute_dims(matmul(x, y), (1, 0)), ("m n", "n k")),
        Sample(lambda x, y: matrix_transpose(matmul(x, y)), ("2 m n", "n k")),
    ],
    tier="rounded",
    ulp=1,
    per_term=True,
)
def transpose_of_matmul(node: Node) -> Tensor | None:
    """(x @ y).mT = y.mT @ x.mT: BLAS takes transposed operands, and the result lies in the order it is read"""
    (multiplied,) = node.inputs
    if not isinstance(node.op, sh.PermuteDims) or not isinstance(multiplied.op, Matmul):
        return None
    n = multiplied.type.ndim
    if node.op.order != (*range(n - 2), n - 1, n - 2):
        return None
    x, y = map(Tensor, multiplied.inputs)
    return matmul(matrix_transpose(y), matrix_transpose(x))


@node_law(Matmul, samples=[Sample(matmul, ("2 m 1", "1 n")), Sample(matmul, ("m 1", "2 1 n"))], tier="stable")
def rank_one(node: Node) -> Tensor | None:
    """x @ y = x * y for stacks, or a large result, of one column and one row (the sign of zero may differ)"""
    x, y = node.inputs
    size = node.type.size
    if node.type.ndim == 2 and not (isinstance(size, int) and size > LARGE):
        return None
    if dim_key(x.type.shape[-1]) != 1 or node.type.dtype.kind != "f" or x.type.dtype != y.type.dtype:
        return None
    return multiply(Tensor(x), Tensor(y))


@node_law(
    r.Sum,
    late=True,
    samples=[
        Sample(lambda x: sum(x, axis=0), ("m n",)),
        Sample(lambda x: sum(x, axis=0, keepdims=True), ("m n",)),
    ],
    tier="rounded",
    ulp=1,
    per_term=True,
    kinds="d",
)
def sum_of_rows(node: Node) -> Tensor | None:
    """sum(x, axis=0) = ones @ x: BLAS adds rows faster than a reduction does"""
    (x,) = node.inputs
    if not isinstance(node.op, r.Sum) or node.op.axis != (0,) or x.type.ndim != 2 or x.type.dtype not in BLAS:
        return None
    ones = broadcast_to(asarray(x.type.dtype.type(1)), (1, x.type.shape[0]))
    return reshaped(matmul(ones, Tensor(x)), node.type.shape)


@node_law(
    r.Sum,
    late=True,
    samples=[
        Sample(lambda x, y: sum(x * y, axis=1), ("m n", "m n")),
        Sample(lambda x, y: sum(x * y, axis=1, keepdims=True), ("m n", "n")),
        Sample(lambda x: sum(x * x, axis=(1, 2)), ("2 m n",)),
    ],
    tier="rounded",
    ulp=2,
    per_term=True,
    kinds="d",
)
def sum_of_products_in_rows(node: Node) -> Tensor | None:
    """sum(x * y, axis=-1) = vecdot(x, y): the products need no memory; so over several last axes"""
    factors, count = _factors(node), _last_axes(node)
    if factors is None or not 0 < count < node.inputs[0].type.ndim:
        return None
    x, y = (_joined(factor, count) for factor in factors)
    return reshaped(vecdot(x, y), node.type.shape)


@node_law(
    r.Sum,
    late=True,
    samples=[
        Sample(lambda x: sum(x, axis=1), ("m 64",)),
        Sample(lambda x: sum(x, axis=(1, 2), keepdims=True), ("m 4 16",)),
    ],
    tier="rounded",
    ulp=1,
    per_term=True,
    kinds="d",
)
def sum_in_rows(node: Node) -> Tensor | None:
    """sum(x, axis=-1) = vecdot(x, ones) for rows of 64 numbers or more: BLAS adds them faster than a reduction does"""
    count = _last_axes(node)
    if not 0 < count < node.inputs[0].type.ndim or not _in_rows(node.inputs[0]):
        return None
    x = _joined(node.inputs[0], count)
    return reshaped(vecdot(x, _ones(x)), node.type.shape) if _long(x.node.type) else None


@node_law(
    r.Sum,
    late=True,
    samples=[
        Sample(lambda x, y: sum(x * y, axis=(0, 1)), ("m n", "m n")),
        Sample(lambda x, y: sum(x * y, axis=(0, 1), keepdims=True), ("M 64", "M 64")),
        Sample(lambda x: sum(x * x, axis=0), ("m",)),
    ],
    tier="rounded",
    ulp=2,
    per_term=True,
    kinds="d",
)
def sum_of_products(node: Node) -> Tensor | None:
    """sum(x * y) = vecdot(x, y) of all elements; of many long rows row by row, so that no operand is kept whole"""
    factors, ndim = _factors(node), node.inputs[0].type.ndim
    if factors is None or _last_axes(node) != ndim:
        return None
    if _many_rows(node.inputs[0].type):
        total = sum(vecdot(*map(Tensor, factors)))
    else:
        total = vecdot(*(_joined(factor, ndim) for factor in factors))
    return reshaped(total, node.type.shape)


@node_law(r.Sum, late=True, samples=[Sample(sum, ("M 64",))], tier="rounded", ulp=1, per_term=True, kinds="d")
def sum_of_long_rows(node: Node) -> Tensor | None:
    """sum(x) = sum(vecdot(x, ones)) over all axes, where there are many rows of 64 numbers or more"""
    x = Tensor(node.inputs[0])
    if not x.ndim or _last_axes(node) != x.ndim or not _many_rows(x.node.type) or not _in_rows(x.node):
        return None
    return reshaped(sum(vecdot(x, _ones(x))), node.type.shape)


def _last_axes(node: Node) -> int:
    """How many axes a sum in BLAS's dtypes is over, if they are the last ones; else 0."""
    (x,) = node.inputs
    if not isinstance(node.op, r.Sum) or x.type.dtype not in BLAS:
        return 0
    count = len(node.op.axis)
    return count if node.op.axis == tuple(range(x.type.ndim - count, x.type.ndim)) else 0


def _factors(node: Node) -> tuple[Node, Node] | None:
    """For a sum of products whose factors lie in rows: the factors, of one type unless their rows broadcast."""
    (terms,) = node.inputs
    if not isinstance(terms.op, e.Multiply):
        return None
    x, y = terms.inputs
    alike = x.type == y.type == terms.type
    if not alike and not (_last_axes(node) == 1 and all(_same_rows(f.type, terms.type) for f in (x, y))):
        return None
    return (x, y) if _in_rows(x) and _in_rows(y) else None


def _same_rows(a: TensorType, b: TensorType) -> bool:
    return a.ndim > 0 and a.dtype == b.dtype and same_shape(a.shape[-1:], b.shape[-1:])


def _in_rows(x: Node) -> bool:
    """Whether the last axis lies in one piece for certain: no view turns, repeats or steps along it."""
    while x.op.view:
        if not isinstance(x.op, RESHAPES):
            return False
        x = x.inputs[0]
    return True


def _joined(x: Node, count: int) -> Tensor:
    """With so many last axes as one."""
    kept = x.type.ndim - count
    return Tensor(x) if count == 1 else reshape(Tensor(x), (*x.type.shape[:kept], product(x.type.shape[kept:])))


def _long(kind: TensorType) -> bool:
    """Whether rows are long enough for BLAS, and not too long for as many ones to stay in the cache."""
    length = kind.shape[-1]
    return isinstance(length, int) and LEAST <= length <= MOST


def _many_rows(kind: TensorType) -> bool:
    """Whether an array has two axes or more, long rows, and so many of them that a loop over blocks may pay."""
    return kind.ndim > 1 and _long(kind) and (not isinstance(kind.size, int) or kind.size >= MANY)


def _ones(x: Tensor) -> Tensor:
    """As many as a row has elements, in memory: what BLAS reads has no steps of 0."""
    return asarray(np.ones(x.shape[-1:], x.dtype))
