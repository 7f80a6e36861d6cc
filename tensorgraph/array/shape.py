"""Changing shape, order and dtype, by the Array API's names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tensorgraph.array.axes import Axes, one_axis, some_axes
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray, promote
from tensorgraph.errors import AxisError, ShapeError, TensorGraphError
from tensorgraph.ir.dims import Dim, DimLike, dim_key, exact_div
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Shape, as_dtype, as_shape, broadcast_shapes
from tensorgraph.ops import elementwise, meta
from tensorgraph.ops import shape as ops

__all__ = [
    "astype", "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "matrix_transpose", "moveaxis",
    "pad", "permute_dims", "reshape", "split", "squeeze", "stack", "stop_gradient", "swapaxes", "unstack",
]  # fmt: skip


def astype(x: TensorLike, dtype: Any, /) -> Tensor:
    """The same values in another dtype; as NumPy converts.

    Raises
    ------
    DTypeError
        If there is no such dtype.

    Examples
    --------
    >>> astype([1.7, -1.7], "int32")
    Tensor([ 1, -1], int32)
    """
    x = asarray(x)
    try:
        wanted = as_dtype(dtype)
    except TensorGraphError as error:
        raise located(type(error)(f"astype: {error.args[0]}")) from None
    return x if x.dtype == wanted else apply(elementwise.Cast(wanted), x)


def stop_gradient(x: TensorLike, /) -> Tensor:
    """The same value, held constant by derivatives.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    Tensor(3., float64)
    """
    return apply(meta.StopGradient(), asarray(x))


def reshape(x: TensorLike, /, shape: Any) -> Tensor:
    """The same elements, in row-major order, in another shape.

    Parameters
    ----------
    x
        Array of any shape.
    shape
        New sizes; one may be -1, and follows from the others.

    Raises
    ------
    ShapeError
        If the number of elements does not stay.

    Examples
    --------
    >>> reshape([1, 2, 3, 4], (2, -1))
    Tensor([[1, 2],
            [3, 4]], int64)
    """
    x = asarray(x)
    try:
        wanted = ops.infer_shape(x.shape, as_shape(shape))
    except TensorGraphError as error:
        raise located(type(error)(f"reshape: {x.node.type} {error.args[0]}")) from None
    return x if _same(wanted, x.shape) else apply(ops.Reshape(wanted), x)


def _same(left: Shape, right: Shape) -> bool:
    return [dim_key(n) for n in left] == [dim_key(n) for n in right]


def permute_dims(x: TensorLike, /, axes: Sequence[int]) -> Tensor:
    """The axes in another order.

    Parameters
    ----------
    x
        Array with n axes.
    axes
        The n axes in their new order.

    Examples
    --------
    >>> permute_dims([[1, 2, 3]], (1, 0)).shape
    (3, 1)
    """
    x = asarray(x)
    order = tuple(one_axis("permute_dims", a, x.ndim) for a in axes)
    return x if order == tuple(range(x.ndim)) else apply(ops.PermuteDims(order), x)


def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two axes exchanged.

    Examples
    --------
    >>> matrix_transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    return swapaxes(x, -1, -2)


def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged.

    Examples
    --------
    >>> swapaxes([[1, 2, 3]], 0, 1).shape
    (3, 1)
    """
    x = asarray(x)
    a, b = one_axis("swapaxes", axis1, x.ndim), one_axis("swapaxes", axis2, x.ndim)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute_dims(x, order)


def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
    """Some axes moved to new places, the others in their order.

    Examples
    --------
    >>> moveaxis([[[1, 2, 3]]], -1, 0).shape
    (3, 1, 1)
    """
    x = asarray(x)
    froms = [source] if isinstance(source, int) else list(source)
    tos = [destination] if isinstance(destination, int) else list(destination)
    if len(froms) != len(tos):
        raise located(AxisError(f"moveaxis: {len(froms)} axes have {len(tos)} destinations"))
    places = {one_axis("moveaxis", b, x.ndim): one_axis("moveaxis", a, x.ndim) for a, b in zip(froms, tos, strict=True)}
    rest = iter(i for i in range(x.ndim) if i not in places.values())
    return permute_dims(x, [places[i] if i in places else next(rest) for i in range(x.ndim)])


