"""Sorting and searching, by the Array API's names."""

from __future__ import annotations

from tensorgraph.array.axes import one_axis
from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.indexing import take, take_along_axis
from tensorgraph.array.shape import flip
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.errors import ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.ops import ordering as ops

__all__ = ["argsort", "searchsorted", "sort", "top_k"]


def sort(x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along an axis in order. NaN counts as the largest.

    Parameters
    ----------
    x
        Real array of at least one axis.
    axis
        Along which to sort.
    descending
        From the largest to the smallest.
    stable
        Equal elements keep their order; they do in any case.

    Raises
    ------
    DTypeError
        If the elements are complex.

    Examples
    --------
    >>> sort([3.0, 1.0, 2.0], descending=True)
    Tensor([3., 2., 1.], float64)
    """
    x = asarray(x)
    place = one_axis("sort", axis, x.ndim)
    ascending = apply(ops.Sort(place), x)
    return flip(ascending, place) if descending else ascending


def argsort(x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions that `sort` takes elements from; equal elements keep their order. Parameters as for `sort`.

    Examples
    --------
    >>> argsort([3.0, 1.0, 2.0])
    Tensor([1, 2, 0], int64)
    """
    x = asarray(x)
    place = one_axis("argsort", axis, x.ndim)
    if not descending:
        return apply(ops.ArgSort(place), x)
    backwards = flip(apply(ops.ArgSort(place), flip(x, place)), place)
    return dim_scalar(x.shape[place] - 1, backwards.dtype) - backwards


def top_k(x: TensorLike, k: int, /, *, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements along an axis, the largest first, and where they are.

    Parameters
    ----------
    x
        Real array of at least one axis.
    k
        How many.
    axis
        Along which to look.
    largest
        Whether the largest or the smallest; of equal elements the first is taken first.

    Returns
    -------
    values, indices
        Tensors whose `axis` has size `k`.

    Raises
    ------
    ShapeError
        If there are fewer elements.

    Examples
    --------
    >>> top_k([3.0, 1.0, 2.0], 2)
    (Tensor([3., 2.], float64), Tensor([0, 2], int64))
    """
    x = asarray(x)
    place = one_axis("top_k", axis, x.ndim)
    size = x.shape[place]
    if k < 0 or (isinstance(size, int) and k > size):
        raise located(ShapeError(f"top_k: {x.node.type} has {size} elements along axis {axis}, not {k}"))
    order = argsort(x, axis=place, descending=largest)
    indices = order[(*(slice(None),) * place, slice(0, k))]
    return take_along_axis(x, indices, axis=place), indices


def searchsorted(x1: TensorLike, x2: TensorLike, /, *, side: str = "left", sorter: TensorLike | None = None) -> Tensor:
    """For each value of `x2` the position at which it would be put into the sorted vector `x1`.

    Parameters
    ----------
    x1
        Vector in ascending order, or in the order that `sorter` gives it.
    x2
        Values of any shape.
    side
        ``"left"``: before equal elements; ``"right"``: after them.
    sorter
        Positions that sort `x1`.

    Raises
    ------
    ShapeError
        If `x1` is no vector or the side is unknown.

    Examples
    --------
    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 9.0])
    Tensor([1, 3], int64)
    """
    if side not in ("left", "right"):
        raise located(ShapeError(f'searchsorted: side must be "left" or "right", not {side!r}'))
    vector = asarray(x1) if sorter is None else take(x1, sorter, axis=0)
    return apply(ops.SearchSorted(side), vector, asarray(x2))
