"""Reading and writing parts: ``x[i]``, ``x.at[i].set(v)``, take."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.axes import one_axis
from tensorgraph.array.creation import arange
from tensorgraph.array.selection import where
from tensorgraph.array.shape import astype, broadcast_to, reshape
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.errors import IndexingError, ShapeError
from tensorgraph.ir.dims import Dim, DimLike, dim_key, same_shape
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import SYMBOLIC, VARIABLE
from tensorgraph.ir.op import Operand
from tensorgraph.ir.provenance import located
from tensorgraph.ops import indexing as ops

__all__ = ["At", "getitem", "take", "take_along_axis"]


def getitem(x: TensorLike, key: Any, /) -> Tensor:
    """``x[key]``, by NumPy's rules: integers, slices, ``...``, None, integer arrays and known bool masks.

    Raises
    ------
    IndexingError
        If an index is out of bounds, there are too many, or a mask is not known yet.

    Examples
    --------
    >>> getitem([[1, 2], [3, 4]], (slice(None), 0))
    Tensor([1, 3], int64)
    """
    x = asarray(x)
    index, arrays = _read_key(x, key, first=1)
    if not arrays:
        trivial = len(index) == x.ndim and all(isinstance(i, slice) and i == slice(None) for i in index)
        return x if trivial else apply(ops.Slice(_trimmed(index)), x)
    return apply(ops.Gather(_trimmed(index)), x, *arrays)


class At:
    """``x.at``: brackets name a place, methods give a copy of `x` changed there."""

    __slots__ = ("_x",)

    def __init__(self, x: Tensor) -> None:
        self._x = x

    def __getitem__(self, key: Any) -> _Place:
        return _Place(self._x, key)


class _Place:
    __slots__ = ("_key", "_x")

    def __init__(self, x: Tensor, key: Any) -> None:
        self._x = x
        self._key = key

    def set(self, values: TensorLike) -> Tensor:
        """A copy with these values there; where an index repeats a place, the last value stays.

        Examples
        --------
        >>> asarray([1, 2, 3]).at[1].set(9)
        Tensor([1, 9, 3], int64)
        """
        mask = self._mask()
        if mask is not None:
            return where(mask, astype(asarray(values), self._x.dtype), self._x)
        return self._write(ops.IndexSet, values)

    def add(self, values: TensorLike) -> Tensor:
        """A copy with these values added there, once for each time a place is named.

        Examples
        --------
        >>> asarray([1, 2, 3]).at[[0, 0]].add(5)
        Tensor([11,  2,  3], int64)
        """
        mask = self._mask()
        if mask is not None:
            return self._x + where(mask, astype(asarray(values), self._x.dtype), asarray(np.zeros((), self._x.dtype)))
        return self._write(ops.IndexAdd, values)

    def multiply(self, factors: TensorLike) -> Tensor:
        """A copy with what is there multiplied; a place named twice is multiplied once.

        Examples
        --------
        >>> asarray([1, 2, 3]).at[1:].multiply(10)
        Tensor([ 1, 20, 30], int64)
        """
        return self.set(self._x[self._key] * factors)

    def get(self) -> Tensor:
        """What is there: ``x[key]``."""
        return self._x[self._key]

    def _mask(self) -> Tensor | None:
        """A mask of the whole shape that is not known yet: `where` can write it, though not read it."""
        key = self._key
        if (
            isinstance(key, Tensor)
            and key.dtype == bool
            and key.node.flags & (SYMBOLIC | VARIABLE)
            and key.ndim == self._x.ndim
        ):
            return key
        return None

    def _write(self, op: type[ops.IndexSet | ops.IndexAdd], values: TensorLike) -> Tensor:
        index, arrays = _read_key(self._x, self._key, first=2)
        return apply(op(_trimmed(index)), self._x, astype(asarray(values), self._x.dtype), *arrays)


def _trimmed(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without full slices at the end, which change nothing."""
    while index and isinstance(index[-1], slice) and index[-1] == slice(None):
        index = index[:-1]
    return index


