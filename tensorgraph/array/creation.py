"""Making tensors from sizes and numbers, by the Array API's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.shape import astype, broadcast_to, expand_dims
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.errors import ShapeError
from tensorgraph.ir.dims import Dim, DimLike, clamp
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import as_dtype
from tensorgraph.ops.elementwise import Where
from tensorgraph.ops.shape import Arange, DimSize

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]  # fmt: skip


def full(shape: Any, fill_value: complex | TensorLike, *, dtype: Any = None) -> Tensor:
    """A tensor with one value everywhere.

    Parameters
    ----------
    shape
        Sizes, perhaps symbolic.
    fill_value
        The value, a scalar.
    dtype
        Data type; the value's own by default.

    Examples
    --------
    >>> full((2,), 7)
    Tensor([7, 7], int64)
    """
    return broadcast_to(asarray(fill_value, dtype), shape)


def zeros(shape: Any, *, dtype: Any = None) -> Tensor:
    """Zeros; float64 unless a dtype is given.

    Examples
    --------
    >>> zeros((2,))
    Tensor([0., 0.], float64)
    """
    return full(shape, 0, dtype=np.float64 if dtype is None else dtype)


def ones(shape: Any, *, dtype: Any = None) -> Tensor:
    """Ones; float64 unless a dtype is given.

    Examples
    --------
    >>> ones((2,), dtype="int8")
    Tensor([1, 1], int8)
    """
    return full(shape, 1, dtype=np.float64 if dtype is None else dtype)


def empty(shape: Any, *, dtype: Any = None) -> Tensor:
    """Zeros: nothing here is left undefined.

    Examples
    --------
    >>> empty((2,)).shape
    (2,)
    """
    return zeros(shape, dtype=dtype)


def zeros_like(x: TensorLike, /, *, dtype: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`.

    Examples
    --------
    >>> zeros_like([1, 2])
    Tensor([0, 0], int64)
    """
    x = asarray(x)
    return zeros(x.shape, dtype=x.dtype if dtype is None else dtype)


def empty_like(x: TensorLike, /, *, dtype: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`.

    Examples
    --------
    >>> empty_like([1, 2]).shape
    (2,)
    """
    return zeros_like(x, dtype=dtype)


def ones_like(x: TensorLike, /, *, dtype: Any = None) -> Tensor:
    """Ones of the shape and dtype of `x`.

    Examples
    --------
    >>> ones_like([1.5, 2])
    Tensor([1., 1.], float64)
    """
    x = asarray(x)
    return ones(x.shape, dtype=x.dtype if dtype is None else dtype)


def full_like(x: TensorLike, /, fill_value: complex, *, dtype: Any = None) -> Tensor:
    """One value everywhere, of the shape and dtype of `x`.

    Examples
    --------
    >>> full_like([1.5, 2], 7)
    Tensor([7., 7.], float64)
    """
    x = asarray(x)
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype)


def arange(
    start: float | DimLike, /, stop: float | DimLike | None = None, step: float = 1, *, dtype: Any = None
) -> Tensor:
    """start, start + step, … up to but without stop.

    Parameters
    ----------
    start, stop, step
        With one argument: from 0 to that. Symbolic sizes are allowed.
    dtype
        int64 for integers, else float64, unless given.

    Examples
    --------
    >>> arange(3)
    Tensor([0, 1, 2], int64)
    """
    if stop is None:
        start, stop = 0, start
    if isinstance(start, float) or isinstance(stop, float) or isinstance(step, float):
        return asarray(np.arange(start, stop, step, dtype=dtype))  # type: ignore[arg-type]
    if not isinstance(step, int) or step == 0:
        raise located(ShapeError(f"arange: step is {step!r} and must be a number other than 0"))
    span = stop - start + (step - 1 if step > 0 else step + 1)
    count = clamp(span // step if step > 0 else (-span) // -step)
    return Tensor(Node(Arange(start, step, count, as_dtype(np.int64 if dtype is None else dtype))))


def linspace(start: float, stop: float, /, num: int, *, dtype: Any = None, endpoint: bool = True) -> Tensor:
    """`num` evenly spaced numbers from start to stop.

    Examples
    --------
    >>> linspace(0.0, 1.0, 3)
    Tensor([0. , 0.5, 1. ], float64)
    """
    return asarray(np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))


def eye(n_rows: DimLike, n_cols: DimLike | None = None, /, *, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere.

    Examples
    --------
    >>> eye(2)
    Tensor([[1., 0.],
            [0., 1.]], float64)
    """
    columns = arange(n_rows if n_cols is None else n_cols)
    return astype(expand_dims(arange(n_rows), 1) + k == columns, np.float64 if dtype is None else dtype)


def tril(x: TensorLike, /, *, k: int = 0) -> Tensor:
    """The lower triangles of matrices: zero above the k-th diagonal.

    Examples
    --------
    >>> tril([[1, 2], [3, 4]])
    Tensor([[1, 0],
            [3, 4]], int64)
    """
    return _triangle(asarray(x), k, lower=True)


def triu(x: TensorLike, /, *, k: int = 0) -> Tensor:
    """The upper triangles of matrices: zero below the k-th diagonal.

    Examples
    --------
    >>> triu([[1, 2], [3, 4]])
    Tensor([[1, 2],
            [0, 4]], int64)
    """
    return _triangle(asarray(x), k, lower=False)


def _triangle(x: Tensor, k: int, lower: bool) -> Tensor:
    if x.ndim < 2:
        raise located(
            ShapeError(f"{'tril' if lower else 'triu'}: {x.node.type} is no matrix: it needs at least two axes")
        )
    rows, columns = expand_dims(arange(x.shape[-2]), 1), arange(x.shape[-1])
    keep = columns <= rows + k if lower else columns >= rows + k
    return apply(Where(), keep, x, zeros((), dtype=x.dtype))


def meshgrid(*arrays: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinate tensors from coordinate vectors.

    Parameters
    ----------
    *arrays
        Vectors.
    indexing
        ``"xy"`` (the first two axes exchanged, as in plots) or ``"ij"``.

    Examples
    --------
    >>> x, y = meshgrid([1, 2, 3], [4, 5])
    >>> x.shape
    (2, 3)
    """
    vectors = [asarray(a) for a in arrays]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    shape = [vectors[i].shape[0] if vectors[i].ndim else 1 for i in order]
    return [broadcast_to(v.reshape([-1 if place == i else 1 for place in order]), shape) for i, v in enumerate(vectors)]


def one_hot(x: TensorLike, /, num_classes: int, *, dtype: Any = np.float32, axis: int = -1) -> Tensor:
    """1 at the class each integer names, 0 elsewhere; all 0 for an integer out of range.

    Parameters
    ----------
    x
        Integers, of any shape.
    num_classes
        Size of the new axis.
    axis
        Its place in the result.

    Examples
    --------
    >>> one_hot([0, 2], 3)
    Tensor([[1., 0., 0.],
            [0., 0., 1.]], float32)
    """
    x = asarray(x)
    place = axis % (x.ndim + 1)
    classes = arange(num_classes).reshape([-1 if i == place else 1 for i in range(x.ndim + 1)])
    return astype(expand_dims(x, place) == classes, dtype)


def dim_scalar(size: DimLike, dtype: np.dtype[Any]) -> Tensor:
    """A size as a scalar of this dtype: a constant, or known when the inputs are."""
    if isinstance(size, Dim):
        return astype(Tensor(Node(DimSize(size))), dtype)
    return asarray(np.asarray(size, dtype))
