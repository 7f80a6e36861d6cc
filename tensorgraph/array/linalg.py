"""Products of matrices and tensors, by the Array API's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.array.axes import one_axis
from tensorgraph.array.elementwise import abs
from tensorgraph.array.reduction import max, sqrt_at_zero, sum
from tensorgraph.array.selection import where
from tensorgraph.array.shape import expand_dims, moveaxis, permute_dims, reshape, squeeze
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray, promote
from tensorgraph.errors import ShapeError
from tensorgraph.ir.dims import dim_key, product
from tensorgraph.ir.provenance import located
from tensorgraph.ops.linalg import Matmul, Vecdot

__all__ = ["dot", "inner", "matmul", "outer", "tensordot", "vecdot", "vector_norm"]


def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Matrix product.

    Parameters
    ----------
    x1, x2
        ``[…, m, k]`` and ``[…, k, n]``; leading axes broadcast. A vector ``[k]`` counts as one row on the
        left and one column on the right, and that axis is dropped again.

    Raises
    ------
    ShapeError
        If an operand has no axes or the inner sizes differ.

    Examples
    --------
    >>> matmul([[1, 2], [3, 4]], [1, 1])
    Tensor([3, 7], int64)
    """
    a, b = asarray(x1), asarray(x2)
    if not a.ndim or not b.ndim:
        message = f"matmul: {a.node.type} and {b.node.type}: an operand has no axes; multiply with * instead"
        raise located(ShapeError(message))
    row, column = a.ndim == 1, b.ndim == 1
    columns, rows = a.shape[-1], b.shape[0 if column else -2]
    if dim_key(columns) != dim_key(rows):
        message = f"matmul: {a.node.type} and {b.node.type} do not multiply: {columns} columns meet {rows} rows"
        raise located(ShapeError(message))
    product = apply(Matmul(), expand_dims(a, 0) if row else a, expand_dims(b, 1) if column else b)
    dropped = tuple(axis for axis, drop in ((product.ndim - 2, row), (product.ndim - 1, column)) if drop)
    return squeeze(product, dropped) if dropped else product


def dot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's dot: a product of scalars, of matrices, or over the last axis and the last but one.

    Examples
    --------
    >>> dot([1, 2], [3, 4])
    Tensor(11, int64)
    """
    a, b = asarray(x1), asarray(x2)
    if not a.ndim or not b.ndim:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 2 if b.ndim > 1 else 0]))


def inner(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Sum of products over the last axes of both.

    Examples
    --------
    >>> inner([1, 2], [3, 4])
    Tensor(11, int64)
    """
    a, b = asarray(x1), asarray(x2)
    return tensordot(a, b, axes=([-1], [-1])) if a.ndim and b.ndim else a * b


def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of elements of two vectors.

    Examples
    --------
    >>> outer([1, 2], [3, 4])
    Tensor([[3, 4],
            [6, 8]], int64)
    """
    a, b = reshape(asarray(x1), (-1,)), reshape(asarray(x2), (-1,))
    return expand_dims(a, 1) * b


def vecdot(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """Sum of ``conj(x1) * x2`` along an axis.

    Parameters
    ----------
    x1, x2
        Arrays of any dtype; the result has the one that NumPy promotes theirs to.
    axis
        The axis of each, of one size; what is left of their shapes broadcasts.

    Raises
    ------
    ShapeError
        If an operand has no axes or the sizes differ.
    AxisError
        If an operand has no such axis.

    Examples
    --------
    >>> vecdot([[1, 2], [3, 4]], [1, 1])
    Tensor([3, 7], int64)
    """
    a, b = asarray(x1), asarray(x2)
    if not a.ndim or not b.ndim:
        message = f"vecdot: {a.node.type} and {b.node.type}: an operand has no axes; multiply with * instead"
        raise located(ShapeError(message))
    last = [one_axis("vecdot", axis, x.ndim) == x.ndim - 1 for x in (a, b)]
    return apply(Vecdot(), *(x if there else moveaxis(x, axis, -1) for x, there in zip((a, b), last, strict=True)))


def tensordot(x1: TensorLike, x2: TensorLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sum of products over pairs of axes.

    Parameters
    ----------
    x1, x2
        Arrays.
    axes
        How many: the last of `x1` with the first of `x2`; or the axes of each.

    Raises
    ------
    ShapeError
        If paired axes differ in size.

    Examples
    --------
    >>> tensordot([[1, 2], [3, 4]], [[1, 0], [0, 1]], axes=1)
    Tensor([[1, 2],
            [3, 4]], int64)
    """
    a, b = promote(x1, x2)
    left, right = _paired(a, b, axes)
    for i, j in zip(left, right, strict=True):
        if dim_key(a.shape[i]) != dim_key(b.shape[j]):
            message = (
                f"tensordot: {a.node.type} and {b.node.type}: axis {i} is {a.shape[i]} and axis {j} is {b.shape[j]}"
            )
            raise located(ShapeError(message))
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [j for j in range(b.ndim) if j not in right]
    shape = [a.shape[i] for i in free_a] + [b.shape[j] for j in free_b]
    inner = product([a.shape[i] for i in left])
    rows = reshape(permute_dims(a, free_a + left), (product([a.shape[i] for i in free_a]), inner))
    columns = reshape(permute_dims(b, right + free_b), (inner, product([b.shape[j] for j in free_b])))
    return reshape(apply(Matmul(), rows, columns), shape)


def _paired(a: Tensor, b: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            message = f"tensordot: {a.node.type} and {b.node.type} have no {axes} axes to pair"
            raise located(ShapeError(message))
        return list(range(a.ndim - axes, a.ndim)), list(range(axes))
    left, right = ([x] if isinstance(x, int) else list(x) for x in axes)
    if len(left) != len(right):
        raise located(ShapeError(f"tensordot: {len(left)} axes cannot pair with {len(right)}"))
    return [one_axis("tensordot", i, a.ndim) for i in left], [one_axis("tensordot", j, b.ndim) for j in right]


def vector_norm(
    x: TensorLike, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """The norm of vectors; its gradient at 0 is 0.

    Parameters
    ----------
    x
        Array of any shape.
    axis
        The axes that make a vector; all by default.
    ord
        2, 1, ``inf``, 0 (number of elements that are not 0) or any other p: ``sum(abs(x)**p)**(1/p)``.

    Examples
    --------
    >>> vector_norm([3.0, 4.0])
    Tensor(5., float64)
    """
    x = asarray(x)
    size = abs(x)
    if ord == 2:
        squares = x * x if x.dtype.kind != "c" else x.real * x.real + x.imag * x.imag
        return sqrt_at_zero(sum(squares, axis, keepdims=keepdims))
    if ord == float("inf"):
        return max(size, axis, keepdims=keepdims)
    if ord == -float("inf"):
        return -max(-size, axis, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis, keepdims=keepdims)
    if ord == 0:
        return sum(size != 0, axis, keepdims=keepdims, dtype=size.dtype)
    total = sum(size**ord, axis, keepdims=keepdims)
    zero = total == 0
    return where(zero, total, where(zero, 1, total) ** (1 / ord))