def _read_key(x: Tensor, key: Any, first: int) -> tuple[tuple[Any, ...], list[Tensor]]:
    """The normalized index and its arrays, which will be inputs `first`, `first` + 1 and so on."""
    items = _expanded(x, list(key) if isinstance(key, tuple) else [key])
    index: list[Any] = []
    arrays: list[Tensor] = []
    axis = 0
    for item in items:
        if item is None:
            index.append(None)
            continue
        size = x.shape[axis]
        if isinstance(item, slice):
            index.append(_slice(x, item, size))
        elif isinstance(item, (int, np.integer, Dim)) and not isinstance(item, (bool, np.bool_)):
            index.append(_integer(x, item, axis))
        else:
            array = asarray(item)
            _check_bounds(x, array, axis)
            index.append(Operand(first + len(arrays)))
            arrays.append(array)
        axis += 1
    return _numbered(index, arrays, first) if arrays else (tuple(index), arrays)


def _numbered(index: list[Any], arrays: list[Tensor], first: int) -> tuple[tuple[Any, ...], list[Tensor]]:
    """An integer beside arrays is an index array of no axes, as in NumPy; all are numbered as they stand."""
    items: list[Any] = []
    ordered: list[Tensor] = []
    for item in index:
        if isinstance(item, (Operand, int)):
            ordered.append(asarray(item) if isinstance(item, int) else arrays[item.position - first])
            items.append(Operand(first + len(ordered) - 1))
        else:
            items.append(item)
    return tuple(items), ordered


def _expanded(x: Tensor, items: list[Any]) -> list[Any]:
    """``...`` becomes full slices, masks become positions, and every axis gets an item."""
    read = [item if isinstance(item, Tensor) or _basic(item) else _index_array(x, item) for item in items]
    used = sum(map(_width, read))
    dots = [i for i, item in enumerate(read) if item is Ellipsis]
    if len(dots) > 1:
        raise located(IndexingError("index: only one ... is allowed"))
    if used > x.ndim:
        raise located(IndexingError(f"index: {x.node.type} has {x.ndim} axes and {used} were indexed"))
    at = dots[0] if dots else len(read)
    found: list[Any] = []
    axis = 0
    for item in [*read[:at], *[slice(None)] * (x.ndim - used), *read[at + 1 :]]:
        found.extend(_positions(x, item, axis) if isinstance(item, Tensor) and item.dtype == bool else [item])
        axis += _width(item)
    return found


def _basic(item: Any) -> bool:
    """Whether an item is read as it is: None, ``...``, a slice or an integer."""
    kinds = (slice, int, np.integer, Dim)
    return item is None or item is Ellipsis or (isinstance(item, kinds) and not isinstance(item, bool))


def _width(item: Any) -> int:
    """How many axes an item indexes."""
    if isinstance(item, Tensor) and item.dtype == bool:
        return item.ndim
    return 0 if item is None or item is Ellipsis else 1


def _index_array(x: Tensor, item: Any) -> Tensor:
    array = np.asarray(item)
    if array.size == 0 and array.dtype == np.float64:
        array = array.astype(np.int64)  # an empty list
    if array.dtype.kind not in "iub":
        raise located(IndexingError(f"index: {item!r} is no integer, slice, None, ..., integer array or bool mask"))
    return asarray(array)


def _positions(x: Tensor, mask: Tensor, axis: int) -> list[Tensor]:
    if mask.node.flags & (SYMBOLIC | VARIABLE):
        raise located(
            IndexingError(
                f"index: a mask must be known, for it decides the shape; {mask.node.type} is not: use where(mask, x, 0)"
            )
        )
    known = mask.numpy()
    if not known.ndim or not same_shape(known.shape, x.shape[axis : axis + known.ndim]):
        raise located(IndexingError(f"index: a mask of shape {list(known.shape)} does not fit {x.node.type}"))
    return [asarray(p) for p in np.nonzero(known)]


