"""Reading and writing parts of arrays.

An index is a tuple of slices (an axis taken in full is ``:``), integers, None, and `Operand(k)` for an
array held by input k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import DTypeError, IndexingError, ShapeError
from tensorgraph.ir.dims import DimLike, clamp, dim_key
from tensorgraph.ir.op import Domain, Op, Operand
from tensorgraph.ir.types import Array, Shape, TensorType, broadcast_shapes, format_shape
from tensorgraph.ops.numerics.indexing import index_add, index_set, take_rows

Index: TypeAlias = "tuple[Any, ...]"


def slice_length(item: slice, size: DimLike) -> DimLike:
    """How many positions a slice takes along an axis of this size."""
    step = item.step or 1
    if isinstance(size, int):
        return len(range(*item.indices(size)))
    if step > 0:
        start, stop = _bound(item.start, size), _bound(item.stop, size)
        start, stop = 0 if start is None else start, size if stop is None else stop
        return clamp((stop - start + step - 1) // step)
    start, stop = _bound_back(item.start, size), _bound_back(item.stop, size)
    start, stop = size - 1 if start is None else start, -1 if stop is None else stop
    return clamp((start - stop - step - 1) // -step)


def _bound(value: DimLike | None, size: DimLike) -> DimLike | None:
    """A slice bound brought inside ``0 … size``."""
    if value is None:
        return None
    if isinstance(value, int):
        return size - clamp(size - value) if value >= 0 else clamp(size + value)
    return value


def _bound_back(value: DimLike | None, size: DimLike) -> DimLike | None:
    """A bound of a slice that runs backwards, brought inside ``-1 … size - 1``."""
    if isinstance(value, int) and value < 0:
        return clamp(size + value + 1) - 1
    return None if value is None else value - clamp(value - size + 1)


def indexed_shape(shape: Shape, index: Index, arrays: dict[int, TensorType]) -> Shape:
    """The shape of ``x[index]``, by NumPy's rules for mixed basic and advanced indices."""
    result: list[DimLike] = []
    advanced = [i for i, item in enumerate(index) if isinstance(item, Operand) or _with_arrays(item, arrays)]
    together = bool(advanced) and advanced[-1] - advanced[0] + 1 == len(advanced)
    block = (
        broadcast_shapes(*[arrays[item.position].shape for item in index if isinstance(item, Operand)])
        if arrays
        else ()
    )
    axis = 0
    for i, item in enumerate(index):
        if arrays and i == (advanced[0] if together else -1):
            result.extend(block)
        if item is None:
            result.append(1)
            continue
        if isinstance(item, slice):
            result.append(slice_length(item, shape[axis]))
        axis += 1
    result.extend(shape[axis:])
    return tuple(result) if together or not arrays else (*block, *result)


def _with_arrays(item: Any, arrays: dict[int, TensorType]) -> bool:
    """Beside arrays, an integer counts as an advanced index too."""
    return bool(arrays) and isinstance(item, int)


def _gathered(name: str, x: TensorType, index: Index, types: tuple[TensorType, ...], first: int) -> Shape:
    arrays = {item.position: types[item.position] for item in index if isinstance(item, Operand)}
    for kind in types[first:]:
        if kind.dtype.kind not in "iu":
            raise DTypeError(f"cannot be indexed by {kind.dtype.name}: {name} takes integers")
    try:
        return indexed_shape(x.shape, index, arrays)
    except ShapeError as error:
        raise IndexingError(f"cannot be indexed: the index arrays {error.args[0]}") from None


class _Indexing(Op):
    """Base: no arithmetic."""

    __slots__ = ()
    domain = Domain()

    def flops(self, *types: TensorType) -> DimLike:
        """Nothing is computed."""
        return 0


@dataclass(frozen=True, eq=False, repr=False)
class Slice(_Indexing):
    """x[index] for slices, integers and None."""

    index: Index
    numpy = "{0}[{index:items}]"
    view = True

    def infer(self, *types: TensorType) -> TensorType:
        """Slices shorten, integers drop, None adds."""
        if len(types) > 1:
            raise IndexingError("cannot be indexed: index arrays are read by gather, not by slice")
        return TensorType(types[0].dtype, indexed_shape(types[0].shape, self.index, {}))

    def axes(self, *types: TensorType) -> str:
        """Axes taken in full pass through."""
        left, right = _index_axes(types[0].shape, self.index)
        return f"{left} -> {right}"


def _index_axes(shape: Shape, index: Index) -> tuple[str, str]:
    left: list[str] = []
    right: list[str] = []
    axis = 0
    for i, item in enumerate(index):
        if item is None:
            right.append("1")
            continue
        full = _is_full(item)
        left.append(f"a{axis}" if full else f"a{axis}!")
        if isinstance(item, slice):
            right.append(f"a{axis}" if full else f"s{i}")
        axis += 1
    rest = [f"a{k}" for k in range(axis, len(shape))]
    return " ".join(left + rest), " ".join(right + rest)


