"""Zeros at random."""

from __future__ import annotations

from typing import Any

from tensorgraph.array import random
from tensorgraph.array.functions import where, zeros_like
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located

__all__ = ["check_rate", "dropout"]


def check_rate(name: str, p: float) -> float:
    """A probability, if it is one."""
    if not 0 <= p <= 1:
        raise located(InputError(f"{name}: p is {p}: a probability is from 0 to 1"))
    return p


def dropout(input: TensorLike, p: float, key: TensorLike, shape: Any = None) -> Tensor:
    """Each element 0 with probability `p`, the others divided by 1 - p.

    Parameters
    ----------
    input
        Array of any shape.
    p
        Probability of a zero.
    key
        Of `tensorgraph.random`: the same key gives the same zeros.
    shape
        Of the zeros, which broadcast to the input; its own by default.

    Raises
    ------
    InputError
        If `p` is not from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorgraph.array import random
    >>> bool((dropout(np.ones(1000), 0.25, random.key(0)) == 0).any())
    True
    """
    x = asarray(input)
    if check_rate("dropout", p) == 0:
        return x
    if p == 1:
        return zeros_like(x)
    kept = random.bernoulli(key, 1 - p, x.shape if shape is None else shape)
    return where(kept, x / (1 - p), 0)
