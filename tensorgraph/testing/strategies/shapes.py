"""Shapes, axes, data types and indices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from hypothesis import currently_in_test_context
from hypothesis import strategies as st

from tensorgraph.errors import DTypeError, InputError, TensorGraphError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import DTYPES, as_dtype

__all__ = ["Shape", "axes", "broadcastable_shapes", "dtypes", "indices", "shapes"]

Shape: TypeAlias = "tuple[int, ...]"
KINDS = "biufc"


def impossible(strategy: str, why: str, remedy: str) -> TensorGraphError:
    """The error for constraints that nothing fits; while examples are drawn, no line of the user's is near."""
    error = InputError(f"{strategy}: {why}: {remedy}")
    return error if currently_in_test_context() else located(error)


def read_dtype(strategy: str, dtype: Any) -> np.dtype[Any]:
    """A data type that tensors have."""
    try:
        return as_dtype(dtype)
    except (DTypeError, TypeError) as error:  # a list has no hash
        told = DTypeError(f"{strategy}: {error if isinstance(error, DTypeError) else f'{dtype!r} is no data type'}")
        raise (told if currently_in_test_context() else located(told)) from None


def check_shape(strategy: str, shape: Any) -> Shape:
    """A shape as a tuple of lengths that are at least 0."""
    try:
        found = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise impossible(strategy, f"{shape!r} is no shape", "give a tuple of integers, such as (2, 3)") from None
    if any(n < 0 for n in found):
        raise impossible(strategy, f"shape {found} has a negative length", "give lengths of at least 0")
    return found


def check_count(strategy: str, name: str, value: Any, least: int = 0, remedy: str = "") -> None:
    """Refuse what is no integer, and one below the least."""
    try:
        number = operator.index(value)
    except TypeError:
        raise impossible(strategy, f"{name}={value!r} is no integer", f"give one of at least {least}") from None
    if number < least:
        negative = "" if remedy else " is negative"
        raise impossible(strategy, f"{name}={value}{negative}", remedy or f"give at least {least}")


def check_order(strategy: str, low: tuple[str, int], high: tuple[str, int]) -> None:
    """Refuse a least value that is negative or above the greatest."""
    check_count(strategy, *low)
    check_count(strategy, *high)
    if low[1] > high[1]:
        raise impossible(
            strategy, f"{low[0]}={low[1]} is more than {high[0]}={high[1]}", f"raise {high[0]} or lower {low[0]}"
        )


def shapes(
    *, min_rank: int = 0, max_rank: int = 3, min_side: int = 0, max_side: int = 4, max_size: int = 64
) -> st.SearchStrategy[Shape]:
    """Shapes of arrays; they shrink to few and short axes.

    Parameters
    ----------
    min_rank, max_rank
        Number of axes.
    min_side, max_side
        Length of an axis.
    max_size
        Number of elements.

    Raises
    ------
    InputError
        If no shape fits.

    Examples
    --------
    >>> from hypothesis import find
    >>> min(find(shapes(min_side=1), lambda shape: len(shape) == 2)) >= 1
    True
    """
    check_order("shapes", ("min_rank", min_rank), ("max_rank", max_rank))
    check_order("shapes", ("min_side", min_side), ("max_side", max_side))
    check_count("shapes", "max_size", max_size)
    least = max(min_rank, 1) if max_size == 0 else min_rank  # without axes there is one element
    if least > max_rank:
        raise impossible("shapes", "an array without axes has more than max_size=0 elements", "raise max_size")
    if min_side**least > max_size:
        raise impossible(
            "shapes", f"{least} axes of at least {min_side} have more than max_size={max_size} elements",
            "raise max_size or lower min_rank or min_side",
        )  # fmt: skip
    sides = st.lists(st.integers(min_side, max_side), min_size=least, max_size=max_rank)
    return sides.map(lambda found: _within(found, min_side, max_size))


def _within(sides: Sequence[int], least: int, most: int) -> Shape:
    """The sides, the last ones shortened until there are no more than so many elements."""
    found = list(sides)
    for i in reversed(range(len(found))):
        while np.prod(found, dtype=int) > most and found[i] > least:
            found[i] -= 1
    while np.prod(found, dtype=int) > most:
        found.pop()
    return tuple(found)