def expand_dims(x: TensorLike, /, axis: int | Sequence[int] = 0) -> Tensor:
    """With new axes of size 1 at these places of the result.

    Examples
    --------
    >>> expand_dims([1, 2], -1).shape
    (2, 1)
    """
    x = asarray(x)
    given = [axis] if isinstance(axis, int) else list(axis)
    return apply(ops.ExpandDims(some_axes("expand_dims", given, x.ndim + len(given))), x) if given else x


def squeeze(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """Without some axes of size 1; without all of them if none is named.

    Raises
    ------
    ShapeError
        If a named axis has another size.

    Examples
    --------
    >>> squeeze([[1, 2]], 0).shape
    (2,)
    """
    x = asarray(x)
    axes = (
        tuple(i for i, n in enumerate(x.shape) if dim_key(n) == 1)
        if axis is None
        else some_axes("squeeze", axis, x.ndim)
    )
    return apply(ops.Squeeze(axes), x) if axes else x


def broadcast_to(x: TensorLike, /, shape: Any) -> Tensor:
    """Repeated along new axes and axes of size 1.

    Raises
    ------
    ShapeError
        If the shape does not broadcast to that.

    Examples
    --------
    >>> broadcast_to([1, 2], (2, 2))
    Tensor([[1, 2],
            [1, 2]], int64)
    """
    x = asarray(x)
    try:
        wanted = as_shape(shape)
    except TensorGraphError as error:
        raise located(type(error)(f"broadcast_to: {error.args[0]}")) from None
    return x if _same(wanted, x.shape) else apply(ops.BroadcastTo(wanted), x)


def broadcast_arrays(*arrays: TensorLike) -> list[Tensor]:
    """All of the common shape.

    Examples
    --------
    >>> [a.shape for a in broadcast_arrays([1, 2], [[3], [4]])]
    [(2, 2), (2, 2)]
    """
    tensors = [asarray(a) for a in arrays]
    try:
        shape = broadcast_shapes(*[t.shape for t in tensors])
    except ShapeError as error:
        operands = " and ".join(str(t.node.type) for t in tensors)
        raise located(ShapeError(f"broadcast_arrays: {operands} {error.args[0]}")) from None
    return [broadcast_to(t, shape) for t in tensors]


def concat(arrays: Sequence[TensorLike], /, *, axis: int | None = 0) -> Tensor:
    """Joined along an existing axis; along the only axis of the flattened arrays for None.

    Raises
    ------
    ShapeError
        If there are none, or another axis differs.

    Examples
    --------
    >>> concat([[1, 2], [3]])
    Tensor([1, 2, 3], int64)
    """
    if not len(arrays):
        raise located(ShapeError("concat: there is nothing to join"))
    tensors = promote(*arrays)
    if axis is None:
        return concat([reshape(t, (-1,)) for t in tensors], axis=0)
    place = one_axis("concat", axis, tensors[0].ndim)
    return apply(ops.Concat(place), *tensors) if len(tensors) > 1 else tensors[0]


def stack(arrays: Sequence[TensorLike], /, *, axis: int = 0) -> Tensor:
    """Joined along a new axis.

    Examples
    --------
    >>> stack([[1, 2], [3, 4]], axis=1)
    Tensor([[1, 3],
            [2, 4]], int64)
    """
    return concat([expand_dims(a, axis) for a in arrays], axis=axis)


def unstack(x: TensorLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, which is dropped.

    Examples
    --------
    >>> unstack([[1, 2], [3, 4]])
    (Tensor([1, 2], int64), Tensor([3, 4], int64))
    """
    moved = moveaxis(x, axis, 0)
    return tuple(moved)


def split(x: TensorLike, indices_or_sections: int | Sequence[int], /, axis: int = 0) -> list[Tensor]:
    """Parts along an axis: so many equal ones, or cut at these positions.

    Raises
    ------
    ShapeError
        If the axis does not divide into equal parts.

    Examples
    --------
    >>> split([1, 2, 3, 4], 2)
    [Tensor([1, 2], int64), Tensor([3, 4], int64)]
    """
    x = asarray(x)
    place = one_axis("split", axis, x.ndim)
    size = x.shape[place]
    cuts: list[DimLike]
    if isinstance(indices_or_sections, int):
        try:
            step = exact_div(size, indices_or_sections)
        except TensorGraphError:
            message = f"split: {x.node.type} does not divide into {indices_or_sections} equal parts along axis {axis}"
            raise located(ShapeError(message)) from None
        cuts = [i * step for i in range(1, indices_or_sections)]
    else:
        cuts = list(indices_or_sections)
    bounds = [None, *cuts, None]
    front = (slice(None),) * place
    return [x[(*front, slice(a, b))] for a, b in pairwise(bounds)]


def flip(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """The elements along axes in reverse order.

    Examples
    --------
    >>> flip([1, 2, 3])
    Tensor([3, 2, 1], int64)
    """
    x = asarray(x)
    axes = some_axes("flip", axis, x.ndim)
    return x[tuple(slice(None, None, -1 if i in axes else None) for i in range(x.ndim))]


def pad(x: TensorLike, pad_width: Any, /, mode: str = "constant", *, constant_values: complex = 0) -> Tensor:
    """With more elements before and after each axis.

    Parameters
    ----------
    x
        Array with n axes.
    pad_width
        A number for all sides, a pair (before, after) for all axes, or n pairs.
    mode
        ``"constant"``, ``"edge"`` (the outermost element), ``"reflect"`` (mirrored without the outermost),
        ``"symmetric"`` (mirrored with it) or ``"wrap"`` (periodic).
    constant_values
        The element that ``"constant"`` puts in.

    Raises
    ------
    ShapeError
        If the widths do not fit, are negative, or an axis is too short for the mode.

    Examples
    --------
    >>> pad([1, 2], (1, 2))
    Tensor([0, 1, 2, 0, 0], int64)
    >>> pad([1, 2, 3], 1, mode="reflect")
    Tensor([2, 1, 2, 3, 2], int64)
    """
    x = asarray(x)
    widths = _widths(pad_width, x)
    if mode == "constant":
        value = asarray(np.asarray(constant_values).astype(x.dtype))
        return apply(ops.Pad(widths), x, value) if any(dim_key(a + b) != 0 for a, b in widths) else x
    for axis, (low, high) in enumerate(widths):
        if dim_key(low) != 0 or dim_key(high) != 0:
            x = x[(*(slice(None),) * axis, _padded_positions(x, axis, low, high, mode))]
    return x


def _widths(given: Any, x: Tensor) -> tuple[tuple[DimLike, DimLike], ...]:
    if isinstance(given, (int, Dim)):
        return ((given, given),) * x.ndim
    pairs = tuple(given)
    if len(pairs) == 2 and all(isinstance(p, (int, Dim)) for p in pairs):
        return (pairs,) * x.ndim
    if not all(isinstance(p, Sequence) and len(p) == 2 for p in pairs) or len(pairs) != x.ndim:
        raise located(ShapeError(f"pad: {x.node.type} needs {x.ndim} pairs of widths, not {given!r}"))
    return tuple((p[0], p[1]) for p in pairs)


def _padded_positions(x: Tensor, axis: int, low: DimLike, high: DimLike, mode: str) -> Any:
    size = x.shape[axis]
    if not isinstance(size, int) or not isinstance(low, int) or not isinstance(high, int):
        raise located(ShapeError(f"pad: mode {mode!r} needs known sizes, and axis {axis} of {x.node.type} is symbolic"))
    if mode not in {"edge", "reflect", "symmetric", "wrap"}:
        raise located(ShapeError(f"pad: unknown mode {mode!r}: use constant, edge, reflect, symmetric or wrap"))
    if size == 0 or low < 0 or high < 0:
        raise located(
            ShapeError(f"pad: axis {axis} of {x.node.type} cannot be padded by {(low, high)} in mode {mode!r}")
        )
    return np.pad(np.arange(size), (low, high), mode=mode)  # type: ignore[call-overload]
