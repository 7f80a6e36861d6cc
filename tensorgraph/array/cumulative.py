"""Sums and products up to each element, and differences."""

from __future__ import annotations

from typing import Any

from tensorgraph.array.axes import one_axis
from tensorgraph.array.creation import ones, zeros
from tensorgraph.array.shape import astype, concat
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.errors import AxisError, ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.ops import scan

__all__ = ["cumulative_prod", "cumulative_sum", "diff"]


def cumulative_sum(
    x: TensorLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The sum of each element and those before it along an axis; of integers in 64 bits.

    Parameters
    ----------
    x
        Array of at least one axis.
    axis
        May be left out where there is only one.
    dtype
        Cast to this first.
    include_initial
        Begin with the sum of nothing, so that the axis grows by one.

    Raises
    ------
    AxisError
        If the axis does not exist, or is left out where there are several.

    Examples
    --------
    >>> cumulative_sum([1.0, 2.0, 3.0])
    Tensor([1., 3., 6.], float64)
    """
    x, place = _read("cumulative_sum", x, axis, dtype)
    y = apply(scan.CumulativeSum(place), x)
    return _begun(y, zeros, place) if include_initial else y


def cumulative_prod(
    x: TensorLike, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The product of each element and those before it along an axis; of integers in 64 bits.

    Parameters as for `cumulative_sum`. The gradient is exact where elements are zero, to every order.

    Examples
    --------
    >>> cumulative_prod([1.0, 2.0, 3.0])
    Tensor([1., 2., 6.], float64)
    """
    x, place = _read("cumulative_prod", x, axis, dtype)
    y = apply(scan.CumulativeProd(place), x)
    return _begun(y, ones, place) if include_initial else y


def _read(name: str, x: TensorLike, axis: int | None, dtype: Any) -> tuple[Tensor, int]:
    x = asarray(x) if dtype is None else astype(x, dtype)
    if axis is None and x.ndim != 1:
        raise located(AxisError(f"{name}: {x.node.type} has {x.ndim} axes: say which with axis="))
    return x, one_axis(name, 0 if axis is None else axis, x.ndim)


def _begun(y: Tensor, fill: Any, axis: int) -> Tensor:
    first = fill([1 if i == axis else n for i, n in enumerate(y.shape)], dtype=y.dtype)
    return concat([first, y], axis=axis)


def diff(
    x: TensorLike, /, *, axis: int = -1, n: int = 1, prepend: TensorLike | None = None, append: TensorLike | None = None
) -> Tensor:
    """Differences of neighbours along an axis, `n` times; of bool, whether they differ.

    Parameters
    ----------
    x
        Array of at least one axis.
    n
        How often; each time the axis shrinks by one.
    prepend, append
        Arrays put before and after `x` along the axis first.

    Raises
    ------
    ShapeError
        If `n` is negative.

    Examples
    --------
    >>> diff([1.0, 4.0, 9.0])
    Tensor([3., 5.], float64)
    """
    x = asarray(x)
    place = one_axis("diff", axis, x.ndim)
    if n < 0:
        raise located(ShapeError(f"diff: n must be at least 0, not {n}"))
    parts = [p for p in (prepend, x, append) if p is not None]
    x = concat(parts, axis=place) if len(parts) > 1 else x
    front = (slice(None),) * place
    for _ in range(n):
        after, before = x[(*front, slice(1, None))], x[(*front, slice(None, -1))]
        x = after != before if x.dtype.kind == "b" else after - before
    return x