def _slice(x: Tensor, item: slice, size: DimLike) -> slice:
    parts = [
        None if v is None else v if isinstance(v, Dim) else _as_int(x, v) for v in (item.start, item.stop, item.step)
    ]
    start, stop, step = parts
    if step == 0 or isinstance(step, Dim):
        raise located(IndexingError(f"index: a slice step is a number other than 0, not {step}"))
    step = None if step == 1 else step
    if not isinstance(size, int) or isinstance(start, Dim) or isinstance(stop, Dim):
        start = None if isinstance(start, int) and start == 0 and step is None else start
        stop = None if isinstance(stop, Dim) and dim_key(stop) == dim_key(size) else stop
        return slice(start, stop, step)
    a, b, s = slice(start, stop, step).indices(size)
    if s > 0:
        b = max(a, b)
        return slice(a or None, None if b == size else b, step)
    return slice(None if a == size - 1 else a, None if b < 0 else b, step) if a >= 0 else slice(0, 0, None)


def _as_int(x: Tensor, value: Any) -> int:
    try:
        return int(value.__index__())
    except (AttributeError, TypeError):
        raise located(IndexingError(f"index: {value!r} is no integer")) from None


def _integer(x: Tensor, item: Any, axis: int) -> DimLike:
    size = x.shape[axis]
    if isinstance(item, Dim):
        return item
    number = int(item)
    if not isinstance(size, int):
        return size + number if number < 0 else number
    if not -size <= number < size:
        raise located(IndexingError(f"index: {number} is out of bounds for axis {axis} of {x.node.type}"))
    return number % size


def _check_bounds(x: Tensor, array: Tensor, axis: int) -> None:
    """Known indices are checked now, so that the error is on the user's line."""
    size = x.shape[axis]
    if not isinstance(array.node.op, Constant) or not isinstance(size, int) or array.dtype.kind not in "iu":
        return
    value = array.node.op.value
    wrong = value[(value < -size) | (value >= size)]
    if wrong.size:
        raise located(IndexingError(f"index: {wrong.flat[0]} is out of bounds for axis {axis} of {x.node.type}"))


def take(x: TensorLike, indices: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Elements at positions along an axis; of the flattened array for None.

    Parameters
    ----------
    x
        Array of any shape.
    indices
        Integers; their axes take the place of `axis`.
    axis
        Where to index.

    Raises
    ------
    IndexingError
        If an index is out of bounds.

    Examples
    --------
    >>> take([10, 20, 30], [2, 0])
    Tensor([30, 10], int64)
    """
    x = asarray(x)
    if axis is None:
        return take(reshape(x, (-1,)), indices, axis=0)
    place = one_axis("take", axis, x.ndim)
    return x[(*(slice(None),) * place, asarray(indices))]


def take_along_axis(x: TensorLike, indices: TensorLike, /, *, axis: int = -1) -> Tensor:
    """For each place of `indices`, the element of that row of `x`.

    Parameters
    ----------
    x, indices
        Arrays with the same number of axes; the sizes but that of `axis` are equal or 1.

    Examples
    --------
    >>> take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1)
    Tensor([[20],
            [30]], int64)
    """
    x, indices = asarray(x), asarray(indices)
    place = one_axis("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        message = f"take_along_axis: {x.node.type} and {indices.node.type} must have the same number of axes"
        raise located(ShapeError(message))
    wide = [
        n if dim_key(m) == 1 and i != place else m for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True))
    ]
    x = broadcast_to(
        x, [m if dim_key(n) == 1 and i != place else n for i, (n, m) in enumerate(zip(x.shape, wide, strict=True))]
    )
    indices = broadcast_to(indices, wide)
    grid = [arange(n).reshape([-1 if k == i else 1 for k in range(x.ndim)]) for i, n in enumerate(wide)]
    return x[tuple(indices if i == place else g for i, g in enumerate(grid))]
