"""Holding gradients to a size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tensorgraph.array.functions import abs, astype, clip, minimum, sqrt, sum
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located

__all__ = ["clip_by_global_norm", "clip_by_value", "global_norm"]


def global_norm(tensors: Sequence[TensorLike]) -> Tensor:
    """The Euclidean norm of all elements of all tensors together, in the widest of their dtypes.

    Parameters
    ----------
    tensors
        Of any shapes; at least one.

    Raises
    ------
    InputError
        If there are none.

    Examples
    --------
    >>> global_norm([[3.0], [[4.0]]])
    Tensor(5., float64)
    """
    parts = [asarray(t) for t in tensors]
    if not parts:
        raise located(InputError("global_norm: there are no tensors"))
    moduli = [abs(t) if t.dtype.kind == "c" else t for t in parts]
    dtype = np.result_type(*[t.dtype for t in moduli])
    total, *rest = [astype(sum(t * t), dtype) for t in moduli]
    for part in rest:
        total = total + part
    return sqrt(total)


def clip_by_global_norm(tensors: Sequence[TensorLike], max_norm: float) -> list[Tensor]:
    """All tensors times the same factor, so that their common norm is at most `max_norm`, as PyTorch does it.

    Parameters
    ----------
    tensors
        Gradients.
    max_norm
        Bound of `global_norm`; the factor is ``min(1, max_norm / (norm + 1e-6))``.

    Raises
    ------
    InputError
        If the bound is no positive number.

    Examples
    --------
    >>> clip_by_global_norm([[3.0], [4.0]], 10.0)
    [Tensor([3.], float64), Tensor([4.], float64)]
    """
    _check_bound("clip_by_global_norm", "max_norm", max_norm)
    parts = [asarray(t) for t in tensors]
    factor = minimum(max_norm / (global_norm(parts) + 1e-6), 1.0)
    return [t * astype(factor, t.dtype) for t in parts]


def clip_by_value(tensors: Sequence[TensorLike], limit: float) -> list[Tensor]:
    """All elements held between ``-limit`` and ``limit``.

    Raises
    ------
    InputError
        If the limit is no positive number.

    Examples
    --------
    >>> clip_by_value([[3.0, -4.0]], 1.0)
    [Tensor([ 1., -1.], float64)]
    """
    _check_bound("clip_by_value", "limit", limit)
    return [clip(t, -limit, limit) for t in tensors]


def _check_bound(name: str, what: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise located(InputError(f"{name}: {what} is {value}: it must be a finite number greater than 0"))
