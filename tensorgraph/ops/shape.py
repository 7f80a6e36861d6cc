"""Primitives that move elements and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.errors import DimError, DTypeError, ShapeError
from tensorgraph.ir.dims import Dim, DimLike, dim_key, exact_div
from tensorgraph.ir.node import SYMBOLIC
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array, Shape, TensorType, broadcast_shapes, format_shape


class _Movement(Op):
    """Base: no arithmetic."""

    __slots__ = ()
    domain = Domain()

    def flops(self, *types: TensorType) -> DimLike:
        """Nothing is computed."""
        return 0


@dataclass(frozen=True, eq=False, repr=False)
class Reshape(_Movement):
    """The same elements, in row-major order, in another shape."""

    shape: Shape
    numpy = "np.reshape({0}, {shape})"
    view = True

    def infer(self, *types: TensorType) -> TensorType:
        """The number of elements stays."""
        (x,) = types
        target = TensorType(x.dtype, self.shape)
        if dim_key(x.size) != dim_key(target.size):
            raise ShapeError(f"cannot become {format_shape(self.shape)}: {x.size} elements are not {target.size}")
        return target

    def axes(self, *types: TensorType) -> str:
        """Factors of merged and split axes, where they can be told."""
        return factored(types[0].shape, self.shape)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """A copy into memory seen in the operand's shape: for what does not lie in row-major order."""
        return ("{out:as0}[...] = {0}",)


def infer_shape(shape: Shape, wanted: Shape) -> Shape:
    """`wanted` with its one -1 replaced so that the number of elements stays."""
    unknown = [i for i, n in enumerate(wanted) if isinstance(n, int) and n < 0]
    if not unknown:
        return wanted
    text = format_shape(wanted)
    if len(unknown) > 1 or wanted[unknown[0]] != -1:
        raise ShapeError(f"cannot become {text}: only one size may be -1, and no other negative")
    rest: DimLike = 1
    for i, n in enumerate(wanted):
        rest = rest if i in unknown else rest * n
    size = TensorType(np.dtype(bool), shape).size
    try:
        missing = exact_div(size, rest)
    except DimError as error:
        raise ShapeError(f"cannot become {text}: {error.args[0]}") from None
    return tuple(missing if i in unknown else n for i, n in enumerate(wanted))


def factored(before: Shape, after: Shape) -> str:
    """The axis map of a reshape: runs of axes with equal products are merged or split."""
    left: list[str] = []
    right: list[str] = []
    i = j = 0
    while i < len(before) or j < len(after):
        a, b = [i] if i < len(before) else [], [j] if j < len(after) else []
        i, j = i + len(a), j + len(b)
        while dim_key(_product(before, a)) != dim_key(_product(after, b)):
            grow_left = _divides(_product(before, a), _product(after, b))
            if (grow_left or j >= len(after)) and i < len(before):
                a.append(i)
                i += 1
            elif j < len(after):
                b.append(j)
                j += 1
            else:
                return f"{_flat('a', before)} -> {_flat('b', after)}"
        _pair(a, b, left, right)
    return f"{' '.join(left)} -> {' '.join(right)}"


def _pair(a: list[int], b: list[int], left: list[str], right: list[str]) -> None:
    if len(a) == len(b) == 1:
        left.append(f"a{a[0]}")
        right.append(f"a{a[0]}")
    elif len(a) == 1:
        left.append(f"({' '.join(f'b{k}' for k in b)})" if b else "1")
        right.extend(f"b{k}" for k in b)
    elif len(b) <= 1:
        left.extend(f"a{k}" for k in a)
        right.extend([f"({' '.join(f'a{k}' for k in a)})" if a else "1"] if b else [])
    else:  # neither factors the other
        left.extend(f"a{k}!" for k in a)
        right.extend(f"b{k}" for k in b)


def _product(shape: Shape, axes: list[int]) -> DimLike:
    total: DimLike = 1
    for axis in axes:
        total = total * shape[axis]
    return total


def _divides(small: DimLike, large: DimLike) -> bool:
    try:
        exact_div(large, small)
    except DimError:
        return False
    return not (isinstance(large, int) and large == 0)


def _flat(letter: str, shape: Shape) -> str:
    return " ".join(f"{letter}{i}{'!' if letter == 'a' else ''}" for i in range(len(shape)))