def broadcastable_shapes(
    count: int = 2, *, max_rank: int = 3, min_side: int = 0, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Shapes that broadcast together: missing leading axes, and axes of length 1.

    Parameters
    ----------
    count
        How many.
    max_rank, min_side, max_side
        As for `shapes`.

    Examples
    --------
    >>> from hypothesis import find
    >>> a, b = find(broadcastable_shapes(2), lambda pair: len(pair[0]) != len(pair[1]))
    >>> len(np.broadcast_shapes(a, b)) == max(len(a), len(b))
    True
    """
    check_count("broadcastable_shapes", "count", count, 1, "ask for at least one shape")
    check_count("broadcastable_shapes", "max_rank", max_rank)
    check_order("broadcastable_shapes", ("min_side", min_side), ("max_side", max_side))
    whole = shapes(max_rank=max_rank, min_side=min_side, max_side=max_side)
    return whole.flatmap(lambda shape: st.tuples(*[_part(shape, min_side)] * count))


def _part(shape: Shape, least: int) -> st.SearchStrategy[Shape]:
    """Shapes that broadcast to this one."""
    ones = st.tuples(*[st.sampled_from([n, 1] if least <= 1 else [n]) for n in shape])
    return st.tuples(st.integers(0, len(shape)), ones).map(lambda pair: pair[1][pair[0] :])


def axes(rank: int, *, several: bool = True, none: bool = True, negative: bool = True) -> st.SearchStrategy[Any]:
    """Arguments for ``axis=``: a number, a tuple of different ones, or None.

    Parameters
    ----------
    rank
        Number of axes of the array.
    several, none, negative
        Whether to give tuples, None, and axes counted from the end.

    Examples
    --------
    >>> from hypothesis import find
    >>> -3 <= find(axes(3, none=False), lambda axis: True) < 3
    True
    """
    check_count("axes", "rank", rank, 0, "an array has at least 0 axes")
    if rank == 0 and not (several or none):
        raise impossible("axes", "an array of rank 0 has no axis", "allow none=True or several=True, or give a rank")
    low = -rank if negative else 0
    options: list[st.SearchStrategy[Any]] = []
    if rank:
        options.append(st.integers(0, rank - 1) | st.integers(low, -1) if negative else st.integers(0, rank - 1))
    if none:
        options.append(st.none())
    if several:
        number = st.integers(low, rank - 1) if rank else st.nothing()
        options.append(st.lists(number, max_size=rank, unique_by=lambda a: a % max(rank, 1)).map(tuple))
    return st.one_of(options)


def dtypes(kinds: str = KINDS) -> st.SearchStrategy[np.dtype[Any]]:
    """Data types, the most used of each kind first.

    Parameters
    ----------
    kinds
        ``b`` bool, ``i`` and ``u`` integers, ``f`` real, ``c`` complex.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(dtypes("fc"), lambda dtype: dtype.itemsize == 2)
    dtype('float16')
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        what = f"{unknown[0]!r} is no kind of data type" if unknown else "no kind of data type is given"
        raise impossible("dtypes", what, f"use letters of {KINDS!r}")
    order = sorted((np.dtype(name) for name in DTYPES), key=lambda d: ("fibuc".index(d.kind), d != _usual(d), d.num))
    return st.sampled_from([dtype for dtype in order if dtype.kind in kinds])


def _usual(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype({"f": "float64", "c": "complex128", "i": "int64", "u": "uint8", "b": "bool"}[dtype.kind])


def indices(shape: Shape, *, advanced: bool = True, new_axes: bool = True) -> st.SearchStrategy[tuple[Any, ...]]:
    """Tuples that index an array of this shape: numbers, slices, ``...``, None and integer arrays.

    Parameters
    ----------
    shape
        Of the array.
    advanced
        Whether to give integer arrays, which broadcast with each other.
    new_axes
        Whether to give None.

    Examples
    --------
    >>> from hypothesis import find
    >>> len(find(indices((3,)), lambda index: len(index) == 1))
    1
    """
    return _indices(check_shape("indices", shape), advanced, new_axes)


@st.composite
def _indices(draw: st.DrawFn, shape: Shape, advanced: bool, new_axes: bool) -> tuple[Any, ...]:
    taken = draw(st.integers(0, len(shape)))
    length = draw(st.sampled_from([1, 2, 3]))
    items: list[Any] = []
    for n in shape[:taken]:
        if new_axes and draw(st.integers(0, 9)) == 9:
            items.append(None)
        options: list[st.SearchStrategy[Any]] = [slices(n)] if n == 0 else [st.integers(-n, n - 1), slices(n)]
        if advanced and n:
            numbers = st.integers(-n, n - 1)
            options.append(st.lists(numbers, min_size=length, max_size=length).map(lambda v: np.array(v, np.int64)))
        items.append(draw(st.one_of(options)))
    if taken < len(shape) and draw(st.booleans()):
        items.append(...)
    return tuple(items)


def slices(size: int) -> st.SearchStrategy[slice]:
    """Slices of an axis of this length, with steps of either sign."""
    end = st.none() | st.integers(-size - 1, size + 1)
    return st.builds(slice, end, end, st.none() | st.sampled_from([1, 2, -1, -2, 3]))
