"""NumPy's names and signatures, where they differ from the Array API's.

Each function takes tensors or anything that `tensorgraph.asarray` takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.array.axes import Axes, one_axis
from tensorgraph.array.creation import arange
from tensorgraph.array.elementwise import (
    abs,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_right_shift,
    conj,
    divide,
    isnan,
    pow,
    remainder,
)
from tensorgraph.array.linalg import tensordot, vector_norm
from tensorgraph.array.reduction import all, max, min, sum
from tensorgraph.array.selection import round
from tensorgraph.array.shape import astype, concat, expand_dims, moveaxis, permute_dims, reshape
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.array.transcendental import acos, acosh, asin, asinh, atan, atan2, atanh
from tensorgraph.errors import ShapeError, UnsupportedError
from tensorgraph.ir.provenance import located

__all__ = [
    "absolute", "allclose", "amax", "amin", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "around", "atleast_1d", "atleast_2d", "bitwise_not", "column_stack", "concatenate",
    "conjugate", "diagonal", "hstack", "invert", "isclose", "left_shift", "mod", "norm", "power",
    "ravel", "right_shift", "rint", "trace", "transpose", "true_divide", "vdot", "vstack",
]  # fmt: skip


# ---- elementwise


def absolute(x: TensorLike, /) -> Tensor:
    """NumPy's name of `abs`.

    Examples
    --------
    >>> absolute([-1, 2])
    Tensor([1, 2], int64)
    """
    return abs(x)


def arccos(x: TensorLike, /) -> Tensor:
    """NumPy's name of `acos`.

    Examples
    --------
    >>> arccos(1.0)
    Tensor(0., float64)
    """
    return acos(x)


def arccosh(x: TensorLike, /) -> Tensor:
    """NumPy's name of `acosh`.

    Examples
    --------
    >>> arccosh(1.0)
    Tensor(0., float64)
    """
    return acosh(x)


def arcsin(x: TensorLike, /) -> Tensor:
    """NumPy's name of `asin`.

    Examples
    --------
    >>> arcsin(0.0)
    Tensor(0., float64)
    """
    return asin(x)


def arcsinh(x: TensorLike, /) -> Tensor:
    """NumPy's name of `asinh`.

    Examples
    --------
    >>> arcsinh(0.0)
    Tensor(0., float64)
    """
    return asinh(x)


def arctan(x: TensorLike, /) -> Tensor:
    """NumPy's name of `atan`.

    Examples
    --------
    >>> arctan(0.0)
    Tensor(0., float64)
    """
    return atan(x)


def arctan2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's name of `atan2`.

    Examples
    --------
    >>> arctan2(0.0, 1.0)
    Tensor(0., float64)
    """
    return atan2(x1, x2)


def arctanh(x: TensorLike, /) -> Tensor:
    """NumPy's name of `atanh`.

    Examples
    --------
    >>> arctanh(0.0)
    Tensor(0., float64)
    """
    return atanh(x)


def bitwise_not(x: TensorLike, /) -> Tensor:
    """NumPy's name of `bitwise_invert`.

    Examples
    --------
    >>> bitwise_not([0, 1])
    Tensor([-1, -2], int64)
    """
    return bitwise_invert(x)


def invert(x: TensorLike, /) -> Tensor:
    """NumPy's name of `bitwise_invert`.

    Examples
    --------
    >>> invert([True, False])
    Tensor([False,  True], bool)
    """
    return bitwise_invert(x)


def left_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's name of `bitwise_left_shift`.

    Examples
    --------
    >>> left_shift([1, 3], 2)
    Tensor([ 4, 12], int64)
    """
    return bitwise_left_shift(x1, x2)


def right_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's name of `bitwise_right_shift`.

    Examples
    --------
    >>> right_shift([8, 3], 2)
    Tensor([2, 0], int64)
    """
    return bitwise_right_shift(x1, x2)


def conjugate(x: TensorLike, /) -> Tensor:
    """NumPy's name of `conj`.

    Examples
    --------
    >>> conjugate([1 + 2j])
    Tensor([1.-2.j], complex128)
    """
    return conj(x)