@dataclass(frozen=True, eq=False, repr=False)
class PermuteDims(_Movement):
    """The axes in another order."""

    order: tuple[int, ...]
    numpy = "np.transpose({0}, {order})"
    view = True

    def infer(self, *types: TensorType) -> TensorType:
        """The shape in the new order."""
        (x,) = types
        if sorted(self.order) != list(range(x.ndim)):
            raise ShapeError(f"has {x.ndim} axes, and {self.order} does not name each of them once")
        return TensorType(x.dtype, tuple(x.shape[i] for i in self.order))

    def axes(self, *types: TensorType) -> str:
        """The map itself."""
        return f"{' '.join(f'a{i}' for i in range(len(self.order)))} -> {' '.join(f'a{i}' for i in self.order)}"


@dataclass(frozen=True, eq=False, repr=False)
class BroadcastTo(_Movement):
    """Repeated along new axes and axes of size 1."""

    shape: Shape
    numpy = "np.broadcast_to({0}, {shape})"
    view = True

    @property
    def flags(self) -> int:  # type: ignore[override]
        """A shape that is not known yet has no value."""
        return SYMBOLIC if any(isinstance(n, Dim) for n in self.shape) else 0

    def infer(self, *types: TensorType) -> TensorType:
        """The shape asked for."""
        (x,) = types
        try:
            fits = TensorType(x.dtype, broadcast_shapes(x.shape, self.shape)) == TensorType(x.dtype, self.shape)
        except ShapeError:
            fits = False
        if not fits:
            raise ShapeError(f"does not broadcast to {format_shape(self.shape)}")
        return TensorType(x.dtype, self.shape)

    def axes(self, *types: TensorType) -> str:
        """Axes of size 1 carry no label."""
        new = len(self.shape) - types[0].ndim
        left = [
            "1" if dim_key(n) == 1 and dim_key(self.shape[new + i]) != 1 else f"a{new + i}"
            for i, n in enumerate(types[0].shape)
        ]
        return f"{' '.join(left)} -> {' '.join(f'a{i}' for i in range(len(self.shape)))}"


@dataclass(frozen=True, eq=False, repr=False)
class ExpandDims(_Movement):
    """With new axes of size 1 at these places of the result."""

    axis: tuple[int, ...]
    numpy = "np.expand_dims({0}, {axis})"
    view = True

    def infer(self, *types: TensorType) -> TensorType:
        """Ones put in."""
        (x,) = types
        rest = iter(x.shape)
        rank = x.ndim + len(self.axis)
        return TensorType(x.dtype, tuple(1 if i in self.axis else next(rest) for i in range(rank)))

    def axes(self, *types: TensorType) -> str:
        """The old axes pass through."""
        rank = types[0].ndim + len(self.axis)
        kept = [f"a{i}" for i in range(rank) if i not in self.axis]
        return f"{' '.join(kept)} -> {' '.join('1' if i in self.axis else f'a{i}' for i in range(rank))}"


@dataclass(frozen=True, eq=False, repr=False)
class Squeeze(_Movement):
    """Without these axes, whose size is 1."""

    axis: tuple[int, ...]
    numpy = "np.squeeze({0}, {axis})"
    view = True

    def infer(self, *types: TensorType) -> TensorType:
        """Ones taken out."""
        (x,) = types
        for a in self.axis:
            if dim_key(x.shape[a]) != 1:
                raise ShapeError(f"has size {x.shape[a]} at axis {a}: only an axis of size 1 can be squeezed")
        return TensorType(x.dtype, tuple(n for i, n in enumerate(x.shape) if i not in self.axis))

    def axes(self, *types: TensorType) -> str:
        """The other axes pass through."""
        kept = [f"a{i}" for i in range(types[0].ndim) if i not in self.axis]
        return f"{' '.join('1' if i in self.axis else f'a{i}' for i in range(types[0].ndim))} -> {' '.join(kept)}"


