"""Moving and repeating elements: roll, tile, repeat, Kronecker products."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from tensorgraph.array.axes import one_axis
from tensorgraph.array.creation import arange, dim_scalar
from tensorgraph.array.elementwise import remainder
from tensorgraph.array.indexing import take
from tensorgraph.array.shape import broadcast_to, concat, expand_dims, reshape
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import ShapeError
from tensorgraph.ir.provenance import located

__all__ = ["kron", "repeat", "roll", "tile"]


def roll(x: TensorLike, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None) -> Tensor:
    """Elements moved along axes, those that leave at the end coming in at the beginning.

    Parameters
    ----------
    x
        Array of any shape.
    shift
        By how many places, for all axes or for each.
    axis
        Along which axes; in the flattened array for None.

    Raises
    ------
    ShapeError
        If there are not as many shifts as axes.

    Examples
    --------
    >>> roll([1, 2, 3, 4], 1)
    Tensor([4, 1, 2, 3], int64)
    """
    x = asarray(x)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, axis=0), x.shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = list(shift) if isinstance(shift, Sequence) else [shift] * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    if len(shifts) != len(axes):
        raise located(ShapeError(f"roll: {len(shifts)} shifts do not fit {len(axes)} axes"))
    for s, a in zip(shifts, axes, strict=True):
        x = _rolled(x, int(s), one_axis("roll", a, x.ndim))
    return x


def _rolled(x: Tensor, shift: int, axis: int) -> Tensor:
    size = x.shape[axis]
    if not isinstance(size, int):
        positions = remainder(arange(size) - shift, dim_scalar(size, np.dtype("int64")))
        return take(x, positions, axis=axis)
    cut = -shift % size if size else 0
    if not cut:
        return x
    front = (slice(None),) * axis
    return concat([x[(*front, slice(cut, None))], x[(*front, slice(0, cut))]], axis=axis)


def tile(x: TensorLike, repetitions: int | Sequence[int], /) -> Tensor:
    """The array put side by side, so many times along each axis.

    Parameters
    ----------
    x
        Array of any shape.
    repetitions
        One number per axis, the last for the last; missing ones are 1, and so are missing axes.

    Examples
    --------
    >>> tile([1, 2], 2)
    Tensor([1, 2, 1, 2], int64)
    """
    x = asarray(x)
    times = [repetitions] if isinstance(repetitions, int) else list(repetitions)
    if any(t < 0 for t in times):
        raise located(ShapeError(f"tile: repetitions must be at least 0, not {repetitions!r}"))
    rank = max(len(times), x.ndim)
    times = [1] * (rank - len(times)) + times
    shape = (*[1] * (rank - x.ndim), *x.shape)
    if all(t == 1 for t in times):
        return reshape(x, shape)
    spread = reshape(x, [n for size in shape for n in (1, size)])
    wide = broadcast_to(spread, [n for t, size in zip(times, shape, strict=True) for n in (t, size)])
    return reshape(wide, [t * size for t, size in zip(times, shape, strict=True)])


def repeat(x: TensorLike, repeats: int | TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Each element, so many times.

    Parameters
    ----------
    x
        Array of any shape.
    repeats
        How often; one number, or one per place of the axis, whose values must be known.
    axis
        Along which axis; of the flattened array for None.

    Raises
    ------
    ShapeError
        If there are not as many repeats as places, or one is negative.

    Examples
    --------
    >>> repeat([1, 2], 2)
    Tensor([1, 1, 2, 2], int64)
    """
    x = asarray(x)
    if axis is None:
        return repeat(reshape(x, (-1,)), repeats, axis=0)
    place = one_axis("repeat", axis, x.ndim)
    counts = asarray(repeats).numpy()
    if counts.dtype.kind not in "iu" or (counts < 0).any():
        raise located(ShapeError(f"repeat: repeats must be integers of at least 0, not {counts.tolist()}"))
    size = x.shape[place]
    if counts.size != 1:
        if counts.shape != (size,):
            raise located(ShapeError(f"repeat: {counts.size} repeats do not fit axis {axis} of {x.node.type}"))
        return take(x, np.repeat(np.arange(counts.size), counts), axis=place)
    count = int(counts.reshape(())[()])
    wide = broadcast_to(expand_dims(x, place + 1), (*x.shape[: place + 1], count, *x.shape[place + 1 :]))
    return reshape(wide, (*x.shape[:place], size * count, *x.shape[place + 1 :]))


def kron(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The Kronecker product: each element of `x1` times all of `x2`.

    Examples
    --------
    >>> kron([1, 10], [1, 2])
    Tensor([ 1,  2, 10, 20], int64)
    """
    a, b = asarray(x1), asarray(x2)
    rank = max(a.ndim, b.ndim)
    left, right = (1,) * (rank - a.ndim) + a.shape, (1,) * (rank - b.ndim) + b.shape
    wide = reshape(a, [m for n in left for m in (n, 1)]) * reshape(b, [m for n in right for m in (1, n)])
    return reshape(wide, [prod(pair) for pair in zip(left, right, strict=True)])
