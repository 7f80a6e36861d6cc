"""Reading the arguments of convolution and pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from tensorgraph.array.shape import moveaxis
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import ShapeError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.provenance import located

__all__ = ["Padding", "Sizes", "channels_first", "one_per_axis", "pairs", "refuse", "same_padding"]

Sizes: TypeAlias = "int | Sequence[int]"
Padding: TypeAlias = "int | str | Sequence[int] | Sequence[tuple[int, int]]"

_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def refuse(message: str) -> NoReturn:
    """Raise a ShapeError that names the user's line."""
    raise located(ShapeError(message))


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def one_per_axis(name: str, what: str, given: Sizes, rank: int, least: int = 1) -> tuple[int, ...]:
    """One number for all spatial axes, or one for each."""
    values = (given,) * rank if _whole(given) else tuple(given) if isinstance(given, Sequence) else (given,)
    if len(values) != rank or not all(_whole(v) and v >= least for v in values):  # type: ignore[operator]
        axes = f"{rank} integers" if rank != 1 else "1 integer"
        refuse(f"{name}: {what} must be an integer of at least {least}, or {axes}, not {given!r}")
    return tuple(int(v) for v in values)  # type: ignore[arg-type]


def pairs(name: str, given: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Padding before and after each spatial axis, from a number, one number per axis, or pairs."""
    values = (given,) * rank if _whole(given) else tuple(given) if isinstance(given, Sequence) else ()
    found = [(v, v) if _whole(v) else tuple(v) if isinstance(v, Sequence) else () for v in values]
    if isinstance(given, str) or len(found) != rank or not all(_pair(p) for p in found):
        what = f'an integer of at least 0, {rank} of them, {rank} pairs, "same" or "valid"'
        refuse(f"{name}: padding must be {what}, not {given!r}")
    return tuple((int(low), int(high)) for low, high in found)


def _pair(value: Any) -> bool:
    return len(value) == 2 and all(_whole(v) and v >= 0 for v in value)


def same_padding(
    name: str, spatial: Sequence[DimLike], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Padding for which there are ceil(n / stride) windows; the odd zero stands at the end."""
    found = []
    for axis, (n, k, s, d) in enumerate(zip(spatial, kernel, stride, dilation, strict=True)):
        total = d * (k - 1)
        if s > 1:
            if not isinstance(n, int):
                refuse(f'{name}: padding "same" with stride {s} needs a known size along spatial axis {axis}, not {n}')
            total = max((-(-n // s) - 1) * s + total + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def channels_first(name: str, x: Tensor, layout: str, rank: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The operand with its channels at axis 1, and what puts those of the result back.

    ``"NCHW"`` and ``"NHWC"`` stand for channels first and last with any number of spatial axes.
    """
    if rank not in _FIRST:
        refuse(f"{name}: {x.node.type} needs 3 to 5 axes: batch, channels and one to three spatial ones")
    if layout in ("NCHW", _FIRST[rank]):
        return x, lambda y: y
    if layout in ("NHWC", _LAST[rank]):
        return moveaxis(x, -1, 1), lambda y: moveaxis(y, 1, -1)
    refuse(f'{name}: layout must be "{_FIRST[rank]}" or "{_LAST[rank]}", not {layout!r}')
