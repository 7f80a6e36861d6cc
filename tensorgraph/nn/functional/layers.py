"""What layers compute, given their weights: affine maps, embeddings, flattening, dropout."""

from __future__ import annotations

from tensorgraph.array.functions import (
    expand_dims,
    matrix_transpose,
    maximum,
    reshape,
    stop_gradient,
    take,
    vector_norm,
    where,
)
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.node import SYMBOLIC, VARIABLE
from tensorgraph.ir.provenance import located

__all__ = ["embedding", "flatten", "linear", "normalize"]


def linear(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """X times the transposed weight, plus the bias.

    Parameters
    ----------
    input
        ``[…, inputs]``.
    weight
        ``[outputs, inputs]``.
    bias
        ``[outputs]``.

    Returns
    -------
    Tensor
        ``[…, outputs]``.

    Raises
    ------
    ShapeError
        If the numbers of inputs differ.

    Examples
    --------
    >>> linear([[1.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]], [10.0, 20.0])
    Tensor([[13., 22.]], float64)
    """
    x, w = asarray(input), asarray(weight)
    if w.ndim != 2 or not x.ndim or dim_key(x.shape[-1]) != dim_key(w.shape[1]):
        inputs = w.shape[1] if w.ndim == 2 else "[outputs, inputs]"
        message = f"linear: the input is {x.node.type} and the weight is {w.node.type}"
        raise located(ShapeError(f"{message}: the last axis of the input must be {inputs}"))
    y = x @ matrix_transpose(w)
    return y if bias is None else y + asarray(bias)


def embedding(input: TensorLike, weight: TensorLike, padding_idx: int | None = None) -> Tensor:
    """Rows of a table.

    Parameters
    ----------
    input
        Integers of any shape.
    weight
        ``[rows, features]``.
    padding_idx
        A row that has no gradient.

    Returns
    -------
    Tensor
        The shape of `input`, and features.

    Raises
    ------
    DTypeError
        If the input is not of integers.
    InputError
        If a known number is out of range.

    Examples
    --------
    >>> embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]])
    Tensor([[3., 4.],
            [1., 2.]], float64)
    """
    places, w = asarray(input), asarray(weight)
    if places.dtype.kind not in "iu":
        raise located(DTypeError(f"embedding: the input is {places.node.type}: rows are numbered by integers"))
    rows = w.shape[0]
    if isinstance(rows, int) and not places.node.flags & (SYMBOLIC | VARIABLE):
        known = places.numpy()
        wrong = known[(known < 0) | (known >= rows)]
        if wrong.size:
            message = f"embedding: number {wrong.flat[0]} is out of range: there are {rows} rows, from 0 to {rows - 1}"
            raise located(InputError(message))
    elif places.dtype.kind == "i" and isinstance(rows, int):
        places = where(places < 0, rows, places)  # so that it is out of range, and does not count from the end
    found = take(w, places, axis=0)
    if padding_idx is None:
        return found
    return where(expand_dims(places != padding_idx, -1), found, stop_gradient(found))


def flatten(input: TensorLike, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """Axes from `start_axis` to `end_axis`, which is included, as one.

    Examples
    --------
    >>> import numpy as np
    >>> flatten(np.ones((2, 3, 4)), 1).shape
    (2, 12)
    """
    x = asarray(input)
    rank = max(x.ndim, 1)
    for axis in (start_axis, end_axis):
        if not -rank <= axis < rank:
            raise located(ShapeError(f"flatten: {x.node.type} has no axis {axis}"))
    first, last = start_axis % rank, end_axis % rank
    if first > last:
        raise located(ShapeError(f"flatten: axis {start_axis} of {x.node.type} stands after axis {end_axis}"))
    total: DimLike = 1
    for size in x.shape[first : last + 1]:
        total = total * size
    return reshape(x, (*x.shape[:first], total, *x.shape[last + 1 :]))


def normalize(input: TensorLike, axis: int = -1, eps: float = 1e-12) -> Tensor:
    """Vectors along an axis divided by their length, or by `eps` where that is greater.

    Examples
    --------
    >>> normalize([3.0, 4.0])
    Tensor([0.6, 0.8], float64)
    """
    x = asarray(input)
    length = vector_norm(x, axis=axis, keepdims=True)
    return x / maximum(length, eps)