@dataclass(frozen=True, eq=False, repr=False)
class Concat(_Movement):
    """Joined along an axis."""

    axis: int
    numpy = "np.concatenate(({*:tuple}), axis={axis}{out})"

    def infer(self, *types: TensorType) -> TensorType:
        """The sizes along the axis add up; the others agree."""
        first = types[0]
        total: DimLike = 0
        for i, t in enumerate(types):
            others = [k for k in range(first.ndim) if k != self.axis]
            if t.ndim != first.ndim or any(dim_key(t.shape[k]) != dim_key(first.shape[k]) for k in others):
                raise ShapeError(
                    f"do not join along axis {self.axis}: operand {i} differs from the first in another axis"
                )
            total = total + t.shape[self.axis]
        shape = tuple(total if k == self.axis else n for k, n in enumerate(first.shape))
        try:
            return TensorType(np.result_type(*[t.dtype for t in types]), shape)
        except TypeError:
            raise DTypeError("have no common dtype") from None

    def axes(self, *types: TensorType) -> str:
        """The joined axis is needed whole."""
        terms = [" ".join(f"p{i}!" if k == self.axis else f"a{k}" for k in range(t.ndim)) for i, t in enumerate(types)]
        return f"{', '.join(terms)} -> {' '.join('q' if k == self.axis else f'a{k}' for k in range(types[0].ndim))}"


@dataclass(frozen=True, eq=False, repr=False)
class Pad(_Movement):
    """With `widths[k]` copies of a value before and after axis k: operands are the array and the value."""

    widths: tuple[tuple[DimLike, DimLike], ...]
    numpy = "np.pad({0}, {widths}, constant_values={1})"

    def infer(self, *types: TensorType) -> TensorType:
        """Every axis grows by its widths."""
        x, value = types
        if len(self.widths) != x.ndim:
            raise ShapeError(f"has {x.ndim} axes, and {len(self.widths)} pairs of widths are given")
        if value.ndim or value.dtype != x.dtype:
            raise DTypeError(f"differ: the padding value must be a scalar of {x.dtype.name}")
        for low, high in self.widths:
            if any(isinstance(n, int) and n < 0 for n in (low, high)):
                raise ShapeError(f"cannot be padded by {self.widths}: widths are at least 0; slice to crop")
        return TensorType(x.dtype, tuple(n + a + b for n, (a, b) in zip(x.shape, self.widths, strict=True)))

    def axes(self, *types: TensorType) -> str:
        """A padded axis is needed whole."""
        padded = [dim_key(a + b) != 0 for a, b in self.widths]
        left = " ".join(f"p{i}!" if p else f"a{i}" for i, p in enumerate(padded))
        return f"{left},  -> {' '.join(f'q{i}' if p else f'a{i}' for i, p in enumerate(padded))}"

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The borders axis by axis, and the array between them."""
        inner = [
            ":" if dim_key(a + b) == 0 else f"{a}:{a + n}"
            for n, (a, b) in zip(types[0].shape, self.widths, strict=True)
        ]
        borders = []
        for axis, (n, (low, high)) in enumerate(zip(types[0].shape, self.widths, strict=True)):
            before, after = inner[:axis], [":"] * (types[0].ndim - axis - 1)
            parts = ([f":{low}"] if dim_key(low) != 0 else []) + ([f"{low + n}:"] if dim_key(high) != 0 else [])
            borders += [f"{{out}}[{', '.join([*before, part, *after])}] = {{1}}" for part in parts]
        return *borders, f"{{out}}[{', '.join(inner) or '...'}] = {{0}}"


@dataclass(frozen=True, eq=False, repr=False)
class DimSize(_Movement):
    """A symbolic size as a number: int64, known when the inputs are."""

    size: Dim
    numpy = "np.asarray({size})"
    flags = SYMBOLIC

    def infer(self, *types: TensorType) -> TensorType:
        """A scalar."""
        return TensorType(np.dtype("int64"), ())

    def axes(self, *types: TensorType) -> str:
        """No axes."""
        return "->"


@dataclass(frozen=True, eq=False, repr=False)
class Arange(_Movement):
    """start, start + step, …: `count` numbers."""

    start: DimLike
    step: int
    count: DimLike
    dtype: np.dtype[Any]
    numpy = "np.arange({start}, {start} + ({count}) * {step}, {step}, dtype={dtype})"

    @property
    def flags(self) -> int:  # type: ignore[override]
        """A count that is not known yet has no value."""
        return SYMBOLIC if isinstance(self.start, Dim) or isinstance(self.count, Dim) else 0

    def infer(self, *types: TensorType) -> TensorType:
        """One axis."""
        return TensorType(self.dtype, (self.count,))

    def axes(self, *types: TensorType) -> str:
        """A new axis: each value depends on its position."""
        return "-> a0"