@dataclass(frozen=True, eq=False, repr=False)
class Gather(_Indexing):
    """x[index] where index arrays are the inputs after the first."""

    index: Index
    numpy = "{0}[{index:items}]"
    helpers = (take_rows,)

    def infer(self, *types: TensorType) -> TensorType:
        """The index arrays broadcast together; their axes stand where NumPy puts them."""
        return TensorType(types[0].dtype, _gathered("gather", types[0], self.index, types, 1))

    def axes(self, *types: TensorType) -> str:
        """Rows by one index array (``v! d, n -> n d``); otherwise the indexed array is needed whole."""
        (x, *arrays) = types
        if len(arrays) == 1 and isinstance(self.index[0], Operand) and all(_is_full(i) for i in self.index[1:]):
            rows = " ".join(f"i{k}" for k in range(arrays[0].ndim))
            rest = " ".join(f"a{k}" for k in range(1, x.ndim))
            return f"a0! {rest}, {rows} -> {rows} {rest}"
        terms = [" ".join(f"x{i}_{k}!" for k in range(t.ndim)) for i, t in enumerate(types)]
        return f"{', '.join(terms)} -> {' '.join(f'r{k}' for k in range(self.infer(*types).ndim))}"

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """Of one index array beside full slices; for others NumPy has no form that writes into memory."""
        arrays = [axis for axis, item in enumerate(self.index) if not _is_full(item)]
        if len(arrays) != 1 or not isinstance(self.index[arrays[0]], Operand) or types[1].dtype != np.int64:
            return ()
        return (f"take_rows({{0}}, {{1}}, {arrays[0]}, {{out}})",)

    def evaluate(self, *arrays: Array) -> Any:
        """Index with the arrays in their places."""
        return arrays[0][concrete_index(self.index, arrays)]


def _is_full(item: Any) -> bool:
    return isinstance(item, slice) and item == slice(None)


def concrete_index(index: Index, arrays: tuple[Array, ...]) -> Index:
    """The index with each `Operand` replaced by its array."""
    return tuple(arrays[item.position] if isinstance(item, Operand) else item for item in index)


@dataclass(frozen=True, eq=False, repr=False)
class _Write(_Indexing):
    """Base: operands are the array, the values, and the index arrays."""

    index: Index
    overwrites = (0,)

    def infer(self, *types: TensorType) -> TensorType:
        """The array's own type; the values broadcast to what is indexed."""
        x, values, *_ = types
        shape = _gathered(self.name, x, self.index, types, 2)
        try:
            fits = [dim_key(n) for n in broadcast_shapes(values.shape, shape)] == [dim_key(n) for n in shape]
        except ShapeError:
            fits = False
        if not fits:
            raise ShapeError(f"do not fit: the values must broadcast to {format_shape(shape)}, what the index selects")
        if values.dtype != x.dtype:
            raise DTypeError(f"differ: the values must be {x.dtype.name}")
        return x

    def axes(self, *types: TensorType) -> str:
        """Everything indexed is needed whole."""
        terms = [" ".join(f"x{i}_{k}!" for k in range(t.ndim)) for i, t in enumerate(types)]
        return f"{', '.join(terms)} -> {' '.join(f'r{k}' for k in range(types[0].ndim))}"


class IndexSet(_Write):
    """A copy of x with x[index] = values."""

    numpy = "index_set({0}, {1}, {index})"
    helpers = (index_set,)

    def evaluate(self, *arrays: Array) -> Any:
        """Copy and assign."""
        return index_set(arrays[0], arrays[1], concrete_index(self.index, arrays))

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """As `evaluate` does."""
        return "np.copyto({out}, {0})", "{out}[{index:items}] = {1}"


@dataclass(frozen=True, eq=False, repr=False)
class IndexAdd(_Write):
    """A copy of x with values added at index, once for each time a place is named; `distinct` says: at most once."""

    distinct: bool = False
    numpy = "index_add({0}, {1}, {index}, {distinct})"
    helpers = (index_add,)

    def evaluate(self, *arrays: Array) -> Any:
        """Copy and add."""
        return index_add(arrays[0], arrays[1], concrete_index(self.index, arrays), self.distinct)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """As `evaluate` does."""
        repeated = not self.distinct and any(isinstance(item, Operand) for item in self.index)
        add = "np.add.at({out}, {index}, {1})" if repeated else "{out}[{index:items}] += {1}"
        return "np.copyto({out}, {0})", add

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The sums, where places are distinct but not a slice."""
        if not self.distinct or not any(isinstance(item, Operand) for item in self.index):
            return 0
        shape = _gathered(self.name, types[0], self.index, tuple(types), 2)
        return int(TensorType(types[0].dtype, shape).nbytes)

    def flops(self, *types: TensorType) -> DimLike:
        """One addition per value."""
        return types[1].size
