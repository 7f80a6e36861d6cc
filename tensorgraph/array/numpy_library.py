"""NumPy's cumulative, ordering and rearranging functions, with NumPy's signatures, as recorded on tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

import tensorgraph.array.functions as f
from tensorgraph.array.tensor import Tensor, TensorLike, asarray

__all__ = ["LIBRARY"]

Recorder: TypeAlias = Callable[..., Any]


def _flat(a: TensorLike, axis: int | None) -> tuple[Tensor, int]:
    """The flattened array where no axis is named."""
    x = asarray(a)
    return (f.reshape(x, (-1,)), 0) if axis is None else (x, axis)


def _cumsum(a: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    x, place = _flat(a, axis)
    return f.cumulative_sum(x, axis=place, dtype=dtype)


def _cumprod(a: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    x, place = _flat(a, axis)
    return f.cumulative_prod(x, axis=place, dtype=dtype)


def _sort(a: TensorLike, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Tensor:
    x, place = _flat(a, axis)
    return f.sort(x, axis=place)


def _argsort(a: TensorLike, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Tensor:
    x, place = _flat(a, axis)
    return f.argsort(x, axis=place)


def _searchsorted(a: TensorLike, v: TensorLike, side: str = "left", sorter: TensorLike | None = None) -> Tensor:
    return f.searchsorted(a, v, side=side, sorter=sorter)


def _roll(a: TensorLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    return f.roll(a, shift, axis=axis)


def _tile(A: TensorLike, reps: int | Sequence[int]) -> Tensor:
    return f.tile(A, reps)


def _repeat(a: TensorLike, repeats: int | TensorLike, axis: int | None = None) -> Tensor:
    return f.repeat(a, repeats, axis=axis)


def _diff(
    a: TensorLike, n: int = 1, axis: int = -1, prepend: TensorLike | None = None, append: TensorLike | None = None
) -> Tensor:
    return f.diff(a, axis=axis, n=n, prepend=prepend, append=append)


def _kron(a: TensorLike, b: TensorLike) -> Tensor:
    return f.kron(a, b)


LIBRARY: dict[Recorder, Recorder] = {
    np.argsort: _argsort,
    np.cumprod: _cumprod,
    np.cumsum: _cumsum,
    np.cumulative_prod: f.cumulative_prod,
    np.cumulative_sum: f.cumulative_sum,
    np.diff: _diff,
    np.kron: _kron,
    np.repeat: _repeat,
    np.roll: _roll,
    np.searchsorted: _searchsorted,
    np.sort: _sort,
    np.tile: _tile,
}
