"""Finding the symbolic sizes from the arrays that are fed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tensorgraph.errors import InputError
from tensorgraph.ir.dims import Dim, evaluate_dim
from tensorgraph.ir.types import TensorType, format_shape

__all__ = ["bind_sizes"]


def bind_sizes(fed: Iterable[tuple[str, TensorType, Sequence[int]]]) -> dict[str, int]:
    """The size of every symbol.

    Parameters
    ----------
    fed
        Per input: its name, its type, and the shape of the array given for it.

    Raises
    ------
    InputError
        If a shape does not fit its type, or two inputs disagree about a size.
    """
    sizes: dict[str, int] = {}
    source: dict[str, str] = {}
    composed: list[tuple[str, TensorType, Sequence[int], Dim, int]] = []
    for name, kind, shape in fed:
        if len(shape) != len(kind.shape):
            raise _misfit(name, kind, shape, f"{len(shape)} axes instead of {len(kind.shape)}")
        for axis, (size, actual) in enumerate(zip(kind.shape, shape, strict=True)):
            if isinstance(size, int):
                if size != actual:
                    raise _misfit(name, kind, shape, f"axis {axis} is {actual} instead of {size}")
            elif len(size.terms) == 1 and size.terms[0][1] == 1 and [type(f) for f in size.terms[0][0]] == [str]:
                symbol = str(size)
                if sizes.setdefault(symbol, actual) != actual:
                    raise _misfit(
                        name,
                        kind,
                        shape,
                        f"axis {axis} is {actual}, but {symbol} is {sizes[symbol]} in {source[symbol]}",
                    )
                source.setdefault(symbol, name)
            else:
                composed.append((name, kind, shape, size, actual))
    while composed:  # one with a single unknown may tell what another needs
        ready = (i for i, (*_, size, _) in enumerate(composed) if len(_unknown(size, sizes)) < 2)
        name, kind, shape, size, actual = composed.pop(next(ready, 0))
        _solve(sizes, size, actual)
        if evaluate_dim(size, sizes) != actual:
            raise _misfit(name, kind, shape, f"{size} would be {evaluate_dim(size, sizes)}, not {actual}")
    return sizes


def _solve(sizes: dict[str, int], size: Dim, actual: int) -> None:
    """Bind the one unknown symbol of a linear dimension such as ``2*n + 1``."""
    unknown = _unknown(size, sizes)
    if not unknown:
        return
    if len(unknown) > 1:
        raise InputError(
            f"sizes {', '.join(unknown)} cannot be told from {size} = {actual}: give an input that has them plainly"
        )
    at0 = evaluate_dim(size, {**sizes, unknown[0]: 0})
    slope = evaluate_dim(size, {**sizes, unknown[0]: 1}) - at0
    sizes[unknown[0]] = max((actual - at0) // slope, 0) if slope else 0


def _unknown(size: Dim, sizes: dict[str, int]) -> list[str]:
    return sorted(set(size.symbols()) - set(sizes))


def _misfit(name: str, kind: TensorType, shape: Sequence[int], why: str) -> InputError:
    return InputError(f"input {name!r} is {kind} and was given shape {format_shape(shape)}: {why}")
