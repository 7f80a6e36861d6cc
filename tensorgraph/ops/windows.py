"""How many windows fit on an axis, and what to say where none does: shared by convolution and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tensorgraph.errors import DimError, ShapeError
from tensorgraph.ir.dims import DimLike, Shape, clamp
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType

Pairs: TypeAlias = "tuple[tuple[int, int], ...]"

# Multiplications and additions up to which the nested-loop definitions are quick enough to be evaluated.
REFERENCE_FLOPS = 1 << 14


@dataclass(frozen=True, eq=False, repr=False)
class Windowed(Op):
    """Base: windows slide over the axes after the first two, which are batch and channels.

    Attributes
    ----------
    stride, dilation
        Per spatial axis, the step between windows and between the elements of one.
    padding
        Per spatial axis, how many zeros (or nothing, in max pooling) stand before and after.
    """

    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]

    def windows(self, spatial: Shape, kernel: tuple[int, ...], ceil_mode: bool = False) -> Shape:
        """The number of windows on each spatial axis."""
        return tuple(
            window_count(axis, n, k, s, p, d, ceil_mode)
            for axis, (n, k, s, p, d) in enumerate(
                zip(spatial, kernel, self.stride, self.padding, self.dilation, strict=True)
            )
        )


def window_count(
    axis: int, n: DimLike, kernel: int, stride: int, padding: tuple[int, int], dilation: int, ceil_mode: bool
) -> DimLike:
    """floor((n + padding - span) / stride) + 1, where the window spans ``dilation * (kernel - 1) + 1`` elements.

    In ceil mode one more window may overhang the end, if it starts in the input or the padding before it.

    Raises
    ------
    ShapeError
        If not one window fits.
    """
    if kernel < 1:
        raise ShapeError(f"cannot slide: the window has no elements along spatial axis {axis}")
    low, high = padding
    span = dilation * (kernel - 1) + 1
    room = n + low + high - span
    if isinstance(room, int) and room < 0:
        has = f"{n}, or {n + low + high} with its padding," if low or high else f"{n}"
        raise ShapeError(
            f"cannot slide: the input is too small: along spatial axis {axis} it has {has} and the window spans {span}"
        )
    if not ceil_mode or stride == 1:
        return clamp((room + stride) // stride)
    try:
        count = (room + 2 * stride - 1) // stride
        return count - 1 if (count - 1) * stride >= n + low else count
    except DimError:
        raise ShapeError(f"has a symbolic size along spatial axis {axis}: ceil_mode needs known sizes") from None


def sizes(shape: Shape) -> tuple[int, ...]:
    """Sizes that must be known: of kernels."""
    for n in shape:
        if not isinstance(n, int):
            raise ShapeError(f"need a kernel of known size, not {n}")
    return tuple(n for n in shape if isinstance(n, int))


def product(numbers: tuple[int, ...]) -> int:
    """The product of known sizes."""
    return int(np.prod(numbers))


def small(op: Op, *arrays: Array) -> bool:
    """Whether the nested-loop definition is quick enough."""
    count = op.flops(*map(TensorType.of, arrays))
    return isinstance(count, int) and count <= REFERENCE_FLOPS


def labels(letter: str, rank: int, whole: str = "") -> str:
    """``i0! i1!``: axis labels of the spatial axes."""
    return " ".join(f"{letter}{k}{whole}" for k in range(rank))
