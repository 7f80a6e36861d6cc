"""What a step of a random graph chooses from, and the guards that lead values into an operation's domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import numpy as np
from hypothesis import strategies as st

from tensorgraph.array import functions as f
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.op import Interval, Op
from tensorgraph.ir.types import TensorType, broadcast_shapes

__all__ = ["Choice", "Recipe", "accepts", "broadcasts", "guarded", "literal_size"]

T = TypeVar("T")
TYPICAL = 3  # what a symbolic size counts as where growth is bounded
HOSTILE = 6  # one guard in so many is left away


class Choice:
    """The tensors a step may read, and the numbers it draws.

    Attributes
    ----------
    tensors
        What there is, inputs first.
    safe
        Whether every value must stay inside the operation's domain and away from where it has no derivative.
    """

    def __init__(self, draw: st.DrawFn, tensors: list[Tensor], safe: bool) -> None:
        self.draw = draw
        self.tensors = tensors
        self.safe = safe

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.draw(st.integers(low, high))

    def pick(self, options: Sequence[T]) -> T:
        """One of several; shrinks to the first."""
        return options[self.integer(0, len(options) - 1)]

    def coin(self) -> bool:
        """Shrinks to False."""
        return self.draw(st.booleans())

    def partner(self, x: Tensor, fits: Callable[[Tensor], bool]) -> Tensor:
        """Another tensor that fits, or `x` itself."""
        return self.pick([x, *[t for t in self.tensors if t is not x and fits(t)]])

    def guard(self, x: Tensor, interval: Interval) -> Tensor:
        """Led into the interval; now and then as it is, where values outside are no harm."""
        if not self.safe and self.integer(0, HOSTILE) == HOSTILE:
            return x
        return guarded(x, interval)


@dataclass(frozen=True)
class Recipe:
    """One way to make a tensor from tensors that are there.

    Attributes
    ----------
    name
        What it is called where recipes are listed.
    ops
        The operations it records.
    fits
        Whether a type can be its first operand.
    make
        Applies public functions.
    smooth
        Whether the result can be differentiated wherever operands are inside the domain.
    """

    name: str
    ops: tuple[type[Op], ...]
    fits: Callable[[TensorType], bool]
    make: Callable[[Choice, Tensor], Tensor | Sequence[Tensor]]
    smooth: bool = True


Function: TypeAlias = "Callable[..., Any]"


def guarded(x: Tensor, interval: Interval) -> Tensor:
    """A smooth function of `x` whose values are inside the interval; of integers, the remainder."""
    low, high = interval.low, interval.high
    if x.dtype.kind not in "fc" or not (np.isfinite(low) or np.isfinite(high)):
        return x
    if x.dtype.kind == "c":
        return x + 5  # away from branch cuts, as far as operands are small
    if np.isfinite(low) and np.isfinite(high):
        return f.tanh(x) * (0.4 * (high - low)) + (low + high) / 2
    if np.isfinite(low):
        return f.softplus(x) + (low + 0.25)
    return (high - 0.25) - f.softplus(x)


@lru_cache(maxsize=4096)
def _accepted(function: Function, names: tuple[str, ...]) -> bool:
    try:
        function(*[placeholder((), name, name=f"x{i}") for i, name in enumerate(names)])
    except DTypeError:
        return False
    return True


def accepts(function: Function, *tensors: Tensor | TensorType) -> bool:
    """Whether a function takes these data types."""
    return _accepted(function, tuple(t.dtype.name for t in tensors))


def broadcasts(x: Tensor, y: Tensor) -> bool:
    """Whether the shapes broadcast."""
    try:
        broadcast_shapes(x.shape, y.shape)
    except ShapeError:
        return False
    return True


def literal_size(shape: Sequence[DimLike]) -> int:
    """About how many elements there are."""
    total = 1
    for n in shape:
        total *= n if isinstance(n, int) else TYPICAL
    return total


def integers(x: Tensor, below: int) -> Tensor:
    """Numbers from 0 to `below` of the shape of `x`, following from it."""
    if x.dtype.kind in "iu":
        return f.remainder(x, below)
    return f.astype(f.isfinite(x), np.int64) if x.dtype.kind == "c" else f.astype(x > asarray(x * 0), np.int64)
