"""Matrix products: transposes absorbed, sums as products, products of one column and one row."""

from __future__ import annotations

import numpy as np

from tensorgraph.array.functions import broadcast_to, matmul, matrix_transpose, multiply, permute_dims, sum
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.node import Node
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops.linalg import Matmul
from tensorgraph.rewrite.law import Sample, node_law
from tensorgraph.rewrite.laws.structure import reshaped

BLAS = (np.dtype(np.float32), np.dtype(np.float64))  # what BLAS multiplies


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
    (product,) = node.inputs
    if not isinstance(node.op, sh.PermuteDims) or not isinstance(product.op, Matmul):
        return None
    n = product.type.ndim
    if node.op.order != (*range(n - 2), n - 1, n - 2):
        return None
    x, y = map(Tensor, product.inputs)
    return matmul(matrix_transpose(y), matrix_transpose(x))


@node_law(Matmul, samples=[Sample(matmul, ("m 1", "1 n"))], tier="stable")
def rank_one(node: Node) -> Tensor | None:
    """x @ y = x * y, where x has one column and y one row (the sign of zero may differ)"""
    x, y = node.inputs
    if dim_key(x.type.shape[-1]) != 1 or node.type.dtype.kind != "f" or x.type.dtype != y.type.dtype:
        return None
    return multiply(Tensor(x), Tensor(y))


@node_law(
    r.Sum,
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
    samples=[
        Sample(lambda x, y: sum(x * y, axis=(0, 1)), ("m n", "m n")),
        Sample(lambda x: sum(x * x, axis=0), ("m",)),
    ],
    tier="rounded",
    ulp=2,
    per_term=True,
    kinds="d",
)
def sum_of_products(node: Node) -> Tensor | None:
    """sum(x * y) = x . y over all axes"""
    (product,) = node.inputs
    if not isinstance(node.op, r.Sum) or not isinstance(product.op, e.Multiply) or product.type.dtype not in BLAS:
        return None
    x, y = product.inputs
    if len(node.op.axis) != product.type.ndim or x.type != y.type or x.type != product.type:
        return None
    row = Tensor(x).reshape((1, -1))
    column = Tensor(y).reshape((-1, 1))
    return reshaped(matmul(row, column), node.type.shape)
