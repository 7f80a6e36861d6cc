"""Reductions over rows that bear the same number: scattering, with sums, products and extremes where rows meet."""

from __future__ import annotations

from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.errors import ShapeError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import as_shape
from tensorgraph.ops import segment as ops

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def segment_sum(x: TensorLike, segment_ids: TensorLike, /, num_segments: DimLike | str | None = None) -> Tensor:
    """The sum of the rows that bear each number.

    Parameters
    ----------
    x
        Rows ``[n, …]``.
    segment_ids
        The number of each row ``[n]``, in any order. Rows whose number is negative or too large are dropped.
    num_segments
        How many rows the result has; one more than the largest number by default, which must then be known.

    Returns
    -------
    Tensor
        ``[num_segments, …]``; 0 where no row bears the number.

    Raises
    ------
    ShapeError
        If there is not one number per row.
    DTypeError
        If the numbers are no integers.

    Examples
    --------
    >>> segment_sum([1.0, 2.0, 4.0], [0, 2, 0])
    Tensor([5., 0., 2.], float64)
    """
    return _segments("segment_sum", ops.SegmentSum, x, segment_ids, num_segments)


def segment_prod(x: TensorLike, segment_ids: TensorLike, /, num_segments: DimLike | str | None = None) -> Tensor:
    """The product of the rows that bear each number, 1 where there is none. Parameters as for `segment_sum`.

    The gradient is exact where elements are zero, to every order.

    Examples
    --------
    >>> segment_prod([1.0, 2.0, 4.0], [0, 2, 0])
    Tensor([4., 1., 2.], float64)
    """
    return _segments("segment_prod", ops.SegmentProd, x, segment_ids, num_segments)


def segment_max(x: TensorLike, segment_ids: TensorLike, /, num_segments: DimLike | str | None = None) -> Tensor:
    """The largest of the rows that bear each number, elementwise; the lowest value of the dtype where there is none.

    Equal largest elements share the gradient equally. Parameters as for `segment_sum`.

    Examples
    --------
    >>> segment_max([1.0, 2.0, 4.0], [0, 1, 0])
    Tensor([4., 2.], float64)
    """
    return _segments("segment_max", ops.SegmentMax, x, segment_ids, num_segments)


def segment_min(x: TensorLike, segment_ids: TensorLike, /, num_segments: DimLike | str | None = None) -> Tensor:
    """The smallest of the rows that bear each number, elementwise; the highest value of the dtype where there is none.

    Equal smallest elements share the gradient equally. Parameters as for `segment_sum`.

    Examples
    --------
    >>> segment_min([1.0, 2.0, 4.0], [0, 1, 0])
    Tensor([1., 2.], float64)
    """
    return _segments("segment_min", ops.SegmentMin, x, segment_ids, num_segments)


def _segments(
    name: str, op: type[ops._Segment], x: TensorLike, segment_ids: TensorLike, num_segments: DimLike | str | None
) -> Tensor:
    rows, ids = asarray(x), asarray(segment_ids)
    if num_segments is None:
        if not isinstance(ids.node.op, Constant):
            raise located(ShapeError(f"{name}: the numbers of {ids.node.type} are not known yet: give num_segments="))
        known = ids.numpy()
        num_segments = int(known.max()) + 1 if known.size else 0
    (count,) = as_shape(num_segments)
    if isinstance(count, int) and count < 0:
        raise located(ShapeError(f"{name}: num_segments must be at least 0, not {count}"))
    return apply(op(count), rows, ids)
