"""Reading axis arguments."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TypeAlias

from tensorgraph.errors import AxisError
from tensorgraph.ir.provenance import located

__all__ = ["Axes", "one_axis", "some_axes"]

Axes: TypeAlias = "int | Sequence[int] | None"


def one_axis(name: str, axis: int, ndim: int) -> int:
    """An axis counted from the front."""
    try:
        number = index(axis)
    except TypeError:
        raise located(AxisError(f"{name}: axis {axis!r} is no integer")) from None
    if not -ndim <= number < ndim:
        if ndim == 0:
            raise located(AxisError(f"{name}: axis {number} does not exist: the operand has no axes"))
        raise located(AxisError(f"{name}: axis {number} does not exist: axes run from {-ndim} to {ndim - 1}"))
    return number % ndim


def some_axes(name: str, axis: Axes, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, in order; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, Sequence) else (axis,)
    axes = [one_axis(name, a, ndim) for a in given]
    if len(set(axes)) != len(axes):
        raise located(AxisError(f"{name}: axis {tuple(given)} names an axis twice"))
    return tuple(sorted(axes))