def mod(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's name of `remainder`.

    Examples
    --------
    >>> mod([7, -7], 3)
    Tensor([1, 2], int64)
    """
    return remainder(x1, x2)


def power(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's name of `pow`.

    Examples
    --------
    >>> power([2.0, 3.0], 2)
    Tensor([4., 9.], float64)
    """
    return pow(x1, x2)


def true_divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """NumPy's other name of `divide`.

    Examples
    --------
    >>> true_divide([1, 2], 2)
    Tensor([0.5, 1. ], float64)
    """
    return divide(x1, x2)


def around(a: TensorLike, decimals: int = 0) -> Tensor:
    """NumPy's other name of `round`.

    Examples
    --------
    >>> around([1.25, 1.75], 1)
    Tensor([1.2, 1.8], float64)
    """
    return round(a, decimals)


def rint(x: TensorLike, /) -> Tensor:
    """The nearest integers, as floating-point numbers; halves to even.

    Examples
    --------
    >>> rint([0.5, 1.5])
    Tensor([0., 2.], float64)
    """
    x = asarray(x)
    return round(astype(x, np.float64) if x.dtype.kind in "biu" else x)


def isclose(a: TensorLike, b: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether ``abs(a - b) <= atol + rtol * abs(b)``, element by element; equal infinities are close.

    Examples
    --------
    >>> isclose([1.0, 2.0], [1.0, 2.1])
    Tensor([ True, False], bool)
    """
    a, b = asarray(a), asarray(b)
    b = astype(b, np.float64) if b.dtype.kind in "biu" else b
    near = (a == b) | ((abs(a - b) <= atol + rtol * abs(b)) & (abs(b) < np.inf))
    return near | (isnan(a) & isnan(b)) if equal_nan else near


def allclose(a: TensorLike, b: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close, as `isclose` says.

    Examples
    --------
    >>> allclose([1.0, 2.0], [1.0, 2.1])
    Tensor(False, bool)
    """
    return all(isclose(a, b, rtol, atol, equal_nan))


# ---- reductions


def amax(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """NumPy's other name of `max`.

    Examples
    --------
    >>> amax([[1, 2], [3, 0]], axis=0)
    Tensor([3, 2], int64)
    """
    return max(a, axis, keepdims=keepdims)


def amin(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """NumPy's other name of `min`.

    Examples
    --------
    >>> amin([[1, 2], [3, 0]], axis=0)
    Tensor([1, 0], int64)
    """
    return min(a, axis, keepdims=keepdims)


# ---- shape


def transpose(a: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order; in reverse order unless one is given.

    Examples
    --------
    >>> transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    a = asarray(a)
    return permute_dims(a, tuple(range(a.ndim))[::-1] if axes is None else axes)


def ravel(a: TensorLike, order: str = "C") -> Tensor:
    """All elements along one axis, in row-major order.

    Examples
    --------
    >>> ravel([[1, 2], [3, 4]])
    Tensor([1, 2, 3, 4], int64)
    """
    if order not in ("C", "K", "A"):
        raise located(UnsupportedError(f"ravel: order {order!r} is not supported: transpose first"))
    return reshape(a, (-1,))


def atleast_1d(x: TensorLike, /) -> Tensor:
    """With a new axis if it has none.

    Examples
    --------
    >>> atleast_1d(3.0)
    Tensor([3.], float64)
    """
    x = asarray(x)
    return x if x.ndim else expand_dims(x, 0)


def atleast_2d(x: TensorLike, /) -> Tensor:
    """With new axes in front until it has two.

    Examples
    --------
    >>> atleast_2d([1, 2]).shape
    (1, 2)
    """
    x = asarray(x)
    return x if x.ndim > 1 else expand_dims(x, tuple(range(2 - x.ndim)))


def concatenate(arrays: Sequence[TensorLike], axis: int | None = 0, *, dtype: Any = None) -> Tensor:
    """NumPy's name of `concat`.

    Examples
    --------
    >>> concatenate([[1, 2], [3]], 0)
    Tensor([1, 2, 3], int64)
    """
    joined = concat(arrays, axis=axis)
    return joined if dtype is None else astype(joined, dtype)


def vstack(tup: Sequence[TensorLike]) -> Tensor:
    """Joined along the first axis, vectors as rows.

    Examples
    --------
    >>> vstack([[1, 2], [3, 4]])
    Tensor([[1, 2],
            [3, 4]], int64)
    """
    return concat([atleast_2d(x) for x in tup], axis=0)


def hstack(tup: Sequence[TensorLike]) -> Tensor:
    """Joined along the second axis; vectors along their only one.

    Examples
    --------
    >>> hstack([[1, 2], [3, 4]])
    Tensor([1, 2, 3, 4], int64)
    """
    tensors = [atleast_1d(x) for x in tup]
    return concat(tensors, axis=0 if tensors and tensors[0].ndim == 1 else 1)


def column_stack(tup: Sequence[TensorLike]) -> Tensor:
    """Joined along the second axis, vectors as columns.

    Examples
    --------
    >>> column_stack([[1, 2], [3, 4]])
    Tensor([[1, 3],
            [2, 4]], int64)
    """
    tensors = [asarray(x) for x in tup]
    return concat([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in tensors], axis=1)


# ---- linear algebra


def diagonal(a: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """A diagonal of two axes, as the last axis of the result.

    Examples
    --------
    >>> diagonal([[1, 2], [3, 4]])
    Tensor([1, 4], int64)
    """
    a = asarray(a)
    moved = moveaxis(a, (one_axis("diagonal", axis1, a.ndim), one_axis("diagonal", axis2, a.ndim)), (-2, -1))
    rows, columns = moved.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise located(ShapeError(f"diagonal: {a.node.type} needs known sizes: use einsum, such as 'ii->i'"))
    count = np.maximum(np.minimum(rows + np.minimum(offset, 0), columns - np.maximum(offset, 0)), 0)
    positions = arange(int(count))
    return moved[..., positions + int(np.maximum(-offset, 0)), positions + int(np.maximum(offset, 0))]


def trace(a: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal.

    Examples
    --------
    >>> trace([[1, 2], [3, 4]])
    Tensor(5, int64)
    """
    return sum(diagonal(a, offset, axis1, axis2), -1)


def vdot(a: TensorLike, b: TensorLike, /) -> Tensor:
    """Sum of ``conj(a) * b`` over all elements.

    Examples
    --------
    >>> vdot([1, 2], [3, 4])
    Tensor(11, int64)
    """
    return tensordot(conj(ravel(a)), ravel(b), axes=1)


def norm(x: TensorLike, ord: Any = None, axis: int | tuple[int, int] | None = None, keepdims: bool = False) -> Tensor:
    """NumPy's ``linalg.norm``: of vectors as `vector_norm`, of matrices ``"fro"``, 1, -1, ``inf`` or ``-inf``.

    Parameters
    ----------
    x
        Array of any shape.
    ord
        Which norm; by default the square root of the sum of squares.
    axis
        One for vectors, two for matrices; by default all elements if `ord` is not given, else those of `x`.
    keepdims
        Keep the axes, with size 1.

    Raises
    ------
    UnsupportedError
        If a matrix norm needs singular values.

    Examples
    --------
    >>> norm([3.0, 4.0])
    Tensor(5., float64)
    >>> norm([[1.0, 2.0], [3.0, 4.0]], 1)
    Tensor(6., float64)
    """
    x = asarray(x)
    x = astype(x, np.float64) if x.dtype.kind in "biu" else x
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,) if axis is not None else tuple(range(x.ndim))
    if ord is None or (ord == "fro" and len(axes) == 2):
        return vector_norm(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1 and not isinstance(ord, str):
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2 or ord not in (1, -1, np.inf, -np.inf):
        raise located(UnsupportedError(f"norm: order {ord!r} of {x.node.type} over axes {axes} is not supported"))
    rows, columns = (one_axis("norm", a, x.ndim) for a in axes)
    first, second = (rows, columns) if ord in (1, -1) else (columns, rows)
    totals = sum(abs(x), first, keepdims=True)
    found = max(totals, second, keepdims=True) if ord > 0 else min(totals, second, keepdims=True)
    return found if keepdims else found.squeeze((rows, columns))
